"""What a forked run finds is what a run of a fresh interpreter finds, and it leaves nothing behind for the next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.kill.forking import forked_run, threads_of_the_server
from tests.kill.suite import RUN_DEADLINE, found, run_anew, run_suite

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.timeout(3 * RUN_DEADLINE)
SOME = ("--generate", "0", "-k", "MSG-S07 or RSP-S12")


def test_a_forked_run_finds_what_a_run_of_a_fresh_interpreter_finds(tmp_path: Path) -> None:
    for on in (("--fault", "R06"), ()):
        folders = [tmp_path / f"{name}-{len(on)}" for name in ("forked", "anew")]
        for folder in folders:
            folder.mkdir()
        forked, anew = run_suite(folders[0], *SOME, *on), run_anew(folders[1], *SOME, *on)
        assert _told(*forked) == _told(*anew)
        assert found(forked[1]) == ({"RSP-S12"} if on else set())  # the fault is gone with its run


def test_the_server_that_is_forked_has_one_thread(tmp_path: Path) -> None:
    assert threads_of_the_server() == 1
    assert forked_run(["--version"], tmp_path / "output.txt", RUN_DEADLINE) == 0
    assert (tmp_path / "output.txt").read_text("utf-8").startswith("llmapi-conformance ")


def test_a_run_that_takes_too_long_is_killed_and_told(tmp_path: Path) -> None:
    with pytest.raises(TimeoutError, match="took longer than 0 s"):
        forked_run(["run", "--report-dir", str(tmp_path), *SOME], tmp_path / "output.txt", 0.2)


def _told(status: int, document: dict[str, Any]) -> Any:
    return status, document["headline"], {one["id"]: (one["verdict"], one["reason"]) for one in document["clauses"]}
