"""A telling request is made shorter, and stays telling for the same reason."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from llmapi_conformance.generating.shrinking import simpler
from tests.generating.ordering import order

if TYPE_CHECKING:
    from collections.abc import Callable

    from llmapi_conformance.generating.cases import Case

ORDER = order("createChatCompletion")
BIG: dict[str, Any] = {
    **ORDER.document,
    "tools": [{"type": "function", "function": {"name": "f", "parameters": {"a": [1, 2, 3]}}}],
    "temperature": 0.25,
    "user": "somebody with a long name",
}


def shortest(case: Case, deviates: Callable[[Any], bool], *, promised: bool = False) -> Case:
    """What shrinking comes to when the oracle is a function of the document."""
    while found := next(
        (one for one in simpler(case, ORDER.sample, promised=promised) if deviates(json.loads(one.body))), None
    ):
        case = found
    return case


def case_of(document: Any, where: str = "body") -> Case:
    return ORDER.json_case(document, "big", "robust", family="fuzz", where=where)


@pytest.mark.parametrize(
    ("deviates", "left"),
    [
        (lambda one: isinstance(one, dict) and "user" in one, {"user": "s"}),
        (lambda one: isinstance(one, dict) and one.get("temperature") == 0.25, {"temperature": 0.25}),
        (lambda one: isinstance(one, dict) and bool(one.get("tools")), {"tools": [{}]}),
    ],
)
def test_what_does_not_matter_is_left_out(deviates: Callable[[Any], bool], left: Any) -> None:
    assert json.loads(shortest(case_of(BIG), deviates).body) == left


def test_a_number_of_many_digits_gets_fewer() -> None:
    case = shortest(case_of({"n": 2**64}), lambda one: isinstance(one, dict) and one.get("n", 0) > 10**9)
    assert 10**9 < json.loads(case.body)["n"] < 10**11


def test_what_a_promise_is_about_stays_as_it_is() -> None:
    document = {**BIG, "n": [{"a": "some long text"}]}
    case = shortest(case_of(document, "body.n"), lambda one: "n" in one, promised=True)
    assert json.loads(case.body) == {"n": [{"a": "some long text"}]}
    # What is wrong about the whole body can't be separated from it.
    assert not list(simpler(case_of(document, "body"), ORDER.sample, promised=True))


def test_parameters_and_headers_that_do_not_matter_go() -> None:
    usage = order("getUsage").sample
    case = replace(usage, target="/v1/usage?days=0&timezone=UTC&x=1", where="query.days", headers=(("X-Odd", "1"),))
    tried = list(simpler(case, usage, promised=True))
    assert {one.target for one in tried} == {
        case.target,
        *("/v1/usage?days=0", "/v1/usage?days=0&x=1", "/v1/usage?days=0&timezone=UTC"),
    }
    assert any(not one.headers for one in tried)


def test_what_says_how_to_read_the_body_stays() -> None:
    packed = replace(case_of(BIG), headers=(("Content-Type", "application/json"), ("Content-Encoding", "gzip")))
    assert all(one.header("content-encoding") == "gzip" for one in simpler(packed, ORDER.sample, promised=False))
    framed = replace(case_of(BIG), headers=(("Transfer-Encoding", "chunked"),))
    assert not list(simpler(framed, ORDER.sample, promised=False))


def test_a_body_that_is_no_json_is_cut() -> None:
    case = replace(ORDER.sample, body=b"{not json at all")
    assert [one.body for one in simpler(case, ORDER.sample, promised=False)] == [b"{not jso", b"n at all"]
    assert not list(simpler(case, ORDER.sample, promised=True))
