"""What may be changed in a request, or on the wire of the upstream, without changing anything: with drawn data."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

from llmapi_conformance.judging import clause, judge
from llmapi_conformance.judging.oracles import (
    chat_content,
    chat_tools,
    chat_upstream,
    count_tokens,
    gemini_gateway,
    messages_fidelity,
    messages_gateway,
    responses_content,
    responses_upstream,
)
from llmapi_conformance.judging.oracles import properties as oracles

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llmapi_conformance.evidence.exchange import Exchange
    from llmapi_conformance.judging.oracle import Oracle

SPELLINGS = {
    "order": oracles.the_order_of_members_changes_nothing,
    "space": oracles.white_space_between_tokens_changes_nothing,
    "escapes": oracles.escapes_in_strings_change_nothing,
}
OF_SPELLINGS = tuple(oracle.clause for oracle in SPELLINGS.values())


def judge_spellings(asked: dict[str, Any], as_sent: Sequence[Oracle]) -> None:
    """Each spelling against the usual one, and the usual one against what the upstream received."""
    usual, again = asked["usual"], asked["again"]
    for oracle in as_sent:
        judge(oracle, usual["answer"], usual["log"])
    for other in asked["spelled"]:
        judge(SPELLINGS[other["kind"]], usual["answer"], usual["log"], again["log"], other["answer"], other["log"])


def judge_pair(oracle: Oracle, one: dict[str, Exchange], other: dict[str, Exchange]) -> None:
    """Two requests that mean the same, each with what the upstream received."""
    judge(oracle, one["answer"], one["log"], other["answer"], other["log"])


@clause(*OF_SPELLINGS, "MSG-G05", "MSG-G06")
def test_a_message_request_means_the_same_in_any_spelling(messages_spelled: dict[str, Any]) -> None:
    as_sent = (messages_gateway.the_system_prompt_keeps_its_shape, messages_gateway.the_conversation_keeps_its_shape)
    judge_spellings(messages_spelled, as_sent)


@clause(*OF_SPELLINGS, "CHAT-F03", "CHAT-F04", "CHAT-F06")
def test_a_chat_request_means_the_same_in_any_spelling(chat_spelled: dict[str, Any]) -> None:
    as_sent = (
        chat_upstream.messages_reach_the_upstream_as_sent,
        chat_upstream.tools_reach_the_upstream_as_sent,
        chat_upstream.conversation_reaches_the_upstream,
    )
    judge_spellings(chat_spelled, as_sent)


@clause(*OF_SPELLINGS, "RSP-F03", "RSP-P14")
def test_a_request_for_a_response_means_the_same_in_any_spelling(responses_spelled: dict[str, Any]) -> None:
    as_sent = (responses_upstream.members_reach_the_upstream_as_sent, responses_upstream.input_reaches_the_upstream)
    judge_spellings(responses_spelled, as_sent)


@clause(*OF_SPELLINGS, "GEM-G03")
def test_a_request_for_content_means_the_same_in_any_spelling(gemini_spelled: dict[str, Any]) -> None:
    judge_spellings(gemini_spelled, (gemini_gateway.the_request_reaches_the_upstream_as_sent,))


@clause("CHAT-A03")
def test_null_is_absent_in_chat(chat_nulls: dict[str, Any]) -> None:
    for null in chat_nulls["nulls"]:
        judge_pair(oracles.a_null_in_chat_is_no_member, chat_nulls["absent"], null)


@clause("RSP-P12")
def test_null_is_absent_in_responses(responses_nulls: dict[str, Any]) -> None:
    for null in responses_nulls["nulls"]:
        judge_pair(oracles.a_null_in_responses_is_no_member, responses_nulls["absent"], null)


@clause("MSG-C15", "MSG-C17")
def test_a_text_is_one_block_in_messages(messages_sugar: dict[str, Any]) -> None:
    short = messages_sugar["short"]
    judge_pair(oracles.a_turn_of_one_text_block_is_a_turn_of_text, short, messages_sugar["turns"])
    judge_pair(oracles.a_system_prompt_of_one_block_is_a_text, short, messages_sugar["system"])


@clause("CHAT-A02", "CHAT-P03")
def test_a_text_is_one_part_in_chat(chat_sugar: dict[str, Any]) -> None:
    judge_pair(oracles.one_text_part_is_a_text, chat_sugar["short"], chat_sugar["turns"])
    judge_pair(oracles.one_stop_text_in_an_array_is_a_stop_text, chat_sugar["short"], chat_sugar["stops"])
    for asked in chat_sugar.values():
        judge(chat_content.stop_text_cuts_the_answer, asked["answer"])


@clause("RSP-P03")
def test_a_text_is_one_message_in_responses(responses_sugar: dict[str, Any]) -> None:
    judge_pair(oracles.a_text_as_input_is_one_message, responses_sugar["short"], responses_sugar["item"])


@clause("GEM-P03", "GEM-P04")
def test_a_content_is_the_users_and_names_have_two_forms_in_gemini(gemini_sugar: dict[str, Any]) -> None:
    judge_pair(oracles.no_role_is_the_users_role, gemini_sugar["long"], gemini_sugar["no_role"])
    for snake in gemini_sugar["snake"]:
        judge_pair(oracles.any_member_may_be_in_snake_case, gemini_sugar["long"], snake)


@clause("MSG-C01", "MSG-C02", "MSG-C04", "MSG-C06", "GEM-V04")
def test_messages_carry_drawn_texts_and_arguments(messages_carried: dict[str, Exchange]) -> None:
    judge(messages_fidelity.plain_text_arrives_to_the_code_point, messages_carried["plain"])
    for name in ("stream", "text"):
        judge(messages_fidelity.streamed_text_arrives_to_the_code_point, messages_carried[name])
    for name in ("plain", "stream"):
        judge(messages_fidelity.tool_arguments_arrive_as_they_were_given, messages_carried[name])
        judge(messages_fidelity.every_tool_call_arrives, messages_carried[name])
        if messages_carried[name].role == "general:gemini":
            judge(gemini_gateway.function_calls_are_converted, messages_carried[name])


@clause("CHAT-X01", "CHAT-X02", "CHAT-T08", "CHAT-T09", "CHAT-T10", "CHAT-T11", "GEM-V04")
def test_chat_carries_drawn_texts_and_arguments(chat_carried: dict[str, Exchange]) -> None:
    judge(chat_content.plain_text_is_exact, chat_carried["plain"])
    for name in ("stream", "text"):
        judge(chat_content.streamed_text_is_exact, chat_carried[name])
    for name in ("plain", "stream"):
        judge(chat_tools.every_call_arrives, chat_carried[name])
        judge(chat_tools.arguments_are_exact_to_the_character, chat_carried[name])
        judge(chat_tools.arguments_have_the_same_value, chat_carried[name])
        judge(chat_tools.text_before_the_calls_is_kept, chat_carried[name])
        if chat_carried[name].role == "general:gemini":
            judge(gemini_gateway.function_calls_are_converted, chat_carried[name])


@clause("RSP-S27", "RSP-P06", "RSP-P13")
def test_responses_carry_drawn_texts_and_arguments(responses_carried: dict[str, Exchange]) -> None:
    for exchange in responses_carried.values():
        judge(responses_content.the_text_is_the_upstreams, exchange)
    for name in ("plain", "stream"):
        judge(responses_content.every_function_call_arrives, responses_carried[name])
        judge(responses_content.call_arguments_are_exact, responses_carried[name])


@clause("GEM-X01", "GEM-X02")
def test_gemini_carries_drawn_texts_and_arguments(gemini_carried: dict[str, Exchange]) -> None:
    for exchange in gemini_carried.values():
        judge(gemini_gateway.text_arrives_to_the_code_point, exchange)
    for name in ("plain", "stream"):
        judge(gemini_gateway.every_call_arrives_with_its_values, gemini_carried[name])


@clause("MSG-C18", "MSG-C02")
def test_a_message_is_the_same_in_any_pieces(messages_in_pieces: dict[str, Any]) -> None:
    for exchange in messages_in_pieces["pieces"]:
        judge(oracles.a_message_is_the_same_in_any_pieces, messages_in_pieces["whole"], exchange)
        judge(messages_fidelity.streamed_text_arrives_to_the_code_point, exchange)


@clause("CHAT-M04", "CHAT-X03")
def test_a_completion_is_the_same_in_any_pieces(chat_in_pieces: dict[str, Any]) -> None:
    for exchange in chat_in_pieces["pieces"]:
        judge(oracles.a_completion_is_the_same_in_any_pieces, chat_in_pieces["whole"], exchange)
        judge(chat_content.characters_survive_any_cut, exchange)


@clause("RSP-S28", "RSP-S21")
def test_a_response_is_the_same_in_any_pieces(responses_in_pieces: dict[str, Any]) -> None:
    for exchange in responses_in_pieces["pieces"]:
        judge(oracles.a_response_is_the_same_in_any_pieces, responses_in_pieces["whole"], exchange)
        judge(responses_content.characters_outlive_any_cut, exchange)


@clause("GEM-X03", "GEM-X01")
def test_a_gemini_answer_is_the_same_in_any_pieces(gemini_in_pieces: dict[str, Any]) -> None:
    for exchange in gemini_in_pieces["pieces"]:
        judge(oracles.a_gemini_answer_is_the_same_in_any_pieces, gemini_in_pieces["whole"], exchange)
        judge(gemini_gateway.text_arrives_to_the_code_point, exchange)


@clause("MSG-T04", "MSG-U07")
def test_a_message_more_is_more_tokens_in_messages(messages_growing: dict[str, list[Exchange]]) -> None:
    counts = messages_growing["counts"]
    for less, more in pairwise(counts):
        judge(count_tokens.a_longer_conversation_counts_more, less, more)
    judge(oracles.a_longer_conversation_costs_more_through_messages, *messages_growing["answers"])


@clause("CHAT-U11")
def test_a_message_more_is_more_tokens_in_chat(chat_growing: list[Exchange]) -> None:
    judge(oracles.a_longer_conversation_costs_more_through_chat, *chat_growing)


@clause("RSP-N19")
def test_a_message_more_is_more_tokens_in_responses(responses_growing: list[Exchange]) -> None:
    judge(oracles.a_longer_conversation_costs_more_through_responses, *responses_growing)


@clause("GEM-T03", "GEM-N10")
def test_a_message_more_is_more_tokens_in_gemini(gemini_growing: dict[str, list[Exchange]]) -> None:
    counts = gemini_growing["counts"]
    for less, more in pairwise(counts):
        judge(oracles.one_more_content_counts_more, less, more)
    judge(oracles.a_longer_conversation_costs_more_through_gemini, *gemini_growing["answers"])


def judge_models(oracle: Oracle, asked: dict[str, Any]) -> None:
    """Each request that names a model of the key's group and one of another."""
    for one in asked["asked"]:
        judge(oracle, one["answer"], one["log"], asked["other"])


@clause("ACC-D12")
def test_a_second_model_opens_nothing_in_messages(messages_of_two_models: dict[str, Any]) -> None:
    judge_models(oracles.a_second_model_opens_nothing, messages_of_two_models)


@clause("ACC-D12")
def test_a_second_model_opens_nothing_in_chat(chat_of_two_models: dict[str, Any]) -> None:
    judge_models(oracles.a_second_model_opens_nothing, chat_of_two_models)


@clause("ACC-D12")
def test_a_second_model_opens_nothing_in_responses(responses_of_two_models: dict[str, Any]) -> None:
    judge_models(oracles.a_second_model_opens_nothing, responses_of_two_models)


@clause("ACC-D13")
def test_a_second_model_opens_nothing_on_geminis_paths(gemini_of_two_models: dict[str, Any]) -> None:
    judge_models(oracles.a_model_beside_geminis_path_opens_nothing, gemini_of_two_models)


@clause("ACC-D13")
def test_a_model_of_its_own_opens_geminis_paths_to_no_other_group(gemini_path_of_another_group: dict[str, Any]) -> None:
    judge_models(oracles.a_model_beside_geminis_path_opens_nothing, gemini_path_of_another_group)
