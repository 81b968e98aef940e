"""Runs side by side, as a page and as Markdown."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

from markdown_it import MarkdownIt

from llmapi_conformance.reporting.matrix import Matrix, matrix_html, matrix_markdown, matrix_of
from llmapi_conformance.reporting.past import load_run
from tests.reporting.runs import HOSTILE, clause, document, hostile, written

if TYPE_CHECKING:
    from pathlib import Path

LATER = "2026-11-27T23:40:00.000+00:00"
NEXT_DAY = "2026-11-28T23:26:34.000+00:00"
FOUND = {"CHAT-S04", "MSG-S07"}


def two_nights(folder: Path, *, report: bool = True) -> Matrix:
    old = written(folder / "a night", document(clause("CHAT-S04"), clause("MSG-S07", "warned"), clause("RSP-S01")))
    new = written(
        folder / "b",
        document(
            clause("CHAT-S04", "failed"),
            clause("MSG-S07", "warned"),
            clause("RSP-S01", "not_observed", checks=[]),
            clause("RSP-S02"),
            started_at=NEXT_DAY,
        ),
    )
    for path in (old, new):
        if report:
            (path / "report.html").write_text("<p>report")
    return matrix_of([load_run(old), load_run(new)], folder / "out")


class Page(HTMLParser):
    """Links and elements of a page, and whether every element is closed."""

    VOID = frozenset({"meta", "input", "br", "link"})

    def __init__(self, page: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag == "a":
            self.links.append(dict(attrs)["href"] or "")
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def rows(self, name: str = "") -> set[str]:
        return {
            str(attrs["id"])
            for tag, attrs in self.elements
            if tag == "tr" and attrs.get("class") == "item" and (not name or f"data-{name}" in attrs)
        }


def test_rows_are_clauses_and_columns_are_runs_named_by_target_and_date(tmp_path: Path) -> None:
    matrix = two_nights(tmp_path)
    assert [(column.name, column.date) for column in matrix.columns] == [
        ("staging", "2026-11-27"),
        ("staging", "2026-11-28"),
    ]
    rows = {row.clause.id: row for row in matrix.rows}
    assert list(rows) == ["CHAT-S04", "MSG-S07", "RSP-S01", "RSP-S02"]
    assert [one and one.words for one in rows["RSP-S01"].cells] == ["passed", "not selected"]
    assert rows["RSP-S02"].cells[0] is None
    assert {name for name, row in rows.items() if row.differs} == {"CHAT-S04"}
    assert {name for name, row in rows.items() if row.found} == FOUND


def test_runs_of_one_day_are_told_apart(tmp_path: Path) -> None:
    starts = ("2026-11-27T23:26:34.000+00:00", LATER, LATER)
    runs = [
        load_run(written(tmp_path / str(number), document(clause("CHAT-S04"), started_at=start)))
        for number, start in enumerate(starts)
    ]
    dates = [column.date for column in matrix_of(runs, tmp_path).columns]
    assert dates == ["2026-11-27 23:26:34", "2026-11-27 23:40:00", "2026-11-27 23:40:00 #2"]
    assert [column.date for column in matrix_of(runs[:2], tmp_path).columns] == ["2026-11-27 23:26", "2026-11-27 23:40"]


def test_links_lead_to_the_clause_in_the_report_of_its_run(tmp_path: Path) -> None:
    page = Page(matrix_html(two_nights(tmp_path)))
    assert "../b/report.html#CHAT-S04" in page.links
    assert "../a%20night/report.html#MSG-S07" in page.links
    assert not [link for link in page.links if link.startswith("http")]
    markdown = matrix_markdown(two_nights(tmp_path))
    assert "[**failed**](<../b/report.html#CHAT-S04>)" in markdown
    without = Page(matrix_html(two_nights(tmp_path / "other", report=False)))
    assert without.links == ["#matrix"]


def test_the_page_is_one_file_with_every_clause(tmp_path: Path) -> None:
    page = Page(matrix_html(two_nights(tmp_path)))
    assert page.rows() == {"CHAT-S04", "MSG-S07", "RSP-S01", "RSP-S02"}
    assert page.rows("differs") == {"CHAT-S04"}
    assert page.rows("found") == FOUND
    assert not [attrs for _, attrs in page.elements if "src" in attrs or "onclick" in attrs or "style" in attrs]
    assert not page.open


def test_markdown_has_what_differs_or_was_found_and_counts_the_rest(tmp_path: Path) -> None:
    markdown = matrix_markdown(two_nights(tmp_path))
    assert "| **CHAT-S04**" in markdown
    assert "**RSP-S02**" not in markdown
    assert "2 of 4 clauses have one verdict" in markdown
    assert "`observed: it is not so`" in markdown


def test_a_hostile_gateway_takes_over_neither(tmp_path: Path) -> None:
    runs = [load_run(written(tmp_path / name, hostile())) for name in "ab"]
    matrix = matrix_of(runs, tmp_path)
    page = Page(matrix_html(matrix))
    assert [tag for tag, _ in page.elements].count("script") == 1
    assert "img" not in {tag for tag, _ in page.elements}
    assert HOSTILE not in matrix_html(matrix)
    rendered = MarkdownIt("gfm-like", {"html": True, "linkify": False}).render(matrix_markdown(matrix))
    assert "<script" not in rendered
    assert "<img" not in rendered
    assert rendered.count("<td") % 3 == 0


def test_the_page_is_equal_for_equal_runs(tmp_path: Path) -> None:
    pages: set[Any] = {matrix_html(two_nights(tmp_path)) for _ in range(2)}
    assert len(pages) == 1
