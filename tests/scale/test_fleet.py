"""Many targets and shards as tests, on this machine and on others."""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from llmapi_conformance.errors import RecordingError
from llmapi_conformance.evidence.recording import read_recording
from llmapi_conformance.fleet import handing
from llmapi_conformance.reference.faults import FAULTS
from llmapi_conformance.sending.embedded import start_reference
from tests.scale.namespaces import Machine, two_machines
from tests.scale.standing import standing_target, tool, verdicts

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

FLEET = (sys.executable, "-m", "pytest", "-p", "llmapi_conformance.fleet", "--pyargs", "llmapi_conformance.fleet")
DEADLINE = 400
FAULT = "M15"
CLAUSES = " or ".join(FAULTS[FAULT].clauses)
pytestmark = pytest.mark.timeout(DEADLINE + 60)


def fleet(
    folder: Path, *options: str, environ: Mapping[str, str] | None = None, prefix: Sequence[str] = ()
) -> tuple[int, str]:
    """A fleet that is started in a folder: pytest's exit status, and all that it said."""
    command = [*prefix, *FLEET, "-p", "no:schemathesis", *options]
    done = subprocess.run(
        command, cwd=folder, env=environ, capture_output=True, text=True, timeout=DEADLINE, check=False
    )
    return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="module")
def faulty() -> Iterator[dict[str, Any]]:
    running = start_reference(fault=FAULT)
    yield running.announcement
    running.stop()


@pytest.fixture
def another() -> Iterator[dict[str, Any]]:
    running = start_reference()
    yield running.announcement
    running.stop()


@pytest.fixture(scope="module")
def conforming() -> Iterator[dict[str, Any]]:
    running = start_reference()
    yield running.announcement
    running.stop()


def test_two_regions_in_two_shards_on_two_processes_and_their_merge(
    tmp_path: Path, conforming: dict[str, Any], another: dict[str, Any]
) -> None:
    eu = standing_target(tmp_path, conforming, name="eu")
    us = standing_target(tmp_path, another, name="us", keys="US_KEY")
    environ = {**eu.environ, **us.environ}
    targets = (f"--fleet-target={eu.target}", f"--fleet-target={us.target}")
    options = (*targets, "--fleet-shards=2", "--fleet-run=-kmodels or usage", "--fleet-run=--generate=0")
    status, said = fleet(tmp_path, *options, "-n", "2", "-m", "not last", environ=environ)
    assert (status, "2 passed" in said) == (0, True), said
    merge = "llmapi-conformance merge fleet/eu/1of2 fleet/eu/2of2 -o fleet/eu/merged"
    assert f"{merge}  # when 2of2 has ended too" in said
    status, said = fleet(tmp_path, *options, "-n", "2", "-m", "last", environ=environ)
    assert (status, "2 passed" in said) == (0, True), said
    assert merge in said.splitlines()
    for name in ("eu", "us"):
        shards = [tmp_path / "fleet" / name / f"{number}of2" for number in (1, 2)]
        status, said = tool("merge", *shards, "-o", tmp_path / "fleet" / name / "merged")
        assert status == 0, said
        assert verdicts(tmp_path / "fleet" / name / "merged")["target"]["name"] == name
    wrong = [tmp_path / "fleet" / name / number for name, number in (("eu", "1of2"), ("us", "2of2"))]
    status, said = tool("merge", *wrong, "-o", tmp_path / "wrong")
    assert status == 2
    assert "another target, by base_url" in " ".join(said.split())


def test_a_gateway_with_findings_is_a_failed_test_with_one_line_and_its_recording(
    tmp_path: Path, faulty: dict[str, Any]
) -> None:
    standing = standing_target(tmp_path, faulty)
    options = (f"--fleet-target={standing.target}", f"--fleet-run=-k{CLAUSES}", "--fleet-run=--generate=0")
    status, said = fleet(tmp_path, *options, environ=standing.environ)
    assert status == 1
    assert "exit status 1: findings: " in said
    assert not read_recording(tmp_path / "fleet" / "standing" / "recording.jsonl").damaged
    status, _ = tool("judge", tmp_path / "fleet" / "standing" / "recording.jsonl", "--report-dir", tmp_path / "again")
    assert status == 1


def test_a_run_that_takes_too_long_is_stopped_and_says_so(tmp_path: Path, conforming: dict[str, Any]) -> None:
    standing = standing_target(tmp_path, conforming)
    status, said = fleet(tmp_path, f"--fleet-target={standing.target}", "--fleet-timeout=3", environ=standing.environ)
    assert status == 1
    assert "exit status 2: stopped after 3 s" in said


def test_a_machine_without_the_keys_says_which_one_it_misses(tmp_path: Path, conforming: dict[str, Any]) -> None:
    standing = standing_target(tmp_path, conforming)
    status, said = fleet(tmp_path, f"--fleet-target={standing.target}")
    assert status == 1
    assert "exit status 2" in said
    assert "the environment variable SCALE_KEY_0 is not set" in said
    assert not (tmp_path / "fleet").exists()


@contextmanager
def first_line(command: Sequence[str], cwd: Path, environ: Mapping[str, str]) -> Iterator[str]:
    """A process that says something when it is ready; ended by its id."""
    process = subprocess.Popen(
        command, cwd=cwd, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    try:
        assert process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            assert selector.select(60), "it did not start"
        yield process.stdout.readline().decode()
    finally:
        process.terminate()
        process.communicate(timeout=30)


@contextmanager
def machines(kind: str) -> Iterator[tuple[Machine, Machine]]:
    if kind == "another process":
        yield Machine("127.0.0.1"), Machine("127.0.0.1")
        return
    with two_machines() as made:
        yield made


@pytest.mark.parametrize("kind", ["another process", "another network namespace"])
def test_a_worker_on_another_machine_sends_with_its_own_keys_and_hands_its_recording_back(
    kind: str, tmp_path: Path
) -> None:
    remote = tmp_path / "remote"
    remote.mkdir()
    with machines(kind) as (here, there):
        reference = [*there.prefix, sys.executable, "-m", "llmapi_conformance.reference", "--until-stdin-closes"]
        with first_line(reference, tmp_path, os.environ) as announced:
            announcement = json.loads(announced)
            standing = standing_target(tmp_path, announcement)
            server = (sys.executable, "-u", "-m", "execnet.script.socketserver", f"{there.address}:0")
            with first_line([*there.prefix, *server], remote, standing.environ) as listening:
                port = listening.rpartition(",")[2].strip(" )\n")
                options = (f"--fleet-target={standing.target}", "--fleet-run=-kmodels", "--fleet-run=--generate=0")
                spread = ("-d", "--tx", f"socket={there.address}:{port}")
                status, said = fleet(tmp_path, *options, *spread, prefix=here.prefix)
    assert (status, "1 worker" in said) == (0, True), said
    recording = tmp_path / "fleet" / "standing" / "recording.jsonl"
    assert not read_recording(recording).damaged
    assert tool("judge", recording, "--report-dir", recording.parent)[0] == 0
    told = said + recording.read_text("utf-8") + standing.target.read_text("utf-8")
    assert not [key for key in announcement["keys"].values() if key in told]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ((), "A fleet needs --fleet-target=FILE"),
        (("--fleet-target=a.toml", "--fleet-shards=0"), "--fleet-shards: '1/0' is no shard"),
        (("--fleet-target=a.toml", "--fleet-target=b/a.toml"), "Two target files are called a"),
    ],
)
def test_options_that_make_no_fleet_are_one_sentence(tmp_path: Path, options: tuple[str, ...], words: str) -> None:
    status, said = fleet(tmp_path, *options)
    assert status == 4
    assert words in said


def test_what_is_handed_over_comes_out_as_it_went_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "recording.jsonl"
    assert not handing.packed(path)
    path.write_bytes(bytes(range(256)) * 50)
    text = handing.packed(path)
    assert handing.unpacked(text) == path.read_bytes()
    for wrong in (text[: len(text) // 2 // 4 * 4], "no text of ours", "AAAA"):
        with pytest.raises(RecordingError, match="worker handed over"):
            handing.unpacked(wrong)
    monkeypatch.setattr(handing, "MOST", 1000)
    with pytest.raises(RecordingError, match="too long"):
        handing.unpacked(text)
    with pytest.raises(RecordingError, match="fetch it from that machine"):
        handing.packed(path)


def test_a_second_fleet_keeps_the_recordings_of_the_first(tmp_path: Path, conforming: dict[str, Any]) -> None:
    standing = standing_target(tmp_path, conforming)
    options = (f"--fleet-target={standing.target}", "--fleet-run=-kMOD-L01", "--fleet-run=--generate=0")
    seals = []
    for _ in range(2):
        fleet(tmp_path, *options, environ=standing.environ)
        seals.append(read_recording(tmp_path / "fleet" / "standing" / "recording.jsonl").seal)
    before = read_recording(tmp_path / "fleet" / "standing" / "recording.previous.jsonl")
    assert before.seal == seals[0] != seals[1]
