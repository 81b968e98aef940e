"""The dossier in a browser: it fits every width in both colours, and does nothing behind the reader's back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from llmapi_conformance.measuring.objectives import held_objectives
from llmapi_conformance.measuring.statistics import Level, Measured
from llmapi_conformance.reporting.dossier import write_dossier
from llmapi_conformance.reporting.measured import with_measured
from llmapi_conformance.target.objectives import Objective
from tests.reporting.runs import HOSTILE, clause, document, finding

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser

MEASURED = (
    Measured("first_token_ms", "createMessage", tuple(60.0 + number for number in range(30)), 0, 30, 2, "a note"),
    Measured("error_rate", "createMessage", (), 3, 120, 0, "", (Level(1, 30, 0, 61.0), Level(8, 90, 3, None))),
    Measured("stream_terminal_rate", "createMessage", (), 180, 180),
)
OBJECTIVES = (
    Objective("first_token_p50_ms", 50.0),
    Objective("first_token_p95_ms", 800.0),
    Objective("error_rate", 0.1),
    Objective("stream_terminal_rate", 0.999),
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    broken = clause("CHAT-S04", "failed", findings=[finding(observed=HOSTILE + "x" * 400)])
    said = document(broken, clause("MSG-S01"), clause("RSP-S01", "not_offered"), name="A vendor with a long name")
    said = with_measured(said, MEASURED, held_objectives(OBJECTIVES, MEASURED), ["Gemini (plain): no key"])
    run = tmp_path / "run"
    run.mkdir()
    (run / "verdicts.json").write_text(json.dumps(said), "utf-8")
    write_dossier([run], tmp_path / "out")
    return tmp_path / "out"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1440])
@pytest.mark.parametrize("name", ["index.html", "a-vendor-with-a-long-name.html"])
def test_a_page_fits_and_says_nothing_to_the_console(
    browser: Browser, folder: Path, name: str, width: int, scheme: str
) -> None:
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)  # type: ignore[arg-type]
    said: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto((folder / name).as_uri())
    for details in page.locator("details > summary").all():
        details.click()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert said == []
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    page.close()
