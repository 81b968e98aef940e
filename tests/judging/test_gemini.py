"""Answers, models and counts of Gemini, judged offline."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import pytest

from llmapi_conformance.judging.oracles import gemini, gemini_gateway
from tests.judging.build import exchange
from tests.judging.gemini_cases import (
    ENCODED,
    MODEL,
    TEXT,
    USAGE,
    answer,
    broken,
    call,
    candidate,
    judged,
    log,
    plain,
    question,
    refusal,
    scripted,
    sse,
    streamed,
)

if TYPE_CHECKING:
    from llmapi_conformance.evidence.exchange import Exchange

PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def test_a_good_answer_breaks_nothing() -> None:
    assert broken(plain()) == set()
    assert broken(plain(answer({"text": "think", "thought": True}, {"text": TEXT}, call()))) == set()


def test_what_proto3_leaves_out_is_no_fault() -> None:
    body = answer()
    del body["candidates"][0]["index"]
    body["usageMetadata"] = {"promptTokenCount": 3, "totalTokenCount": 3}
    assert broken(plain(body)) == set()


def test_a_blocked_prompt_has_no_candidates() -> None:
    body = {"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": USAGE | {}, "responseId": "r"}
    assert broken(plain(body | {"modelVersion": MODEL})) == set()


@pytest.mark.parametrize(
    ("clause", "body"),
    [
        ("GEM-N01", answer(candidates=[])),
        ("GEM-N01", answer(candidates=[candidate({"text": "a"}), candidate({"text": "b"})])),
        ("GEM-N02", answer(reason=None)),
        ("GEM-N02", answer(call(), reason="TOOL_CALLS")),
        ("GEM-N03", answer(usageMetadata=USAGE | {"totalTokenCount": 56})),
        ("GEM-N03", answer(usageMetadata=USAGE | {"toolUsePromptTokenCount": 5})),
        ("GEM-N04", answer(usageMetadata=USAGE | {"cachedContentTokenCount": 42})),
        ("GEM-N05", answer(candidates=[candidate(content={"role": "assistant", "parts": [{"text": "x"}]})])),
        ("GEM-N05", answer(candidates=[candidate(content={"parts": [{"text": "x"}]})])),
        ("GEM-N06", answer(call('{"a": 1}'))),
        ("GEM-N07", answer(responseId="")),
        ("GEM-N07", answer(modelVersion="gemini-1.0")),
        ("GEM-N08", answer(usage_metadata={})),
        ("GEM-N08", answer(candidates=[candidate({"text": "x"}, finish_reason="STOP")])),
    ],
)
def test_a_broken_answer_is_told(clause: str, body: dict[str, Any]) -> None:
    assert clause in broken(plain(body))


def test_names_within_arguments_are_the_users() -> None:
    assert broken(plain(answer(call({"snake_case": {"also_here": 1}})))) == set()


def test_a_version_of_the_model_is_the_model() -> None:
    assert broken(plain(answer(modelVersion=f"{MODEL}-001"))) == set()
    assert (
        broken(plain(answer(modelVersion="gemini-3-x"), path="/v1beta/models/gemini-flash-latest:generateContent"))
        == set()
    )


def test_candidates_are_counted_as_asked() -> None:
    asked = question(generationConfig={"candidateCount": 2})
    both = answer(candidates=[candidate({"text": "a"}), candidate({"text": "b"}, index=1)])
    assert broken(plain(both, asked)) == set()
    assert broken(plain(answer(), asked)) == {"GEM-N01"}


def test_an_id_that_comes_twice_is_told() -> None:
    other = plain(answer(responseId="r2"))
    assert judged(gemini.response_ids_differ, plain(), other) == (2, [])
    assert len(judged(gemini.response_ids_differ, plain(), plain())[1]) == 1


def models(*names: Any, **extra: Any) -> Exchange:
    body = {"models": [{"name": name} for name in names]}
    return exchange(operation="listGeminiModels", method="GET", path="/v1beta/models", body=extra.get("body", body))


def test_models_have_resource_names() -> None:
    assert broken(models("models/a", "models/b")) == set()
    assert broken(models("models/a", "b")) == {"GEM-M01"}
    assert broken(models(5)) == {"GEM-M01"}
    assert broken(models(body={"data": []})) == {"GEM-M01"}


def test_a_described_model_is_the_one_asked_for() -> None:
    oracle = gemini.a_listed_model_is_described
    assert judged(oracle, plain({"name": "models/a"}), "models/a") == (1, [])
    assert len(judged(oracle, plain({"name": "models/b"}), "models/a")[1]) == 1
    assert len(judged(oracle, refusal(404), "models/a")[1]) == 1


def test_an_unknown_model_is_404_not_found() -> None:
    oracle = gemini.an_unknown_model_is_not_found
    assert judged(oracle, refusal(404)) == (1, [])
    for wrong in (plain(), refusal(503), refusal(400), plain({"error": {"status": "NOT_FOUND"}}, status=400)):
        assert len(judged(oracle, wrong)[1]) == 1


@pytest.mark.parametrize(
    "oracle",
    [
        gemini.listed_models_answer,
        gemini.geminis_own_body_is_served,
        gemini.a_content_without_role_is_the_users,
    ],
)
def test_a_refused_good_request_is_told(oracle: Any) -> None:
    assert judged(oracle, plain()) == (1, [])
    assert len(judged(oracle, refusal(400))[1]) == 1


def test_snake_case_takes_effect_or_is_told() -> None:
    oracle = gemini.snake_case_means_the_same
    assert judged(oracle, plain(answer(reason="MAX_TOKENS"))) == (1, [])
    assert len(judged(oracle, plain())[1]) == 1
    assert len(judged(oracle, refusal(400))[1]) == 1


def test_contents_are_required() -> None:
    assert judged(gemini.contents_are_required, refusal(400)) == (1, [])
    assert len(judged(gemini.contents_are_required, plain())[1]) == 1
    assert len(judged(gemini.contents_are_required, refusal(500))[1]) == 1


def picture(mime: str = "image/png", data: bytes = PIXEL) -> Exchange:
    part = {"inlineData": {"mimeType": mime, "data": base64.b64encode(data).decode()}}
    return plain(answer({"text": "here"}, part))


def test_an_image_model_brings_a_picture() -> None:
    oracle = gemini.an_image_model_answers_with_an_image
    assert judged(oracle, picture()) == (1, [])
    for wrong in (plain(), picture("image/jpeg"), picture(data=PIXEL[:20])):
        assert len(judged(oracle, wrong)[1]) == 1


def counted(**body: Any) -> Exchange:
    return exchange(operation="countGeminiTokens", path=f"/v1beta/models/{MODEL}:countTokens", body=body)


def test_a_count_is_a_number_that_grows() -> None:
    assert broken(counted(totalTokens=3)) == set()
    assert broken(counted(totalTokens="3")) == {"GEM-T01"}
    oracle = gemini.a_longer_request_counts_no_less
    assert judged(oracle, counted(totalTokens=3), counted(totalTokens=30)) == (1, [])
    assert len(judged(oracle, counted(totalTokens=7), counted(totalTokens=7))[1]) == 1


def test_limits_take_effect() -> None:
    oracle = gemini_gateway.the_output_limit_cuts_the_answer
    assert judged(oracle, plain(answer(reason="MAX_TOKENS"))) == (1, [])
    assert len(judged(oracle, plain())[1]) == 1


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (answer({"text": "before "}), 0),
        (answer({"text": "before END after"}), 1),
        (answer({"text": "bef"}), 1),
        (answer({"text": "before "}, reason="OTHER"), 1),
    ],
)
def test_a_stop_sequence_takes_effect(body: Any, told: int) -> None:
    asked = question(scripted("echo", "before END after"), generationConfig={"stopSequences": ["NO", "END"]})
    assert len(judged(gemini_gateway.a_stop_sequence_cuts_the_answer, plain(body, asked))[1]) == told


def test_a_lost_system_instruction_is_told() -> None:
    asked = question(systemInstruction={"parts": [{"text": "Be a heron."}]})
    oracle = gemini_gateway.the_system_instruction_reaches_the_upstream
    assert judged(oracle, plain(asked=asked), log(asked)) == (1, [])
    assert len(judged(oracle, plain(asked=asked), log(question()))[1]) == 1


def test_a_lost_or_changed_signature_is_told() -> None:
    part = {"functionCall": {"name": "f"}, "thoughtSignature": "c2lnbg=="}
    asked = {"contents": [{"role": "model", "parts": [part]}]}
    oracle = gemini_gateway.a_thought_signature_goes_back_unchanged
    assert judged(oracle, plain(asked=asked), log(asked)) == (1, [])
    for wrong in (part | {"thoughtSignature": "c2lnbh=="}, {"functionCall": {"name": "f"}}):
        assert len(judged(oracle, plain(asked=asked), log({"contents": [{"parts": [wrong]}]}))[1]) == 1


def test_a_key_that_is_passed_on_is_told() -> None:
    oracle = gemini_gateway.the_clients_key_is_kept_from_the_upstream
    assert judged(oracle, log(question(), headers=[("x-goog-api-key", "[[upstream-key]]")])) == (1, [])
    leaked = log(question(), headers=[("x-goog-api-key", "[[key:general:gemini]]")])
    assert len(judged(oracle, leaked)[1]) == 1


def test_a_header_of_the_upstream_is_told() -> None:
    key = gemini_gateway.the_upstreams_key_is_kept_from_the_client
    own = gemini_gateway.the_upstreams_headers_are_kept_from_the_client
    assert [judged(oracle, plain()) for oracle in (key, own)] == [(1, []), (1, [])]
    for leaking, clause in (
        (plain(headers=(("x-provider-key", "[[upstream-key]]"),)), "GEM-G02"),
        (plain({"key": "[[upstream-key]]"}), "GEM-G02"),
        (plain(headers=(("x-goog-api-key", "AIza"),)), "GEM-G04"),
        (plain(headers=(("via", "[[upstream-host]]"),)), "GEM-G04"),
        (plain({"host": "[[upstream-host]]"}), "GEM-G04"),
    ):
        told = {oracle.clause: len(judged(oracle, leaking)[1]) for oracle in (key, own)}
        assert told == {"GEM-G02": 0, "GEM-G04": 0} | {clause: 1}


def test_a_request_that_is_changed_on_the_way_is_told() -> None:
    asked = question(generationConfig={"topK": 40}, tools=[{"functionDeclarations": [{"name": "f"}]}])
    oracle = gemini_gateway.the_request_reaches_the_upstream_as_sent
    without_role = {**asked, "contents": [{"parts": asked["contents"][0]["parts"]}]}
    assert judged(oracle, plain(asked=asked), log(asked)) == (3, [])
    assert judged(oracle, plain(asked=asked), log(without_role)) == (3, [])
    assert len(judged(oracle, plain(asked=asked), log({**asked, "generationConfig": {}}))[1]) == 1
    assert len(judged(oracle, plain(), log(question(tools=[{"googleSearch": {}}])))[1]) == 1


def test_usage_that_is_not_the_upstreams_is_told() -> None:
    asked = question(scripted("echo usage=41,23,8"))
    oracle = gemini_gateway.usage_is_the_upstreams
    assert judged(oracle, plain(asked=asked)) == (1, [])
    for change in ({"promptTokenCount": 33}, {"thoughtsTokenCount": 0}, {"cachedContentTokenCount": 0}):
        assert len(judged(oracle, plain(answer(usageMetadata=USAGE | change), asked))[1]) == 1


def test_text_that_arrives_otherwise_is_told() -> None:
    asked = question(scripted("echo"))
    oracle = gemini_gateway.text_arrives_to_the_code_point
    assert judged(oracle, plain(asked=asked)) == (1, [])
    assert judged(oracle, sse(asked=asked)) == (1, [])
    assert len(judged(oracle, plain(answer({"text": TEXT.replace("\U0001f600", "\ufffd")}), asked))[1]) == 1
    assert len(judged(oracle, sse(streamed()[1:], asked))[1]) == 1


def test_calls_that_are_lost_or_changed_are_told() -> None:
    asked = question(scripted(f"tool_calls=2 arguments={ENCODED}"))
    oracle = gemini_gateway.every_call_arrives_with_its_values
    assert judged(oracle, plain(answer(call(), call()), asked)) == (2, [])
    assert len(judged(oracle, plain(answer(call()), asked))[1]) == 1
    assert len(judged(oracle, plain(answer(call(), call({"n": 2})), asked))[1]) == 1
