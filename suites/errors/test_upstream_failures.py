"""An upstream that fails before it answers is told by status, with what a client needs to act on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llmapi_conformance.judging import clause, judge
from llmapi_conformance.judging.oracles import upstream_failures as oracles

if TYPE_CHECKING:
    from llmapi_conformance.evidence.exchange import Exchange


@clause("ERR-U01", "ERR-U02")
def test_what_the_upstream_finds_wrong_with_the_request_is_passed_on(
    upstream_refuses_the_request: dict[str, Any],
) -> None:
    answer: Exchange = upstream_refuses_the_request["answer"]
    judge(oracles.an_upstream_failure_is_an_error_status, answer)
    judge(oracles.a_refusal_of_the_request_keeps_its_status, answer, upstream_refuses_the_request["status"])


@clause("ERR-U01", "ERR-U05")
def test_an_upstream_that_refuses_the_gateway_is_not_the_clients_affair(upstream_refuses_the_gateway: Exchange) -> None:
    judge(oracles.an_upstream_failure_is_an_error_status, upstream_refuses_the_gateway)
    judge(oracles.the_upstreams_401_is_not_the_clients, upstream_refuses_the_gateway)


@clause("ERR-U01", "ERR-U06", "ERR-U07")
def test_a_busy_upstream_is_told_with_the_time_to_wait(upstream_busy: dict[str, Any]) -> None:
    for answer in upstream_busy["answers"]:
        judge(oracles.an_upstream_failure_is_an_error_status, answer)
        judge(oracles.a_busy_upstream_is_429, answer)
        judge(oracles.retry_after_of_the_upstream_is_kept, answer, upstream_busy["retry_after"])


@clause("ERR-U01", "ERR-U03", "ERR-U04", "ERR-U08")
def test_an_overloaded_upstream_is_told_as_such(upstream_overloaded: Exchange) -> None:
    judge(oracles.an_upstream_failure_is_an_error_status, upstream_overloaded)
    judge(oracles.a_failing_upstream_is_a_server_error, upstream_overloaded)
    judge(oracles.an_upstream_error_is_502, upstream_overloaded)
    judge(oracles.an_overloaded_upstream_is_told_as_such, upstream_overloaded)


@clause("ERR-U01", "ERR-U03", "ERR-U04")
def test_a_failing_upstream_is_a_server_error(upstream_fails: list[Exchange]) -> None:
    for answer in upstream_fails:
        judge(oracles.an_upstream_failure_is_an_error_status, answer)
        judge(oracles.a_failing_upstream_is_a_server_error, answer)
        judge(oracles.an_upstream_error_is_502, answer)


@clause("ERR-U01", "ERR-U03", "ERR-U04")
def test_a_silent_upstream_is_a_server_error(upstream_is_silent: list[Exchange]) -> None:
    for answer in upstream_is_silent:
        judge(oracles.an_upstream_failure_is_an_error_status, answer)
        judge(oracles.a_failing_upstream_is_a_server_error, answer)
        judge(oracles.an_upstream_error_is_502, answer)
