"""The documentation in a browser, opened from its folder: everything is there, and nobody is asked for anything."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.docs.conftest import site

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

__all__ = ("site",)

PAGES = ("index", "quickstart", "target", "commands", "formats", "faults", "clauses/messages", "clauses/MSG-S07")


@pytest.fixture(params=["light", "dark"])
def page(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    with browser.new_context(color_scheme=request.param) as context:
        opened = context.new_page()
        told: list[str] = []
        opened.on("console", lambda message: told.append(message.text))
        opened.on("pageerror", lambda error: told.append(str(error)))
        opened.on("request", lambda asked: told.append(asked.url) if asked.url.startswith("http") else None)
        yield opened
        assert not told


@pytest.mark.parametrize("width", [1440, 390])
def test_no_page_is_wider_than_the_screen(site: Path, page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    for name in PAGES:
        page.goto((site / f"{name}.html").as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") <= width, name


def test_the_search_finds_a_clause_without_a_server(site: Path, page: Page) -> None:
    page.goto((site / "index.html").as_uri())
    page.get_by_role("button", name="Search").first.click()
    page.keyboard.type("MSG-S07", delay=20)
    found = page.get_by_role("option").first
    expect(found).to_contain_text("MSG-S07")
    found.click()
    expect(page).to_have_url(re.compile("clauses/MSG-S07.html"))
    expect(page.get_by_role("heading", name="MSG-S07")).to_be_visible()
