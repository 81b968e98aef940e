"""What a message looks like, plain and as a stream adds up to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmapi_conformance.judging import clause, judge
from llmapi_conformance.judging.oracles import messages as oracles
from llmapi_conformance.judging.oracles.messages_fidelity import content_blocks_are_answered_like_text
from llmapi_conformance.judging.oracles.messages_gateway import a_missing_version_is_accepted

if TYPE_CHECKING:
    from llmapi_conformance.evidence.exchange import Exchange


@clause("MSG-D01", "MSG-G10")
def test_the_documented_request_gets_a_message_without_a_version_header(messages_documented: Exchange) -> None:
    judge(oracles.the_documented_request_is_answered, messages_documented)
    judge(a_missing_version_is_accepted, messages_documented)


@clause("MSG-D02")
def test_an_openai_group_answers_messages(messages_twins: dict[str, Exchange]) -> None:
    if messages_twins["plain"].role == "general:openai":
        for exchange in messages_twins.values():
            judge(oracles.an_openai_group_answers_messages_by_conversion, exchange)


@clause("MSG-D03", "MSG-C15")
def test_the_documented_parameters_are_taken(messages_parameters: Exchange) -> None:
    judge(oracles.the_documented_parameters_are_taken, messages_parameters)
    judge(content_blocks_are_answered_like_text, messages_parameters)


@clause("MSG-N01")
def test_a_plain_answer_is_a_message(messages_twins: dict[str, Exchange]) -> None:
    judge(oracles.a_plain_answer_is_a_message, messages_twins["plain"])


@clause("MSG-N02", "MSG-N03", "MSG-N04", "MSG-N05", "MSG-N17", "MSG-N18", "MSG-N19")
def test_a_message_has_its_members_and_no_others(messages_twins: dict[str, Exchange]) -> None:
    for exchange in messages_twins.values():
        judge(oracles.a_message_has_all_its_members, exchange)
        judge(oracles.a_message_says_who_made_it, exchange)
        judge(oracles.a_message_holds_nothing_of_another_protocol, exchange)
        judge(oracles.the_content_is_a_list_of_typed_blocks, exchange)
        judge(oracles.the_model_is_the_one_asked_for, exchange)
        judge(oracles.ids_have_the_usual_prefix, exchange)
        judge(oracles.the_answer_carries_a_request_id, exchange)


@clause("MSG-N08", "MSG-N09", "MSG-N10")
def test_a_message_says_why_it_ended(messages_twins: dict[str, Exchange]) -> None:
    for exchange in messages_twins.values():
        judge(oracles.a_message_says_why_it_ended, exchange)
        judge(oracles.the_stop_reason_is_a_known_one, exchange)
        judge(oracles.the_stop_sequence_is_told_exactly_when_it_ended_the_answer, exchange)


@clause("MSG-N13", "MSG-N14", "MSG-N15", "MSG-N16")
def test_usage_is_sound(messages_twins: dict[str, Exchange]) -> None:
    for exchange in messages_twins.values():
        judge(oracles.usage_counts_both_sides, exchange)
        judge(oracles.the_parts_of_usage_fit_the_whole, exchange)
        judge(oracles.usage_has_no_words_of_another_protocol, exchange)
        judge(oracles.the_output_stays_within_max_tokens, exchange)


@clause("MSG-N20")
def test_no_two_messages_share_an_id(messages_twins: dict[str, Exchange]) -> None:
    judge(oracles.no_two_messages_share_an_id, *messages_twins.values())
