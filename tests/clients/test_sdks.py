"""The newest SDKs, really installed, work through the reference gateway; a fault that breaks one is told twice."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from llmapi_conformance.clients.catalogue import load_clients
from llmapi_conformance.clients.environments import install, lacking
from llmapi_conformance.errors import TargetError
from llmapi_conformance.evidence.recording import read_recording
from llmapi_conformance.reporting.clients import WORKS, CaseRow, case_rows
from llmapi_conformance.tree import tree

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.timeout(600)  # the fixtures install four clients

CLIENTS = load_clients(tree() / "specs")
NEWEST = [
    next(one for one in CLIENTS if one.family == name) for name in ("openai-python", "anthropic-python", "google-genai")
]
IN_JAVASCRIPT = next(one for one in CLIENTS if one.family == "anthropic-node")
"""One, which npm installs in seconds; all of them are run by hand before a release."""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With the newest SDKs."""
    folder = tmp_path_factory.mktemp("home")
    for client in NEWEST:
        try:
            install(client, folder)
        except TargetError as error:
            if os.environ.get("CI"):
                raise
            pytest.skip(str(error))
    return folder


@pytest.fixture(scope="module")
def with_node(home: Path) -> Path:
    """The same with an SDK for JavaScript; a machine without Node.js has none, also in CI."""
    if lack := lacking(IN_JAVASCRIPT):
        pytest.skip(lack)
    try:
        install(IN_JAVASCRIPT, home)
    except TargetError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))
    return home


def run_clients(home: Path, folder: Path, *options: str) -> tuple[int, dict[str, str], list[CaseRow]]:
    """Exit status, clause -> verdict, and the cases."""
    command = [sys.executable, "-m", "llmapi_conformance", "clients", "run", "--home", str(home)]
    done = subprocess.run(
        [*command, "--report-dir", str(folder), *options], capture_output=True, text=True, timeout=500, check=False
    )
    assert (folder / "clients.md").exists(), done.stdout + done.stderr
    document: dict[str, Any] = json.loads((folder / "verdicts.json").read_text("utf-8"))
    rows = case_rows(read_recording(folder / "recording.jsonl"), CLIENTS)
    return done.returncode, {one["id"]: one["verdict"] for one in document["clauses"]}, rows


def test_every_case_of_the_newest_sdks_works_and_what_they_send_and_get_is_conforming(
    home: Path, tmp_path: Path
) -> None:
    status, verdicts, rows = run_clients(home, tmp_path, *(f"--only={one.name}" for one in NEWEST))
    assert [one for one in rows if one.state != WORKS] == []
    assert len(rows) == sum(len(one.cases) for one in NEWEST)
    assert status == 0
    assert set(verdicts.values()) <= {"passed", "not_observed"}
    assert sum(verdict == "passed" for verdict in verdicts.values()) > 150
    assert {name for name, verdict in verdicts.items() if name.startswith("CLI-") and verdict == "not_observed"} == {
        *("CLI-G07", "CLI-C01", "CLI-C02", "CLI-C03", "CLI-C04")
    }


def test_blocks_that_are_counted_from_one_break_a_client_and_a_clause(home: Path, tmp_path: Path) -> None:
    anthropic = next(one for one in NEWEST if one.family == "anthropic-python")
    status, verdicts, rows = run_clients(home, tmp_path, f"--only={anthropic.name}", "--fault=S03")
    assert status == 1
    assert verdicts["MSG-S08"] == "failed"
    assert verdicts["CLI-A01"] == "failed"
    broken = {one.case: one.words for one in rows if one.state == "broken"}
    assert "IndexError" in broken["messages_stream"]
    assert "messages" not in broken


def test_every_case_of_an_sdk_for_javascript_works(with_node: Path, tmp_path: Path) -> None:
    status, verdicts, rows = run_clients(with_node, tmp_path, f"--only={IN_JAVASCRIPT.name}")
    assert [one for one in rows if one.state != WORKS] == []
    assert len(rows) == len(IN_JAVASCRIPT.cases)
    assert status == 0
    assert {verdicts[case.clause] for case in IN_JAVASCRIPT.cases} == {"passed"}


def test_the_same_fault_leaves_a_client_in_javascript_with_an_empty_message_and_no_error(
    with_node: Path, tmp_path: Path
) -> None:
    status, verdicts, rows = run_clients(with_node, tmp_path, f"--only={IN_JAVASCRIPT.name}", "--fault=S03")
    assert status == 1
    assert verdicts["MSG-S08"] == "failed"
    assert verdicts["CLI-A01"] == "failed"
    broken = {one.case: one.words for one in rows if one.state == "broken"}
    assert '"final_message": ""' in broken["messages_stream"]
    assert "raised" not in broken["messages_stream"]
