"""Runs pytest on the suites with its own configuration."""

from __future__ import annotations

import gc
import sys
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from llmapi_conformance import pytest_plugin
from llmapi_conformance.tree import tree

if TYPE_CHECKING:
    from pathlib import Path

    from llmapi_conformance.run import Run


def run_pytest(conformance: Run, keyword: str, more: list[str], *plugins: object) -> int:
    """Run pytest on the suites with its own configuration, whatever lies in the working folder."""
    root = tree()
    arguments = [
        "-c",
        str(root / "suites" / "pytest.ini"),
        f"--rootdir={root}",
        "--disable-plugin-autoload",
        "-p",
        "no:terminal",
        "-p",
        "no:cacheprovider",
        *(["-k", keyword] if keyword else []),
        *more,
        str(root / "suites"),
    ]
    sys.dont_write_bytecode = sys.dont_write_bytecode or not _writable(root)
    gc.freeze()  # what was imported and loaded stays: no collection need walk it
    try:
        return int(pytest.main(arguments, plugins=[pytest_plugin, _Given(conformance), *plugins]))
    finally:
        gc.unfreeze()


def _writable(folder: Path) -> bool:
    probe = folder / "suites"
    try:
        return probe.stat().st_mode & 0o200 != 0
    except OSError:
        return False


class _Given:
    """Hands the prepared run to our pytest plugin."""

    def __init__(self, conformance: Run) -> None:
        self.conformance = conformance

    @pytest.hookimpl(tryfirst=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        config.stash[pytest_plugin.RUN] = self.conformance


class Collected:
    """Counts the selected checks, and those of each clause."""

    def __init__(self) -> None:
        self.count = 0
        self.clauses: Counter[str] = Counter()

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Collection and deselection are done."""
        self.count = len(session.items)
        for item in session.items:
            self.clauses.update(pytest_plugin.clauses_of(item))
