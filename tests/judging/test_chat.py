from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from llmapi_conformance.judging.oracles import chat as oracles
from tests.judging.chat_cases import (
    USAGE,
    broken_clauses,
    calls,
    chunk,
    completion,
    examined_clauses,
    judged,
    message,
    plain,
    question,
    stream,
    text_events,
)

if TYPE_CHECKING:
    from llmapi_conformance.evidence.exchange import Exchange

TOOL_ANSWER = completion("tool_calls", message=message(content=None, tool_calls=calls('{"a": 1}', "{}")))


@pytest.mark.parametrize(
    "answer",
    [
        plain(),
        plain(completion(model="gpt-5.1-2026-01-31")),
        plain(TOOL_ANSWER),
        plain(completion("length"), question(max_tokens=5)),
        plain(completion(system_fingerprint="fp", service_tier="default", x_extra={"new": True})),
        plain(completion("stop", message=message(content=None, refusal="I can't."))),
    ],
    ids=["text", "dated model", "tool calls", "length", "C5 extra members", "refusal"],
)
def test_a_conforming_answer_has_no_finding(answer: Exchange) -> None:
    assert broken_clauses(answer) == set()


def test_a_conforming_answer_is_looked_at_by_the_rules_of_its_kind() -> None:
    assert examined_clauses(plain(TOOL_ANSWER, question(max_tokens=5, stop=["x"]))) >= {
        *(f"CHAT-N{number:02}" for number in (1, 2, 3, 4, 5, 6, 7, 8, 10)),
        "CHAT-D03", "CHAT-T01", "CHAT-T02", "CHAT-T03", "CHAT-T07", "CHAT-U01", "CHAT-U02", "CHAT-U03",
    }  # fmt: skip


def without(value: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: each for name, each in value.items() if name not in names}


def choice(**changes: Any) -> dict[str, Any]:
    return completion(choices=[completion()["choices"][0] | changes])


def call(**changes: Any) -> dict[str, Any]:
    return completion("tool_calls", message=message(content=None, tool_calls=[calls("{}")[0] | changes]))


BROKEN: dict[str, tuple[Any, set[str]]] = {
    "no JSON": (b"<html>", {"CHAT-N01"}),
    "null": (b"null", {"CHAT-N01"}),
    "an array": (b"[]", {"CHAT-N01"}),
    "wrong object": (completion(object="text_completion"), {"CHAT-N01"}),
    "empty id": (completion(id=""), {"CHAT-N01"}),
    "numeric id": (completion(id=7), {"CHAT-N01"}),
    "no model": (without(completion(), "model"), {"CHAT-N01"}),
    "no choices": (completion(choices=[]), {"CHAT-N01"}),
    "choices null": (completion(choices=None), {"CHAT-N01"}),
    "choices of strings": (completion(choices=["a"]), {"CHAT-N01"}),
    "created in milliseconds": (completion(created=1_790_000_000_000), {"CHAT-N02"}),
    "created as text": (completion(created="1790000000"), {"CHAT-N02"}),
    "created as a fraction": (completion(created=1_790_000_000.5), {"CHAT-N02"}),
    "created missing": (without(completion(), "created"), {"CHAT-N02"}),
    "no message": (choice(message=None), {"CHAT-N03"}),
    "wrong role": (completion(message=message(role="user")), {"CHAT-N03"}),
    "content as an array": (completion(message=message(content=[{"type": "text", "text": "x"}])), {"CHAT-N03"}),
    "content missing": (completion(message=without(message(), "content")), {"CHAT-N04"}),
    "content a number": (completion(message=message(content=7)), {"CHAT-N03"}),
    "refusal missing": (completion(message=without(message(), "refusal")), {"CHAT-N04"}),
    "logprobs missing": (completion(choices=[without(completion()["choices"][0], "logprobs")]), {"CHAT-N04"}),
    "finish_reason null": (completion(None), {"CHAT-N05"}),
    "finish_reason empty": (completion(""), {"CHAT-N05"}),
    "finish_reason of another protocol": (completion("end_turn"), {"CHAT-N05"}),
    "finish_reason a list": (completion(["stop"]), {"CHAT-N05"}),
    "index from 1": (choice(index=1), {"CHAT-N06"}),
    "index missing": (completion(choices=[without(completion()["choices"][0], "index")]), {"CHAT-N06"}),
    "index false": (choice(index=False), {"CHAT-N06"}),
    "a choice too many": (completion(choices=completion()["choices"] * 2), {"CHAT-N06"}),
    "another model": (completion(model="gpt-4"), {"CHAT-N07"}),
    "upstream's model name": (completion(model="openai/gpt-5.1"), {"CHAT-N07"}),
    "foreign id": (completion(id="msg_1"), {"CHAT-N10"}),
    "call without id": (call(id=""), {"CHAT-T01"}),
    "call without type": (call(type=None), {"CHAT-T01"}),
    "call without name": (call(function={"arguments": "{}"}), {"CHAT-T01"}),
    "arguments as an object": (call(function={"name": "f", "arguments": {}}), {"CHAT-T01", "CHAT-T03"}),
    "calls with finish_reason stop": (
        completion("stop", message=message(content=None, tool_calls=calls("{}"))),
        {"CHAT-T02"},
    ),
    "finish_reason tool_calls without calls": (completion("tool_calls"), {"CHAT-T02"}),
    "arguments that are no JSON": (
        completion("tool_calls", message=message(content=None, tool_calls=calls('{"a":1}}'))),
        {"CHAT-T03"},
    ),
    "empty arguments": (
        completion("tool_calls", message=message(content=None, tool_calls=calls(""))),
        {"CHAT-T03"},
    ),
    "one id for two calls": (
        completion("tool_calls", message=message(tool_calls=calls("{}") * 2)),
        {"CHAT-T07"},
    ),
    "foreign call id": (call(id="toolu_1"), {"CHAT-N10"}),
    "no usage": (without(completion(), "usage"), {"CHAT-U01"}),
    "usage as text": (completion(usage=USAGE | {"prompt_tokens": "17"}), {"CHAT-U01"}),
    "wrong total": (completion(usage=USAGE | {"total_tokens": 23}), {"CHAT-U02"}),
    "more cached than there is": (
        completion(usage=USAGE | {"prompt_tokens_details": {"cached_tokens": 18}}),
        {"CHAT-U03"},
    ),
    "more reasoning than there is": (
        completion(usage=USAGE | {"completion_tokens_details": {"reasoning_tokens": 6}}),
        {"CHAT-U03"},
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_answer_breaks_its_clause_and_no_other(name: str) -> None:
    body, clauses = BROKEN[name]
    assert broken_clauses(plain(body)) == clauses


def test_an_answer_above_the_limit_is_found() -> None:
    assert broken_clauses(plain(None, question(max_completion_tokens=4))) == {"CHAT-N08"}
    assert broken_clauses(
        stream(text_events(usage=True), question(max_tokens=4, stream_options={"include_usage": True}))
    ) == {"CHAT-N08"}


@pytest.mark.parametrize("stop", ["there", ["nope", "there"]])
def test_a_stop_text_in_the_answer_is_found(stop: Any) -> None:
    assert broken_clauses(plain(None, question(stop=stop))) == {"CHAT-N09"}
    assert broken_clauses(stream(None, question(stop=stop))) == {"CHAT-N09"}


def test_a_stop_text_that_nobody_says_is_no_deviation() -> None:
    answer = plain(None, question(stop=["never said", ""]))
    assert "CHAT-N09" in examined_clauses(answer)
    assert "CHAT-N09" not in broken_clauses(answer)


def test_stop_is_right_for_a_forced_function() -> None:
    asked = question(tool_choice={"type": "function", "function": {"name": "get_weather"}})
    assert broken_clauses(plain(completion("stop", message=message(tool_calls=calls("{}"))), asked)) == set()


def test_arguments_may_be_cut_by_the_limit() -> None:
    cut_off = completion("length", message=message(tool_calls=calls('{"a": ')))
    assert broken_clauses(plain(cut_off)) == set()


def test_a_json_answer_to_a_stream_is_one_finding() -> None:
    answer = stream(body=b'{"object": "chat.completion"}', headers=(("content-type", "application/json"),))
    assert broken_clauses(answer) == {"CHAT-D03"}


def test_a_stream_that_was_not_asked_for_is_found() -> None:
    answer = plain(b'data: {"id": "x"}\n\n', headers=(("content-type", "text/event-stream"),))
    assert broken_clauses(answer) == {"CHAT-D03", "CHAT-N01"}


def test_two_answers_with_one_id_are_found() -> None:
    examined, found = judged(oracles.ids_differ, plain(), plain(None, question("Another question"), step=2))
    assert (examined, len(found)) == (2, 1)
    assert judged(oracles.ids_differ, plain(), stream())[1] == []


def test_a_cache_may_give_one_answer_to_one_question() -> None:
    cached = stream([(None, chunk({"role": "assistant", "content": "Hi"}, "stop", id="chatcmpl-1")), (None, "[DONE]")])
    assert judged(oracles.ids_differ, plain(), cached, plain(step=3)) == (3, [])


def test_choices_may_be_listed_in_any_order() -> None:
    choices = [completion()["choices"][0] | {"index": index} for index in (1, 0)]
    assert broken_clauses(plain(completion(choices=choices), question(n=2))) == set()
    assert broken_clauses(plain(completion(choices=[choices[0]] * 2), question(n=2))) == {"CHAT-N06"}


def test_an_error_with_status_200_is_left_to_the_errors_surface() -> None:
    assert broken_clauses(plain({"error": {"message": "boom"}})) == set()
    assert "CHAT-N01" not in examined_clauses(plain({"error": {"message": "boom"}}))


def test_an_error_answer_is_not_looked_at() -> None:
    refused = plain({"error": {"message": "no", "type": "invalid_request_error"}}, status=400)
    assert examined_clauses(refused) == set()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\xfe",
        b"[" * 5000,
        b'{"choices": [{"message": {"content": {"a": 1}, "tool_calls": [7, null, {"function": []}]}}]}',
        b'{"choices": [{"message": [], "finish_reason": {}}], "usage": [1], "created": true, "model": 5}',
        b'{"choices": [{"message": {"content": "\\ud800", "tool_calls": [{"function": {"arguments": "\\ud800"}}]}}]}',
        b'{"usage": {"prompt_tokens": -1, "prompt_tokens_details": 7}, "choices": [{"message": {"role": 1}}]}',
        b'{"choices": [{"index": [], "delta": {"tool_calls": [{"index": {}}, 3]}}, 1], "usage": {}, "error": []}',
    ],
    ids=["empty", "no text", "deep", "wrong types", "wrong members", "lone surrogates", "wrong usage", "wrong chunk"],
)
def test_no_hostile_body_makes_an_oracle_raise(body: bytes) -> None:
    assert isinstance(broken_clauses(plain(body, question(stop=[1, None], max_tokens="9", model=3))), set)
    assert isinstance(broken_clauses(stream(body=b"data: " + body + b"\n\n")), set)
