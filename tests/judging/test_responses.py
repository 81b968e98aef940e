from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from llmapi_conformance.judging.oracles import responses as oracles
from tests.judging.response_cases import (
    CREATED,
    USAGE,
    broken_clauses,
    call,
    cut_response,
    examined_clauses,
    found,
    judged,
    message,
    plain,
    question,
    reasoning,
    refusal,
    response,
    stream,
    streamed,
)

if TYPE_CHECKING:
    from llmapi_conformance.evidence.exchange import Exchange

FAILED = response(status="failed", error={"code": "server_error", "message": "it broke"}, output=[], usage=None)
LEGAL: dict[str, Exchange] = {
    "text": plain(),
    "the documented example": plain(
        {"id": "resp_123", "object": "response", "status": "completed", "model": "gpt-5.1", "output": [], "error": None}
        | {"created_at": CREATED, "usage": USAGE}
    ),
    "calls": plain(response(call(0), call(1))),
    "reasoning, text and a call": plain(response(reasoning(), message(), call())),
    "a refusal": plain(response(refusal())),
    "cut by the limit": plain(cut_response(), question(max_output_tokens=5)),
    "filtered": plain(cut_response("content_filter"), question(max_output_tokens=500)),
    "a call that was cut": plain(
        response(call(0, '{"a', status="incomplete"), status="incomplete", incomplete_details={"reason": "x"})
    ),
    "failed": plain(FAILED),
    "in the background": plain(response(status="queued", output=[], usage=None)),
    "a dated model": plain(response(model="gpt-5.1-2026-11-01")),
    "created_at with a fraction": plain(response(created_at=CREATED + 0.5)),
    "an item of a type of its own": plain(response({"id": "ws_1", "type": "web_search_call", "status": "completed"})),
    "a part of a type of its own": plain(response(message(content=[{"type": "output_audio", "data": "..."}]))),
    "members nobody knows": plain(response(extra={"a": 1}, message_id="x")),
}


@pytest.mark.parametrize("name", LEGAL)
def test_a_legal_response_breaks_nothing_but_what_it_leaves_out(name: str) -> None:
    assert broken_clauses(LEGAL[name]) == ({"RSP-N13"} if name == "the documented example" else set())


BROKEN: dict[str, tuple[Any, set[str]]] = {
    "another object": (response(object="chat.completion"), {"RSP-N01"}),
    "no id": (response(id=""), {"RSP-N01"}),
    "no status": (response(status=None), {"RSP-N01", "RSP-N02"}),
    "output no array": (response(output=None), {"RSP-N01"}),
    "an item without a type": (response({"id": "x"}), {"RSP-N01"}),
    "an array": ([], {"RSP-N01"}),
    "a page": (b"<html></html>", {"RSP-N01"}),
    "an unknown status": (response(status="done"), {"RSP-N02"}),
    "failed without an error": (FAILED | {"error": None}, {"RSP-N02"}),
    "completed with an error": (response(error={"code": "x", "message": "y"}), {"RSP-N02"}),
    "incomplete without a reason": (cut_response() | {"incomplete_details": None}, {"RSP-N03"}),
    "a reason without being incomplete": (response(incomplete_details={"reason": "x"}), {"RSP-N03"}),
    "a wrong total": (response(usage=USAGE | {"total_tokens": 5}), {"RSP-N04"}),
    "more cached than there is": (
        response(usage=USAGE | {"input_tokens_details": {"cached_tokens": 18}}),
        {"RSP-N05"},
    ),
    "more reasoning than output": (
        response(usage=USAGE | {"output_tokens_details": {"reasoning_tokens": 6}}),
        {"RSP-N05"},
    ),
    "a message without id": (response(message(id="")), {"RSP-N06"}),
    "a message of the user": (response(message(role="user")), {"RSP-N06"}),
    "a message without status": (response(message(status=None)), {"RSP-N06"}),
    "content as text": (response(message(content="Hello")), {"RSP-N06"}),
    "a part without text": (response(message(content=[{"type": "output_text"}])), {"RSP-N06"}),
    "a call without call_id": (response(call(call_id=None)), {"RSP-N07"}),
    "a call without a name": (response(call(name="")), {"RSP-N07"}),
    "arguments as an object": (response(call() | {"arguments": {}}), {"RSP-N07"}),
    "arguments that are empty": (response(call(0, "")), {"RSP-N07"}),
    "arguments twice": (response(call(0, "{}{}")), {"RSP-N07"}),
    "two items with one id": (response(message(), message()), {"RSP-N08"}),
    "two calls with one call_id": (response(call(0), call(1, call_id="call_0")), {"RSP-N08"}),
    "an incomplete item of a completed response": (response(message(status="incomplete")), {"RSP-N09"}),
    "an incomplete item in the middle": (
        cut_response() | {"output": [message(status="incomplete"), call()]},
        {"RSP-N09"},
    ),
    "ids of another house": (response(message(id="x1"), id="chatcmpl-1"), {"RSP-N10"}),
    "created_at in milliseconds": (response(created_at=CREATED * 1000), {"RSP-N12"}),
    "created_at as text": (response(created_at="2026"), {"RSP-N12"}),
    "another model": (response(model="gpt-4"), {"RSP-N16"}),
    "no usage": (response(usage=None), {"RSP-N17"}),
    "usage of another protocol": (response(usage={"prompt_tokens": 1, "completion_tokens": 2}), {"RSP-N17"}),
    "a reasoning item without id": (response(reasoning(id=None)), {"RSP-N18"}),
    "a summary as text": (response(reasoning(summary="It may rain.")), {"RSP-N18"}),
    "an error in the place of a response": (
        {"error": {"message": "no", "type": "server_error", "param": None, "code": None}},
        {"RSP-E07"},
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_response_breaks_its_clause_and_no_other(name: str) -> None:
    body, clauses = BROKEN[name]
    assert broken_clauses(plain(body)) == clauses


def test_members_that_openai_requires_have_to_be_there() -> None:
    body = response()
    del body["tool_choice"], body["instructions"]
    assert broken_clauses(plain(body)) == {"RSP-N13"}


def test_an_event_stream_that_was_not_asked_for_is_found() -> None:
    events = plain(streamed(), headers=(("content-type", "text/event-stream"),))
    assert broken_clauses(events) == {"RSP-S01"}


def test_a_document_in_the_place_of_a_stream_is_found() -> None:
    asked = stream(body=b'{"object": "response"}', headers=(("content-type", "application/json"),))
    assert "RSP-S01" in broken_clauses(asked)


@pytest.mark.parametrize(
    ("written", "reason", "wrong"),
    [(16, "max_output_tokens", 0), (9, "", 0), (9, "max_output_tokens", 1), (17, "", 1), (9, "content_filter", 0)],
)
def test_the_limit_is_reached_when_the_response_is_incomplete_for_it(written: int, reason: str, wrong: int) -> None:
    body = response() if not reason else cut_response(reason)
    body["usage"] = USAGE | {"output_tokens": written, "total_tokens": 17 + written}
    assert found(oracles.the_limit_makes_it_incomplete, plain(body, question(max_output_tokens=16))) == wrong


def test_the_limit_tells_nothing_without_one() -> None:
    assert judged(oracles.the_limit_makes_it_incomplete, plain()) == (0, [])


def test_response_ids_have_to_differ() -> None:
    other = plain(response(id="resp_2"))
    assert judged(oracles.responses_have_ids_of_their_own, plain(), other, stream(streamed(response(id="resp_3")))) == (
        3,
        [],
    )
    assert found(oracles.responses_have_ids_of_their_own, plain(), stream()) == 1


def test_a_good_response_is_looked_at_from_all_sides() -> None:
    seen = examined_clauses(plain(response(reasoning(), message(), call()), question(max_output_tokens=64)))
    assert {f"RSP-N{number:02}" for number in range(1, 19) if number not in {14, 15}} <= seen


HOSTILE: list[Any] = [
    {"object": "response"},
    {"object": "response", "output": [1, None, "x", [], {"type": 5}, {"type": "message", "content": [1]}]},
    {"object": "response", "output": [{"type": "message"}, {"type": "function_call"}, {"type": "reasoning"}]},
    {"object": "response", "output": {}, "usage": [1], "error": 5, "incomplete_details": "x", "status": {}},
    {"object": "response", "usage": {"input_tokens": True, "output_tokens": "x", "input_tokens_details": 5}},
    {"object": "response", "output": [{"type": "message", "content": None, "id": 5, "status": [], "role": {}}]},
    {"object": "response", "id": ["x"], "model": 7, "created_at": float("inf"), "usage": {"output_tokens": 3.5}},
    [],
    "text",
    5,
    None,
]


@pytest.mark.parametrize("body", HOSTILE, ids=range(len(HOSTILE)))
def test_no_body_makes_an_oracle_raise(body: Any) -> None:
    asked: Any
    for asked in (question(), question(max_output_tokens="x"), question([1, None, {"content": [5]}]), {"input": {}}):
        one = plain(body if body is not None else b"null", asked)
        broken_clauses(one)
        judged(oracles.responses_have_ids_of_their_own, one, one)
