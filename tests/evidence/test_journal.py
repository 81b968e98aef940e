from __future__ import annotations

import concurrent.futures
import json
import stat
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmapi_conformance.errors import RecordingError
from llmapi_conformance.evidence.encoding import (
    decode_bytes,
    decode_exchange,
    decode_result,
    digest_of,
    encode_bytes,
    encode_exchange,
    encode_result,
    seal,
)
from tests.evidence.recordings import OPENING, conversation, exchange, journal, unanswered

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from llmapi_conformance.evidence.exchange import Exchange

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.sampled_from(["$exchange", "$pairs", "$"]), inner),
    max_leaves=12,
)


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def nothing(_: str) -> Exchange:
    raise KeyError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "recording.jsonl"


def test_a_journal_opens_with_what_is_run_and_closes_with_what_there_is(path: Path) -> None:
    with journal(path) as writing:
        writing.write_exchange(exchange())
        writing.write_result("hello", "a-b", "done", value=[exchange()])
    opening, _, result, closing = lines(path)
    assert opening["record"] == "open"
    assert opening["version"] == "1.6"
    assert {name: opening[name] for name in OPENING} == OPENING
    assert result["value"] == [{"$exchange": "hello[a-b]#1"}]
    assert result["exchanges"] == ["hello[a-b]#1"]
    assert {name: closing[name] for name in ("record", "exchanges", "results", "reason")} == {
        "record": "close",
        "exchanges": 1,
        "results": 1,
        "reason": "",
    }


def test_every_record_ends_with_its_digest(path: Path) -> None:
    with journal(path) as writing:
        writing.write_exchange(exchange())
    for record in lines(path):
        assert list(record)[-1] == "digest"
        assert record["digest"] == digest_of(record)
        assert digest_of({**record, "more": 1}) != record["digest"]


def test_what_was_recorded_is_on_disk_before_the_journal_is_closed(path: Path) -> None:
    writing = journal(path)
    writing.write_exchange(exchange())
    assert [record["record"] for record in lines(path)] == ["open", "exchange"]
    writing.close(reason="the budget was spent")
    assert lines(path)[-1]["reason"] == "the budget was spent"


def test_only_the_owner_can_read_a_recording(path: Path) -> None:
    journal(path).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_run_that_breaks_off_says_so_in_its_closing_record(path: Path) -> None:
    with pytest.raises(ValueError, match="a secret"), journal(path):
        raise ValueError("a secret")
    assert lines(path)[-1]["reason"] == "the run ended early: ValueError"


def test_a_recording_is_never_overwritten(path: Path) -> None:
    journal(path).close()
    before = path.read_bytes()
    with pytest.raises(RecordingError, match="never overwritten"):
        journal(path)
    assert path.read_bytes() == before


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="cannot be created: No such file"):
        journal(tmp_path / "no" / "recording.jsonl")


def test_nothing_is_added_to_a_closed_journal(path: Path) -> None:
    writing = journal(path)
    writing.close()
    writing.close()
    with pytest.raises(RecordingError, match="closed"):
        writing.write_exchange(exchange())
    assert len(lines(path)) == 2


def test_many_threads_may_write_at_once(path: Path) -> None:
    with journal(path) as writing, concurrent.futures.ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda number: writing.write_exchange(exchange(step=number)), range(200)))
    assert {record["step"] for record in lines(path)[1:-1]} == set(range(200))
    assert lines(path)[-1]["exchanges"] == 200


@pytest.mark.parametrize("made", [exchange, unanswered, conversation])
def test_an_exchange_comes_back_as_it_was(made: Callable[[], Exchange]) -> None:
    original = made()
    assert decode_exchange(json.loads(json.dumps(encode_exchange(original)))) == original


def test_only_a_websocket_has_frames_in_the_recording_and_they_stay_readable() -> None:
    assert "frames" not in encode_exchange(exchange())
    frames = encode_exchange(conversation())["frames"]
    assert frames[0] == {
        "at": 0.1,
        "sent": True,
        "kind": "text",
        "code": None,
        "final": True,
        "text": '{"type":"response.create"}',
    }
    assert [list(frame)[-1] for frame in frames] == ["text", "text", "base64", "text", "base64", "text", "text"]


@pytest.mark.parametrize("wrong", [{"kind": "other"}, {"kind": []}, {"code": "x"}, {"at": None}, {"text": 1}], ids=str)
def test_a_frame_that_is_none_makes_a_damaged_record(wrong: dict[str, object]) -> None:
    record = encode_exchange(conversation())
    record["frames"][0].update(wrong)
    with pytest.raises((KeyError, TypeError, ValueError)):
        decode_exchange(record)


def test_times_are_kept_to_the_microsecond() -> None:
    assert encode_exchange(exchange(started_at=1.23456789))["started_at"] == 1.234568


@given(st.binary())
def test_any_bytes_come_back_as_they_were(data: bytes) -> None:
    assert decode_bytes(json.loads(json.dumps(encode_bytes(data)))) == data


def test_text_is_kept_readable() -> None:
    assert encode_bytes("\u20ac".encode()) == {"text": "\u20ac"}
    assert encode_bytes(b"\xff") == {"base64": "/w=="}


@given(PLAIN)
def test_any_plain_value_comes_back_as_it_was(value: object) -> None:
    record = json.loads(seal({"value": encode_result(value)}))
    assert record["digest"] == digest_of(record)
    assert decode_result(record["value"], nothing) == value


@pytest.mark.parametrize("value", [b"bytes", {1: 2}, {"x": object()}, [{1}], float("nan"), float("inf")])
def test_a_result_that_is_not_plain_is_refused(path: Path, value: object) -> None:
    with journal(path) as writing, pytest.raises(TypeError, match="only exchanges and plain JSON"):
        writing.write_result("hello", "", "done", value=value)
    assert lines(path)[-1]["results"] == 0
