from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from llmapi_conformance.evidence.exchange import Ending, Exchange
from llmapi_conformance.judging.oracles import chat_upstream as oracles
from tests.judging.build import STREAM_HEADERS, exchange, sse
from tests.judging.chat_cases import (
    TOOLS,
    chunk,
    completion,
    cut,
    judged,
    message,
    plain,
    question,
    scripted,
    stream,
    text_events,
)

if TYPE_CHECKING:
    from llmapi_conformance.judging.oracle import Oracle

ERROR = (None, {"error": {"message": "the upstream failed", "type": "server_error", "param": None, "code": None}})
BEGUN = text_events()[:3]
DONE = (None, "[DONE]")
STOP = (None, chunk({}, "stop"))
OPENAI_429 = {"error": {"message": "slow down", "type": "rate_limit_error", "param": None, "code": None}}


def log(body: Any, protocol: str = "chat", **entry: Any) -> Exchange:
    headers = [["authorization", "Bearer [[upstream-key]]"]]
    given = {"id": 1, "nonce": "n1", "protocol": protocol, "headers": headers, "body": body} | entry
    return exchange(operation="upstream:log", method="GET", path="/log", body={"requests": [given]}, step=2)


@pytest.mark.parametrize(
    "oracle", [oracles.openai_group_answers_the_documented_request, oracles.other_groups_are_converted]
)
def test_the_documented_request_has_to_be_answered(oracle: Oracle) -> None:
    assert judged(oracle, plain()) == (1, [])
    for wrong in (plain({"error": {"message": "no"}}, status=404), plain(b"<html>"), plain(completion(choices=[]))):
        assert len(judged(oracle, wrong)[1]) == 1


def test_temperature_and_max_tokens_have_to_reach_the_upstream() -> None:
    oracle = oracles.temperature_and_max_tokens_are_forwarded
    asked = plain(None, question(temperature=0.5, max_tokens=64))
    assert judged(oracle, asked, log({"temperature": 0.5, "max_tokens": 64})) == (2, [])
    assert judged(oracle, asked, log({"temperature": 0.5, "max_completion_tokens": 64})) == (2, [])
    assert len(judged(oracle, asked, log({"max_tokens": 4096}))[1]) == 2
    assert judged(oracle, asked, log(None)) == (0, [])


def test_a_held_delta_is_found() -> None:
    assert judged(oracles.deltas_are_passed_on_at_once, stream(), -1) == (5, [])
    assert len(judged(oracles.deltas_are_passed_on_at_once, stream(), 0)[1]) == 1
    assert judged(oracles.deltas_are_passed_on_at_once, plain(OPENAI_429, status=400), -1) == (0, [])


def test_hanging_up_has_to_reach_the_upstream() -> None:
    oracle = oracles.hanging_up_reaches_the_upstream
    asked = question(scripted("echo chunks=100 every=100ms", "word"))
    gone = stream(BEGUN, asked, ending=Ending.ABORTED)
    assert judged(oracle, gone, log({}, disconnected=True, finished=False, deltas_sent=4)) == (1, [])
    assert len(judged(oracle, gone, log({}, disconnected=False, finished=True, deltas_sent=100))[1]) == 1
    assert len(judged(oracle, gone, log({}, disconnected=False, finished=False, deltas_sent=50))[1]) == 1
    assert judged(oracle, stream(None, asked), log({}, disconnected=True)) == (0, [])


def test_a_client_that_hangs_up_late_tells_nothing() -> None:
    asked = question(scripted("echo chunks=100 every=100ms", "word"))
    late = stream(None, asked, chunks=[(9.9, sse(BEGUN))], ending=Ending.ABORTED)
    entry = log({}, disconnected=False, finished=True, deltas_sent=100)
    assert judged(oracles.hanging_up_reaches_the_upstream, late, entry) == (0, [])


BROKEN_OFF: dict[str, tuple[Exchange, tuple[bool, bool, bool, bool]]] = {
    # findings of: error told, not dressed up, client can tell, ends with an error event
    "an error event": (stream([*BEGUN, ERROR]), (False, False, False, False)),
    "an error event and [DONE]": (stream([*BEGUN, ERROR, DONE]), (False, False, False, False)),
    "a connection that is cut": (cut(BEGUN), (True, False, False, True)),
    "a clean end": (stream(BEGUN), (True, False, True, True)),
    "[DONE] alone": (stream([*BEGUN, DONE]), (True, True, True, True)),
    "M14 an invented end": (stream([*BEGUN, STOP, DONE]), (True, True, True, True)),
    "finish_reason and then an error": (stream([*BEGUN, STOP, ERROR]), (False, True, False, False)),
    "an error with a choice that says error": (
        stream([*BEGUN, (None, chunk({"content": ""}, "error") | {"error": {"message": "x", "code": 502}})]),
        (False, False, False, False),
    ),
    "an error without a message": (stream([*BEGUN, (None, {"error": {"type": "x"}})]), (True, False, False, False)),
    "an error as text": (stream([*BEGUN, (None, {"error": "boom"})]), (True, False, False, False)),
    "an error as finish_reason": (stream([*BEGUN, (None, chunk({}, "error")), DONE]), (True, True, True, True)),
}


@pytest.mark.parametrize("name", BROKEN_OFF)
def test_an_answer_that_breaks_off(name: str) -> None:
    subject, wanted = BROKEN_OFF[name]
    judges = (
        oracles.error_of_the_upstream_is_told_in_the_stream,
        oracles.broken_answer_is_not_dressed_up,
        oracles.client_can_tell_that_the_answer_broke_off,
        oracles.broken_answer_ends_with_an_error_event,
    )
    assert all(judged(oracle, subject)[0] == 1 for oracle in judges)
    assert tuple(bool(judged(oracle, subject)[1]) for oracle in judges) == wanted


def test_an_error_status_before_the_stream_is_right_too() -> None:
    refused = stream(body=b'{"error": {"message": "bad gateway"}}', status=502)
    assert judged(oracles.client_can_tell_that_the_answer_broke_off, refused) == (0, [])


def test_an_empty_answer_of_the_upstream_is_an_error() -> None:
    for status in (400, 404, 500, 502):
        told = plain({"error": {"message": "no"}}, status=status)
        assert judged(oracles.empty_upstream_answer_is_an_error, told) == (1, [])
    for wrong in (plain(b""), plain({"error": {"message": "no"}}), plain(completion())):
        assert len(judged(oracles.empty_upstream_answer_is_an_error, wrong)[1]) == 1


def limited(body: Any = None, status: int = 429, retry: str | None = "7") -> Exchange:
    headers = (("content-type", "application/json"), *((("retry-after", retry),) if retry else ()))
    return plain(OPENAI_429 if body is None else body, status=status, headers=headers)


@pytest.mark.parametrize(
    ("oracle", "right", "wrong"),
    [
        (oracles.rate_limit_of_the_upstream_keeps_its_status, limited(), [limited(status=502), limited(status=200)]),
        (
            oracles.rate_limit_is_told_in_openais_envelope,
            limited(),
            [limited({"detail": "x"}), limited({"error": "x"}), limited({"error": {"message": "x", "type": ""}})],
        ),
        (oracles.rate_limit_says_when_to_come_back, limited(), [limited(retry=None)]),
        (
            oracles.rate_limit_has_its_error_type,
            limited(),
            [limited({"error": {"message": "x", "type": told}}) for told in ("None", "api_error")],
        ),
    ],
    ids=["status", "envelope", "Retry-After", "type"],
)  # fmt: skip
def test_a_rate_limit_of_the_upstream(oracle: Oracle, right: Exchange, wrong: list[Exchange]) -> None:
    assert judged(oracle, right) == (1, [])
    for subject in wrong:
        assert len(judged(oracle, subject)[1]) == 1


def test_a_retry_after_as_a_date_is_legal() -> None:
    subject = limited(retry="Mon, 23 Nov 2026 04:30:00 GMT")  # C19
    assert judged(oracles.rate_limit_says_when_to_come_back, subject) == (1, [])


def test_the_clients_key_at_the_upstream_is_found() -> None:
    oracle = oracles.clients_key_stays_here
    assert judged(oracle, plain(), log({})) == (1, [])
    leaked = log({}, headers=[["authorization", "Bearer [[key:general:openai]]"]])
    assert len(judged(oracle, plain(), leaked)[1]) == 1
    assert len(judged(oracle, plain(), log({"user": "[[key:general:openai]]"}))[1]) == 1


@pytest.mark.parametrize(
    ("text", "clause"),
    [("[[upstream-key]]", "CHAT-F02"), ("[[upstream-host]]", "CHAT-F08"), ("a=[[upstream-header]]", "CHAT-F08")],
)
def test_what_is_the_upstreams_is_found_in_a_header_and_in_a_body(text: str, clause: str) -> None:
    judges = (oracles.upstreams_key_stays_there, oracles.upstreams_headers_and_address_stay_there)
    in_header = stream(headers=(*STREAM_HEADERS, ("x-anything", text)))
    for one in (in_header, plain(completion(message=message(content=f"at {text}")))):
        assert {oracle.clause: len(judged(oracle, one)[1]) for oracle in judges} == {
            oracle.clause: int(oracle.clause == clause) for oracle in judges
        }
    for oracle in judges:
        assert judged(oracle, stream()) == (1, [])
        assert judged(oracle, plain(b"")) == (0, [])


ASKED = question(tools=TOOLS, temperature=0.5, max_tokens=64, top_p=None)


@pytest.mark.parametrize(
    ("change", "broken"),
    [
        ({}, ""),
        ({"model": "openai/gpt-5.1"}, ""),
        ({"max_tokens": None, "max_completion_tokens": 64}, ""),
        ({"stream": False, "stream_options": {"include_usage": True}}, ""),
        ({"temperature": 1}, "messages"),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": "Hello"}]}]}, "messages"),
        ({"tools": TOOLS[:1]}, "tools"),
        ({"tools": [*TOOLS, {"type": "function", "function": {"name": "datetime_now"}}]}, "tools"),
        ({"tools": None}, "tools"),
        ({"user": "gateway"}, "added"),
        ({"service_tier": "auto"}, "added"),
    ],
)
def test_what_is_changed_on_the_way_is_found(change: dict[str, Any], broken: str) -> None:
    judges = {
        "messages": oracles.messages_reach_the_upstream_as_sent,
        "tools": oracles.tools_reach_the_upstream_as_sent,
        "added": oracles.nothing_is_added_to_the_request,
    }
    asked, received = plain(None, ASKED), log(ASKED | change)
    assert all(judged(oracle, asked, received)[0] for oracle in judges.values())
    assert "".join(name for name, oracle in judges.items() if judged(oracle, asked, received)[1]) == broken


def test_a_converted_request_is_not_compared() -> None:
    received = log(ASKED | {"user": "x"}, protocol="messages")
    assert judged(oracles.nothing_is_added_to_the_request, plain(None, ASKED), received) == (0, [])


def test_a_text_that_is_lost_on_the_way_is_found() -> None:
    asked = question()
    asked["messages"] = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "Hi"}]},
    ]
    oracle = oracles.conversation_reaches_the_upstream
    kept = {"system": [{"type": "text", "text": "Be brief."}], "messages": [{"role": "user", "content": "Hi"}]}
    assert judged(oracle, plain(None, asked), log(kept, protocol="messages")) == (2, [])
    lost = {"messages": [{"role": "user", "content": "Hi"}]}
    assert len(judged(oracle, plain(None, asked), log(lost, protocol="messages"))[1]) == 1


def test_an_unknown_member_that_is_dropped_is_found() -> None:
    oracle = oracles.unknown_member_is_passed_on_or_refused
    asked = plain(None, question(x_hint={"a": 1}))
    assert judged(oracle, asked, log(question(x_hint={"a": 1})), "x_hint") == (1, [])
    assert len(judged(oracle, asked, log(question()), "x_hint")[1]) == 1
    refused = plain({"error": {"message": "unknown"}}, question(x_hint={"a": 1}), status=400)
    assert judged(oracle, refused, log(None), "x_hint") == (1, [])


@pytest.mark.parametrize("body", [None, [], {"requests": None}, {"requests": [1, {"body": []}]}, {"requests": [{}]}])
def test_no_hostile_log_makes_an_oracle_raise(body: Any) -> None:
    hostile = exchange(operation="upstream:log", body=b"null" if body is None else body)
    asked = plain(None, ASKED)
    for oracle in (
        oracles.temperature_and_max_tokens_are_forwarded,
        oracles.clients_key_stays_here,
        oracles.messages_reach_the_upstream_as_sent,
        oracles.tools_reach_the_upstream_as_sent,
        oracles.nothing_is_added_to_the_request,
        oracles.conversation_reaches_the_upstream,
    ):
        assert judged(oracle, asked, hostile)[1] == []
