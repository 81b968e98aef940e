from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from llmapi_conformance.errors import RecordingError
from llmapi_conformance.evidence.exchange import Ending
from llmapi_conformance.evidence.har import to_har
from llmapi_conformance.evidence.recording import DamagedResult, RecordedResult, Recording, read_recording
from tests.evidence.recordings import OPENING, chained, exchange, journal, unanswered, written

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

FIRST, SECOND, THIRD = "hello[a-b]#1", "hello[a-b]#2", "later[a-b]#1"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return written(tmp_path / "recording.jsonl")


def changed(path: Path, change: Callable[[list[dict[str, Any]]], object], *, sealed: bool = True) -> Recording:
    """The recording after its records were changed, all digests made anew or none."""
    records = [json.loads(line) for line in path.read_bytes().splitlines()]
    change(records)
    path.write_bytes(chained(records) if sealed else b"".join(json.dumps(r).encode() + b"\n" for r in records))
    return read_recording(path)


def damaged(recording: Recording) -> set[str]:
    return {scenario for (scenario, _), result in recording.results.items() if isinstance(result, DamagedResult)}


def test_a_whole_recording_comes_back_as_it_was(path: Path) -> None:
    recording = read_recording(path)
    assert recording.damaged == ()
    assert recording.opening.target == OPENING["target"]
    assert recording.opening.started_at == OPENING["started_at"]
    assert list(recording.exchanges) == [FIRST, SECOND, THIRD]
    assert recording.exchanges[SECOND] == exchange(step=2)
    assert recording.result("hello", "a-b") == RecordedResult("done", "", exchange())
    assert recording.result("later", "a-b") == RecordedResult(
        "done", "", {"own": [unanswered("later")], "taken": exchange(), "plain": [1, None, "x"]}
    )
    assert recording.result("never") == RecordedResult("not_observed", "no key for role x", None)
    assert recording.closing is not None
    assert (recording.closing.exchanges, recording.closing.results, recording.closing.reason) == (3, 3, "")


def test_a_result_that_is_not_there_is_a_damaged_one(path: Path) -> None:
    assert isinstance(read_recording(path).result("other"), DamagedResult)


@pytest.mark.parametrize(
    ("number", "results"),
    [(1, {"hello", "later"}), (2, {"hello"}), (4, {"later"})],
    ids=["taken", "unreferenced", "own"],
)
def test_no_result_stands_on_an_exchange_that_was_removed(path: Path, number: int, results: set[str]) -> None:
    recording = changed(path, lambda records: records.pop(number))
    assert damaged(recording) == results
    assert any("missing" in sentence for sentence in recording.damaged)


@pytest.mark.parametrize(("number", "results"), [(1, {"hello", "later"}), (2, {"hello"}), (4, {"later"})])
def test_no_result_stands_on_an_exchange_that_was_changed(path: Path, number: int, results: set[str]) -> None:
    def change(records: list[dict[str, Any]]) -> None:
        records[number]["request"]["target"] = "/other"

    recording = changed(path, change, sealed=False)
    assert damaged(recording) == results
    assert f"line {number + 1} was changed: its digest does not match" in recording.damaged


def test_no_result_stands_on_an_answer_that_was_emptied(path: Path) -> None:
    def change(records: list[dict[str, Any]]) -> None:
        records[1]["response"]["chunks"] = []

    assert damaged(changed(path, change, sealed=False)) == {"hello", "later"}


@pytest.mark.parametrize("sealed", [True, False])
@pytest.mark.parametrize(
    "change",
    [
        lambda record: record.pop("request"),
        lambda record: record.update(response=[]),
        lambda record: record["response"].update(status="many"),
        lambda record: record["response"].update(ending="odd"),
        lambda record: record["response"]["chunks"].append({"at": 1}),
        lambda record: record["response"]["chunks"].append({"at": 1, "base64": "?"}),
        lambda record: record["response"]["headers"].append(["one"]),
        lambda record: record.update(step=9),
    ],
)
def test_an_exchange_of_another_shape_is_damaged(path: Path, change: Callable[[Any], None], *, sealed: bool) -> None:
    recording = changed(path, lambda records: change(records[1]), sealed=sealed)
    assert damaged(recording) == {"hello", "later"}
    assert FIRST not in recording.exchanges
    assert recording.damaged


def test_a_result_that_was_changed_is_damaged(path: Path) -> None:
    recording = changed(path, lambda records: records[3].update(value=None), sealed=False)
    assert damaged(recording) == {"hello"}


def test_a_result_that_was_removed_is_told(path: Path) -> None:
    recording = changed(path, lambda records: records.pop(3))
    assert isinstance(recording.result("hello", "a-b"), DamagedResult)
    assert recording.damaged == ("the recording ought to have 3 results, 2 undamaged ones are there",)


@pytest.mark.parametrize("number", [1, 3])
def test_a_record_that_is_there_twice_is_damaged(path: Path, number: int) -> None:
    recording = changed(path, lambda records: records.insert(number, records[number]))
    assert "hello" in damaged(recording)
    assert any("is there twice" in sentence for sentence in recording.damaged)


def test_a_torn_last_line_is_told(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])
    recording = read_recording(path)
    assert recording.closing is None
    assert "the last line is torn: the run that wrote it did not end properly" in recording.damaged
    assert damaged(recording) == set()


def test_a_run_that_crashed_keeps_what_it_had(tmp_path: Path) -> None:
    path = tmp_path / "recording.jsonl"
    writing = journal(path)
    writing.write_exchange(exchange())
    writing.write_result("hello", "a-b", "done", value=exchange())
    writing.write_exchange(unanswered("later"))
    recording = read_recording(path)
    assert recording.result("hello", "a-b") == RecordedResult("done", "", exchange())
    assert isinstance(recording.result("later", "a-b"), DamagedResult)
    assert recording.damaged == ("the closing record is missing: the run did not end properly",)
    writing.close()


@pytest.mark.parametrize("line", [b"", b"garbage", b"[]", b"[" * 100_000, b"\xff", b'{"record":"other"}', b"{}"])
def test_a_line_that_is_no_record_is_told(path: Path, line: bytes) -> None:
    lines = path.read_bytes().split(b"\n")
    path.write_bytes(b"\n".join([*lines[:2], line, *lines[2:]]))
    recording = read_recording(path)
    assert len(recording.damaged) == 1
    assert recording.damaged[0].startswith("line 3 ")
    assert damaged(recording) == set()


def test_a_record_behind_the_closing_one_is_told(path: Path) -> None:
    recording = changed(path, lambda records: records.append(records.pop(-2)))
    assert recording.damaged == ("line 8 stands behind the closing record",)


def test_a_changed_opening_is_told(path: Path) -> None:
    recording = changed(path, lambda records: records[0].update(profile="other"), sealed=False)
    assert recording.damaged == ("line 1 (the opening) was changed: its digest does not match",)


def test_what_is_no_recording_is_told_in_one_sentence(tmp_path: Path, path: Path) -> None:
    with pytest.raises(RecordingError, match="there is no recording"):
        read_recording(tmp_path / "missing.jsonl")
    with pytest.raises(RecordingError, match="cannot be read"):
        read_recording(tmp_path)
    for content in (b"", b"\n", b"hello\n", b'{"record":"open"}\n', path.read_bytes().partition(b"\n")[2]):
        other = tmp_path / "other.jsonl"
        other.write_bytes(content)
        with pytest.raises(RecordingError, match="is not a recording"):
            read_recording(other)


@pytest.mark.parametrize("version", ["2.0", "10", None])
def test_another_major_version_is_refused(path: Path, version: str | None) -> None:
    with pytest.raises(RecordingError, match=r"this tool reads 1\.x"):
        changed(path, lambda records: records[0].update(version=version))


@pytest.mark.parametrize("version", ["1.0", "1.1", "1.7"])
def test_another_minor_version_is_read(path: Path, version: str) -> None:
    assert changed(path, lambda records: records[0].update(version=version, more=[])).damaged == ()


def test_a_stream_that_we_left_comes_back_as_it_was(tmp_path: Path) -> None:
    whole = exchange()
    assert whole.response is not None
    left = replace(whole, response=replace(whole.response, ending=Ending.LEFT))
    with journal(tmp_path / "left.jsonl") as writing:
        writing.write_exchange(left)
        writing.write_result("hello", "a-b", "done", value=left)
    recording = read_recording(tmp_path / "left.jsonl")
    assert (recording.damaged, recording.exchanges) == ((), {FIRST: left})
    assert to_har(recording)["log"]["entries"][0]["response"]["_ending"] == "left"


def test_an_opening_without_its_members_is_no_recording(path: Path) -> None:
    with pytest.raises(RecordingError, match="incomplete"):
        changed(path, lambda records: records[0].pop("target"))
