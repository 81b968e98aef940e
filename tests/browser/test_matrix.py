"""The matrix in Chromium: it opens, filters, links, keeps its heads in sight, and lets no gateway act."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from llmapi_conformance.reporting.matrix import matrix_html, matrix_of
from llmapi_conformance.reporting.past import load_run
from tests.reporting.runs import clause, document, hostile, written

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page


@pytest.fixture(scope="module")
def matrix(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five runs of ninety clauses, the last of them of a hostile gateway."""
    folder = tmp_path_factory.mktemp("matrix")
    names = [f"CHAT-S{number:02}" for number in range(60)] + [f"MSG-S{number:02}" for number in range(30)]
    made = [
        document(
            *(
                clause(
                    name, "failed" if night and name == "CHAT-S50" else "passed", level="MUST" if n % 2 else "SHOULD"
                )
                for n, name in enumerate(names)
            ),
            started_at=f"2026-11-2{night}T23:00:00.000+00:00",
        )
        for night in range(4)
    ]
    runs = [load_run(written(folder / str(number), data)) for number, data in enumerate([*made, hostile()])]
    for run in runs:
        (run.path.parent / "report.html").write_text("<title>a report</title><p id='CHAT-S50'>here", "utf-8")
    (folder / "out").mkdir()
    (folder / "out" / "matrix.html").write_text(matrix_html(matrix_of(runs, folder / "out")), "utf-8")
    return folder / "out" / "matrix.html"


@pytest.fixture
def page(browser: Browser, matrix: Path) -> Iterator[Page]:
    """The page on a phone; whatever it asks for or complains about fails the test."""
    context = browser.new_context(viewport={"width": 390, "height": 844})
    opened = context.new_page()
    wrong: list[str] = []
    opened.on("request", lambda request: wrong.append(request.url) if not request.url.startswith("file:") else None)
    opened.on("console", lambda message: wrong.append(message.text))
    opened.on("pageerror", lambda error: wrong.append(str(error)))
    opened.on("dialog", lambda dialog: wrong.append(dialog.message))
    opened.goto(matrix.as_uri())
    yield opened
    context.close()
    assert wrong == []


def shown(page: Page) -> int:
    return page.locator(".item:visible").count()


def test_filters_narrow_the_rows_and_stand_in_the_address(page: Page) -> None:
    every = shown(page)
    page.select_option("#rows", "differs")
    assert 0 < shown(page) < every
    page.select_option("#rows", "")
    page.select_option("#surface", "messages")
    assert shown(page) == 30
    page.select_option("#level", "SHOULD")
    assert shown(page) == 16  # every other one, and MSG-S07, which the last run has as a SHOULD
    page.fill("#text", "msg-s10")
    assert shown(page) == 1
    assert page.locator("#state").inner_text() == f"1 of {every} clauses"
    address = page.url
    page.click("#clear")
    assert shown(page) == every
    page.goto("about:blank")
    page.goto(address)
    assert shown(page) == 1
    page.fill("#text", "no such clause")
    assert page.locator("#nothing").is_visible()


def test_the_heads_stay_in_sight_and_the_lead_is_no_wider_than_the_window(page: Page) -> None:
    page.evaluate("window.scrollTo(250, 2500)")
    head = page.locator(".matrix thead th").nth(3).bounding_box()
    first = page.locator("#CHAT-S30 .clause").bounding_box()
    lead = page.locator("h1").bounding_box()
    assert head is not None
    assert first is not None
    assert lead is not None
    assert head["y"] == pytest.approx(0, abs=1)
    assert first["x"] == pytest.approx(0, abs=1)
    assert lead["x"] >= 0
    assert lead["x"] + lead["width"] <= 390


def test_a_cell_leads_to_its_clause_in_the_report(page: Page) -> None:
    page.locator("#CHAT-S50 td.failed a").first.click()
    assert page.title() == "a report"
    assert page.url.endswith("/1/report.html#CHAT-S50")


def test_colours_follow_the_system_and_can_be_chosen(browser: Browser, matrix: Path) -> None:
    def paper(page: Page) -> str:
        return str(page.evaluate("getComputedStyle(document.body).backgroundColor"))

    context = browser.new_context(color_scheme="dark")
    page = context.new_page()
    page.goto(matrix.as_uri())
    dark = paper(page)
    page.click("#theme")
    assert page.locator("#theme").inner_text() == "Colours: light"
    assert paper(page) == "rgb(255, 255, 255)" != dark
    context.close()


def test_without_javascript_every_clause_is_there(browser: Browser, matrix: Path) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(matrix.as_uri())
    assert shown(page) > 90
    assert page.locator("#filters").is_hidden()
    context.close()
