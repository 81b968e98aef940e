from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from llmapi_conformance.judging.oracles import count_tokens as oracles
from tests.judging.build import exchange
from tests.judging.message_cases import USAGE, examined_clauses, judged, message, plain

if TYPE_CHECKING:
    from llmapi_conformance.evidence.exchange import Exchange
    from llmapi_conformance.judging.oracle import Oracle


def count(body: Any = None, status: int = 200) -> Exchange:
    told = {"input_tokens": 17} if body is None else body
    return exchange(operation="countMessageTokens", path="/v1/messages/count_tokens", status=status, body=told)


def ledger(requests: Any, tokens: Any = 0, period: str = "total") -> Exchange:
    told = {"usage": {period: {"requests": requests, "total_tokens": tokens}}}
    return exchange(operation="getUsage", method="GET", path="/v1/usage", body=told)


def test_a_count_is_looked_at_everywhere() -> None:
    assert examined_clauses(count()) == {"MSG-T01"}
    assert judged(oracles.a_count_is_a_positive_integer, count({"input_tokens": 17, "source": "local"})) == (1, [])


@pytest.mark.parametrize(
    "body",
    [{"input_tokens": 0}, {"input_tokens": "17"}, {"input_tokens": 1.5}, {"input_tokens": True}, {}, [], b"", b"x"],
)
def test_a_count_that_is_none_is_found(body: Any) -> None:
    assert judged(oracles.a_count_is_a_positive_integer, count(body))[1]


@pytest.mark.parametrize(
    "oracle",
    [oracles.a_longer_conversation_counts_more, oracles.a_system_prompt_counts, oracles.tools_count],
    ids=lambda oracle: oracle.clause,
)
def test_more_must_count_more(oracle: Oracle) -> None:
    assert judged(oracle, count(), count({"input_tokens": 18})) == (1, [])
    assert judged(oracle, count(), count())[1]
    assert judged(oracle, count(), count({"input_tokens": None})) == (0, [])


def test_a_count_must_agree_with_the_usage() -> None:
    oracle = oracles.a_count_agrees_with_the_usage_of_the_same_request
    used = plain(message(usage=USAGE | {"input_tokens": 997}))
    assert judged(oracle, count({"input_tokens": 905}), used) == (1, [])
    assert judged(oracle, count({"input_tokens": 899}), used)[1]
    assert judged(oracle, count(), plain()) == (1, [])
    assert judged(oracle, count(b""), plain()) == (0, [])


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (ledger(3, 50), ledger(4, 72), (1, 0)),
        (ledger(3, 50), ledger(6, 72), (1, 1)),
        (ledger(3, 50), ledger(5, 72), (1, 0)),
        (ledger(3, 50), ledger(4, 80), (1, 1)),
        (ledger(3, 50, "today"), ledger(4, 72, "today"), (1, 0)),
        (ledger(3), ledger(3), (0, 0)),
        (ledger("3"), ledger(4), (0, 0)),
        (ledger(3, "?"), ledger(4, "?"), (1, 0)),
    ],
    ids=[
        "message alone",
        "count too",
        "the question too",
        "tokens too",
        "of today",
        "late ledger",
        "no number",
        "no tokens",
    ],
)
def test_a_count_in_the_ledger_is_found(before: Exchange, after: Exchange, expected: tuple[int, int]) -> None:
    examined, deviations = judged(oracles.a_count_is_not_recorded_as_usage, before, count(), plain(), after)
    assert (examined, len(deviations)) == expected


def test_nothing_is_said_of_the_ledger_when_a_call_failed() -> None:
    refused = count({}, status=404)
    assert judged(oracles.a_count_is_not_recorded_as_usage, ledger(3), refused, plain(), ledger(5)) == (0, [])


REFUSAL = {"type": "error", "error": {"type": "not_found_error", "message": "Token counting is not supported"}}


@pytest.mark.parametrize(
    ("body", "status", "found"),
    [
        (REFUSAL, 404, 0),
        ({"input_tokens": 17}, 200, 1),
        ({"error": REFUSAL["error"]}, 404, 1),
        ({"type": "error", "error": {"type": "api_error", "message": "Token counting"}}, 404, 1),
        ({"type": "error", "error": {"type": "not_found_error", "message": "No such route"}}, 404, 1),
        ({}, 404, 3),
    ],
)
def test_the_refusal_of_an_openai_group(body: Any, status: int, found: int) -> None:
    examined, deviations = judged(oracles.an_openai_group_is_told_that_it_cannot_count, count(body, status))
    assert (examined, len(deviations)) == (1, found)


def test_a_refusal_that_is_no_json_is_another_clauses_finding() -> None:
    assert judged(oracles.an_openai_group_is_told_that_it_cannot_count, count(b"<html>", 404)) == (0, [])


@pytest.mark.parametrize(
    "oracle",
    [oracles.a_count_ignores_a_query, oracles.the_documented_count_is_answered],
    ids=lambda oracle: oracle.clause,
)
def test_a_count_must_be_served(oracle: Oracle) -> None:
    assert judged(oracle, count()) == (1, [])
    assert judged(oracle, count({}, status=404))[1]
    assert judged(oracle, count(b"")) == (0, [])
