"""One scripted turn says the same through every protocol: Chat with a key of an OpenAI group sets the measure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmapi_conformance.judging import clause, judge
from llmapi_conformance.judging.oracles import parity as oracles

if TYPE_CHECKING:
    from llmapi_conformance.evidence.exchange import Exchange
    from llmapi_conformance.judging.oracle import Oracle

MESSAGES = (
    oracles.messages_carries_the_same_text,
    oracles.messages_carries_the_same_calls,
    oracles.messages_ends_for_the_same_reason,
    oracles.messages_counts_the_same_tokens,
)
CHAT = (
    oracles.chat_carries_the_same_text,
    oracles.chat_carries_the_same_calls,
    oracles.chat_ends_for_the_same_reason,
    oracles.chat_counts_the_same_tokens,
)
RESPONSES = (
    oracles.responses_carries_the_same_text,
    oracles.responses_carries_the_same_calls,
    oracles.responses_ends_for_the_same_reason,
    oracles.responses_counts_the_same_tokens,
)
GEMINI = (
    oracles.gemini_carries_the_same_text,
    oracles.gemini_carries_the_same_calls,
    oracles.gemini_ends_for_the_same_reason,
    oracles.gemini_counts_the_same_tokens,
)


def judge_turns(native: dict[str, Exchange], other: dict[str, Exchange], oracles: tuple[Oracle, ...]) -> None:
    """Each of the turns, through Chat and through another protocol or group."""
    for name, answer in native.items():
        for oracle in oracles:
            judge(oracle, answer, other[name])


@clause(*(oracle.clause for oracle in MESSAGES))
def test_a_turn_says_the_same_through_messages(
    turns_through_chat: dict[str, Exchange], turns_through_messages: dict[str, Exchange]
) -> None:
    judge_turns(turns_through_chat, turns_through_messages, MESSAGES)


@clause(*(oracle.clause for oracle in CHAT))
def test_a_turn_says_the_same_through_converted_chat(
    turns_through_chat: dict[str, Exchange], turns_through_converted_chat: dict[str, Exchange]
) -> None:
    judge_turns(turns_through_chat, turns_through_converted_chat, CHAT)


@clause(*(oracle.clause for oracle in RESPONSES))
def test_a_turn_says_the_same_through_responses(
    turns_through_chat: dict[str, Exchange], turns_through_responses: dict[str, Exchange]
) -> None:
    judge_turns(turns_through_chat, turns_through_responses, RESPONSES)


@clause(*(oracle.clause for oracle in GEMINI))
def test_a_turn_says_the_same_through_gemini(
    turns_through_chat: dict[str, Exchange], turns_through_gemini: dict[str, Exchange]
) -> None:
    judge_turns(turns_through_chat, turns_through_gemini, GEMINI)
