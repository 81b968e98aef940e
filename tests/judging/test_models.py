from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from llmapi_conformance.judging.oracle import ORACLES
from llmapi_conformance.judging.oracles import models as oracles
from tests.judging.build import exchange
from tests.judging.chat_cases import completion, judged, plain

if TYPE_CHECKING:
    from llmapi_conformance.evidence.exchange import Exchange

NAMES = ("gpt-5.1", "gpt-5.1-mini")


def entry(name: str, **changes: Any) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 1_763_000_000, "owned_by": "openai"} | changes


def claude(name: str, **changes: Any) -> dict[str, Any]:
    dated = {"type": "model", "display_name": "Claude", "created_at": "2025-09-29T00:00:00Z"}
    return {"id": name} | dated | changes


def listing(*entries: Any, **changes: Any) -> dict[str, Any]:
    return {"object": "list", "data": list(entries) or [entry(name) for name in NAMES]} | changes


def listed(body: Any = None, status: int = 200, **extra: Any) -> Exchange:
    answer = listing() if body is None else body
    return exchange(operation="listModels", method="GET", path="/v1/models", status=status, body=answer, **extra)


def broken_clauses(one: Exchange) -> set[str]:
    everywhere = [oracle for oracle in ORACLES.values() if oracle.clause.startswith("MOD-") and oracle.on]
    return {oracle.clause for oracle in everywhere if oracle.on and oracle.on.covers(one) and judged(oracle, one)[1]}


@pytest.mark.parametrize(
    ("body", "clauses"),
    [
        (listing(), set()),
        (listing(entry("a", permission=[], display_name="A"), has_more=False), set()),
        ({"data": [entry("a")]}, {"MOD-S02"}),
        (listing(object="models"), {"MOD-S02"}),
        (listing(entry("a"), entry("a")), {"MOD-S03"}),
        (listing(data=None), {"MOD-S01"}),
        ([entry("a")], {"MOD-S01"}),
        (b"<html>", {"MOD-S01"}),
        (listing("gpt-5.1"), {"MOD-S01"}),
        (listing(entry("")), {"MOD-S01"}),
        (listing(entry("a"), {"name": "b"}), {"MOD-S01"}),
        (listing(entry("a", group_id=3)), {"MOD-S07"}),
        (listing(entry("a", owned_by="7b1f0a52-3f0e-4f7e-9d57-3c1f0e9a2b4c")), {"MOD-S07"}),
    ],
)
def test_the_shape_of_a_list(body: Any, clauses: set[str]) -> None:
    assert broken_clauses(listed(body)) == clauses


def test_anthropics_list_need_not_call_itself_a_list() -> None:
    headers = (("anthropic-version", "2023-06-01"),)
    subject = listed({"data": [claude("claude-a")], "has_more": False}, request_headers=headers)
    assert broken_clauses(subject) == set()
    assert judged(oracles.anthropic_models_are_written_like_anthropics, subject)[1] == []


def test_googles_list_is_for_googles_clients() -> None:
    google = {"models": [{"name": "models/gemini-2.5-pro"}]}
    assert broken_clauses(listed(google, request_headers=(("X-Goog-Api-Key", "[[key:x]]"),))) == set()
    assert broken_clauses(listed(google)) == {"MOD-S01"}


def test_openais_shape_is_found_where_anthropics_is_wanted() -> None:
    assert len(judged(oracles.anthropic_models_are_written_like_anthropics, listed())[1]) == 2


@pytest.mark.parametrize("changes", [{"object": None}, {"created": "2025"}, {"created": 1.5}, {"owned_by": None}])
def test_a_model_of_an_openai_group_needs_its_members(changes: dict[str, Any]) -> None:
    oracle = oracles.openai_models_are_written_like_openais
    assert judged(oracle, listed()) == (2, [])
    assert len(judged(oracle, listed(listing(entry("a", **changes))))[1]) == 1


def test_a_refused_list_is_found() -> None:
    assert judged(oracles.general_key_gets_the_list, listed()) == (1, [])
    assert len(judged(oracles.general_key_gets_the_list, listed({"error": {}}, status=404))[1]) == 1


def test_an_empty_list_is_found() -> None:
    assert judged(oracles.working_key_has_a_model, listed()) == (1, [])
    assert len(judged(oracles.working_key_has_a_model, listed({"object": "list", "data": []}))[1]) == 1


def test_a_listed_model_that_is_refused_is_found() -> None:
    oracle = oracles.listed_models_can_be_called
    answered = {name: plain(completion(model=name)) for name in NAMES}
    assert judged(oracle, listed(), answered) == (2, [])
    refused = plain({"error": {"message": "no such model"}}, status=404)
    examined, found = judged(oracle, listed(), answered | {"gpt-5.1-mini": refused})
    assert (examined, len(found)) == (2, 1)
    assert found[0].span is not None
    assert listed().body[slice(*found[0].span)] == b'"gpt-5.1-mini"'
    assert judged(oracle, listed(), {}) == (0, [])


def test_a_known_model_that_is_not_listed_is_found() -> None:
    assert judged(oracles.known_models_are_listed, listed(), [*NAMES]) == (2, [])
    assert len(judged(oracles.known_models_are_listed, listed(), ["gpt-4"])[1]) == 1


def test_lists_that_differ_by_header_are_found() -> None:
    oracle = oracles.list_is_the_same_under_every_header
    google = listed({"models": [{"name": f"models/{name}"} for name in NAMES]})
    turned = listed(listing(*(entry(name) for name in reversed(NAMES))))
    assert judged(oracle, listed(), turned, google) == (2, [])
    assert len(judged(oracle, listed(), listed(listing(entry("gpt-4"))))[1]) == 1
    assert judged(oracle, listed(), listed({"error": {}}, status=401)) == (0, [])


def test_lists_that_differ_for_anthropics_clients_are_found() -> None:
    oracle = oracles.list_is_the_same_for_other_vendors_clients
    assert judged(oracle, listed(), listed()) == (1, [])
    assert len(judged(oracle, listed(), listed({"error": {}}, status=400))[1]) == 1
    assert len(judged(oracle, listed(), listed(listing(entry("gpt-5.1"))))[1]) == 1


@pytest.mark.parametrize("body", [b"", b"null", b'{"data": [null, 7, {"id": {}}], "object": []}', b'{"models": [1]}'])
def test_no_hostile_list_makes_an_oracle_raise(body: bytes) -> None:
    subject = listed(body)
    assert isinstance(broken_clauses(subject), set)
    assert isinstance(oracles.model_ids(subject), tuple)
