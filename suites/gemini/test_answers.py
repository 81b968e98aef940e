"""Gemini's answers: models, the least request, tools, limits, counts, and what passes through."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llmapi_conformance.judging import clause, judge
from llmapi_conformance.judging.oracles import gemini as oracles
from llmapi_conformance.judging.oracles import gemini_errors as errors
from llmapi_conformance.judging.oracles import gemini_gateway as gateway

if TYPE_CHECKING:
    from llmapi_conformance.evidence.exchange import Exchange

SHAPE = (
    oracles.candidates_asked_for_are_there,
    oracles.each_candidate_says_why_it_ended,
    oracles.the_total_is_the_sum,
    oracles.the_content_is_the_models,
    oracles.the_answer_names_itself_and_its_model,
    oracles.members_are_in_lower_camel_case,
)


@clause("GEM-P01", "GEM-G02", "GEM-G04", *(oracle.clause for oracle in SHAPE))
def test_the_least_request_is_answered(gemini_minimal: Exchange) -> None:
    judge(oracles.geminis_own_body_is_served, gemini_minimal)
    judge(gateway.the_upstreams_key_is_kept_from_the_client, gemini_minimal)
    judge(gateway.the_upstreams_headers_are_kept_from_the_client, gemini_minimal)
    for oracle in SHAPE:
        judge(oracle, gemini_minimal)


@clause("GEM-P03", "GEM-X01")
def test_a_role_may_be_left_out(gemini_without_role: Exchange) -> None:
    judge(oracles.a_content_without_role_is_the_users, gemini_without_role)
    judge(gateway.text_arrives_to_the_code_point, gemini_without_role)


@clause("GEM-N04", "GEM-N09", "GEM-X01", *(oracle.clause for oracle in SHAPE))
def test_a_whole_answer_says_what_the_upstream_said(gemini_forms: dict[str, Exchange]) -> None:
    plain = gemini_forms["plain"]
    judge(oracles.cached_tokens_are_among_the_prompts, plain)
    judge(gateway.usage_is_the_upstreams, plain)
    judge(gateway.text_arrives_to_the_code_point, plain)
    for oracle in SHAPE:
        judge(oracle, plain)


@clause("GEM-N07")
def test_each_answer_has_an_id_of_its_own(gemini_forms: dict[str, Exchange], gemini_minimal: Exchange) -> None:
    judge(oracles.response_ids_differ, *gemini_forms.values(), gemini_minimal)


@clause("GEM-N02", "GEM-N06", "GEM-X02", "GEM-X01")
def test_function_calls_arrive_with_their_values(gemini_tools: dict[str, Exchange]) -> None:
    judge(oracles.each_candidate_says_why_it_ended, gemini_tools["plain"])
    for one in gemini_tools.values():
        judge(oracles.arguments_are_an_object, one)
        judge(gateway.every_call_arrives_with_its_values, one)
        judge(gateway.text_arrives_to_the_code_point, one)


@clause("GEM-N01", "GEM-N02")
def test_as_many_candidates_come_as_are_asked_for(gemini_two_candidates: Exchange) -> None:
    judge(oracles.candidates_asked_for_are_there, gemini_two_candidates)
    judge(oracles.each_candidate_says_why_it_ended, gemini_two_candidates)


@clause("GEM-P04", "GEM-P06")
def test_limits_and_stop_sequences_take_effect(gemini_limits: dict[str, Exchange]) -> None:
    judge(gateway.the_output_limit_cuts_the_answer, gemini_limits["limit"])
    judge(gateway.a_stop_sequence_cuts_the_answer, gemini_limits["stop"])
    judge(oracles.snake_case_means_the_same, gemini_limits["snake"])


@clause("GEM-P06", "GEM-P07", "GEM-G01", "GEM-G03")
def test_a_conversation_reaches_the_upstream(gemini_conversation: dict[str, Exchange]) -> None:
    answer, log = gemini_conversation["answer"], gemini_conversation["log"]
    judge(gateway.the_system_instruction_reaches_the_upstream, answer, log)
    judge(gateway.a_thought_signature_goes_back_unchanged, answer, log)
    judge(gateway.the_clients_key_is_kept_from_the_upstream, log)
    judge(gateway.the_request_reaches_the_upstream_as_sent, answer, log)


@clause("GEM-P02")
def test_an_image_model_answers_with_an_image(gemini_picture: Exchange) -> None:
    judge(oracles.an_image_model_answers_with_an_image, gemini_picture)


@clause("GEM-A02", "GEM-M01", "GEM-M02", "GEM-M04")
def test_models_are_listed_described_and_served(gemini_models: dict[str, Any]) -> None:
    for one in gemini_models["lists"]:
        judge(oracles.models_are_listed_by_their_resource_names, one)
    if gemini_models["name"]:
        judge(oracles.a_listed_model_is_described, gemini_models["model"], gemini_models["name"])
    for call in gemini_models["calls"]:
        judge(oracles.listed_models_answer, call)
    for one in gemini_models["lists"]:
        judge(errors.each_header_opens_geminis_paths, one)


@clause("GEM-T01", "GEM-T02")
def test_tokens_are_counted(gemini_counts: dict[str, Exchange]) -> None:
    for one in gemini_counts.values():
        judge(oracles.a_count_is_a_number, one)
    judge(oracles.a_longer_request_counts_no_less, gemini_counts["short"], gemini_counts["long"])
