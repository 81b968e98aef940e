"""Every error is one JSON document in the envelope of its route, and shows nothing that belongs behind the gateway."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llmapi_conformance.judging import clause, judge
from llmapi_conformance.judging.oracles import errors, secrets

if TYPE_CHECKING:
    from llmapi_conformance.evidence.exchange import Exchange
    from llmapi_conformance.judging.oracle import Oracle

BODY = (
    errors.an_error_is_one_json_document,
    errors.an_error_is_application_json,
    errors.the_error_type_fits_the_status,
    errors.the_error_message_is_for_people,
)
LEAKS = (
    secrets.an_error_shows_no_key,
    secrets.an_error_shows_no_inner_address,
    secrets.an_error_shows_no_inside_of_the_program,
)


def _judge(oracles: tuple[Oracle, ...], *exchanges: Exchange) -> None:
    for exchange in exchanges:
        for oracle in oracles:
            judge(oracle, exchange)


@clause("ERR-E01", "ERR-E02", "ERR-E05", "ERR-E06")
def test_the_refusal_of_an_unreadable_body_is_a_readable_error(body_not_json: Exchange) -> None:
    _judge(BODY, body_not_json)


@clause("ERR-E01", "ERR-E02", "ERR-E05", "ERR-E06")
def test_the_refusal_of_a_wrong_type_is_a_readable_error(member_of_wrong_type: dict[str, Exchange]) -> None:
    _judge(BODY, *member_of_wrong_type.values())


@clause("ERR-E01", "ERR-E02", "ERR-E05", "ERR-E06")
def test_the_refusal_of_an_unknown_model_is_a_readable_error(model_unknown: dict[str, Exchange]) -> None:
    _judge(BODY, *model_unknown.values())


@clause("ERR-E01", "ERR-E02", "ERR-E05", "ERR-E06")
def test_the_refusal_of_a_large_body_is_a_readable_error(body_too_large: dict[str, Exchange]) -> None:
    _judge(BODY, *body_too_large.values())


@clause("ERR-E01", "ERR-E02", "ERR-E05", "ERR-E06")
def test_the_failure_of_the_upstream_is_a_readable_error(upstream_fails: list[Exchange]) -> None:
    _judge(BODY, *upstream_fails)


@clause("ERR-E01", "ERR-E02", "ERR-E05", "ERR-E06")
def test_the_silence_of_the_upstream_is_a_readable_error(upstream_is_silent: list[Exchange]) -> None:
    _judge(BODY, *upstream_is_silent)


@clause("ERR-E01", "ERR-E02", "ERR-E05", "ERR-E06")
def test_a_busy_upstream_is_a_readable_error(upstream_busy: dict[str, Any]) -> None:
    _judge(BODY, *upstream_busy["answers"])


@clause("ERR-E01", "ERR-E02", "ERR-E05", "ERR-E06")
def test_an_overloaded_upstream_is_a_readable_error(upstream_overloaded: Exchange) -> None:
    _judge(BODY, upstream_overloaded)


@clause("ERR-E03", "ERR-E04", "ERR-E07", "ERR-E08")
def test_a_refusal_is_in_the_envelope_of_its_route(model_unknown: dict[str, Exchange]) -> None:
    for exchange in model_unknown.values():
        if exchange.operation == "createMessage":
            _judge(
                (errors.a_messages_error_is_in_its_own_envelope, errors.the_request_id_of_body_and_header_agree),
                exchange,
            )
        else:
            _judge((errors.a_chat_error_is_in_its_own_envelope, errors.a_chat_error_has_openais_four_members), exchange)


@clause("ERR-E03")
def test_a_refused_token_count_is_in_anthropics_envelope(count_missing: Exchange) -> None:
    judge(errors.a_messages_error_is_in_its_own_envelope, count_missing)


@clause("ERR-E01", "ERR-E02", "ERR-E10")
def test_the_refusal_of_an_unreadable_task_is_a_readable_error(task_not_json: Exchange) -> None:
    _judge((*BODY[:2], errors.a_task_error_is_in_a_known_envelope), task_not_json)


@clause("ERR-E09")
def test_a_success_holds_no_error(compressed_answers: dict[str, Exchange]) -> None:
    _judge((errors.a_success_holds_no_error,), compressed_answers["plain"], compressed_answers["models"])


@clause("ERR-E09")
def test_a_failure_of_the_upstream_is_no_success_that_holds_an_error(upstream_fails: list[Exchange]) -> None:
    for exchange in upstream_fails:
        judge(errors.a_failure_is_no_success_that_holds_an_error, exchange)


@clause("ERR-B01")
def test_an_empty_body_is_named(body_not_json: Exchange) -> None:
    if body_not_json.label == "empty":
        judge(errors.an_empty_body_is_named, body_not_json)


@clause("ERR-L01", "ERR-L02", "ERR-L03")
def test_a_failing_upstream_is_not_shown(upstream_fails: list[Exchange]) -> None:
    _judge(LEAKS, *upstream_fails)


@clause("ERR-L01", "ERR-L02", "ERR-L03")
def test_a_silent_upstream_is_not_shown(upstream_is_silent: list[Exchange]) -> None:
    _judge(LEAKS, *upstream_is_silent)


@clause("ERR-L01", "ERR-L02", "ERR-L03")
def test_an_upstream_that_refuses_the_gateway_is_not_shown(upstream_refuses_the_gateway: Exchange) -> None:
    _judge(LEAKS, upstream_refuses_the_gateway)


@clause("ERR-L01", "ERR-L02", "ERR-L03")
def test_a_refusal_shows_nothing_from_behind_the_gateway(body_not_json: Exchange) -> None:
    _judge(LEAKS, body_not_json)


@clause("ERR-L01", "ERR-L02", "ERR-L03")
def test_a_request_that_trips_parsers_shows_nothing_of_the_program(awkward_requests: dict[str, Exchange]) -> None:
    for exchange in awkward_requests.values():
        if exchange.refused:
            _judge(LEAKS, exchange)
