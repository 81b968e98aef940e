"""An error in ``specs/`` is a finding on the reference gateway, which was never told what ``specs/`` says."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from llmapi_conformance.tree import ENVIRONMENT, tree

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def run_with_specs(tmp_path: Path, change: Callable[[Path], None], keyword: str) -> dict[str, Any]:
    """Run the suite on a copy of the tree whose specs were changed."""
    copy = tmp_path / "tree"
    for folder in ("specs", "suites", "fixtures"):
        shutil.copytree(tree() / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__"))
    change(copy / "specs")
    command = [
        sys.executable,
        "-m",
        "llmapi_conformance",
        "run",
        "-k",
        keyword,
        "--report-dir",
        str(tmp_path / "report"),
    ]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
        cwd=tmp_path,
        env={**os.environ, ENVIRONMENT: str(copy)},
    )
    assert done.returncode in (0, 1), done.stdout + done.stderr
    document: dict[str, Any] = json.loads((tmp_path / "report" / "verdicts.json").read_text("utf-8"))
    return document


def verdict(document: dict[str, Any], clause: str) -> str:
    return next(str(one["verdict"]) for one in document["clauses"] if one["id"] == clause)


def rewrite(path: Path, change: Callable[[Any], None]) -> None:
    data = yaml.safe_load(path.read_text("utf-8"))
    change(data)
    path.write_text(yaml.safe_dump(data, sort_keys=False), "utf-8")


def a_wrong_event_order(specs: Path) -> None:
    def change(grammar: Any) -> None:
        grammar["machines"]["message"]["states"]["in a block"]["next"]["content_block_delta"] = "between blocks"

    rewrite(specs / "streams" / "messages.yaml", change)


def a_wrong_end_of_choices(specs: Path) -> None:
    def change(grammar: Any) -> None:
        grammar["machines"]["finish"]["states"]["unfinished"]["next"]["with_finish_reason"] = "unfinished"

    rewrite(specs / "streams" / "chat.yaml", change)


def a_wrong_order_of_items(specs: Path) -> None:
    def change(grammar: Any) -> None:
        grammar["machines"]["items"]["states"]["in an item"]["next"] = {"call_done": "between items"}

    rewrite(specs / "streams" / "responses.yaml", change)


def a_refused_cell_that_says_allow(specs: Path) -> None:
    def change(matrix: Any) -> None:
        allowed = {"allow": True, "basis": "documented", "level": "MUST", "facts": ["F5.6"]}
        matrix["cells"]["general:openai"]["countMessageTokens"] = allowed

    rewrite(specs / "access.yaml", change)


def an_allowed_cell_that_says_deny(specs: Path) -> None:
    def change(matrix: Any) -> None:
        refused = {
            "deny": {"statuses": [404], "envelope": "any"},
            "basis": "documented",
            "level": "MUST",
            "facts": ["F5.7"],
        }
        matrix["cells"]["general:anthropic"]["createMessage"] = refused

    rewrite(specs / "access.yaml", change)


@pytest.mark.parametrize(
    ("change", "clause"),
    [
        (a_wrong_event_order, "MSG-S04"),
        (a_wrong_end_of_choices, "CHAT-S02"),
        (a_wrong_order_of_items, "RSP-S07"),
        (a_refused_cell_that_says_allow, "ACC-A01"),
        (an_allowed_cell_that_says_deny, "ACC-D01"),
    ],
)
def test_an_error_in_the_specs_is_a_finding_on_the_reference(
    tmp_path: Path, change: Callable[[Path], None], clause: str
) -> None:
    assert verdict(run_with_specs(tmp_path, change, clause), clause) == "failed"


@pytest.mark.parametrize("clause", ["MSG-S04", "CHAT-S02", "RSP-S07", "ACC-A01", "ACC-D01"])
def test_the_same_clauses_pass_without_it(tmp_path: Path, clause: str) -> None:
    assert verdict(run_with_specs(tmp_path, lambda _: None, clause), clause) == "passed"
