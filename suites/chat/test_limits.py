"""What cuts an answer of Chat Completions: limits, stop texts, a filter."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmapi_conformance.judging import clause, judge
from llmapi_conformance.judging.oracles import chat as answers
from llmapi_conformance.judging.oracles import chat_content as oracles

if TYPE_CHECKING:
    from llmapi_conformance.evidence.exchange import Exchange


@clause("CHAT-P01", "CHAT-P02", "CHAT-N08")
def test_both_limits_cut_the_answer(chat_limits: dict[str, Exchange]) -> None:
    judge(oracles.max_tokens_cuts_the_answer, chat_limits["max_tokens"])
    judge(oracles.max_completion_tokens_cuts_the_answer, chat_limits["max_completion_tokens"])
    for name in ("max_tokens", "max_completion_tokens"):
        judge(answers.answer_stays_within_the_limit, chat_limits[name])


@clause("CHAT-P03", "CHAT-N09")
def test_a_stop_text_cuts_the_answer(chat_limits: dict[str, Exchange]) -> None:
    for name in ("stop", "stops"):
        judge(oracles.stop_text_cuts_the_answer, chat_limits[name])
        judge(answers.stop_text_is_not_in_the_answer, chat_limits[name])


@clause("CHAT-P04")
def test_a_filtered_answer_says_so(chat_limits: dict[str, Exchange]) -> None:
    judge(oracles.filtered_answer_says_so, chat_limits["filtered"])


@clause("CHAT-A03")
def test_null_counts_as_absent(chat_limits: dict[str, Exchange]) -> None:
    judge(oracles.null_counts_as_absent, chat_limits["filtered"])
