"""Gemini's streams, as server-sent events and as an array; and what becomes of failures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llmapi_conformance.judging import clause, judge
from llmapi_conformance.judging.oracles import gemini as answers
from llmapi_conformance.judging.oracles import gemini_errors as errors
from llmapi_conformance.judging.oracles import gemini_gateway as gateway
from llmapi_conformance.judging.oracles import gemini_stream as oracles

if TYPE_CHECKING:
    from llmapi_conformance.evidence.exchange import Exchange

BOTH_FORMS = (
    oracles.each_candidate_finishes_once,
    oracles.id_and_model_stay_the_same,
    oracles.usage_is_in_every_piece_and_never_falls,
    answers.the_total_is_the_sum,
    answers.the_content_is_the_models,
    answers.members_are_in_lower_camel_case,
)
EVENTS = (
    oracles.alt_sse_is_answered_with_events,
    oracles.there_are_data_lines_only,
    oracles.each_event_is_one_data_line,
)


@clause(*(oracle.clause for oracle in (*EVENTS, *BOTH_FORMS)))
def test_a_stream_of_events_keeps_the_grammar(gemini_forms: dict[str, Exchange]) -> None:
    for oracle in (*EVENTS, *BOTH_FORMS):
        judge(oracle, gemini_forms["sse"])


@clause("GEM-S02", *(oracle.clause for oracle in BOTH_FORMS))
def test_a_stream_as_an_array_keeps_the_grammar(gemini_forms: dict[str, Exchange]) -> None:
    judge(oracles.without_alt_it_is_one_array, gemini_forms["array"])
    for oracle in BOTH_FORMS:
        judge(oracle, gemini_forms["array"])


@clause("GEM-S08", "GEM-N09", "GEM-X01")
def test_a_stream_adds_up_to_the_plain_answer(gemini_forms: dict[str, Exchange]) -> None:
    for name in ("sse", "array"):
        judge(oracles.the_stream_adds_up_to_the_plain_answer, gemini_forms["plain"], gemini_forms[name])
        judge(gateway.usage_is_the_upstreams, gemini_forms[name])
        judge(gateway.text_arrives_to_the_code_point, gemini_forms[name])


@clause("GEM-S08", "GEM-S09", *(oracle.clause for oracle in (*EVENTS, *BOTH_FORMS)))
def test_function_calls_come_whole(gemini_tools: dict[str, Exchange]) -> None:
    judge(oracles.the_stream_adds_up_to_the_plain_answer, gemini_tools["plain"], gemini_tools["sse"])
    judge(oracles.a_function_call_comes_whole, gemini_tools["sse"])
    for oracle in (*EVENTS, *BOTH_FORMS):
        judge(oracle, gemini_tools["sse"])


@clause("GEM-S12")
def test_each_piece_is_passed_on_at_once(gemini_progressive: dict[str, Any]) -> None:
    judge(oracles.pieces_are_passed_on_at_once, gemini_progressive["answer"], gemini_progressive["held"])


@clause("GEM-S15")
def test_the_array_is_written_bit_by_bit(gemini_paced_array: dict[str, Any]) -> None:
    judge(oracles.the_array_is_written_as_the_pieces_come, gemini_paced_array["answers"], gemini_paced_array["seconds"])


@clause("GEM-S14")
def test_a_client_that_hangs_up_ends_the_upstreams_work(gemini_hang_up: dict[str, Exchange]) -> None:
    judge(oracles.hanging_up_ends_the_upstreams_request, gemini_hang_up["answer"], gemini_hang_up["log"])


@clause("GEM-S03", "GEM-S11", "GEM-S13", "GEM-S16")
def test_an_answer_that_breaks_off_is_not_dressed_up(gemini_broken_off: dict[str, Exchange]) -> None:
    for name, one in gemini_broken_off.items():
        judge(oracles.a_broken_answer_gets_no_finish_reason, one)
        judge(oracles.a_client_can_tell_that_the_answer_broke_off, one)
        if name != "cut":
            judge(oracles.an_error_piece_ends_the_stream, one)
        if name != "array":
            judge(oracles.there_are_data_lines_only, one)


@clause("GEM-S10", "GEM-E01", "GEM-E02")
def test_a_rate_limit_of_the_upstream_is_passed_on(gemini_rate_limited_upstream: list[Exchange]) -> None:
    for one in gemini_rate_limited_upstream:
        judge(errors.a_rate_limit_of_the_upstream_stays_one, one)
        judge(errors.geminis_rate_limit_says_when_to_come_back, one)
        judge(errors.a_failure_before_the_first_piece_is_a_status, one)
