"""What Responses refuses, and what becomes of an upstream's failures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llmapi_conformance.judging import clause, judge
from llmapi_conformance.judging.oracles import errors, refusals, secrets, upstream_failures
from llmapi_conformance.judging.oracles import responses_refusals as own_refusals
from llmapi_conformance.judging.oracles import responses_stream as streams
from llmapi_conformance.judging.oracles import responses_upstream as oracles

if TYPE_CHECKING:
    from llmapi_conformance.evidence.exchange import Exchange

BODY = (
    errors.an_error_is_one_json_document,
    errors.an_error_is_application_json,
    errors.the_error_type_fits_the_status,
    errors.the_error_message_is_for_people,
    secrets.an_error_shows_no_key,
    secrets.an_error_shows_no_inner_address,
    secrets.an_error_shows_no_inside_of_the_program,
)


@clause("RSP-P07", "RSP-P08", "RSP-P09", "ERR-S04", "ERR-S06")
def test_a_request_that_is_wrong_is_refused(responses_refused: dict[str, Exchange]) -> None:
    for name in ("no model", "no model, streamed"):
        judge(own_refusals.a_response_without_model_is_refused, responses_refused[name])
    judge(own_refusals.a_response_without_input_is_refused, responses_refused["no input"])
    for name in ("input of the wrong type", "stream of the wrong type"):
        judge(own_refusals.a_wrong_type_in_a_response_is_400, responses_refused[name])
    judge(refusals.a_wrong_type_is_refused, responses_refused["input of the wrong type"])
    for name in ("no model", "no input"):
        judge(refusals.an_invalid_request_is_400, responses_refused[name])


@clause("ERR-S09", "ERR-S10")
def test_an_unknown_model_is_the_clients_error(responses_refused: dict[str, Exchange]) -> None:
    judge(refusals.an_unknown_model_is_refused, responses_refused["unknown model"])
    judge(refusals.an_unknown_model_is_404, responses_refused["unknown model"])


@clause("RSP-E01", "ERR-T01", "ERR-T02", "ERR-T03")
def test_a_bad_request_is_refused_alike_in_both_modes(responses_refused: dict[str, Exchange]) -> None:
    plain, stream = responses_refused["no model"], responses_refused["no model, streamed"]
    judge(oracles.a_failure_before_the_first_event_is_a_status, stream)
    judge(refusals.a_bad_stream_request_is_refused_by_status, plain, stream)
    judge(refusals.both_modes_refuse_with_the_same_status, plain, stream)
    judge(refusals.both_modes_refuse_with_the_same_type, plain, stream)


@clause("RSP-E02", *(oracle.clause for oracle in BODY))
def test_a_refusal_is_a_readable_error(responses_refused: dict[str, Exchange]) -> None:
    for exchange in responses_refused.values():
        for oracle in (oracles.an_error_is_in_openais_envelope, *BODY):
            judge(oracle, exchange)


@clause("RSP-E01", "RSP-E11", "ERR-U01", "ERR-U06", "ERR-U07")
def test_a_rate_limit_of_the_upstream_is_passed_on(responses_of_failing_upstream: dict[str, Any]) -> None:
    for name in ("plain", "stream"):
        exchange = responses_of_failing_upstream[name]
        judge(oracles.a_failure_before_the_first_event_is_a_status, exchange)
        judge(oracles.upstream_rate_limit_is_429, exchange)
        judge(upstream_failures.an_upstream_failure_is_an_error_status, exchange)
        judge(upstream_failures.a_busy_upstream_is_429, exchange)
        judge(
            upstream_failures.retry_after_of_the_upstream_is_kept,
            exchange,
            responses_of_failing_upstream["retry_after"],
        )


@clause("RSP-E01", "ERR-U01", "ERR-U03", "ERR-U04")
def test_a_page_of_the_upstream_is_a_server_error(responses_of_failing_upstream: dict[str, Any]) -> None:
    exchange = responses_of_failing_upstream["page"]
    judge(oracles.a_failure_before_the_first_event_is_a_status, exchange)
    judge(upstream_failures.an_upstream_failure_is_an_error_status, exchange)
    judge(upstream_failures.a_failing_upstream_is_a_server_error, exchange)
    judge(upstream_failures.an_upstream_error_is_502, exchange)


@clause("RSP-E02", *(oracle.clause for oracle in BODY))
def test_the_failure_of_the_upstream_is_a_readable_error(responses_of_failing_upstream: dict[str, Any]) -> None:
    for name in ("plain", "stream", "page"):
        for oracle in (oracles.an_error_is_in_openais_envelope, *BODY):
            judge(oracle, responses_of_failing_upstream[name])


@clause("RSP-E04", "RSP-S17", "RSP-S18")
def test_an_error_in_the_stream_is_told(responses_broken_off: dict[str, Exchange]) -> None:
    judge(oracles.upstream_error_is_told_in_the_stream, responses_broken_off["error"])
    judge(streams.error_event_says_what_went_wrong, responses_broken_off["error"])
    judge(streams.error_event_has_its_usual_form, responses_broken_off["error"])


@clause("RSP-E05", "RSP-E09", "RSP-E10")
def test_an_answer_that_breaks_off_is_not_dressed_up(responses_broken_off: dict[str, Exchange]) -> None:
    for name in ("error", "eof", "cut"):
        judge(oracles.broken_response_is_not_completed, responses_broken_off[name])
        judge(oracles.client_can_tell_that_the_response_broke_off, responses_broken_off[name])
    for name in ("eof", "cut"):
        judge(oracles.broken_response_ends_with_its_failure, responses_broken_off[name])


@clause("RSP-E12")
def test_an_empty_answer_of_the_upstream_is_an_error(responses_broken_off: dict[str, Exchange]) -> None:
    judge(oracles.an_empty_upstream_answer_is_a_server_error, responses_broken_off["empty"])
