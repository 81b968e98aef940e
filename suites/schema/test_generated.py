"""Generated requests: none brings the gateway down, and what documents rule out is refused as they say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llmapi_conformance.judging import clause, judge
from llmapi_conformance.judging.oracles import generated as oracles
from llmapi_conformance.judging.oracles import refusals, secrets

if TYPE_CHECKING:
    from collections.abc import Mapping


@clause("ERR-G01", "ERR-G02", "ERR-G08")
def test_a_generated_request_brings_nothing_down(generated: Mapping[str, Any]) -> None:
    for entry in oracles.told(generated):
        judge(oracles.a_generated_request_is_no_server_error, entry)
        judge(oracles.a_generated_request_gets_no_page, entry)
        judge(oracles.a_refusal_is_in_the_envelope_of_its_route, entry)


@clause("ERR-G03", "ERR-G04")
def test_a_generated_request_is_answered_in_time(generated: Mapping[str, Any]) -> None:
    for one in oracles.waited(generated["cases"]):
        judge(oracles.a_generated_request_does_not_hang, one)
        judge(oracles.a_generated_request_is_answered, one)


@clause("ERR-G05", "ERR-G06", "ERR-G07", "ERR-G09")
def test_what_is_ruled_out_is_refused(generated: Mapping[str, Any]) -> None:
    for entry in oracles.told(generated):
        judge(oracles.what_documents_rule_out_is_refused, entry)
        judge(oracles.a_wrong_type_is_refused_wherever_it_is, entry)
        judge(oracles.the_refusal_is_400, entry)
        judge(oracles.a_value_out_of_bounds_is_refused, entry)


@clause("HTTP-G01", "HTTP-G02")
def test_what_is_allowed_is_served(generated: Mapping[str, Any]) -> None:
    if not oracles.is_served_at_all(generated["cases"]):
        return
    for entry in oracles.told(generated):
        judge(oracles.the_same_request_in_other_bytes_is_served, entry)
        judge(oracles.what_the_documentation_allows_is_served, entry)


@clause("ERR-M01", "ERR-M02")
def test_a_generated_method_is_refused(generated: Mapping[str, Any]) -> None:
    for entry in oracles.told(generated):
        if oracles.is_of_no_operation(entry):
            judge(refusals.a_wrong_method_is_refused, entry["exchange"])
            judge(refusals.a_405_names_the_methods, entry["exchange"])


@clause("ERR-L01", "ERR-L02", "ERR-L03")
def test_the_refusal_of_a_generated_method_gives_nothing_away(generated: Mapping[str, Any]) -> None:
    for entry in oracles.told(generated):
        if entry["case"]["family"] == "method":
            judge(secrets.an_answer_off_the_routes_shows_no_key, entry["exchange"])
            judge(secrets.an_answer_off_the_routes_shows_no_inner_address, entry["exchange"])
            judge(secrets.an_answer_off_the_routes_shows_no_inside_of_the_program, entry["exchange"])
