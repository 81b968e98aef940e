"""HTTP around whole answers: media types, lengths, codings, header fields, odd methods."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmapi_conformance.judging import clause, judge
from llmapi_conformance.judging.oracles import http, secrets

if TYPE_CHECKING:
    from llmapi_conformance.evidence.exchange import Exchange


@clause("HTTP-R01", "HTTP-R02")
def test_the_documented_routes_take_json(compressed_answers: dict[str, Exchange]) -> None:
    judge(http.the_standard_route_is_served, compressed_answers["models"])
    judge(http.the_standard_route_is_served, compressed_answers["plain"])
    judge(http.a_json_request_is_taken, compressed_answers["plain"])


@clause("HTTP-R01", "HTTP-R03")
def test_a_media_type_may_name_its_charset(json_with_charset: Exchange) -> None:
    judge(http.the_standard_route_is_served, json_with_charset)
    judge(http.a_json_request_with_a_charset_is_taken, json_with_charset)


@clause("HTTP-J01", "HTTP-J02")
def test_a_plain_answer_is_json(compressed_answers: dict[str, Exchange]) -> None:
    for name in ("models", "plain"):
        judge(http.a_json_answer_is_application_json, compressed_answers[name])
        judge(http.a_plain_answer_is_one_json_document, compressed_answers[name])


@clause("HTTP-B01", "HTTP-B02", "HTTP-E01", "HTTP-E02")
def test_a_body_arrives_whole_and_as_declared(compressed_answers: dict[str, Exchange]) -> None:
    for exchange in compressed_answers.values():
        judge(http.a_body_arrives_whole, exchange)
        judge(http.content_length_is_the_length, exchange)
        judge(http.no_content_coding_goes_unasked, exchange)
        judge(http.a_declared_coding_decodes, exchange)


@clause("HTTP-H01", "HTTP-H02", "HTTP-H03", "HTTP-H04", "HTTP-H05", "HTTP-H06", "HTTP-H07", "HTTP-H08", "HTTP-H09")
def test_the_head_of_an_answer_is_in_order(compressed_answers: dict[str, Exchange]) -> None:
    for exchange in compressed_answers.values():
        judge(http.single_fields_come_once, exchange)
        judge(http.length_and_transfer_coding_exclude_each_other, exchange)
        judge(http.a_body_has_a_media_type, exchange)
        judge(http.an_answer_carries_a_request_id, exchange)
        judge(http.a_request_id_is_one, exchange)
        judge(http.an_answer_is_dated, exchange)
        judge(http.an_answer_forbids_content_sniffing, exchange)
        judge(http.an_api_answer_sets_no_cookie, exchange)
    judge(http.request_ids_differ, list(compressed_answers.values()))


@clause("HTTP-L01", "HTTP-L02", "HTTP-L03")
def test_headers_of_the_upstream_stay_behind_the_gateway(leaking_upstream: list[Exchange]) -> None:
    for exchange in leaking_upstream:
        judge(secrets.response_headers_show_no_key, exchange)
        judge(secrets.response_headers_show_no_upstream_address, exchange)
        judge(http.headers_of_the_upstream_are_not_passed_on, exchange)


@clause("HTTP-V01", "HTTP-V02")
def test_odd_methods_are_answered(odd_methods: list[Exchange]) -> None:
    for exchange in odd_methods:
        judge(http.an_odd_method_is_no_server_error, exchange)
        if exchange.request.method == "HEAD":
            judge(http.an_answer_to_head_has_no_body, exchange)
