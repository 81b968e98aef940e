"""The clause registry: ids, surfaces and sources."""

import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

Document = dict[str, Any]

PREFIXES = {
    "auth": "AUTH",
    "access": "ACC",
    "errors": "ERR",
    "http": "HTTP",
    "messages": "MSG",
    "responses": "RSP",
    "chat": "CHAT",
    "gemini": "GEM",
    "antigravity": "AGY",
    "models": "MOD",
    "usage": "USE",
    "images": "IMG",
    "tasks": "TASK",
    "websocket": "WS",
    "aliases": "ALI",
    "clients": "CLI",
}


@pytest.fixture(scope="module")
def rules(sources: Document) -> set[str]:
    known: set[str] = set()
    for family in sources["rules"]:
        known |= {f"{family['family']}{number}" for number in range(1, family.get("numbered", 0) + 1)}
        known |= {f"{family['family']}-{name}" for name in family.get("named", [])}
    return known


def test_each_surface_has_its_file(clause_files: dict[str, Document]) -> None:
    assert {name: document["surface"] for name, document in clause_files.items()} == {name: name for name in PREFIXES}


def test_each_id_begins_with_the_prefix_of_its_surface(clause_files: dict[str, Document]) -> None:
    wrong = [
        clause["id"]
        for name, document in clause_files.items()
        for clause in document["clauses"]
        if clause["id"].partition("-")[0] != PREFIXES[name]
    ]
    assert wrong == []


def test_no_id_and_no_statement_stands_twice_in_a_surface(clause_files: dict[str, Document]) -> None:
    ids = Counter(clause["id"] for document in clause_files.values() for clause in document["clauses"])
    statements = Counter((name, clause["statement"]) for name, doc in clause_files.items() for clause in doc["clauses"])
    assert [key for key, count in (ids + statements).items() if count > 1] == []


def test_each_clause_cites_known_pages_and_facts_that_stand_there(
    clauses: list[Document], facts: dict[str, Document], sources: Document
) -> None:
    pages = {page["code"] for page in sources["pages"]}
    wrong: dict[str, str] = {}
    for clause in clauses:
        source = clause["source"]
        unknown = [number for number in source.get("facts", []) if number not in facts]
        if source.get("page", "GS") not in pages or unknown:
            wrong[clause["id"]] = f"unknown page or facts: {source}"
        elif source.get("facts") and not any(source["page"] in facts[number]["pages"] for number in source["facts"]):
            wrong[clause["id"]] = f"none of {source['facts']} stands on page {source['page']}"
    assert wrong == {}


def test_each_clause_cites_known_rules(clauses: list[Document], rules: set[str]) -> None:
    unknown = {clause["id"]: sorted(set(clause["source"].get("rules", [])) - rules) for clause in clauses}
    assert {key: value for key, value in unknown.items() if value} == {}


def test_each_reference_begins_with_a_known_code(clauses: list[Document], sources: Document) -> None:
    patterns = []
    for reference in sources["references"]:
        code = re.escape(reference["code"])
        if reference["code"].endswith(":"):
            patterns.append(rf"{code}\S+")
        elif reference.get("numbered"):
            patterns.append(rf"{code}[- ]\S+( .+)?")
        else:
            patterns.append(rf"{code}( .+)?")
    known = re.compile("|".join(patterns))
    unknown = {
        clause["id"]: [reference for reference in clause["source"].get("refs", []) if not known.fullmatch(reference)]
        for clause in clauses
    }
    assert {key: value for key, value in unknown.items() if value} == {}


def test_a_client_that_is_cited_is_one_that_was_seen(clauses: list[Document], specs: Path) -> None:
    rows = yaml.safe_load((specs / "clients.yaml").read_text("utf-8"))["clients"]
    seen = {row["id"] for row in rows if row.get("sends")}
    references = [reference for clause in clauses for reference in clause["source"].get("refs", [])]
    cited = {reference.split()[1] for reference in references if reference.startswith("client ")}
    assert cited
    assert cited <= seen


def test_each_wire_reference_names_a_section_or_a_rule(clauses: list[Document], rules: set[str]) -> None:
    named = {
        reference.removeprefix("wire:")
        for clause in clauses
        for reference in clause["source"].get("refs", [])
        if reference.startswith("wire:")
    }
    assert [name for name in sorted(named) if name not in rules and not re.fullmatch(r"\d+(\.\d+)?", name)] == []


def test_a_statement_is_one_sentence(clauses: list[Document]) -> None:
    assert [clause["id"] for clause in clauses if re.search(r"[.!?] [A-Z]", clause["statement"])] == []


def test_an_excluded_clause_that_doubles_another_names_one_that_is_there(
    clauses: list[Document], facts: dict[str, Document]
) -> None:
    known = {clause["id"] for clause in clauses} | set(facts)
    doubled = {clause["reason"].partition(":")[2] for clause in clauses if clause["status"] == "excluded"} - {""}
    assert doubled <= known
