"""Token counting: what it counts, what it costs, and who may not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmapi_conformance.judging import clause, judge
from llmapi_conformance.judging.oracles import count_tokens as oracles

if TYPE_CHECKING:
    from llmapi_conformance.evidence.exchange import Exchange


@clause("MSG-T01", "MSG-T08", "MSG-T09")
def test_a_request_is_counted(token_counts: dict[str, Exchange]) -> None:
    for label in ("short", "turns", "system", "tools"):
        judge(oracles.a_count_is_a_positive_integer, token_counts[label])
    judge(oracles.the_documented_count_is_answered, token_counts["short"])
    judge(oracles.a_count_ignores_a_query, token_counts["turns"])


@clause("MSG-T04", "MSG-T05", "MSG-T06")
def test_turns_system_and_tools_are_counted(token_counts: dict[str, Exchange]) -> None:
    judge(oracles.a_longer_conversation_counts_more, token_counts["short"], token_counts["turns"])
    judge(oracles.a_system_prompt_counts, token_counts["short"], token_counts["system"])
    judge(oracles.tools_count, token_counts["system"], token_counts["tools"])


@clause("MSG-T07")
def test_a_count_agrees_with_the_usage_of_the_same_request(token_counts: dict[str, Exchange]) -> None:
    judge(oracles.a_count_agrees_with_the_usage_of_the_same_request, token_counts["tools"], token_counts["message"])


@clause("MSG-T02")
def test_a_count_is_not_recorded_as_usage(usage_around_a_token_count: dict[str, Exchange]) -> None:
    judge(
        oracles.a_count_is_not_recorded_as_usage,
        *(usage_around_a_token_count[label] for label in ("before", "count", "message", "after")),
    )


@clause("MSG-T03")
def test_an_openai_group_is_told_that_it_cannot_count(token_count_on_openai_group: Exchange) -> None:
    judge(oracles.an_openai_group_is_told_that_it_cannot_count, token_count_on_openai_group)
