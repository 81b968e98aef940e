"""Runs pytest on the suites with its own configuration."""

from __future__ import annotations

import contextlib
import gc
import os
import sys
import tempfile
from collections import Counter
from typing import TYPE_CHECKING, Final

import pytest

from llmapi_conformance import pytest_plugin
from llmapi_conformance.tree import tree

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from llmapi_conformance.run import Run

_STORAGE: Final = "HYPOTHESIS_STORAGE_DIRECTORY"


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
        with _home_of_hypothesis():
            return int(pytest.main(arguments, plugins=[pytest_plugin, _Given(conformance), *plugins]))
    finally:
        gc.unfreeze()


@contextlib.contextmanager
def _home_of_hypothesis() -> Iterator[None]:
    """Meanwhile hypothesis, here and in the generator process, keeps its files in a folder that ends with the run.

    It would leave them in the working folder, which is somebody else's repository.
    """
    if os.environ.get(_STORAGE):
        yield
        return
    with tempfile.TemporaryDirectory(prefix="llmapi-conformance-", ignore_cleanup_errors=True) as folder:
        os.environ[_STORAGE] = folder
        try:
            yield
        finally:
            del os.environ[_STORAGE]
            if module := sys.modules.get("hypothesis.configuration"):
                module.set_hypothesis_home_dir(None)  # it has read the variable once and for all


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
