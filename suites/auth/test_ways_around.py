"""No way leads around the key check."""

from llmapi_conformance.evidence.exchange import Exchange
from llmapi_conformance.judging.check import clause, judge
from llmapi_conformance.judging.oracles.auth import (
    another_spelling_of_the_path_opens_nothing,
    disguised_requests_open_nothing,
    head_and_options_are_answered,
)


@clause("AUTH-B01")
def test_no_spelling_of_a_path_is_served_without_a_key(other_spellings_of_the_path: list[Exchange]) -> None:
    for exchange in other_spellings_of_the_path:
        judge(another_spelling_of_the_path_opens_nothing, exchange)


@clause("AUTH-B01")
def test_no_spelling_of_a_path_is_served_with_a_made_up_key(
    other_spellings_with_a_made_up_key: list[Exchange],
) -> None:
    for exchange in other_spellings_with_a_made_up_key:
        judge(another_spelling_of_the_path_opens_nothing, exchange)


@clause("AUTH-B01")
def test_no_spelling_of_the_path_of_a_task_is_served_without_a_key(other_spellings_of_a_task: list[Exchange]) -> None:
    for exchange in other_spellings_of_a_task:
        judge(another_spelling_of_the_path_opens_nothing, exchange)


@clause("AUTH-B02")
def test_no_disguise_is_served_without_a_key(disguised_calls: list[Exchange]) -> None:
    for exchange in disguised_calls:
        judge(disguised_requests_open_nothing, exchange)


@clause("AUTH-V01")
def test_head_and_options_are_answered_without_a_key(head_and_options: list[Exchange]) -> None:
    for exchange in head_and_options:
        judge(head_and_options_are_answered, exchange)
