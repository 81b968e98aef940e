"""Oracles of official clients: what a client told of a case is what the case is about."""

from __future__ import annotations

from typing import Any

import pytest

from llmapi_conformance.judging.oracle import Deviation
from llmapi_conformance.judging.oracles.clients import CLIENT_ORACLES
from tests.judging import chat_cases
from tests.judging.response_cases import found, judged

RAISED = {"type": "NotFoundError", "is": ["NotFoundError", "APIStatusError"], "status": 404, "text": "no such model"}
ONE = CLIENT_ORACLES["CLI-O01"]


def case(wanted: dict[str, Any], told: dict[str, Any], requests: int = 1) -> dict[str, Any]:
    return {
        "client": "openai-python-3.57.0",
        "case": "chat",
        "wanted": {"requests": 0, **wanted},
        "told": told,
        "requests": requests,
        "exchanges": [chat_cases.plain()],
    }


@pytest.mark.parametrize("clause", sorted(CLIENT_ORACLES))
def test_a_client_that_tells_something_else_is_found(clause: str) -> None:
    oracle = CLIENT_ORACLES[clause]
    assert oracle.clause == clause
    assert judged(oracle, case({"value": "Hello"}, {"value": "Hello"})) == (1, [])
    assert found(oracle, case({"value": "Hello"}, {"value": "Hell"})) == 1


def test_a_client_that_raises_instead_of_telling_is_found_with_what_it_raised() -> None:
    (deviation,) = [one for one in ONE(case({"value": "Hello"}, {"raised": RAISED})) if isinstance(one, Deviation)]
    assert deviation.observed == "it raised NotFoundError with status 404: no such model"
    assert deviation.exchange is not None


def test_a_case_that_came_to_no_end_is_found() -> None:
    (deviation,) = [one for one in ONE(case({"value": None}, {"ended": "no end"})) if isinstance(one, Deviation)]
    assert deviation.observed == "it ended early: no end"


@pytest.mark.parametrize("wanted", ["NotFoundError", "APIStatusError"])
def test_an_exception_counts_by_any_of_its_classes(wanted: str) -> None:
    assert found(ONE, case({"raises": wanted, "status": 0}, {"raised": RAISED})) == 0


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        ({"raises": "RateLimitError", "status": 0}, {"raised": RAISED}),
        ({"raises": "NotFoundError", "status": 410}, {"raised": RAISED}),
        ({"raises": "NotFoundError", "status": 0}, {"value": "Hello"}),
        ({"raises": "NotFoundError", "status": 0}, {"ended": "exit status 1"}),
        ({"some": "text"}, {"value": " "}),
        ({"some": "text"}, {"raised": RAISED}),
        ({"holds": "gpt"}, {"value": ["gpt-5"]}),
        ({"holds": "gpt"}, {"value": "gpt"}),
        ({"value": None}, {}),
    ],
)
def test_what_was_not_wanted_is_found(wanted: dict[str, Any], told: dict[str, Any]) -> None:
    assert found(ONE, case(wanted, told)) == 1


def test_some_text_and_a_list_that_holds_the_model_are_enough() -> None:
    assert found(ONE, case({"some": "text"}, {"value": "Yes."})) == 0
    assert found(ONE, case({"holds": "gpt-5"}, {"value": ["gpt-4", "gpt-5"]})) == 0


def test_a_client_that_did_not_try_again_is_found() -> None:
    again = CLIENT_ORACLES["CLI-O09"]
    wanted = {"raises": "NotFoundError", "status": 0, "requests": 2}
    assert found(again, case(wanted, {"raised": RAISED}, requests=2)) == 0
    assert found(again, case(wanted, {"raised": RAISED}, requests=1)) == 1
