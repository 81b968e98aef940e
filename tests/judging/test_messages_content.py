from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from llmapi_conformance.judging.oracles import messages_fidelity as oracles
from llmapi_conformance.judging.oracles import messages_usage as usage
from tests.judging.message_cases import (
    ENCODED,
    NOTHING,
    TEXT,
    TOOLS,
    USAGE,
    Events,
    broken_clauses,
    call_block,
    edited,
    entry,
    examined_clauses,
    judged,
    log,
    message,
    plain,
    question,
    scripted,
    streamed,
    text_block,
    thinking_block,
)

if TYPE_CHECKING:
    from llmapi_conformance.evidence.exchange import Exchange

CALLS = question(scripted(f"echo tool_calls=2 arguments={ENCODED}"), tools=TOOLS)
CALLED = message(text_block(), call_block(0), call_block(1), reason="tool_use")
NO_ARGUMENTS = question(scripted(f"tool_calls=1 arguments={NOTHING}", ""), tools=TOOLS)
STOPPING = question(scripted("echo", "Before<END> after"), stop_sequences=["<NEVER>", "<END>"])
STOPPED = message(text_block("Before"), reason="stop_sequence", stop_sequence="<END>")
LONG = question(scripted("echo", "x" * 300))
FILTERED = question(scripted("echo stop=filtered", "No."))
LENGTH = question(scripted("echo stop=length", "No."))


@pytest.mark.parametrize(
    ("clauses", "whole", "request_body"),
    [
        ("U01 U02 C08", message(), question()),
        ("C04 C06 C07", CALLED, CALLS),
        ("C05 C06 C07", message(call_block(0, {}), reason="tool_use"), NO_ARGUMENTS),
        ("C09 C10", STOPPED, STOPPING),
        ("C11", message(text_block("x" * 256), reason="max_tokens"), LONG),
        ("C11", message(text_block("No."), reason="max_tokens"), LENGTH),
        ("C12", message(text_block("No."), reason="refusal"), FILTERED),
    ],
)
def test_what_the_provider_said_has_no_finding(clauses: str, whole: Any, request_body: Any) -> None:
    for one in (plain(whole, request_body), streamed(whole, request_body)):
        assert broken_clauses(one) == set()
        assert examined_clauses(one) >= {f"MSG-{clause}" for clause in clauses.split()}


def test_exact_text_is_looked_at_in_its_mode() -> None:
    assert "MSG-C01" in examined_clauses(plain())
    assert "MSG-C02" in examined_clauses(streamed(message()))


@pytest.mark.parametrize(
    ("clause", "whole", "request_body"),
    [
        ("MSG-U01", message(usage=USAGE | {"input_tokens": 28}), question()),
        ("MSG-U01", message(usage=USAGE | {"output_tokens": 6}), question()),
        ("MSG-U02", message(usage=USAGE | {"input_tokens": 17}), question()),
        ("MSG-U02", message(usage=USAGE | {"cache_read_input_tokens": 0}), question()),
        ("MSG-C01", message(text_block(TEXT[:-1] + "\ufffd")), question()),
        ("MSG-C01", message(text_block("Hello, Welt")), question()),
        ("MSG-C04", message(text_block(), call_block(0, {"place": "K\u00f6ln", "big": 9007199254740992})), CALLS),
        ("MSG-C04", message(text_block(), call_block(0, {})), CALLS),
        ("MSG-C05", message(call_block(0, {"n": 0})), NO_ARGUMENTS),
        ("MSG-C06", message(text_block(), call_block(0)), CALLS),
        ("MSG-C06", message(call_block(1), call_block(0)), CALLS),
        ("MSG-C07", message(text_block(), call_block(0), call_block(1)), CALLS),
        ("MSG-C08", message(reason="max_tokens"), question()),
        ("MSG-C09", message(text_block("Before<END> after")), STOPPING),
        ("MSG-C09", message(text_block("Befor"), reason="stop_sequence", stop_sequence="<END>"), STOPPING),
        ("MSG-C10", message(text_block("Before")), STOPPING),
        ("MSG-C11", message(text_block("x" * 256)), LONG),
        ("MSG-C12", message(text_block("No.")), FILTERED),
    ],
)
def test_another_answer_than_the_providers_is_found(clause: str, whole: Any, request_body: Any) -> None:
    assert clause in broken_clauses(plain(whole, request_body))
    assert clause.replace("C01", "C02") in broken_clauses(streamed(whole, request_body))


def test_without_a_script_nothing_is_exact() -> None:
    exact = {f"MSG-C{number:02}" for number in range(1, 13)} | {"MSG-U01", "MSG-U02"}
    assert not examined_clauses(plain(request=question("Hello"))) & exact


def test_a_stop_sequence_is_told_by_an_anthropic_group_alone() -> None:
    natural = plain(message(text_block("Before")), STOPPING, role="general:openai")
    assert broken_clauses(natural) == set()


@pytest.mark.parametrize("words", ["echo error=529 after=2", "echo eof after=2", "echo cut after=2", "echo status=429"])
def test_a_failing_provider_promises_no_text(words: str) -> None:
    assert broken_clauses(plain(message(text_block("Hel")), question(scripted(words)))) == set()


def pair(whole: dict[str, Any] | None = None, other: dict[str, Any] | None = None) -> tuple[Exchange, Exchange]:
    return plain(whole or message()), streamed(other or whole or message())


def test_the_stop_sequence_itself_may_be_told() -> None:
    told = message(text_block("Before<END>"), reason="stop_sequence", stop_sequence="<END>")
    assert broken_clauses(plain(told, STOPPING)) == set()


def test_a_member_of_the_gateways_own_may_come_in_one_mode_only() -> None:
    one, other = pair(message(text_block() | {"x_score": 0.7}))
    assert judged(oracles.a_stream_adds_up_to_the_plain_answer, one, streamed(message())) == (1, [])
    assert judged(oracles.a_stream_adds_up_to_the_plain_answer, one, other) == (1, [])


def test_live_twins_without_counts_are_not_compared() -> None:
    live = question("Say hello")
    one = plain(message(usage={"output_tokens": 5}), live)
    assert judged(usage.a_stream_costs_what_the_plain_answer_costs, one, streamed(message(), live)) == (0, [])


def test_a_stream_adds_up_to_its_twin() -> None:
    for whole in (message(), CALLED, message(thinking_block(), text_block())):
        assert judged(oracles.a_stream_adds_up_to_the_plain_answer, *pair(whole)) == (1, [])
        assert judged(usage.a_stream_costs_what_the_plain_answer_costs, *pair(whole)) == (1, [])


@pytest.mark.parametrize(
    "other",
    [
        message(text_block("Hello")),
        message(text_block(), text_block("more")),
        message(reason="max_tokens"),
        message(model="another"),
        message(text_block(), call_block(0)),
    ],
    ids=["text", "blocks", "reason", "model", "call"],
)
def test_a_stream_that_differs_from_its_twin_is_found(other: dict[str, Any]) -> None:
    assert judged(oracles.a_stream_adds_up_to_the_plain_answer, *pair(None, other))[1]


def test_live_twins_need_not_say_the_same() -> None:
    live = question("Hello")
    one, other = plain(request=live), streamed(message(text_block("Hi"), usage=USAGE | {"output_tokens": 1}), live)
    assert judged(oracles.a_stream_adds_up_to_the_plain_answer, one, other) == (1, [])
    assert judged(usage.a_stream_costs_what_the_plain_answer_costs, one, other) == (1, [])
    dearer = streamed(message(usage=USAGE | {"input_tokens": 28}), live)
    assert judged(usage.a_stream_costs_what_the_plain_answer_costs, one, dearer)[1]


def test_a_stream_with_another_usage_than_its_twin_is_found() -> None:
    twice = message(usage=USAGE | {"input_tokens": 28})
    assert judged(usage.a_stream_costs_what_the_plain_answer_costs, *pair(None, twice))[1]
    empty = plain(b""), streamed(message())
    assert judged(usage.a_stream_costs_what_the_plain_answer_costs, *empty)[0] == 0


def no_input(events: Events) -> None:
    events[0][1]["message"]["usage"] = {"input_tokens": 0, "output_tokens": 0}


def doubled(events: Events) -> None:
    events[-2][1]["usage"]["input_tokens"] = 31


def test_a_message_start_without_input_is_found() -> None:
    assert {"MSG-U04", "MSG-U06"} <= examined_clauses(streamed(message()))
    assert "MSG-U05" in examined_clauses(streamed(message(), role="general:openai"))
    assert "MSG-U04" in broken_clauses(edited(no_input))
    assert "MSG-U04" in broken_clauses(edited(no_input, request=question("Hello")))
    assert "MSG-U05" in broken_clauses(edited(no_input, role="general:openai"))
    assert "MSG-U06" in broken_clauses(edited(doubled))


def test_text_after_a_tool_result_must_be_answered() -> None:
    turn = [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "12"}, {"type": "text", "text": scripted()}]
    asked = question(turn)
    assert judged(oracles.text_after_a_tool_result_is_answered, plain(request=asked))[1] == []
    assert judged(oracles.text_after_a_tool_result_is_answered, plain(message(text_block("12")), asked))[1]
    assert judged(oracles.content_blocks_are_answered_like_text, plain(message(text_block("12")), asked))[1]
    assert judged(oracles.content_blocks_are_answered_like_text, plain(request=asked))[1] == []


def test_a_tool_result_must_reach_the_provider() -> None:
    arrived = log(entry({"messages": [{"role": "tool", "content": "12 degrees, mark"}]}))
    assert judged(oracles.a_tool_result_reaches_the_provider, arrived, "mark") == (1, [])
    assert judged(oracles.a_tool_result_reaches_the_provider, log(entry({"messages": []})), "mark")[1]
    assert judged(oracles.a_tool_result_reaches_the_provider, log(), "mark") == (0, [])


def test_thinking_must_be_the_same_in_both_modes() -> None:
    whole = message(thinking_block(), text_block())
    assert judged(oracles.thinking_is_the_same_in_both_modes, *pair(whole)) == (1, [])
    other = message(thinking_block() | {"signature": "b3RoZXI="}, text_block())
    assert judged(oracles.thinking_is_the_same_in_both_modes, *pair(whole, other))[1]
    assert judged(oracles.thinking_is_the_same_in_both_modes, *pair(whole, message()))[1]
    unsigned = message(thinking_block() | {"signature": ""}, text_block())
    assert judged(oracles.thinking_is_the_same_in_both_modes, *pair(unsigned))[1]
    assert judged(oracles.thinking_is_the_same_in_both_modes, *pair()) == (0, [])
