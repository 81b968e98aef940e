"""Streams of Responses: order, numbers, snapshots, sums; and the plain answer that they add up to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llmapi_conformance.judging import clause, judge
from llmapi_conformance.judging.oracles import responses as answers
from llmapi_conformance.judging.oracles import responses_content as content
from llmapi_conformance.judging.oracles import responses_stream as oracles
from llmapi_conformance.judging.oracles import responses_upstream as upstream

if TYPE_CHECKING:
    from llmapi_conformance.evidence.exchange import Exchange

SHAPE = (
    answers.events_come_when_a_stream_is_asked_for,
    answers.status_and_error_belong_together,
    answers.model_is_the_one_that_was_asked_for,
    answers.response_tells_its_usage,
    oracles.events_are_named_after_their_type,
    oracles.sequence_numbers_grow_by_one,
    oracles.the_response_is_created_first,
    oracles.snapshots_have_one_id,
    oracles.snapshot_has_the_status_of_its_event,
    oracles.items_follow_each_other,
    oracles.items_keep_id_and_type,
    oracles.events_of_an_item_keep_their_order,
    oracles.the_final_output_is_the_finished_items,
    oracles.one_terminal_ends_the_stream,
    oracles.no_done_mark_follows_the_response,
    oracles.usage_is_null_before_the_end,
    oracles.in_progress_follows_created,
    oracles.events_have_the_members_of_their_type,
)
CALLS = (answers.function_call_item_has_its_members, oracles.other_deltas_add_up)


@clause(*(oracle.clause for oracle in SHAPE), "RSP-S10")
def test_a_stream_keeps_the_grammar(responses_pair: dict[str, Exchange]) -> None:
    for oracle in (*SHAPE, oracles.text_deltas_add_up):
        judge(oracle, responses_pair["stream"])


@clause("RSP-S27", "RSP-N14", "RSP-N15", "RSP-S22")
def test_a_stream_adds_up_to_the_plain_answer(responses_pair: dict[str, Exchange]) -> None:
    plain, stream = responses_pair["plain"], responses_pair["stream"]
    judge(content.the_text_is_the_upstreams, stream)
    judge(content.counts_are_those_of_the_upstream, stream)
    judge(content.stream_counts_like_the_plain_response, plain, stream)
    judge(content.stream_says_what_the_plain_response_says, plain, stream)


@clause("RSP-S22")
def test_a_cut_stream_adds_up_to_the_cut_answer(responses_limits: dict[str, Exchange]) -> None:
    plain, stream = responses_limits["plain"], responses_limits["stream"]
    judge(content.stream_says_what_the_plain_response_says, plain, stream)


@clause(*(oracle.clause for oracle in SHAPE))
def test_a_cut_stream_keeps_the_grammar(responses_limits: dict[str, Exchange]) -> None:
    for oracle in SHAPE:
        judge(oracle, responses_limits["stream"])


@clause("RSP-P06", "RSP-P13", "RSP-N07", "RSP-N08")
def test_every_function_call_arrives(responses_tools: dict[str, Exchange]) -> None:
    for exchange in responses_tools.values():
        judge(content.every_function_call_arrives, exchange)
        judge(content.call_arguments_are_exact, exchange)
        judge(answers.function_call_item_has_its_members, exchange)
        judge(answers.item_and_call_ids_differ, exchange)


@clause("RSP-S22", "RSP-N15")
def test_the_calls_of_a_stream_are_those_of_the_plain_answer(responses_tools: dict[str, Exchange]) -> None:
    plain, stream = responses_tools["plain"], responses_tools["stream"]
    judge(content.stream_says_what_the_plain_response_says, plain, stream)
    judge(content.stream_counts_like_the_plain_response, plain, stream)


@clause(*(oracle.clause for oracle in (*SHAPE, *CALLS)), "RSP-S15")
def test_a_stream_of_calls_keeps_the_grammar(responses_tools: dict[str, Exchange]) -> None:
    for oracle in (*SHAPE, *CALLS, oracles.finished_arguments_name_the_function):
        judge(oracle, responses_tools["stream"])


@clause("RSP-P05", "RSP-N18", *(oracle.clause for oracle in (*SHAPE, *CALLS)), "RSP-S10")
def test_reasoning_comes_as_an_item_of_its_own(responses_reasoning: Exchange) -> None:
    judge(content.reasoning_is_taken, responses_reasoning)
    judge(answers.reasoning_item_has_its_members, responses_reasoning)
    for oracle in (*SHAPE, *CALLS, oracles.text_deltas_add_up):
        judge(oracle, responses_reasoning)


@clause("RSP-S21", "RSP-F02", "RSP-F06", "RSP-S10")
def test_a_long_stream_brings_the_text_and_nothing_else(responses_wide_stream: dict[str, Any]) -> None:
    answer = responses_wide_stream["answer"]
    judge(content.characters_outlive_any_cut, answer)
    judge(upstream.the_upstreams_key_stays_there, answer)
    judge(upstream.the_upstreams_headers_stay_there, answer)
    judge(oracles.text_deltas_add_up, answer)


@clause("RSP-F05")
def test_a_member_unknown_to_the_gateway_is_not_dropped(responses_wide_stream: dict[str, Any]) -> None:
    answer, log = responses_wide_stream["answer"], responses_wide_stream["log"]
    judge(upstream.an_unknown_member_is_passed_on_or_refused, answer, log, responses_wide_stream["member"])


@clause("RSP-S20")
def test_each_delta_is_passed_on_at_once(responses_progressive: dict[str, Any]) -> None:
    judge(
        upstream.response_events_are_passed_on_at_once, responses_progressive["answer"], responses_progressive["held"]
    )


@clause("RSP-E06")
def test_a_client_that_hangs_up_ends_the_upstreams_work(responses_hang_up: dict[str, Exchange]) -> None:
    judge(upstream.a_hang_up_reaches_the_upstream, responses_hang_up["answer"], responses_hang_up["log"])
