"""Debian's Chromium, driven by Playwright: it opens the page as a reader does, from a file."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect, sync_playwright

from llmapi_conformance.reporting.html import report_page
from tests.reporting import pages

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

    from tests.reporting.pages import Maker

PATIENCE = 20_000
"""Milliseconds to wait for what ought to happen at once: the machine may be busy."""
expect.set_options(timeout=PATIENCE)
NAMES = ("chromium", "chromium-browser", "google-chrome")
MISSING = f"none of {', '.join(NAMES)} is on the PATH: 'apt-get install chromium' brings one, as .ci/run does"


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One browser for all; without one the tests are skipped at a desk, and fail in CI."""
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(MISSING)
    with sync_playwright() as driver:
        running = driver.chromium.launch(executable_path=path)
        yield running
        running.close()


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Maker], Path]:
    """The file of a run that was made by hand."""
    folder = tmp_path_factory.mktemp("pages")

    def file(make: Maker) -> Path:
        path = folder / f"{make.__name__}.html"
        if not path.exists():
            path.write_text(report_page(*make()), "utf-8")
        return path

    return file


class Reader:
    """A page that is open, and what it did behind the reader's back.

    Attributes:
        page: Of Playwright.
        told: What the browser wrote to its console, and errors of scripts.
        asked: Every request but that for the file.
    """

    def __init__(self, page: Page, path: Path) -> None:
        self.page = page
        self.path = path
        self.told: list[str] = []
        self.asked: list[str] = []
        page.on("console", lambda message: self.told.append(message.text))
        page.on("pageerror", lambda error: self.told.append(str(error)))
        page.on("dialog", lambda dialog: self.told.append(dialog.message))
        page.on("request", lambda request: self._note(request.url))

    def _note(self, url: str) -> None:
        if url.partition("#")[0] != self.path.as_uri() and not url.startswith("data:"):
            self.asked.append(url)

    def open(self, fragment: str = "") -> Reader:
        """Open the file, or go to another place in it."""
        self.page.goto(self.path.as_uri() + fragment)
        return self

    def evaluate(self, expression: str) -> Any:
        """What the page makes of an expression."""
        return self.page.evaluate(expression)

    @property
    def fragment(self) -> str:
        """Of the address."""
        return str(self.evaluate("location.hash"))

    @property
    def rows(self) -> int:
        """Clauses that the table shows."""
        return self.page.locator("tr.item:visible").count()


@pytest.fixture
def read(browser: Browser, files: Callable[[Maker], Path]) -> Iterator[Callable[..., Reader]]:
    """Opens the page of a run in a window of its own; whatever it asked for or complained of is an error."""
    readers: list[Reader] = []

    def opened(make: Maker = pages.plain, fragment: str = "", width: int = 1440, **how: Any) -> Reader:
        context = browser.new_context(viewport={"width": width, "height": 900}, **how)
        context.set_default_timeout(PATIENCE)
        reader = Reader(context.new_page(), files(make))
        readers.append(reader)
        return reader.open(fragment)

    yield opened
    for reader in readers:
        reader.page.context.close()
        assert reader.told == []
        assert reader.asked == []
