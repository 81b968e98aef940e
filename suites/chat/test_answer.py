"""Plain answers of Chat Completions: their shape, their counts, their text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmapi_conformance.judging import clause, judge
from llmapi_conformance.judging.oracles import chat as oracles
from llmapi_conformance.judging.oracles import chat_content as content
from llmapi_conformance.judging.oracles import chat_upstream as upstream
from llmapi_conformance.judging.oracles import chat_usage as usage

if TYPE_CHECKING:
    from llmapi_conformance.evidence.exchange import Exchange

SHAPE = (
    oracles.stream_is_answered_with_events_and_nothing_else_is,
    oracles.answer_is_a_chat_completion,
    oracles.created_is_in_unix_seconds,
    oracles.message_is_the_assistants,
    oracles.unused_members_are_null,
    oracles.finish_reason_is_one_of_the_five,
    oracles.choices_are_numbered_from_0,
    oracles.model_is_the_one_asked_for,
    oracles.ids_begin_like_openais,
    usage.answer_tells_its_usage,
    usage.total_is_prompt_and_completion,
)


@clause("CHAT-D01", "CHAT-D02")
def test_the_documented_request_is_answered(chat_minimal: Exchange) -> None:
    native = chat_minimal.role.startswith("general:openai")
    judge(
        upstream.openai_group_answers_the_documented_request if native else upstream.other_groups_are_converted,
        chat_minimal,
    )


@clause(*(oracle.clause for oracle in SHAPE))
def test_a_plain_answer_is_a_chat_completion(chat_minimal: Exchange) -> None:
    for oracle in SHAPE:
        judge(oracle, chat_minimal)


@clause("CHAT-X01", "CHAT-U08", "CHAT-U09", "CHAT-U03")
def test_a_plain_answer_has_the_upstreams_text_and_counts(chat_pair: dict[str, Exchange]) -> None:
    judge(content.plain_text_is_exact, chat_pair["plain"])
    judge(usage.usage_is_what_the_upstream_counted, chat_pair["plain"])
    judge(usage.cached_tokens_are_told, chat_pair["plain"])
    judge(usage.parts_of_the_usage_fit_into_it, chat_pair["plain"])


@clause("CHAT-N11")
def test_answers_have_ids_of_their_own(chat_pair: dict[str, Exchange]) -> None:
    judge(oracles.ids_differ, chat_pair["plain"], chat_pair["stream"])
