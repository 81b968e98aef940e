"""What the provider said arrives: text, calls, thinking, the reason of the end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llmapi_conformance.judging import clause, judge
from llmapi_conformance.judging.oracles import messages as shape
from llmapi_conformance.judging.oracles import messages_fidelity as oracles
from llmapi_conformance.judging.oracles import messages_stream as stream
from llmapi_conformance.judging.oracles import messages_usage as usage

if TYPE_CHECKING:
    from llmapi_conformance.evidence.exchange import Exchange


@clause("MSG-C01", "MSG-C02", "MSG-C08")
def test_text_arrives_to_the_code_point(messages_twins: dict[str, Exchange]) -> None:
    judge(oracles.plain_text_arrives_to_the_code_point, messages_twins["plain"])
    judge(oracles.streamed_text_arrives_to_the_code_point, messages_twins["stream"])
    for exchange in messages_twins.values():
        judge(oracles.a_natural_end_is_end_turn, exchange)


@clause("MSG-C03")
def test_a_stream_adds_up_to_the_plain_answer(messages_twins: dict[str, Exchange]) -> None:
    judge(oracles.a_stream_adds_up_to_the_plain_answer, messages_twins["plain"], messages_twins["stream"])


@clause("MSG-U01", "MSG-U02", "MSG-U03")
def test_usage_is_what_the_provider_reported_in_both_modes(messages_twins: dict[str, Exchange]) -> None:
    for exchange in messages_twins.values():
        judge(usage.usage_is_what_the_provider_reported, exchange)
        judge(usage.cached_input_is_told_apart, exchange)
    judge(usage.a_stream_costs_what_the_plain_answer_costs, messages_twins["plain"], messages_twins["stream"])


@clause("MSG-U04", "MSG-U05", "MSG-U06")
def test_message_start_tells_the_input(messages_twins: dict[str, Exchange]) -> None:
    judge(usage.message_start_tells_the_input_tokens, messages_twins["stream"])
    judge(usage.message_start_of_a_converted_stream_tells_the_input_tokens, messages_twins["stream"])
    judge(usage.message_start_and_message_delta_agree_on_the_input, messages_twins["stream"])


@clause("MSG-C03", "MSG-C04", "MSG-C05", "MSG-C06", "MSG-S11")
def test_tool_calls_arrive_with_their_arguments(messages_tools: dict[str, Exchange]) -> None:
    for exchange in messages_tools.values():
        judge(oracles.tool_arguments_arrive_as_they_were_given, exchange)
        judge(oracles.a_call_without_arguments_has_an_empty_input, exchange)
        judge(oracles.every_tool_call_arrives, exchange)
    judge(stream.tool_arguments_parse_when_their_block_stops, messages_tools["stream"])
    judge(stream.tool_arguments_parse_when_their_block_stops, messages_tools["no_arguments"])
    judge(oracles.a_stream_adds_up_to_the_plain_answer, messages_tools["plain"], messages_tools["stream"])


@clause("MSG-C07", "MSG-N06", "MSG-N07", "MSG-N11", "MSG-N12", "MSG-N20")
def test_tool_calls_can_be_run(messages_tools: dict[str, Exchange]) -> None:
    for exchange in messages_tools.values():
        judge(oracles.an_end_with_tool_calls_is_tool_use, exchange)
        judge(shape.a_tool_call_can_be_run_and_answered, exchange)
        judge(shape.tool_call_ids_are_unique_in_a_message, exchange)
        judge(shape.a_tool_use_end_comes_with_a_tool_call, exchange)
        judge(shape.a_tool_call_ends_the_turn_with_tool_use, exchange)
    judge(shape.no_two_messages_share_an_id, *messages_tools.values())


@clause("MSG-C09", "MSG-C10", "MSG-N10")
def test_stop_sequences_take_effect(messages_ends: dict[str, Exchange]) -> None:
    for label in ("stop", "stop_streamed"):
        judge(oracles.text_is_cut_at_a_stop_sequence, messages_ends[label])
        judge(oracles.the_stop_sequence_that_was_hit_is_told, messages_ends[label])
        judge(shape.the_stop_sequence_is_told_exactly_when_it_ended_the_answer, messages_ends[label])


@clause("MSG-C11", "MSG-C12", "MSG-N16")
def test_a_limit_and_a_filter_are_told_as_the_end(messages_ends: dict[str, Exchange]) -> None:
    judge(oracles.an_answer_cut_by_the_limit_says_max_tokens, messages_ends["limit"])
    judge(shape.the_output_stays_within_max_tokens, messages_ends["limit"])
    if "filtered" in messages_ends:
        judge(oracles.a_filtered_answer_is_a_refusal, messages_ends["filtered"])


@clause("MSG-C13", "MSG-C14")
def test_a_tool_result_and_the_text_after_it_are_answered(messages_tool_result: dict[str, Any]) -> None:
    judge(oracles.text_after_a_tool_result_is_answered, messages_tool_result["answer"])
    judge(oracles.a_tool_result_reaches_the_provider, messages_tool_result["log"], messages_tool_result["marker"])


@clause("MSG-C16", "MSG-S12")
def test_thinking_arrives_with_its_signature(messages_thinking: dict[str, Exchange]) -> None:
    judge(oracles.thinking_is_the_same_in_both_modes, messages_thinking["plain"], messages_thinking["stream"])
    judge(stream.thinking_ends_with_its_signature, messages_thinking["stream"])
