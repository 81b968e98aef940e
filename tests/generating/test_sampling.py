"""A few cases of many: every family and most places have their turn, and the cost is bounded."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from fixtures.generated import operations
from llmapi_conformance.generating.__main__ import MAKERS
from llmapi_conformance.generating.costs import MOST_TOKENS, UNLIMITED, allowance, bounded
from llmapi_conformance.generating.sampling import sample
from tests.generating.ordering import order

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llmapi_conformance.generating.cases import Case, Family, Order, Promise


def made(one: Order, family: Family, where: str, promise: Promise, number: int) -> Case:
    return one.case(f"{where} {number}", promise, family=family, where=where, target=f"/{family}/{where}/{number}")


def many(one: Order) -> Iterator[Case]:
    for number in range(50):
        yield made(one, "coverage", "body.a", "robust", number)
        yield made(one, "coverage", "body.b", "refused", number)
        yield made(one, "fuzz", "body", "robust", number)
    yield made(one, "bounds", "body.c", "refused", 0)


def test_families_and_places_take_turns() -> None:
    one = order("createChatCompletion")
    chosen = sample(replace(one, count=7), [many])
    assert len(chosen) == 7
    assert {case.family for case in chosen} == {"coverage", "fuzz", "bounds"}
    covered = [case.where for case in chosen if case.family == "coverage"]
    assert set(covered[:2]) == {"body.a", "body.b"}


def test_of_one_place_the_documented_promise_comes_first() -> None:
    def both(one: Order) -> Iterator[Case]:
        yield from (made(one, "coverage", "body.a", "robust", number) for number in range(20))
        yield made(one, "coverage", "body.a", "refused", 99)

    assert sample(replace(order("createMessage"), count=1), [both])[0].promise == "refused"


def test_no_request_is_sent_twice_and_the_first_maker_says_what_it_is() -> None:
    def other(one: Order) -> Iterator[Case]:
        yield replace(made(one, "bounds", "body.c", "robust", 0), about="otherwise")
        yield one.sample

    one = replace(order("createChatCompletion"), count=1_000)
    chosen = sample(one, [many, other])
    assert len(chosen) == len({case.id for case in chosen}) == 151
    assert [case.promise for case in chosen if case.family == "bounds"] == ["refused"]


def test_only_the_wanted_families_are_chosen() -> None:
    chosen = sample(replace(order("createMessage"), families=("fuzz",)), [many])
    assert {case.family for case in chosen} == {"fuzz"}


@pytest.mark.parametrize("operation", list(operations()))
def test_the_cases_of_an_operation_cost_no_more_than_was_said(operation: str) -> None:
    one = order(operation)
    chosen = sample(one, MAKERS)
    assert sum(case.tokens for case in chosen) <= allowance(one)
    assert len({case.id for case in chosen} | {one.sample.id}) == len(chosen) + 1
    assert all(case.operation == operation for case in chosen)


def test_a_sample_of_twenty_touches_every_family() -> None:
    chosen = sample(order("createMessage"), MAKERS)
    assert {case.family for case in chosen} == {"bounds", "coverage", "encoding", "fuzz", "media", "method"}
    assert len({case.where for case in chosen}) >= 12


@pytest.mark.parametrize(
    ("change", "limit", "tokens"),
    [
        ({}, 16, 16),
        ({"max_tokens": 5_000}, MOST_TOKENS, MOST_TOKENS),
        ({"max_tokens": 2**40}, 2**40, UNLIMITED),
        ({"max_tokens": -1}, -1, UNLIMITED),
        ({"max_tokens": None}, None, UNLIMITED),
        ({"n": 3}, 16, 48),
        ({"n": "3"}, 16, 16),
    ],
)
def test_a_case_costs_what_its_limit_says(change: dict[str, object], limit: object, tokens: int) -> None:
    one = order("createChatCompletion")
    case = bounded(one.json_case({**one.document, **change}, "", "robust", family="fuzz"), one)
    assert (json.loads(case.body)["max_tokens"], case.tokens) == (limit, tokens)


def test_what_generates_nothing_costs_nothing() -> None:
    one = order("getUsage")
    assert allowance(one) == 0
    assert bounded(replace(one.sample, body=b"{}"), one).tokens == 0
