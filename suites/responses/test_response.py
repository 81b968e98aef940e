"""Plain answers of Responses: the response object, its counts, its text; and what of a request is taken."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llmapi_conformance.judging import clause, judge
from llmapi_conformance.judging.oracles import http
from llmapi_conformance.judging.oracles import responses as oracles
from llmapi_conformance.judging.oracles import responses_content as content
from llmapi_conformance.judging.oracles import responses_upstream as upstream

if TYPE_CHECKING:
    from llmapi_conformance.evidence.exchange import Exchange

SHAPE = (
    oracles.events_come_when_a_stream_is_asked_for,
    oracles.answer_is_a_response,
    oracles.status_and_error_belong_together,
    oracles.incomplete_says_why,
    oracles.total_is_input_and_output,
    oracles.details_fit_into_the_counts,
    oracles.message_item_has_its_members,
    oracles.item_and_call_ids_differ,
    oracles.incomplete_item_is_the_last_one,
    oracles.ids_have_openais_prefixes,
    oracles.created_at_is_in_unix_seconds,
    oracles.required_members_are_there,
    oracles.model_is_the_one_that_was_asked_for,
    oracles.response_tells_its_usage,
    oracles.an_error_object_is_no_success,
)


@clause("RSP-P01", "RSP-P10")
def test_the_documented_request_is_answered(responses_pair: dict[str, Exchange]) -> None:
    judge(content.text_as_input_is_answered, responses_pair["plain"])
    judge(content.the_documented_example_is_answered, responses_pair["plain"])


@clause(*(oracle.clause for oracle in SHAPE), "HTTP-J01", "HTTP-J02")
def test_a_plain_answer_is_a_response(responses_pair: dict[str, Exchange]) -> None:
    for oracle in SHAPE:
        judge(oracle, responses_pair["plain"])
    judge(http.a_json_answer_is_application_json, responses_pair["plain"])
    judge(http.a_plain_answer_is_one_json_document, responses_pair["plain"])


@clause("RSP-S27", "RSP-N14")
def test_a_plain_answer_has_the_upstreams_text_and_counts(responses_pair: dict[str, Exchange]) -> None:
    judge(content.the_text_is_the_upstreams, responses_pair["plain"])
    judge(content.counts_are_those_of_the_upstream, responses_pair["plain"])


@clause("RSP-N08")
def test_responses_have_ids_of_their_own(responses_pair: dict[str, Exchange]) -> None:
    judge(oracles.responses_have_ids_of_their_own, responses_pair["plain"], responses_pair["stream"])


@clause("RSP-P02")
def test_items_are_taken_as_input(responses_pair: dict[str, Exchange]) -> None:
    judge(content.items_as_input_are_answered, responses_pair["stream"])


@clause("RSP-P03")
def test_both_forms_of_input_reach_the_upstream_alike(responses_pair: dict[str, Any]) -> None:
    if responses_pair["log"] is not None:
        judge(upstream.both_forms_of_input_reach_the_upstream_alike, responses_pair["log"])


@clause("RSP-P02", "RSP-P11")
def test_a_conversation_of_items_is_answered(responses_conversation: dict[str, Exchange]) -> None:
    judge(content.items_as_input_are_answered, responses_conversation["answer"])
    judge(content.absent_stream_is_stream_false, responses_conversation["answer"])


@clause("RSP-P04", "RSP-P14", "RSP-F01", "RSP-F03", "RSP-F04")
def test_a_conversation_reaches_the_upstream(responses_conversation: dict[str, Any]) -> None:
    answer, log = responses_conversation["answer"], responses_conversation["log"]
    if log is None:
        return
    judge(upstream.instructions_reach_the_upstream, answer, log)
    judge(upstream.input_reaches_the_upstream, answer, log)
    judge(upstream.the_clients_key_stays_here, answer, log)
    judge(upstream.members_reach_the_upstream_as_sent, answer, log)
    judge(upstream.nothing_is_added_to_the_response_request, answer, log)


@clause("RSP-E03", "RSP-N03", "RSP-N09", "RSP-N11")
def test_the_limit_cuts_the_answer(responses_limits: dict[str, Exchange]) -> None:
    for name in ("plain", "stream"):
        judge(content.the_limit_is_told_as_incomplete, responses_limits[name])
        judge(oracles.incomplete_says_why, responses_limits[name])
        judge(oracles.incomplete_item_is_the_last_one, responses_limits[name])
        judge(oracles.the_limit_makes_it_incomplete, responses_limits[name])


@clause("RSP-E08", "RSP-P12")
def test_a_filtered_answer_says_so_and_null_counts_as_absent(responses_limits: dict[str, Exchange]) -> None:
    judge(content.filtered_response_says_so, responses_limits["filtered"])
    judge(content.null_counts_as_not_there, responses_limits["filtered"])
