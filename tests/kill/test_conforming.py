"""Neither the conforming gateway nor one that is merely different is accused of anything."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import jsonschema_rs
import pytest

import llmapi_conformance.reporting
from llmapi_conformance.reference.variations import VARIATIONS
from tests.kill.suite import RUN_DEADLINE, found, run_anew, run_suite, with_verdict

pytestmark = pytest.mark.timeout(RUN_DEADLINE + 60)

_MESSAGES: Final = "messages or antigravity"
_RESPONSES: Final = "responses or websocket"
_GEMINI: Final = "gemini or antigravity"
SURFACES: Final[dict[str, str]] = {
    **{f"V{number}": "task" for number in range(10, 23)},
    **dict.fromkeys(("C6", "C8"), _MESSAGES),
    **dict.fromkeys(("C16", "V1", "V2", "V3"), _RESPONSES),
    **dict.fromkeys(("C17", "V6"), "images"),
    "C9": "chat",
    "V5": _GEMINI,
}
"""Where a variation changes the routes of some surfaces alone: these. Every other one meets the whole suite."""
_ACROSS: Final = "parity or aliases or usage or http or errors"
"""Surfaces that call the routes of others."""
TOGETHER: Final = (
    tuple(name for name in VARIATIONS if name not in ("C4b", *(f"V{number}" for number in range(10, 23)))),
    ("C4b", *(f"V{number}" for number in range(10, 23))),
)
"""Variations that can be on together: of C4a and C4b each undoes the other."""
SCHEMA = Path(llmapi_conformance.reporting.__path__[0]) / "verdicts.schema.json"


def test_every_active_clause_passes_on_the_conforming_gateway_and_again_from_the_recording(tmp_path: Path) -> None:
    status, document = run_anew(tmp_path)
    assert {one["verdict"] for one in document["clauses"]} == {"passed"}, [
        one for one in document["clauses"] if one["verdict"] != "passed"
    ]
    assert (status, document["headline"]) == (0, "conformant")
    jsonschema_rs.validate(json.loads(SCHEMA.read_text("utf-8")), document)
    again = tmp_path / "again"
    command = [sys.executable, "-m", "llmapi_conformance", "judge", str(tmp_path / "recording.jsonl")]
    done = subprocess.run(
        [*command, "--report-dir", str(again)], capture_output=True, timeout=RUN_DEADLINE, check=False
    )
    assert done.returncode == 0, done.stdout
    assert (again / "verdicts.json").read_bytes() == (tmp_path / "verdicts.json").read_bytes()


@pytest.mark.parametrize("variation", VARIATIONS)
def test_a_legal_variation_raises_no_finding(variation: str, tmp_path: Path) -> None:
    surfaces = SURFACES.get(variation)
    across = "" if surfaces == "task" else f"{_ACROSS} or "
    about = ("-k", f"{surfaces} or {across}keeps_the_rule") if surfaces else ()
    _assert_nothing_is_found(*run_suite(tmp_path, "--variation", variation, "--generate", "0", *about))


@pytest.mark.parametrize("variations", TOGETHER, ids=" ".join)
def test_generated_requests_raise_no_finding_on_legal_variations(variations: tuple[str, ...], tmp_path: Path) -> None:
    # A few of each operation are enough: what differs does so in answers, and hand-written requests met each alone.
    on = [argument for name in variations for argument in ("--variation", name)]
    about = ("-k", "test_generated or keeps_the_rule")
    _assert_nothing_is_found(*run_suite(tmp_path, *on, "--generate", "4", *about))


def _assert_nothing_is_found(status: int, document: dict[str, Any]) -> None:
    assert not found(document)
    assert not with_verdict(document, "error")
    assert not with_verdict(document, "inconclusive")
    assert status == 0
