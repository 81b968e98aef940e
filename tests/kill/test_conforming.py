"""Neither the conforming gateway nor one that is merely different is accused of anything."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import jsonschema_rs
import pytest

import llmapi_conformance.reporting
from llmapi_conformance.reference.variations import VARIATIONS
from tests.kill.suite import RUN_DEADLINE, found, run_suite, with_verdict

pytestmark = pytest.mark.timeout(RUN_DEADLINE + 60)

TASK_VARIATIONS = frozenset(f"V{number}" for number in range(10, 23))
"""Those of the task routes."""
SCHEMA = Path(llmapi_conformance.reporting.__path__[0]) / "verdicts.schema.json"


def test_every_active_clause_passes_on_the_conforming_gateway_and_again_from_the_recording(tmp_path: Path) -> None:
    status, document = run_suite(tmp_path)
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
    # What changes the task routes alone is held against what they are asked in any surface. A few generated requests
    # of each operation are enough: what differs does so in answers.
    about = ("-k", "task or keeps_the_rule") if variation in TASK_VARIATIONS else ()
    status, document = run_suite(tmp_path, "--variation", variation, "--generate", "2", *about)
    assert not found(document)
    assert not with_verdict(document, "error")
    assert not with_verdict(document, "inconclusive")
    assert status == 0
