"""Whatever is not a valid key is refused: with 401, in the right words, and before anything is done."""

from typing import Any

from llmapi_conformance.evidence.exchange import Exchange
from llmapi_conformance.judging.check import clause, judge
from llmapi_conformance.judging.oracles.auth import (
    a_changed_key_is_refused,
    a_key_in_the_query_opens_nothing,
    a_refused_key_gets_401,
    a_refused_key_reaches_no_upstream,
    a_valid_key_rescues_no_invalid_bearer,
    disagreeing_keys_get_one_answer,
    nothing_is_served_without_a_valid_key,
    the_401_has_the_documented_body,
    the_401_names_the_scheme,
    the_key_is_judged_before_the_body,
    the_refusal_has_the_envelope_of_its_route,
    the_refusal_holds_no_key,
)

REFUSAL = (
    a_refused_key_gets_401,
    the_401_has_the_documented_body,
    the_refusal_has_the_envelope_of_its_route,
    the_refusal_holds_no_key,
    the_401_names_the_scheme,
)


def judge_refusal(exchange: Exchange) -> None:
    """How a refusal reads, whatever the wrong key was."""
    for one in REFUSAL:
        judge(one, exchange)


@clause("AUTH-R01", "AUTH-R02", "AUTH-R03", "AUTH-R05", "AUTH-R06", "AUTH-R09")
def test_no_key_and_a_made_up_key_are_refused(no_key_and_a_made_up_one: list[Exchange]) -> None:
    for exchange in no_key_and_a_made_up_one:
        judge(nothing_is_served_without_a_valid_key, exchange)
        judge_refusal(exchange)


@clause("AUTH-R01", "AUTH-R02", "AUTH-R03", "AUTH-R05", "AUTH-R06", "AUTH-R09")
def test_credentials_that_are_no_key_are_refused(wrong_keys: dict[str, Any]) -> None:
    for exchange in wrong_keys["strange"]:
        judge(nothing_is_served_without_a_valid_key, exchange)
        judge_refusal(exchange)


@clause("AUTH-R01", "AUTH-R02", "AUTH-R04", "AUTH-R05", "AUTH-R06", "AUTH-R09")
def test_a_key_that_is_almost_right_is_refused(wrong_keys: dict[str, Any]) -> None:
    for exchange in wrong_keys["changed"]:
        judge(a_changed_key_is_refused, wrong_keys["good"], exchange)
        judge_refusal(exchange)


@clause("AUTH-R08")
def test_a_call_with_a_wrong_key_is_not_passed_on(wrong_keys: dict[str, Any]) -> None:
    if wrong_keys["log"] is not None:
        judge(a_refused_key_reaches_no_upstream, [*wrong_keys["changed"], *wrong_keys["strange"]], wrong_keys["log"])


@clause("AUTH-R07")
def test_a_wrong_key_is_refused_before_the_body_is_read(wrong_key_with_broken_body: Exchange) -> None:
    judge(the_key_is_judged_before_the_body, wrong_key_with_broken_body)


@clause("AUTH-C01", "AUTH-C02")
def test_a_valid_and_an_invalid_key_get_one_answer(valid_and_invalid_key: dict[str, list[Exchange]]) -> None:
    for pair in valid_and_invalid_key.values():
        judge(disagreeing_keys_get_one_answer, *pair)
    for exchange in valid_and_invalid_key["invalid bearer"]:
        judge(a_valid_key_rescues_no_invalid_bearer, exchange)


@clause("AUTH-C01")
def test_two_valid_keys_get_one_answer(two_valid_keys: list[Exchange]) -> None:
    judge(disagreeing_keys_get_one_answer, *two_valid_keys)


@clause("AUTH-Q01")
def test_a_key_in_the_query_alone_opens_nothing(key_in_the_query: dict[str, Exchange]) -> None:
    judge(a_key_in_the_query_opens_nothing, key_in_the_query["without"], key_in_the_query["in query"])
