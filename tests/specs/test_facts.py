"""Every fact of the documentation is served by a clause or excluded with a reason."""

from typing import Any

Document = dict[str, Any]

# How many facts each section of the documentation has; section 3 is the route table, which test_openapi.py covers.
NUMBERED = {1: 7, 2: 13, 4: 6, 5: 23, 6: 23, 7: 31, 8: 7, 9: 12}


def _cited(clauses: list[Document]) -> set[str]:
    return {number for clause in clauses for number in clause["source"].get("facts", [])}


def test_no_fact_number_is_missing(facts: dict[str, Document]) -> None:
    expected = [f"F{section}.{number}" for section, count in NUMBERED.items() for number in range(1, count + 1)]
    assert list(facts) == expected


def test_each_fact_names_known_pages(facts: dict[str, Document], sources: Document) -> None:
    pages = {page["code"] for page in sources["pages"]}
    assert {number: fact["pages"] for number, fact in facts.items() if not set(fact["pages"]) <= pages} == {}


def test_each_page_has_a_fact(facts: dict[str, Document], sources: Document) -> None:
    used = {page for fact in facts.values() for page in fact["pages"]}
    assert {page["code"] for page in sources["pages"]} == used


def test_each_fact_is_served_by_a_clause_or_excluded(
    facts: dict[str, Document], clauses: list[Document], exclusions: dict[str, Document]
) -> None:
    unserved = [number for number in facts if number not in _cited(clauses) and number not in exclusions]
    assert unserved == [], (
        f"{len(unserved)} facts are neither cited by a clause nor excluded: {' '.join(unserved)}; "
        "cite each in `source.facts` of a clause, or list it in specs/exclusions.yaml with its reason"
    )


def test_a_fact_that_is_tested_at_once_is_served_by_no_excluded_clause_alone(
    facts: dict[str, Document], clauses: list[Document], exclusions: dict[str, Document]
) -> None:
    kept = _cited([clause for clause in clauses if clause["status"] != "excluded"])
    alone = [number for number in _cited(clauses) - kept if number in facts and number not in exclusions]
    assert alone == [], "these facts stand in excluded clauses only"


def test_no_excluded_fact_is_cited_by_a_clause(clauses: list[Document], exclusions: dict[str, Document]) -> None:
    assert sorted(_cited(clauses) & set(exclusions)) == []


def test_each_exclusion_names_a_fact_and_what_it_doubles(
    facts: dict[str, Document], clauses: list[Document], exclusions: dict[str, Document]
) -> None:
    known = set(facts) | {clause["id"] for clause in clauses}
    assert set(exclusions) <= set(facts)
    doubled = {entry["reason"].partition(":")[2] for entry in exclusions.values()} - {""}
    assert doubled <= known


def test_only_a_fact_that_cannot_be_judged_is_called_advice(
    facts: dict[str, Document], exclusions: dict[str, Document]
) -> None:
    advice = [number for number, entry in exclusions.items() if entry["reason"] == "advice"]
    assert {number: facts[number]["tags"] for number in advice} == {number: ["A"] for number in advice}
