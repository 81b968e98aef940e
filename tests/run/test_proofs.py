"""Each active clause has a check, and each check has been seen to fail."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import llmapi_conformance.judging.oracles  # noqa: F401 - registers every oracle
from llmapi_conformance.contract.clauses import Status
from llmapi_conformance.contract.contract import load_contract
from llmapi_conformance.judging.oracle import ORACLES
from llmapi_conformance.tree import tree
from tests.judging.witness import VARIABLE

HERE = Path(__file__).parents[1]

pytestmark = pytest.mark.timeout(600)  # the fixture runs all tests of judging


@pytest.fixture(scope="module")
def witnessed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the tests of judging have seen of each oracle."""
    path = tmp_path_factory.mktemp("witness") / "seen.json"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.judging.witness", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*command, str(HERE / "judging")],
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
        cwd=HERE.parent,
        env={**os.environ, VARIABLE: str(path)},
    )
    assert done.returncode == 0, done.stdout[-3000:]
    seen: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return seen


def active() -> set[str]:
    return {one.id for one in load_contract(tree()).clauses.values() if one.status is Status.ACTIVE}


def test_every_active_clause_has_an_oracle_and_every_oracle_an_active_clause() -> None:
    assert active() == {oracle.clause for oracle in ORACLES.values()}


def test_every_oracle_has_been_seen_to_find_a_deviation_offline(witnessed: dict[str, Any]) -> None:
    assert sorted(set(ORACLES) - set(witnessed["deviated"])) == []


def test_every_oracle_has_been_seen_content_offline(witnessed: dict[str, Any]) -> None:
    assert sorted(set(ORACLES) - set(witnessed["content"])) == []
