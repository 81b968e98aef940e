"""The catalogue says of each clause what the registry says."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest

from llmapi_conformance.contract.clauses import Status
from llmapi_conformance.contract.contract import load_contract
from llmapi_conformance.judging.oracle import ORACLES
from llmapi_conformance.reference.faults import FAULTS
from llmapi_conformance.tree import tree

if TYPE_CHECKING:
    from pathlib import Path

CLAUSES = load_contract(tree()).clauses


class Article(HTMLParser):
    """The text of a page by its sections, and where they link to."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.inside = 0
        self.section = ""
        self.texts: dict[str, str] = {}
        self.links: dict[str, list[str]] = {}
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = dict(attrs)
        if tag == "article":
            self.inside += 1
        if tag == "h2":
            self.section = known.get("id") or ""
        if tag == "a" and self.inside and "headerlink" not in (known.get("class") or ""):
            self.links.setdefault(self.section, []).append(known.get("href") or "")

    def handle_endtag(self, tag: str) -> None:
        self.inside -= tag == "article"

    def handle_data(self, data: str) -> None:
        if self.inside:
            self.texts[self.section] = self.texts.get(self.section, "") + data


@pytest.fixture(scope="module")
def articles(site: Path) -> dict[str, Article]:
    return {path.stem: Article(path) for path in (site / "clauses").glob("*-*.html")}


def test_every_clause_has_its_page_and_no_page_is_without_one(articles: dict[str, Article]) -> None:
    assert set(articles) == set(CLAUSES)


def test_a_page_says_what_the_registry_says(articles: dict[str, Article]) -> None:
    for clause in CLAUSES.values():
        head = articles[clause.id].texts[""]
        assert " ".join(clause.statement.split()) in head, clause.id
        words = " ".join(head.split())
        for said in (f"level {clause.level}:", f"basis {clause.basis}:", f"status {clause.status}", clause.since):
            assert said in words, (clause.id, said)


def test_a_page_names_every_source_of_its_clause(articles: dict[str, Article]) -> None:
    for clause in CLAUSES.values():
        stated = " ".join(articles[clause.id].texts["where-it-is-stated"].split())
        for number in clause.source.facts:
            assert f"fact {number}:" in stated, clause.id
        for rule in clause.source.rules:
            assert f"rule {rule} of" in stated, clause.id
        for reference in clause.source.refs:
            assert reference.split(" ", 1)[-1] in stated, (clause.id, reference)


def test_a_page_names_every_fault_that_breaks_its_clause_and_no_other(articles: dict[str, Article]) -> None:
    for clause in CLAUSES.values():
        if clause.status is not Status.ACTIVE:
            assert "which-faults-prove-it" not in articles[clause.id].texts
            continue
        links = articles[clause.id].links.get("which-faults-prove-it", [])
        named = [link.partition("#")[2] for link in links]
        assert named == [fault.name.lower() for fault in FAULTS.values() if clause.id in fault.clauses], clause.id


def test_a_page_names_what_judges_its_clause(articles: dict[str, Article]) -> None:
    judged = {oracle.clause for oracle in ORACLES.values()}
    for clause in CLAUSES.values():
        if clause.status is Status.ACTIVE:
            text = articles[clause.id].texts["how-it-is-judged"]
            assert ".py::test_" in text, clause.id
            assert ("clients run" if clause.surface == "clients" else f"run -k {clause.id}") in text
    for oracle in ORACLES.values():
        assert oracle.name in articles[oracle.clause].texts["how-it-is-judged"]
    assert judged <= set(articles)


def test_a_page_leads_to_every_other_clause_of_its_group(articles: dict[str, Article]) -> None:
    for clause in CLAUSES.values():
        group = {one for one in CLAUSES if one.rstrip("0123456789") == clause.id.rstrip("0123456789")}
        links = articles[clause.id].links.get("related-clauses", [])
        assert {link.removesuffix(".html") for link in links} >= group - {clause.id}, clause.id
