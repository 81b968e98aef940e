"""A recording stands for the gateway, but only as far as it is whole."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from llmapi_conformance.evidence.encoding import seal
from tests.evidence.recordings import chained

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.timeout(300)  # the fixture runs the whole suite

Record = dict[str, Any]


def judged(recording: Path, report_dir: Path) -> tuple[int, dict[str, Any]]:
    """Judge a recording with the command line tool."""
    command = [sys.executable, "-m", "llmapi_conformance", "judge", str(recording), "--report-dir", str(report_dir)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=400, check=False)
    document: dict[str, Any] = json.loads((report_dir / "verdicts.json").read_text("utf-8"))
    return done.returncode, document


def altered(recorded: Path, tmp_path: Path, alter: Callable[[Record], Record | None], *, reseal: bool) -> Path:
    """A copy of the recording in which exchanges are altered or, by ``None``, left out; digests all anew or none."""
    records: list[Record] = []
    lines: list[bytes] = []
    for line in (recorded / "recording.jsonl").read_bytes().splitlines():
        record = json.loads(line)
        changed = alter(record) if record["record"] == "exchange" else record
        if changed is not None:
            records.append(changed)
            lines.append(line if changed == record else json.dumps(changed).encode())
    path = tmp_path / "recording.jsonl"
    path.write_bytes(chained(records) if reseal else b"\n".join(lines) + b"\n")
    return path


def without_answer(record: Record) -> Record:
    return {**record, "response": None, "failure": "the answer was taken out"}


def with_empty_body(record: Record) -> Record:
    if record["response"] is None:
        return record
    # The digest of the raw body shows the change also where the body was empty before.
    return {**record, "response": {**record["response"], "chunks": [], "wire_length": 0, "wire_digest": ""}}


def left_out(_: Record) -> None:
    return None


@pytest.mark.parametrize(
    ("alter", "reseal"), [(without_answer, True), (without_answer, False), (with_empty_body, False), (left_out, True)]
)
def test_no_check_passes_on_answers_that_are_not_there(
    recorded: Path, tmp_path: Path, alter: Callable[[Record], Record | None], *, reseal: bool
) -> None:
    status, document = judged(altered(recorded, tmp_path, alter, reseal=reseal), tmp_path / "report")
    passed = [
        check["name"] for clause in document["clauses"] for check in clause["checks"] if check["verdict"] == "passed"
    ]
    assert not passed
    assert status != 0


def test_a_body_emptied_behind_our_back_passes_no_check_about_bodies(recorded: Path, tmp_path: Path) -> None:
    """Even with digests made anew: an empty success proves nothing; what may pass is about refusals and headers."""
    status, document = judged(altered(recorded, tmp_path, with_empty_body, reseal=True), tmp_path / "report")
    passed = {clause["id"]: clause["statement"] for clause in document["clauses"] if clause["verdict"] == "passed"}
    assert status == 1
    served = next(clause for clause in document["clauses"] if clause["id"] == "ACC-A01")
    passing = [check for check in served["checks"] if check["verdict"] == "passed" and "websocket" not in check["name"]]
    # A WebSocket has no body: its opening stands. Nor does the 409 for a task that ended before need one.
    assert {(check["name"].rpartition("::")[2], check["examined"]) for check in passing} <= {
        ("test_an_image_key_gets_from_its_tasks_what_the_matrix_says", 1)
    }
    assert not passed.keys() & {"ACC-A02", "AUTH-H01", "AUTH-H02", "HTTP-R01", "CHAT-A01", "ERR-S15"}
    assert not {name for name in passed if name.startswith(("CHAT-S", "MSG-S", "MSG-N1", "CHAT-N", "MOD-"))}, passed


def test_one_scenario_left_out_leaves_the_checks_of_the_others_alone(recorded: Path, tmp_path: Path) -> None:
    def without_models(record: Record) -> Record | None:
        return None if record["scenario"].startswith("models") else record

    _, document = judged(altered(recorded, tmp_path, without_models, reseal=True), tmp_path / "report")
    verdicts = {clause["id"]: clause for clause in document["clauses"]}
    on_models = [one for one in verdicts.values() if one["surface"] == "models"]
    assert any(one["verdict"] == "error" for one in on_models)
    assert all(
        check["verdict"] != "passed"
        for one in on_models
        for check in one["checks"]
        if check["name"].startswith("models/")
    )
    assert document["exit_status"] == 2
    assert any("missing" in problem for problem in document["problems"])


def test_a_recording_of_a_run_that_died_is_recognised(recorded: Path, tmp_path: Path) -> None:
    lines = (recorded / "recording.jsonl").read_bytes().splitlines(keepends=True)
    path = tmp_path / "recording.jsonl"
    path.write_bytes(b"".join(lines[: len(lines) // 2]) + lines[len(lines) // 2][:100])
    status, document = judged(path, tmp_path / "report")
    assert status == 2
    assert any("did not end properly" in problem for problem in document["problems"])


def test_an_exchange_that_is_sealed_anew_by_itself_breaks_the_chain_and_nothing_can_be_trusted(
    recorded: Path, tmp_path: Path
) -> None:
    lines = (recorded / "recording.jsonl").read_bytes().splitlines(keepends=True)
    number = next(i for i, line in enumerate(lines) if b'"record":"exchange"' in line)
    lines[number] = seal({**json.loads(lines[number]), "label": "another"})
    path = tmp_path / "recording.jsonl"
    path.write_bytes(b"".join(lines))
    status, document = judged(path, tmp_path / "report")
    assert status == 2
    assert document["problems"] == [f"line {number + 1} was replaced: record {number + 2} names another one before it"]
    assert document["recording"] == {"seal": None}


def test_the_verdicts_name_the_recording_by_its_seal_whoever_judges(recorded: Path, tmp_path: Path) -> None:
    closing = json.loads((recorded / "recording.jsonl").read_bytes().splitlines()[-1])
    _, document = judged(recorded / "recording.jsonl", tmp_path / "report")
    assert document["recording"] == {"seal": closing["digest"]}
    again, first = ((folder / "verdicts.json").read_bytes() for folder in (tmp_path / "report", recorded))
    assert again == first
