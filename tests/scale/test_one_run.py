"""Shards of a real run, and what becomes of them."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from llmapi_conformance.evidence.recording import read_recording
from llmapi_conformance.sending.embedded import start_reference
from tests.scale.standing import Standing, standing_target, tool, verdicts

if TYPE_CHECKING:
    from collections.abc import Iterator

FAULT = "M15"
OPTIONS = ("-k", "messages or usage or models or MSG or HTTP-H", "--generate", 2)
"""Chains, ledgers, what comes last, what looks at every exchange, and a few generated requests."""


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standing]:
    running = start_reference(fault=FAULT)
    yield standing_target(tmp_path_factory.mktemp("standing"), running.announcement)
    running.stop()


@pytest.fixture(scope="module")
def runs(standing: Standing, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One run, the same as three shards, and their merge."""
    folder = tmp_path_factory.mktemp("runs")
    common = ("run", "--target", standing.target, *OPTIONS, "--report-dir")
    assert tool(*common, folder / "one", environ=standing.environ)[0] == 1
    for number in (1, 2, 3):
        status, said = tool(*common, folder / f"{number}", "--shard", f"{number}/3", environ=standing.environ)
        assert status in {0, 1}, said
    status, said = tool("merge", *(folder / f"{number}" for number in (2, 3, 1)), "-o", folder / "merged")
    assert status == 1, said
    return folder


def said(document: dict[str, Any]) -> dict[str, tuple[str, str, list[tuple[str, str]]]]:
    """Of each clause what a reader takes for the result; how often something was looked at depends on the gateway."""
    return {
        one["id"]: (
            one["verdict"],
            one["reason"],
            sorted((finding["oracle"], finding["exchange"]) for finding in one["findings"]),
        )
        for one in document["clauses"]
    }


@pytest.mark.timeout(400)
def test_shards_and_merge_equal_one_run_clause_by_clause(runs: Path) -> None:
    one, merged = verdicts(runs / "one"), verdicts(runs / "merged")
    assert said(one) == said(merged)
    assert one["figures"]["verdicts"] == merged["figures"]["verdicts"]
    assert one["figures"]["verdicts"]["failed"]
    assert one["selection"] == merged["selection"]


@pytest.mark.timeout(400)
def test_each_shard_sends_a_part_and_all_of_them_everything(runs: Path) -> None:
    whole = read_recording(runs / "one" / "recording.jsonl")
    parts = [read_recording(runs / f"{number}" / "recording.jsonl") for number in (1, 2, 3)]
    done = [{key for key, one in part.results.items() if getattr(one, "status", "") == "done"} for part in parts]
    assert all(done)
    assert sum(map(len, done)) == len(set().union(*done))
    assert set().union(*done) == {key for key, one in whole.results.items() if getattr(one, "status", "") == "done"}


@pytest.mark.timeout(400)
def test_a_shard_says_which_one_it_is_and_what_the_others_send(runs: Path, tmp_path: Path) -> None:
    document = verdicts(runs / "1")
    assert document["selection"]["shard"] == "1/3"
    reasons = {one["reason"] for one in document["clauses"] if one["verdict"] == "not_observed"}
    assert {"sent by shard 2 of 3", "sent by shard 3 of 3"} & reasons
    status, said = tool("judge", runs / "1" / "recording.jsonl", "--report-dir", tmp_path / "again")
    assert status in {0, 1}
    assert "shard 1/3 only: what others send is not observed here; 'merge' makes one run" in " ".join(said.split())


@pytest.mark.timeout(400)
def test_judging_the_merged_recording_again_gives_the_same_bytes(runs: Path, tmp_path: Path) -> None:
    status, _ = tool("judge", runs / "merged" / "recording.jsonl", "--report-dir", tmp_path / "again")
    assert status == 1
    for name in ("verdicts.json", "junit.xml", "summary.md"):
        assert (tmp_path / "again" / name).read_bytes() == (runs / "merged" / name).read_bytes()


@pytest.mark.timeout(400)
def test_a_merge_is_verified_as_any_run(runs: Path) -> None:
    assert tool("verify", runs / "merged")[0] == 0


@pytest.mark.timeout(400)
def test_a_merge_is_one_night_of_the_history_however_often_it_is_made(runs: Path, tmp_path: Path) -> None:
    history = ("--history-url", tmp_path / "nights.sqlite")
    status, said = tool("history", "add", runs / "1", *history)
    assert (status, "merge all shards of that run first" in " ".join(said.split())) == (2, True)
    status, said = tool("history", "add", runs / "merged", *history)
    assert (status, "added" in said) == (0, True)
    assert tool("merge", *(runs / f"{number}" for number in (1, 2, 3)), "-o", tmp_path / "anew")[0] == 1
    status, said = tool("history", "add", tmp_path / "anew", *history)
    assert (status, "is there already" in " ".join(said.split())) == (0, True)
    (series,) = json.loads(tool("history", "show", "--json", *history)[1])["series"]
    (night,) = series["runs"]
    parts = [read_recording(runs / f"{number}" / "recording.jsonl") for number in (1, 2, 3)]
    began = min(part.opening.started_at for part in parts)
    shown = datetime.fromisoformat(night["started_at"]).timestamp()
    assert shown == pytest.approx(began, abs=1.0)  # it is shown to the second


@pytest.mark.timeout(400)
def test_a_missing_shard_is_said_and_without_it_nothing_is_made_of_it(runs: Path, tmp_path: Path) -> None:
    status, said = tool("merge", runs / "1", runs / "3", "-o", tmp_path / "two")
    assert status == 2
    assert "2/3 is not there" in " ".join(said.split())
    assert not (tmp_path / "two").exists()
    status, _ = tool("merge", runs / "1", runs / "3", "-o", tmp_path / "two", "--partial")
    assert status == 1
    document = verdicts(tmp_path / "two")
    assert document["selection"]["shard"] == "1,3/3"
    assert "sent by shard 2 of 3" in {one["reason"] for one in document["clauses"]}


def test_a_shard_of_the_acceptance_profile_takes_what_others_send_for_no_gap(
    standing: Standing, tmp_path: Path
) -> None:
    options = ("--profile", "acceptance", "--generate", 0, "-k", "models", "--samples", 0)
    common = ("run", "--target", standing.target, *options, "--report-dir")
    assert tool(*common, tmp_path / "1", "--shard", "1/9", environ=standing.environ)[0] == 0
    waiting = [one for one in verdicts(tmp_path / "1")["clauses"] if one["reason"].startswith("sent by shard")]
    assert waiting
    assert all(one["verdict"] == "not_observed" for one in waiting)


def test_a_plan_says_what_the_others_send_and_what_must_wait(standing: Standing) -> None:
    common = ("plan", "--target", standing.target, "--generate", 0)
    status, first = tool(*common, "--shard", "1/2", environ=standing.environ)
    assert status == 0, first
    assert "shard 1 of 2: the others send" in first
    assert "themselves" not in first
    status, last = tool(*common, "--shard", "2/2", environ=standing.environ)
    assert status == 0
    assert "send it when the others have ended" in " ".join(last.split())


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--shard", "3/2"), "'3/2' is no shard"),
        (("--shard", "1/2", "--baseline", "."), "speak of whole runs"),
        (("--shard", "1/2", "--history"), "speak of whole runs"),
    ],
)
def test_what_does_not_go_with_a_shard_is_one_sentence(
    standing: Standing, options: tuple[str, ...], words: str
) -> None:
    status, said = tool("run", "--target", standing.target, *options, environ=standing.environ)
    assert status == 2
    assert words in " ".join(said.split())


def test_the_embedded_reference_has_no_shards() -> None:
    status, said = tool("run", "--shard", "1/2")
    assert status == 2
    assert "--shard needs a --target" in " ".join(said.split())


@pytest.mark.timeout(400)
def test_a_comparison_says_that_one_of_both_is_a_shard(runs: Path) -> None:
    _, said = tool("compare", runs / "one", runs / "1")
    assert "shard 1/3" in " ".join(said.split())


def test_a_shard_that_died_is_resumed_and_merged(standing: Standing, tmp_path: Path) -> None:
    common = ("run", "--target", standing.target, "-k", "models", "--generate", 0, "--report-dir")
    for number in (1, 2):
        status, said = tool(*common, tmp_path / f"{number}", "--shard", f"{number}/2", environ=standing.environ)
        assert status == 0, said
    file = tmp_path / "1" / "recording.jsonl"
    file.write_bytes(b"".join(file.read_bytes().splitlines(keepends=True)[:-6]))
    status, said = tool("merge", tmp_path / "1", tmp_path / "2", "-o", tmp_path / "whole")
    assert (status, "run --shard 1/2, with --resume" in " ".join(said.split())) == (2, True)
    options = ("--shard", "1/2", "--resume", tmp_path / "1")
    status, said = tool(*common, tmp_path / "again", *options, environ=standing.environ)
    assert status == 0, said
    status, said = tool("merge", tmp_path / "again", tmp_path / "2", "-o", tmp_path / "whole")
    assert status == 0, said


def test_plain_pytest_sends_a_shard_too(standing: Standing, tmp_path: Path) -> None:
    suites = Path(__file__).parents[2] / "suites"
    command: list[str | Path] = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        suites,
        "--target",
        standing.target,
        "-k",
        "models",
    ]
    command += ["--shard", "2/2", "--generate", "0", "--report-dir", tmp_path / "run", "-p", "no:schemathesis"]
    subprocess.run(command, check=False, timeout=400, env=standing.environ, capture_output=True, cwd=suites.parent)
    assert verdicts(tmp_path / "run")["selection"]["shard"] == "2/2"
