from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from llmapi_conformance.evidence.exchange import Ending, Exchange
from llmapi_conformance.judging.oracles import responses_upstream as oracles
from tests.judging.build import sse
from tests.judging.response_cases import (
    TOOLS,
    cut,
    found,
    judged,
    log,
    plain,
    question,
    renumbered,
    response,
    scripted,
    stream,
    streamed,
)

if TYPE_CHECKING:
    from llmapi_conformance.judging.oracle import Oracle

BEGUN = streamed()[:6]
ERROR = ("error", {"error": {"type": "server_error", "code": "server_error", "message": "it broke", "param": None}})
FAILED = (
    "response.failed",
    {"response": response(status="failed", error={"code": "server_error", "message": "it broke"})},
)
OPENAI = {"error": {"message": "slow down", "type": "rate_limit_error", "param": None, "code": None}}
TURN = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hello"}]}


def test_both_forms_of_input_have_to_reach_the_upstream_alike() -> None:
    oracle = oracles.both_forms_of_input_reach_the_upstream_alike
    forms = (
        {"input": "Hello"},
        {"input": [TURN]},
        {"input": [{"role": "user", "content": "Hello"}]},
        {"messages": [{"role": "user", "content": "Hello"}]},
    )
    for one in forms:
        for other in forms:
            assert judged(oracle, log(one, other)) == (1, [])
    wrong: Any
    for wrong in ({"input": "Bye"}, {"input": [TURN, TURN]}, {"input": [TURN | {"role": "system"}]}, {"input": []}):
        assert found(oracle, log({"input": "Hello"}, wrong)) == 1
    assert judged(oracle, log({"input": "Hello"})) == (0, [])


def test_instructions_have_to_reach_the_upstream() -> None:
    oracle = oracles.instructions_reach_the_upstream
    asked = plain(None, question(instructions="Like a heron."))
    assert judged(oracle, asked, log({"instructions": "Like a heron."})) == (1, [])
    assert judged(oracle, asked, log({"messages": [{"role": "system", "content": "Like a heron."}]})) == (1, [])
    assert found(oracle, asked, log({"input": "Hello"})) == 1
    assert judged(oracle, plain(), log({"input": "Hello"})) == (0, [])
    assert judged(oracle, asked, log()) == (0, [])


def test_every_text_of_the_input_has_to_reach_the_upstream() -> None:
    oracle = oracles.input_reaches_the_upstream
    given: list[Any] = [
        TURN,
        {"type": "function_call", "call_id": "call_1", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "call_1", "output": "rain"},
        {"type": "function_call_output", "call_id": "call_2", "output": [{"type": "input_text", "text": "snow"}]},
        5,
    ]
    asked = plain(None, question(given))
    assert judged(oracle, asked, log({"input": given})) == (3, [])
    assert found(oracle, asked, log({"input": given[:2]})) == 2
    assert judged(oracle, plain(), log({"input": "Hello"})) == (1, [])
    assert found(oracle, plain(), log({"input": ""})) == 1


def test_held_events_are_found() -> None:
    oracle = oracles.response_events_are_passed_on_at_once
    assert judged(oracle, stream(), -1) == (len(streamed()), [])
    assert found(oracle, stream(), 0) == 1


def test_hanging_up_has_to_reach_the_upstream() -> None:
    oracle = oracles.a_hang_up_reaches_the_upstream
    asked = question(scripted("echo chunks=100 every=100ms", "word"))
    gone = stream(BEGUN, asked, ending=Ending.ABORTED)
    assert judged(oracle, gone, log({}, disconnected=True, finished=False, deltas_sent=4)) == (1, [])
    assert found(oracle, gone, log({}, disconnected=False, finished=True, deltas_sent=100)) == 1
    assert found(oracle, gone, log({}, disconnected=False, finished=False, deltas_sent=50)) == 1
    assert judged(oracle, stream(None, asked), log({}, disconnected=True)) == (0, [])
    late = stream(None, asked, chunks=[(9.9, sse(BEGUN))], ending=Ending.ABORTED)
    assert judged(oracle, late, log({}, disconnected=False, finished=True)) == (0, [])


# The end of a stream, and whether each of E04, E05, E09 and E10 finds something.
ENDS: dict[str, tuple[Exchange, tuple[int, int, int, int]]] = {
    "an error and response.failed": (stream(renumbered([*BEGUN, ERROR, FAILED])), (0, 0, 0, 0)),
    "response.failed": (stream(renumbered([*BEGUN, FAILED])), (0, 0, 0, 0)),
    "an error": (stream(renumbered([*BEGUN, ERROR])), (0, 0, 0, 0)),
    "a cut connection": (cut(BEGUN), (1, 0, 0, 1)),
    "a reset": (stream(BEGUN, ending=Ending.RESET), (1, 0, 0, 1)),
    "nothing": (stream(BEGUN), (1, 0, 1, 1)),
    "a stall": (stream(BEGUN, ending=Ending.TIMEOUT), (1, 0, 1, 1)),
    "response.incomplete": (
        stream(renumbered([*BEGUN, ("response.incomplete", {"response": response(status="incomplete")})])),
        (1, 0, 0, 1),
    ),
    "response.completed": (stream(renumbered([*BEGUN, streamed()[-1]])), (1, 1, 1, 1)),
    "an error and response.completed": (stream(renumbered([*BEGUN, ERROR, streamed()[-1]])), (0, 1, 0, 0)),
    "[DONE]": (stream([*BEGUN, (None, "[DONE]")]), (1, 0, 1, 1)),
}
ORACLES = (
    oracles.upstream_error_is_told_in_the_stream,
    oracles.broken_response_is_not_completed,
    oracles.client_can_tell_that_the_response_broke_off,
    oracles.broken_response_ends_with_its_failure,
)


@pytest.mark.parametrize("name", ENDS)
def test_a_response_that_broke_off_has_to_say_so(name: str) -> None:
    exchange, wanted = ENDS[name]
    assert tuple(found(oracle, exchange) for oracle in ORACLES) == wanted
    for oracle in ORACLES:
        assert judged(oracle, exchange)[0] == 1
        assert judged(oracle, plain(OPENAI, status=502)) == (0, [])


def test_a_failure_before_the_first_event_has_to_be_a_status() -> None:
    oracle = oracles.a_failure_before_the_first_event_is_a_status
    assert judged(oracle, plain(OPENAI, status=429)) == (1, [])
    assert found(oracle, stream([(None, OPENAI)])) == 1
    assert found(oracle, plain(OPENAI)) == 1


def test_an_error_has_to_be_in_openais_envelope() -> None:
    oracle = oracles.an_error_is_in_openais_envelope
    documented = {"type": "error", "error": {"type": "authentication_error", "message": "Invalid API key"}}
    short = {"error": {"type": "invalid_request_error", "message": "model is required"}}
    for good in (OPENAI, documented, short):
        assert judged(oracle, plain(good, status=400)) == (1, [])
    google = {"error": {"code": 400, "message": "no", "status": "INVALID_ARGUMENT"}}
    wrong: Any
    for wrong in (google, {"error": "no"}, {"message": "no"}, [], {"error": {"code": "x", "message": "no"}}):
        assert found(oracle, plain(wrong, status=400)) == 1
    assert judged(oracle, plain(b"<html>", status=502)) == (0, [])
    assert oracle.on is not None
    assert oracle.on.covers(plain(OPENAI, status=404, operation="createResponseSubpath"))


@pytest.mark.parametrize(
    ("oracle", "good"),
    [
        (oracles.upstream_rate_limit_is_429, {429}),
        (oracles.an_empty_upstream_answer_is_a_server_error, {500, 502, 503}),
    ],
)
def test_a_failing_upstream_has_to_be_told_by_its_status(oracle: Oracle, good: set[int]) -> None:
    statuses = (200, 400, 429, 500, 502, 503)
    assert {code for code in statuses if not found(oracle, plain(OPENAI, status=code))} == good


def test_the_clients_key_must_not_reach_the_upstream() -> None:
    oracle = oracles.the_clients_key_stays_here
    assert judged(oracle, plain(), log({"input": "Hello"})) == (1, [])
    leaked = [["authorization", "Bearer [[key:general:openai]]"]]
    assert found(oracle, plain(), log({"input": "Hello"}, headers=leaked)) == 1
    assert found(oracle, plain(), log({"user": "[[key:general:openai]]"})) == 1


def test_the_upstreams_secrets_must_not_come_back() -> None:
    key, oracle = oracles.the_upstreams_key_stays_there, oracles.the_upstreams_headers_stay_there
    assert judged(oracle, plain()) == judged(key, plain()) == (1, [])
    for name, value in (("x-goog-api-key", "[[upstream-header]]"), ("x-internal-host", "[[upstream-host]]")):
        assert found(oracle, plain(headers=(("content-type", "application/json"), (name, value)))) == 1
    leaked = plain(response(user="[[upstream-key]]"))
    assert (found(oracle, leaked), found(key, leaked)) == (0, 1)
    assert found(key, plain(headers=(("content-type", "application/json"), ("x-key", "[[upstream-key]]")))) == 1


def test_members_have_to_reach_the_upstream_as_sent() -> None:
    oracle = oracles.members_reach_the_upstream_as_sent
    body = question(tools=TOOLS, temperature=0.5, top_p=None, stream=False)
    asked = plain(None, body)
    assert judged(oracle, asked, log(body)) == (3, [])
    assert judged(oracle, asked, log(body | {"input": [TURN], "stream": True, "store": False})) == (3, [])
    assert found(oracle, asked, log(body | {"temperature": 1})) == 1
    assert found(oracle, asked, log(body | {"tools": TOOLS[:1], "model": "other"})) == 2
    assert judged(oracle, asked, log(body, protocol="chat")) == (0, [])


def test_nothing_must_be_added_to_the_request() -> None:
    oracle = oracles.nothing_is_added_to_the_response_request
    assert judged(oracle, plain(), log(question())) == (1, [])
    assert judged(oracle, plain(), log(question(stream=True, store=False, tools=[], metadata={}, user=None))) == (1, [])
    for added in ({"instructions": "You are Codex."}, {"tools": TOOLS}, {"temperature": 1}):
        assert found(oracle, plain(), log(question(**added))) == 1


def test_an_unknown_member_must_not_be_dropped() -> None:
    oracle = oracles.an_unknown_member_is_passed_on_or_refused
    body = question(hint={"keep": [1]})
    asked = stream(None, body)
    assert judged(oracle, asked, log(body), "hint") == (1, [])
    assert judged(oracle, plain(OPENAI, body, status=400), log(), "hint") == (1, [])
    assert found(oracle, asked, log(question()), "hint") == 1
    assert found(oracle, asked, log(question(hint={"keep": [2]})), "hint") == 1
    assert judged(oracle, plain(OPENAI, body, status=502), log(), "hint") == (0, [])


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b'{"requests": 5}', b'{"requests": [5, {"body": []}]}'])
def test_no_record_of_the_upstream_makes_an_oracle_raise(body: bytes) -> None:
    odd = plain(body, operation="upstream:log")
    for oracle in (
        oracles.instructions_reach_the_upstream,
        oracles.input_reaches_the_upstream,
        oracles.a_hang_up_reaches_the_upstream,
        oracles.the_clients_key_stays_here,
        oracles.members_reach_the_upstream_as_sent,
        oracles.nothing_is_added_to_the_response_request,
    ):
        judged(oracle, plain(None, question(instructions="x")), odd)
    judged(oracles.both_forms_of_input_reach_the_upstream_alike, odd)
