"""Whatever is done to a recording without making all later digests anew is found, and found where it was done."""

from __future__ import annotations

import json
import tempfile
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from llmapi_conformance.errors import RecordingError
from llmapi_conformance.evidence.encoding import seal
from llmapi_conformance.evidence.recording import read_recording
from tests.evidence.recordings import chained, conversation, exchange, journal, written

if TYPE_CHECKING:
    from llmapi_conformance.evidence.recording import Recording


@cache
def whole() -> bytes:
    """A recording of eight lines, with bytes of every kind in it."""
    with tempfile.TemporaryDirectory() as folder:
        return written(Path(folder) / "recording.jsonl").read_bytes()


@cache
def lines() -> tuple[bytes, ...]:
    return tuple(whole().splitlines(keepends=True))


LINES = 8
UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""Files are written and read; a busy machine takes its time."""
PLACES = st.integers(0, LINES - 1)


def read(data: bytes, *, exact: bool = True) -> Recording:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "recording.jsonl"
        path.write_bytes(data)
        return read_recording(path, exact=exact)


def flaws(data: bytes) -> tuple[str, ...]:
    """What is wrong with a recording; never nothing, unless it is whole."""
    try:
        recording = read(data)
    except RecordingError as error:
        return (str(error),)
    assert bool(recording.seal) != bool(recording.damaged)
    return recording.damaged


def records() -> list[dict[str, Any]]:
    return [json.loads(line) for line in lines()]


def test_the_recording_that_is_tampered_with_below_is_whole() -> None:
    assert len(lines()) == LINES
    assert flaws(whole()) == ()
    assert read(whole()).seal == records()[-1]["digest"]
    assert read(whole()).records == LINES


@UNHURRIED
@given(st.data())
def test_any_byte_that_is_changed_is_found(data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(whole()) - 1))
    other = data.draw(st.integers(0, 255).filter(lambda byte: byte != whole()[place]))
    assert flaws(whole()[:place] + bytes([other]) + whole()[place + 1 :])


@UNHURRIED
@given(st.data())
def test_any_byte_that_is_added_or_taken_out_is_found(data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(whole())))
    assert flaws(whole()[:place] + bytes([data.draw(st.integers(0, 255))]) + whole()[place:])
    end = min(place + 1, len(whole()))
    assert flaws(whole()[: end - 1] + whole()[end:])


@UNHURRIED
@given(st.integers(0, len(whole()) - 1))
def test_a_recording_that_is_torn_anywhere_is_found(end: int) -> None:
    assert flaws(whole()[:end])


@UNHURRIED
@given(PLACES)
def test_a_line_that_is_removed_is_found_where_it_stood(place: int) -> None:
    found = flaws(b"".join(line for number, line in enumerate(lines()) if number != place))
    if place == 0:
        assert "its first line is no opening record" in found[0]
    elif place == LINES - 1:
        assert "the closing record is missing: the run did not end properly" in found
    else:
        assert f"record {place + 1} was removed before line {place + 1}" in found


@UNHURRIED
@given(PLACES, st.integers(1, LINES))
def test_a_line_that_stands_twice_is_found_where_it_was_put(place: int, to: int) -> None:
    copied = [*lines()[:to], lines()[place], *lines()[to:]]
    known = to + 1 if to > place else place + 2  # whichever of the two stands later
    assert f"line {known} was inserted: record {place + 1} is there already" in flaws(b"".join(copied))


@UNHURRIED
@given(st.permutations(range(1, LINES)).filter(lambda order: order != sorted(order)))
def test_lines_in_another_order_are_found(order: list[int]) -> None:
    found = flaws(b"".join(lines()[number] for number in (0, *order)))
    assert any("was moved: it holds record" in sentence for sentence in found)
    assert not any("removed" in sentence or "inserted" in sentence for sentence in found)


@UNHURRIED
@given(PLACES.filter(lambda place: place < LINES - 1), st.sampled_from(["label", "reason", "tool_version"]))
def test_a_record_that_is_sealed_anew_by_itself_is_found_where_it_stands(place: int, name: str) -> None:
    altered = [*lines()]
    altered[place] = seal({**records()[place], name: "other"})
    assert flaws(b"".join(altered)) == (
        f"line {place + 1} was replaced: record {place + 2} names another one before it",
    )


@UNHURRIED
@given(st.integers(1, LINES - 1), st.booleans())
def test_a_record_of_somebody_elses_that_is_put_in_is_found(place: int, numbered: bool) -> None:  # noqa: FBT001 - drawn
    strange: dict[str, Any] = {"record": "exchange", "id": "x"}
    if numbered:
        strange |= {"line": place + 1, "previous": records()[place - 1]["digest"]}
    found = flaws(b"".join([*lines()[:place], seal(strange), *lines()[place:]]))
    assert any("was inserted" in sentence for sentence in found)


@UNHURRIED
@given(st.integers(2, LINES - 2), st.integers(1, 3))
def test_a_line_that_was_altered_is_not_told_as_removed_but_one_beside_it_is(place: int, more: int) -> None:
    altered = [*lines()]
    altered[place] = altered[place].replace(b'"record":', b'"recorx":')
    found = flaws(b"".join(altered))
    assert f"line {place + 1} was changed: its digest does not match" in found
    assert not any("was removed" in sentence for sentence in found)
    if place + more < LINES - 1:
        del altered[place + 1 : place + 1 + more]
        count = "a record was" if more == 1 else f"{more} records were"
        assert f"{count} removed before line {place + 2}" in flaws(b"".join(altered))


def test_a_line_in_another_spelling_says_the_same_to_the_judge_and_is_altered_to_who_verifies() -> None:
    spelt = [*lines()]
    spelt[2] = json.dumps(json.loads(spelt[2])).encode() + b"\n"
    assert read(b"".join(spelt), exact=False).damaged == ()
    assert flaws(b"".join(spelt)) == ("line 3 was changed: it says the same in another spelling",)
    escaped = whole().replace(rb"\u20ac", rb"\u20AC", 1)
    assert escaped != whole()
    assert flaws(escaped)


def test_a_version_that_is_set_back_does_not_take_the_chain_away() -> None:
    altered = [seal({**records()[0], "version": "1.2"}), *lines()[1:]]
    assert flaws(b"".join(altered)) == ("line 1 was replaced: record 2 names another one before it",)


def test_who_makes_all_digests_anew_gets_another_seal() -> None:
    """What only a signature over the seal, or a copy of it, can find: the help of ``verify`` says so."""
    altered = records()
    altered[1]["label"] = "other"
    rewritten = read(chained(altered))
    assert rewritten.damaged == ()
    assert rewritten.seal != read(whole()).seal


@pytest.mark.parametrize("version", ["1.0", "1.1", "1.2"])
def test_recordings_without_a_chain_are_read_as_ever_and_have_no_seal(version: str) -> None:
    old = [{name: value for name, value in record.items() if name not in ("line", "previous")} for record in records()]
    old[0]["version"] = version
    recording = read(b"".join(seal(record) for record in old))
    assert recording.damaged == ()
    assert recording.seal == ""
    assert len(recording.exchanges) == 3


def test_a_conversation_is_chained_like_any_exchange(tmp_path: Path) -> None:
    with journal(tmp_path / "talk.jsonl") as writing:
        writing.write_exchange(exchange())
        assert writing.seal == ""
        writing.write_exchange(conversation())
    recording = read_recording(tmp_path / "talk.jsonl", exact=True)
    assert (recording.damaged, recording.seal) == ((), writing.seal)
    assert [json.loads(line)["line"] for line in (tmp_path / "talk.jsonl").read_bytes().splitlines()] == [1, 2, 3, 4]
