"""Streams of Chat Completions: order, framing, chunks, usage; and what they add up to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llmapi_conformance.judging import clause, judge
from llmapi_conformance.judging.oracles import chat as answers
from llmapi_conformance.judging.oracles import chat_content as content
from llmapi_conformance.judging.oracles import chat_stream as oracles
from llmapi_conformance.judging.oracles import chat_upstream as upstream
from llmapi_conformance.judging.oracles import chat_usage as usage

if TYPE_CHECKING:
    from llmapi_conformance.evidence.exchange import Exchange

SHAPE = (
    answers.stream_is_answered_with_events_and_nothing_else_is,
    oracles.chunks_come_in_order,
    oracles.each_choice_finishes_once,
    oracles.role_is_in_the_first_delta_only,
    oracles.one_done_ends_the_stream,
    oracles.events_have_no_name,
    oracles.head_of_every_chunk_is_the_same,
    oracles.chunk_has_its_members,
    oracles.choice_has_an_index_and_a_delta,
    oracles.finish_reason_is_one_of_the_five_or_none,
    oracles.finish_reason_is_null_until_it_is_known,
    oracles.choices_asked_for_are_there,
    oracles.choices_appear_in_order,
    answers.model_is_the_one_asked_for,
)


@clause(*(oracle.clause for oracle in SHAPE))
def test_a_stream_with_usage_keeps_the_grammar(chat_pair: dict[str, Exchange]) -> None:
    for oracle in SHAPE:
        judge(oracle, chat_pair["stream"])


@clause(*(oracle.clause for oracle in SHAPE))
def test_a_long_stream_keeps_the_grammar(chat_wide_stream: Exchange) -> None:
    for oracle in SHAPE:
        judge(oracle, chat_wide_stream)


@clause("CHAT-U02", "CHAT-U03", "CHAT-U04", "CHAT-U05", "CHAT-U07", "CHAT-U08", "CHAT-U09")
def test_usage_that_was_asked_for_comes_in_a_chunk_of_its_own(chat_pair: dict[str, Exchange]) -> None:
    stream = chat_pair["stream"]
    judge(usage.total_is_prompt_and_completion, stream)
    judge(usage.parts_of_the_usage_fit_into_it, stream)
    judge(usage.usage_asked_for_comes_in_a_chunk_of_its_own, stream)
    judge(usage.usage_chunk_has_no_choices, stream)
    judge(usage.usage_is_null_until_the_usage_chunk, stream)
    judge(usage.usage_is_what_the_upstream_counted, stream)
    judge(usage.cached_tokens_are_told, stream)


@clause("CHAT-U06", "CHAT-X03", "CHAT-A02", "CHAT-F02", "CHAT-F08")
def test_a_long_stream_brings_the_text_and_nothing_else(chat_wide_stream: Exchange) -> None:
    judge(usage.usage_that_was_not_asked_for_stays_out, chat_wide_stream)
    judge(content.characters_survive_any_cut, chat_wide_stream)
    judge(content.parts_are_read_like_text, chat_wide_stream)
    judge(upstream.upstreams_key_stays_there, chat_wide_stream)
    judge(upstream.upstreams_headers_and_address_stay_there, chat_wide_stream)


@clause("CHAT-X02", "CHAT-M01", "CHAT-M03", "CHAT-U10")
def test_a_stream_adds_up_to_the_plain_answer(chat_pair: dict[str, Exchange]) -> None:
    plain, stream = chat_pair["plain"], chat_pair["stream"]
    judge(content.streamed_text_is_exact, stream)
    judge(content.stream_says_what_the_plain_answer_says, plain, stream)
    judge(content.stream_ends_like_the_plain_answer, plain, stream)
    judge(usage.stream_counts_like_the_plain_answer, plain, stream)


@clause("CHAT-H01")
def test_each_delta_is_passed_on_at_once(chat_progressive: dict[str, Any]) -> None:
    judge(upstream.deltas_are_passed_on_at_once, chat_progressive["answer"], chat_progressive["held"])


@clause("CHAT-H02")
def test_a_client_that_hangs_up_ends_the_upstreams_work(chat_hang_up: dict[str, Exchange]) -> None:
    judge(upstream.hanging_up_reaches_the_upstream, chat_hang_up["answer"], chat_hang_up["log"])
