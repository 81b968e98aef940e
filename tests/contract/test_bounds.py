"""The data of bounds: it names what is there, and says what follows from it."""

from __future__ import annotations

import re
from typing import Any

import pytest

from llmapi_conformance.contract.bounds import Bound, bounds, load_bounds
from llmapi_conformance.contract.files import read_yaml
from llmapi_conformance.contract.operations import load_operations
from llmapi_conformance.errors import ContractError
from llmapi_conformance.tree import tree

SPECS = tree() / "specs"
ALL = bounds().bounds


def rules() -> set[str]:
    known: set[str] = set()
    for family in read_yaml(SPECS / "sources.yaml")["rules"]:
        known |= {f"{family['family']}{number}" for number in range(1, family.get("numbered", 0) + 1)}
        known |= {f"{family['family']}-{name}" for name in family.get("named", [])}
    return known


def ident(bound: Bound) -> str:
    return f"{bound.operations[0]} {bound.member}"


def test_bounds_name_operations_that_are_no_aliases() -> None:
    standard = {one.id for one in load_operations(SPECS) if not one.alias_of}
    assert {name for bound in ALL for name in bound.operations} <= standard
    assert set(bounds().documents) <= standard


def test_bounds_cite_facts_and_rules_that_are_there() -> None:
    facts = {fact["number"] for fact in read_yaml(SPECS / "facts.yaml")["facts"]}
    assert {number for bound in ALL for number in bound.facts} <= facts
    assert {rule for bound in ALL for rule in bound.rules} <= rules()


@pytest.mark.parametrize("bound", ALL, ids=ident)
def test_what_is_refused_for_sure_has_a_page_that_says_so(bound: Bound) -> None:
    """``refused`` is a MUST of the documentation, so a rule of a vendor's protocol is not enough."""
    told = {promise for _, promise in bound.values} | {bound.missing}
    if bound.types and bound.place == "body":
        told |= {bound.null, bound.wrong_type}
    assert "refused" not in told or bound.facts


@pytest.mark.parametrize("bound", ALL, ids=ident)
def test_no_value_is_promised_two_things(bound: Bound) -> None:
    seen = [repr(value) for value, _ in bound.values]
    assert len(seen) == len(set(seen))


@pytest.mark.parametrize("bound", ALL, ids=ident)
def test_a_parameter_of_a_path_stands_in_it(bound: Bound) -> None:
    paths = {one.id: one.path for one in load_operations(SPECS)}
    if bound.place == "path":
        assert all(f"{{{bound.path}}}" in paths[name] for name in bound.operations)


def test_every_documented_bound_of_the_issue_is_there() -> None:
    """Days, dates, n, the prompt, max_tokens, the role: what the documentation or a protocol bounds."""
    asked = {(name, bound.member): bound for bound in ALL for name in bound.operations}
    days = {str(value): told for value, told in asked["getUsage", "query.days"].values}
    assert [days[value] for value in ("0", "91", "1", "90")] == [
        "refused_assumed",
        "refused_assumed",
        "served",
        "served",
    ]
    assert ("2026-02-30", "refused_assumed") in asked["getUsage", "query.start_date"].values
    assert (0, "refused") in asked["submitImageTask", "body.n"].values
    assert ("", "refused") in asked["submitImageTask", "body.prompt"].values
    assert (True, "refused") in asked["submitImageTask", "body.stream"].values
    assert (-1, "refused_assumed") in asked["createMessage", "body.max_tokens"].values
    assert ("narrator", "refused_assumed") in asked["createChatCompletion", "body.messages[0].role"].values


def test_null_is_refused_where_a_missing_member_is() -> None:
    by_member = {(name, bound.member): bound for bound in ALL for name in bound.operations}
    assert by_member["createMessage", "body.model"].null == "refused"
    assert by_member["createMessage", "body.stream"].null == "robust"
    assert by_member["createChatCompletion", "body.temperature"].null == "served"


@pytest.mark.parametrize(
    "change",
    [
        {"member": "cookie.a"},
        {"member": "body"},
        {"types": ["text"]},
        {"missing": "ignored"},
        {"operations": []},
        {"served": []},
        {"facts": []},
        {"colour": "red"},
    ],
    ids=str,
)
def test_the_schema_refuses_what_nobody_could_use(tmp_path: Any, change: dict[str, Any]) -> None:
    specs = tmp_path / "specs"
    (specs / "schemas").mkdir(parents=True)
    (specs / "schemas" / "bounds.schema.json").write_bytes((SPECS / "schemas" / "bounds.schema.json").read_bytes())
    row = {"operations": ["getUsage"], "member": "query.days", "facts": ["F8.2"], "served": ["1"]}

    def write(content: dict[str, Any]) -> None:
        (specs / "bounds.yaml").write_text(f"documents: {{}}\nbounds: [{content}]\n", "utf-8")

    write(row)
    assert load_bounds(specs).bounds[0].values == (("1", "served"),)
    write(row | change)
    with pytest.raises(ContractError, match=re.escape("bounds.yaml")):
        load_bounds(specs)
