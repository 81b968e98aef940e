"""The catalogue of clients fits its scripts, the clauses and the surfaces."""

from __future__ import annotations

import ast
import re

import pytest

from llmapi_conformance.clients.case import cases_of_clauses
from llmapi_conformance.clients.catalogue import Client, chosen, load_clients
from llmapi_conformance.contract.contract import load_contract
from llmapi_conformance.contract.files import read_yaml
from llmapi_conformance.errors import TargetError
from llmapi_conformance.target.parts import SURFACES
from llmapi_conformance.tree import tree

CLIENTS = load_clients(tree() / "specs")


def cases_in(script: str) -> set[str]:
    """The names in the script's ``CASES``."""
    text = (tree() / "fixtures" / "clients" / script).read_text("utf-8")
    if script.endswith(".mjs"):
        (listed,) = re.findall(r"^const CASES = \[(.*?)^\];", text, re.MULTILINE | re.DOTALL)
        return set(re.findall(r"\w+", listed))
    parsed = ast.parse(text)
    assigned = next(
        node
        for node in parsed.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == "CASES"
    )
    return {node.id for node in ast.walk(assigned.value) if isinstance(node, ast.Name)}


@pytest.mark.parametrize("client", [one for one in CLIENTS if one.script], ids=lambda one: one.name)
def test_every_case_of_a_client_stands_in_its_script(client: Client) -> None:
    assert {case.name for case in client.cases} <= cases_in(client.script)


def test_every_case_of_a_script_is_run() -> None:
    for script in {one.script for one in CLIENTS if one.script}:
        run = {case.name for one in CLIENTS if one.script == script for case in one.cases}
        assert cases_in(script) == run


def test_every_clause_of_clients_has_a_case_and_every_case_such_a_clause() -> None:
    clauses = {one.id for one in load_contract(tree()).clauses.values() if one.surface == "clients"}
    assert {clause for clause, _ in cases_of_clauses(tree() / "specs")} == clauses


def test_facts_of_older_versions_are_of_versions_that_are_run() -> None:
    for row in read_yaml(tree() / "specs" / "clients.yaml", "clients")["clients"]:
        assert set(row.get("sends_older", {})) <= set(row["versions"][1:]), row["id"]
        assert {"sends"} <= set(row), row["id"]


def test_every_case_needs_a_surface_that_targets_offer() -> None:
    assert {case.surface for one in CLIENTS for case in one.cases} <= set(SURFACES)


def test_names_of_clients_and_of_their_cases_are_unique() -> None:
    names = [instance.parameters for _, instance in cases_of_clauses(tree() / "specs")]
    assert len(names) == len(set(names))


def test_a_client_is_chosen_by_its_family_or_by_its_version() -> None:
    assert {one.family for one in chosen(CLIENTS, ["openai-python"])} == {"openai-python"}
    assert len(chosen(CLIENTS, ["openai-python"])) > 1
    assert [one.name for one in chosen(CLIENTS, [CLIENTS[0].name])] == [CLIENTS[0].name]
    assert chosen(CLIENTS, []) == CLIENTS


def test_a_client_that_nobody_knows_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(TargetError, match=r"no client 'opnai'.*openai-python-"):
        chosen(CLIENTS, ["opnai"])
