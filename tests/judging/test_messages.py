from __future__ import annotations

from typing import Any

import pytest

from llmapi_conformance.evidence.exchange import Ending
from llmapi_conformance.judging.oracles import messages as oracles
from tests.judging.message_cases import (
    ENCODED,
    HEADERS,
    STREAM_HEADERS,
    TOOLS,
    USAGE,
    broken_clauses,
    call_block,
    events_of,
    examined_clauses,
    judged,
    message,
    plain,
    question,
    scripted,
    stream,
    streamed,
    text_block,
    thinking_block,
)

CALLS = question(scripted(f"echo tool_calls=2 arguments={ENCODED} usage=17,5,3"), tools=TOOLS)
CALLED = message(text_block(), call_block(0), call_block(1), reason="tool_use")
STOPPED = message(reason="stop_sequence", stop_sequence="<END>")
STOPPING = question(scripted(payload="Hello, Welt \U0001f600<END> more"), stop_sequences=["<END>"])


@pytest.mark.parametrize(
    ("whole", "request_body"),
    [
        (message(), None),
        (message(model="claude-sonnet-4-5-20250929"), None),
        (CALLED, CALLS),
        (message(thinking_block(), text_block()), None),
        (STOPPED, STOPPING),
        (message(new_member={"a": 1}, usage=USAGE | {"service_tier": "standard"}), None),
        (message(text_block(), reason="a_reason_of_tomorrow"), question("Hello")),
        (message(reason="refusal", content=[]), question("Hello")),
        (
            message(usage=USAGE | {"cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0}}),
            None,
        ),
    ],
    ids=["text", "dated model", "calls", "thinking", "stopped", "C5 members", "new reason", "empty", "cache details"],
)
def test_a_conforming_message_has_no_finding(whole: dict[str, Any], request_body: dict[str, Any] | None) -> None:
    allowed = {"MSG-N09"} if whole["stop_reason"] == "a_reason_of_tomorrow" else set()
    assert broken_clauses(plain(whole, request_body)) == allowed
    assert broken_clauses(streamed(whole, request_body)) == allowed


def test_a_conforming_message_is_looked_at_by_the_rules_of_its_kind() -> None:
    shape = {f"MSG-N{number:02}" for number in range(1, 20)}
    assert examined_clauses(plain(CALLED, CALLS)) >= shape
    assert examined_clauses(streamed(CALLED, CALLS)) >= shape - {"MSG-N01"}


def without(*names: str) -> dict[str, Any]:
    return {name: value for name, value in message().items() if name not in names}


@pytest.mark.parametrize(
    ("clause", "whole", "request_body"),
    [
        ("MSG-N01", {"type": "error", "error": {"type": "api_error", "message": "no"}}, None),
        ("MSG-N01", {"object": "chat.completion", "choices": []}, None),
        ("MSG-N02", without("stop_sequence"), None),
        ("MSG-N03", message(role="user"), None),
        ("MSG-N03", message(id=""), None),
        ("MSG-N03", message(model=None), None),
        ("MSG-N04", message(object="chat.completion"), None),
        ("MSG-N05", message(content="Hello"), None),
        ("MSG-N05", message({"text": "untyped"}), None),
        ("MSG-N05", message({"type": "text", "text": None}), None),
        ("MSG-N06", message(call_block() | {"name": "no_such_tool"}, reason="tool_use"), CALLS),
        ("MSG-N06", message(call_block() | {"id": ""}, reason="tool_use"), CALLS),
        ("MSG-N06", message(call_block() | {"input": '{"a":1}'}, reason="tool_use"), CALLS),
        ("MSG-N07", message(call_block(0), call_block(1) | {"id": "toolu_0"}, reason="tool_use"), CALLS),
        ("MSG-N08", message(reason=None), None),
        ("MSG-N08", message(reason="stop"), None),
        ("MSG-N09", message(reason="tired"), None),
        ("MSG-N10", message(stop_sequence="<END>"), None),
        ("MSG-N10", message(reason="stop_sequence"), STOPPING),
        ("MSG-N10", message(reason="stop_sequence", stop_sequence="<OTHER>"), STOPPING),
        ("MSG-N11", message(reason="tool_use"), None),
        ("MSG-N12", message(text_block(), call_block(), reason="end_turn"), CALLS),
        ("MSG-N13", message(usage={"input_tokens": "17", "output_tokens": 5}), None),
        ("MSG-N13", message(usage=None), None),
        ("MSG-N14", message(usage=USAGE | {"cache_creation": {"ephemeral_5m_input_tokens": 9}}), None),
        ("MSG-N14", message(usage=USAGE | {"output_tokens_details": {"thinking_tokens": 9}}), None),
        ("MSG-N14", message(usage=USAGE | {"cache_read_input_tokens": -3}), None),
        ("MSG-N15", message(usage=USAGE | {"total_tokens": 22}), None),
        ("MSG-N16", message(usage=USAGE | {"output_tokens": 65}), None),
        ("MSG-N17", message(model="gpt-5.1"), None),
        ("MSG-N18", message(id="chatcmpl-1"), None),
    ],
)
def test_a_message_that_breaks_a_rule_is_found(clause: str, whole: Any, request_body: dict[str, Any] | None) -> None:
    assert clause in broken_clauses(plain(whole, request_body))


@pytest.mark.parametrize(
    ("clause", "whole"),
    [
        ("MSG-N04", message(created=1)),
        ("MSG-N08", message(reason="length")),
        ("MSG-N12", message(text_block(), call_block())),
        ("MSG-N15", message(usage=USAGE | {"prompt_tokens": 1})),
    ],
)
def test_the_same_rules_hold_for_what_a_stream_adds_up_to(clause: str, whole: Any) -> None:
    assert clause in broken_clauses(streamed(whole, CALLS))


@pytest.mark.parametrize("body", [b"<html></html>", b"", b"[]", b"null", b'"text"', b'{"id":', b"\xff\xfe"])
def test_a_body_that_is_no_message_is_one_finding_only(body: bytes) -> None:
    assert broken_clauses(plain(body)) == {"MSG-N01"}


def test_a_body_that_breaks_off_is_no_finding_of_the_message() -> None:
    assert broken_clauses(plain(b'{"id":', ending=Ending.CUT)) == set()


def test_a_missing_request_id_is_found_in_both_modes() -> None:
    assert "MSG-N19" in broken_clauses(plain(headers=HEADERS[:1]))
    assert "MSG-N19" in broken_clauses(stream(headers=STREAM_HEADERS[:1]))


def test_an_id_in_two_answers_is_found() -> None:
    oracle, other = oracles.no_two_messages_share_an_id, question("Another question")
    assert judged(oracle, plain(), streamed(message()))[1] == []
    assert judged(oracle, plain(), plain(None, other))[1]
    same_call = message(call_block(0), id="msg_9")
    assert judged(oracle, plain(message(call_block(0))), plain(same_call, other))[1]
    assert judged(oracle, plain(b""), plain(b""))[0] == 0


def test_a_cache_may_give_one_answer_to_one_question() -> None:
    cached = stream(events_of(message(), "msg_1"))
    assert judged(oracles.no_two_messages_share_an_id, plain(), cached) == (2, [])


def test_ids_and_members_of_the_gateways_own_are_legal() -> None:
    other_ids = message(call_block() | {"id": "functions.get_weather:0"}, reason="tool_use", id="b7c1-9f")
    assert broken_clauses(plain(other_ids | {"system_fingerprint": "fp_1"}, CALLS)) <= {"MSG-N18", "MSG-C01", "MSG-C06"}


@pytest.mark.parametrize(
    "oracle",
    [
        oracles.the_documented_request_is_answered,
        oracles.an_openai_group_answers_messages_by_conversion,
        oracles.the_documented_parameters_are_taken,
    ],
    ids=lambda oracle: oracle.clause,
)
def test_a_request_that_the_documentation_promises_must_be_answered(oracle: Any) -> None:
    assert judged(oracle, plain()) == (1, [])
    assert judged(oracle, streamed(message())) == (1, [])
    assert judged(oracle, plain({"type": "error"}, status=400))[1]
    assert judged(oracle, plain(message(content=[])))[1]
    assert judged(oracle, plain(b""))[0] == 0
