"""The grammar of plain Gemini answers (rules G-N and G-S)."""

from __future__ import annotations

import base64
import json
import time
from itertools import pairwise
from typing import Any

import pytest

from llmapi_conformance.reference.upstream.pictures import picture_size
from tests.reference.upstream.talking import (
    DECLARED_TOOLS,
    Document,
    Talk,
    base64url,
    content,
    events,
    google,
    raw_answer,
    raw_request,
)

STREAMS = ("streamGenerateContent", "streamGenerateContent?alt=sse")


def chunks_of(talk: Talk, body: Document, action: str) -> list[Document]:
    answer = talk.gemini(body, action)
    if action.endswith("sse"):
        assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert all(event.name is None for event in events(answer.content))
        return [event.document for event in events(answer.content)]
    assert answer.headers["content-type"].startswith("application/json")
    assert "content-length" not in answer.headers
    chunks = answer.json()
    assert isinstance(chunks, list)
    return chunks


def fold(chunks: list[Document], candidates: int = 1) -> Document:
    """Put a stream together again, and check its grammar on the way."""
    assert len({(chunk["responseId"], chunk["modelVersion"]) for chunk in chunks}) == 1
    counts = [chunk["usageMetadata"] for chunk in chunks]
    assert len({count["promptTokenCount"] for count in counts}) == 1
    for count in counts:
        thoughts = count.get("thoughtsTokenCount", 0)
        total = count["promptTokenCount"] + count["candidatesTokenCount"] + thoughts
        assert count["totalTokenCount"] == total
    for before, after in pairwise(counts):
        assert before["candidatesTokenCount"] <= after["candidatesTokenCount"]
    folded = [fold_candidate(index, chunks) for index in range(candidates)]
    return {**chunks[-1], "candidates": folded}


def fold_candidate(index: int, chunks: list[Document]) -> Document:
    own = [each for chunk in chunks for each in chunk["candidates"] if each["index"] == index]
    assert ["finishReason" in each for each in own] == [False] * (len(own) - 1) + [True]
    parts: list[Document] = []
    for part in (part for each in own for part in each["content"]["parts"]):
        if "text" in part and parts and "text" in parts[-1] and part.get("thought") == parts[-1].get("thought"):
            parts[-1] = {**parts[-1], **part, "text": parts[-1]["text"] + part["text"]}
        else:
            parts.append(part)
    if len(parts) > 1 and parts[-1] == {"text": ""}:
        parts.pop()
    return {**own[-1], "content": {"role": "model", "parts": parts}}


@pytest.mark.parametrize(
    "text",
    [
        "hi",
        "@upstream echo\n",
        "@upstream echo\nZwölf Boxkämpfer 🥊 jagen\u2028Viktor\x00",
        "@upstream echo usage=30,20,3 thinking\nabc",
        "@upstream tool_calls=2",
        "@upstream echo reasoning tool_calls=3 chunks=2\nabc",
        "@upstream tool_calls=1 arguments=" + base64url('{"a":[1,{"b":null}]}'),
        "@upstream echo stop=filtered\nabc",
        "@upstream echo stop=length\nabc",
        "@upstream echo\nbefore STOP after",
    ],
)
@pytest.mark.parametrize("candidates", [1, 2])
def test_both_streams_fold_to_the_answer_that_is_not_streamed(talk: Talk, text: str, candidates: int) -> None:
    config = {"candidateCount": candidates, "stopSequences": ["STOP"]}
    body = content(text, tools=DECLARED_TOOLS, generationConfig=config)
    whole = talk.gemini(body).json()
    for action in STREAMS:
        folded = fold(chunks_of(talk, body, action), candidates)
        assert {**folded, "responseId": whole["responseId"]} == whole


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("echo", "STOP"),
        ("stop=length", "MAX_TOKENS"),
        ("stop=stop_sequence", "STOP"),
        ("stop=filtered", "SAFETY"),
        ("tool_calls=1", "STOP"),
    ],
)
def test_each_end_has_googles_word(talk: Talk, words: str, reason: str) -> None:
    body = content(f"@upstream {words}", tools=DECLARED_TOOLS, generationConfig={"stopSequences": ["END"]})
    assert talk.gemini(body).json()["candidates"][0]["finishReason"] == reason


def test_thoughts_are_counted_apart_and_carry_a_signature_that_must_come_back(talk: Talk) -> None:
    answer = talk.gemini(content("@upstream echo thinking usage=30,20,3\nabc")).json()
    usage = answer["usageMetadata"]
    assert (usage["thoughtsTokenCount"], usage["candidatesTokenCount"]) == (12, 8)
    assert (usage["promptTokenCount"], usage["cachedContentTokenCount"], usage["totalTokenCount"]) == (30, 3, 50)
    turn = answer["candidates"][0]["content"]
    assert turn["parts"][0]["thought"] is True
    again = {"role": "user", "parts": [{"text": "@upstream echo\nagain"}]}
    body = {"contents": [*content("hi")["contents"], turn, again]}
    assert talk.gemini(body).json()["candidates"][0]["content"]["parts"] == [{"text": "again"}]
    turn["parts"][0]["thoughtSignature"] = "skip_thought_signature_validator"
    assert talk.gemini(body).status_code == 200
    turn["parts"][0]["thoughtSignature"] = "AAAA"
    assert talk.gemini(body).status_code == 400


def test_the_limit_is_honoured(talk: Talk) -> None:
    body = content("@upstream echo\n123456789", generationConfig={"maxOutputTokens": 2})
    answer = talk.gemini(body).json()
    assert answer["candidates"][0]["content"]["parts"] == [{"text": "12345678"}]
    assert answer["usageMetadata"]["candidatesTokenCount"] == 2


def test_the_text_of_a_function_response_may_hold_the_directive(talk: Talk) -> None:
    call = {"role": "model", "parts": [{"functionCall": {"name": "look_up", "args": {}}}]}
    result = {"functionResponse": {"name": "look_up", "response": {"output": "@upstream echo\nfrom the tool"}}}
    turns = [*content("hi")["contents"], call, {"role": "user", "parts": [result]}]
    answer = talk.gemini({"contents": turns}).json()
    assert answer["candidates"][0]["content"]["parts"] == [{"text": "from the tool"}]
    for parts in ([{"text": "no result"}], [result, result]):
        assert talk.gemini({"contents": [*turns[:2], {"role": "user", "parts": parts}]}).status_code == 400


def test_names_may_be_in_snake_case(talk: Talk) -> None:
    text = "@upstream echo\n123456789"
    body = content(text, generation_config={"max_output_tokens": 2}, system_instruction={"parts": [{"text": "Hm."}]})
    assert talk.gemini(body).json()["candidates"][0]["finishReason"] == "MAX_TOKENS"


@pytest.mark.parametrize("after", [0, 2])
def test_an_error_in_the_stream_has_its_code_and_is_the_last(talk: Talk, after: int) -> None:
    body = content(f"@upstream echo chunks=3 error=503 after={after}\nabc")
    for action in STREAMS:
        *chunks, error = chunks_of(talk, body, action)
        texts = [part["text"] for chunk in chunks for part in chunk["candidates"][0]["content"]["parts"]]
        assert texts == list("abc")[:after]
        assert (error["error"]["code"], error["error"]["status"]) == (503, "UNAVAILABLE")
    answer = talk.gemini(body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, 503)


@pytest.mark.parametrize(("how", "reset"), [("cut", True), ("eof", False)])
def test_a_stream_may_end_without_a_reason(talk: Talk, how: str, reset: bool) -> None:  # noqa: FBT001 - a parameter
    for action in STREAMS:
        path, body = f"/v1beta/models/gemini-2.5-flash:{action}", content(f"@upstream echo chunks=3 {how} after=2\nabc")
        answer = raw_answer(talk.upstream.base_url, raw_request(path, body, google()))
        assert (answer.reset, answer.terminated) == (reset, not reset)
        assert len(answer.chunks) == 2
        assert b"finishReason" not in answer.body


def test_nothing_foreign_stands_between_the_chunks(talk: Talk) -> None:
    body = content("@upstream echo comments ping\nabc")
    for action in STREAMS:
        fold(chunks_of(talk, body, action))
    assert b":" not in {line[:1] for line in talk.gemini(body, STREAMS[1]).content.splitlines()}


def test_an_error_before_the_stream_stands_in_an_array_where_the_answer_would(talk: Talk) -> None:
    body = content("@upstream status=429 retry-after=7")
    plain, array, sse = (talk.gemini(body, action) for action in ("generateContent", *STREAMS))
    for answer, document in ((plain, plain.json()), (array, array.json()[0]), (sse, sse.json())):
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "7")
        assert document["error"].keys() == {"code", "message", "status"}
        assert (document["error"]["code"], document["error"]["status"]) == (429, "RESOURCE_EXHAUSTED")


def test_a_bad_key_is_refused_as_google_does(talk: Talk) -> None:
    url = f"{talk.upstream.base_url}/v1beta/models/gemini-2.5-flash:generateContent"
    for headers in ({}, {"x-goog-api-key": "no"}):
        answer = talk.client.post(url, json=content("hi"), headers=headers)
        error = answer.json()["error"]
        assert (answer.status_code, error["code"], error["status"]) == (400, 400, "INVALID_ARGUMENT")
        assert error["details"][0]["reason"] == "API_KEY_INVALID"


def test_tokens_are_counted_as_the_answer_counts_them(talk: Talk) -> None:
    body = content("Hello there, how are you?", tools=DECLARED_TOOLS)
    used = talk.gemini(body).json()["usageMetadata"]["promptTokenCount"]
    whole = {"generateContentRequest": {**body, "model": "models/gemini-2.5-flash"}}
    assert talk.gemini(whole, "countTokens").json()["totalTokens"] == used
    assert talk.gemini(content("Hello there, how are you?"), "countTokens").json()["totalTokens"] < used


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"contents": None}, "contents"),
        ({"contents": []}, "contents"),
        ({"contents": [{"role": "robot", "parts": []}]}, "role"),
        ({"contents": [{"parts": [{"inlineData": {"mimeType": "image/png", "data": "!"}}]}]}, "base64"),
        ({"generationConfig": {"candidateCount": 9}}, "candidateCount"),
        ({"generationConfig": {"stopSequences": "END"}}, "stopSequences"),
        ({"tools": [{"functionDeclarations": [{}]}]}, "name"),
        ({"frobnicate": 1}, "frobnicate"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused(talk: Talk, change: Document, named: str) -> None:
    answer = talk.gemini({**content("hi"), **change})
    assert answer.status_code == 400
    assert answer.json()["error"]["status"] == "INVALID_ARGUMENT"
    assert named in answer.json()["error"]["message"]


def test_unknown_models_and_actions_are_not_found(talk: Talk) -> None:
    for model, action in (("gpt-5.1", "generateContent"), ("gemini-2.5-flash", "frobnicate")):
        answer = talk.gemini(content("hi"), action, model)
        assert (answer.status_code, answer.json()["error"]["status"]) == (404, "NOT_FOUND")


def test_the_models_are_listed_in_pages_and_one_by_one(talk: Talk) -> None:
    url = talk.upstream.base_url + "/v1beta/models"

    def get(below: str = "", **query: str) -> Any:
        return talk.client.get(url + below, params=query, headers=google()).json()

    every = get()
    assert "nextPageToken" not in every
    first = get(pageSize="1")
    rest = get(pageToken=first["nextPageToken"])
    assert [*first["models"], *rest["models"]] == every["models"]
    for model in every["models"]:
        assert get("/" + model["name"].removeprefix("models/")) == model
        answer = talk.gemini(content("hi"), model=model["name"].removeprefix("models/"))
        assert answer.json()["modelVersion"] == model["name"].removeprefix("models/")
    assert get("/none")["error"]["code"] == 404
    assert get(pageSize="x")["error"]["code"] == 400


def test_the_log_names_the_protocol(talk: Talk) -> None:
    for action in STREAMS:
        talk.gemini(content("@upstream nonce=gem"), action)
    talk.gemini(content("@upstream nonce=gem"), "countTokens")
    protocols = [entry["protocol"] for entry in talk.log("gem")]
    assert protocols == ["gemini", "gemini", "gemini_count_tokens"]
    assert json.dumps(talk.log("gem")[0]["body"]) == json.dumps(content("@upstream nonce=gem"))


def test_an_image_model_draws_when_it_is_asked_for_a_picture(talk: Talk) -> None:
    body = content("a bottle", generationConfig={"responseModalities": ["TEXT", "IMAGE"]})
    answer = talk.gemini(body, model="gemini-2.5-flash-image").json()
    *_, drawn = answer["candidates"][0]["content"]["parts"]
    assert base64.b64decode(drawn["inlineData"]["data"]).startswith(b"\x89PNG")
    assert drawn["inlineData"]["mimeType"] == "image/png"


@pytest.mark.parametrize("model", ["gemini-2.5-flash-image", "gemini-3.1-flash-image"])
@pytest.mark.parametrize(
    ("config", "pixels"),
    [
        ({}, (1024, 1024)),
        ({"imageConfig": {"aspectRatio": "16:9"}}, (1376, 768)),
        ({"imageConfig": {"imageSize": "2K"}, "responseModalities": ["IMAGE"]}, (2048, 2048)),
        ({"image_config": {"image_size": "2K", "aspect_ratio": "2:3"}}, (1696, 2528)),
        ({"responseModalities": ["TEXT"]}, None),
    ],
)
def test_an_image_model_draws_in_the_size_that_is_asked_for(
    talk: Talk, model: str, config: Document, pixels: tuple[int, int] | None
) -> None:
    answer = talk.gemini(content("a bottle", generationConfig=config), model=model).json()
    parts = answer["candidates"][0]["content"]["parts"]
    drawn = [base64.b64decode(part["inlineData"]["data"]) for part in parts if "inlineData" in part]
    assert [picture_size(data) for data in drawn] == ([] if pixels is None else [pixels])


def test_a_size_that_there_is_not_is_refused_and_a_filtered_picture_is_none(talk: Talk) -> None:
    for config in ({"imageSize": "8K"}, {"aspectRatio": "7:1"}, {"imageSize": 1}):
        body = content("x", generationConfig={"imageConfig": config})
        assert talk.gemini(body, model="gemini-3.1-flash-image").status_code == 400
    answer = talk.gemini(content("@upstream stop=filtered\nx"), model="gemini-3.1-flash-image").json()
    assert "inlineData" not in json.dumps(answer)


def test_directives_steer_a_picture_too(talk: Talk) -> None:
    model = "gemini-2.5-flash-image"
    started = time.monotonic()
    assert talk.gemini(content("@upstream delay=150ms\nx"), model=model).status_code == 200
    assert time.monotonic() - started >= 0.15
    assert talk.gemini(content("@upstream status=504\nx"), model=model).status_code == 504
    talk.release("picture")
    assert talk.gemini(content("@upstream hold-until=picture\nx"), model=model).status_code == 200
