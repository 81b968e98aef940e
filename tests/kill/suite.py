"""Runs the suite as a user does: the command line tool in a process of its own, forked or started anew."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from tests.kill.forking import forked_run

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

RUN_DEADLINE = 400.0
"""Seconds that one run may take on a busy machine."""


def run_suite(report_dir: Path, *arguments: str, deadline: float = RUN_DEADLINE) -> tuple[int, dict[str, Any]]:
    """Run the suite against the embedded reference gateway; the exit status and what ``verdicts.json`` says."""
    output = report_dir.with_name(f"{report_dir.name}-output.txt")
    arguments = ("run", "--report-dir", str(report_dir), *arguments)
    status = forked_run(arguments, output, deadline)
    return status, _document(report_dir, f"{' '.join(arguments)}:\n{output.read_text('utf-8', 'replace')}")


def run_anew(report_dir: Path, *arguments: str) -> tuple[int, dict[str, Any]]:
    """As ``run_suite``, by a fresh interpreter from its first import on."""
    command = [sys.executable, "-m", "llmapi_conformance", "run", "--report-dir", str(report_dir), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=RUN_DEADLINE, check=False)
    return done.returncode, _document(report_dir, f"{' '.join(command)}:\n{done.stdout}\n{done.stderr}")


def _document(report_dir: Path, said: str) -> dict[str, Any]:
    path = report_dir / "verdicts.json"
    assert path.exists(), f"no verdicts were left by {said}"
    document: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return document


def found(document: dict[str, Any]) -> set[str]:
    """Clauses with a finding above INFO."""
    return {one["id"] for one in document["clauses"] if one["verdict"] in ("failed", "warned")}


def with_verdict(document: dict[str, Any], verdict: str) -> list[str]:
    """Clauses with this verdict, and why."""
    return [f"{one['id']}: {one['reason']}" for one in document["clauses"] if one["verdict"] == verdict]


def generated_only(clauses: Sequence[str], operations: Sequence[str]) -> str:
    """The ``-k`` that sends generated cases of some operations alone, and judges these clauses on every exchange."""
    sent = f"test_generated and ({' or '.join(operations)})"
    return f"{sent} or keeps_the_rule and ({' or '.join(clauses)})" if clauses else sent
