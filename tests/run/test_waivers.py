"""A waiver at work: the same broken gateway with and without, and a waiver that is no longer needed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from llmapi_conformance.sending.embedded import start_reference

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TARGET = """name = "candidate"
base_url = "{base_url}"
{waivers}
[roles."general:openai"]
key_env = "CANDIDATE_KEY"
models = ["gpt-5.1"]

[upstream]
control_url = "{upstream_control_url}"
"""
WAIVER = (
    '[[waiver]]\nclause = "{clause}"\nreason = "clients bear it"\nowner = "team"\nticket = "GW-1"\nexpires = {day}\n'
)


@pytest.fixture(scope="module")
def broken() -> Iterator[dict[str, Any]]:
    reference = start_reference(fault="M15")
    yield reference.announcement
    reference.stop()


def run(folder: Path, broken: dict[str, Any], *, clause: str = "", day: str = "2999-12-31") -> tuple[int, str, Any]:
    waivers = ""
    if clause:
        (folder / "waivers.toml").write_text(WAIVER.format(clause=clause, day=day), "utf-8")
        waivers = 'waivers = "waivers.toml"'
    (folder / "target.toml").write_text(TARGET.format(waivers=waivers, **broken), "utf-8")
    command = [sys.executable, "-m", "llmapi_conformance", "run", "--target", "target.toml", "--generate", "0"]
    done = subprocess.run(
        [*command, "-k", "CHAT-S05", "--report-dir", "out"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
        env={**os.environ, "CANDIDATE_KEY": broken["keys"]["general:openai"]},
    )
    document = json.loads((folder / "out" / "verdicts.json").read_text("utf-8"))
    return done.returncode, done.stdout, {one["id"]: one for one in document["clauses"]}


def test_a_finding_fails_the_run_until_it_is_waived(tmp_path: Path, broken: dict[str, Any]) -> None:
    status, _, clauses = run(tmp_path, broken)
    failed = [name for name, one in clauses.items() if one["verdict"] == "failed"]
    assert status == 1
    assert failed
    waived = tmp_path / "waived"
    waived.mkdir()
    status, printed, clauses = run(waived, broken, clause=failed[0])
    assert clauses[failed[0]]["verdict"] == "waived"
    assert clauses[failed[0]]["waiver"]["ticket"] == "GW-1"
    assert f"{failed[0]} waived: clients bear it" in printed
    assert status == (1 if failed[1:] else 0)


def test_an_expired_waiver_fails_the_run_with_a_line(tmp_path: Path, broken: dict[str, Any]) -> None:
    status, printed, clauses = run(tmp_path, broken, clause="CHAT-S05", day="2020-01-31")
    assert status == 1
    assert "waiver of CHAT-S05 (team, GW-1) expired on 2020-01-31" in " ".join(printed.split())
    assert all(one["verdict"] != "waived" for one in clauses.values())
