"""Verifying: what can be said of the files of a run without believing them."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Any, Final

from llmapi_conformance.errors import ConformanceError, StatementError
from llmapi_conformance.evidence.journal import FORMAT
from llmapi_conformance.evidence.recording import read_recording
from llmapi_conformance.reporting.past import load_run
from llmapi_conformance.reporting.statement import (
    PAYLOAD_TYPE,
    PREDICATE_TYPE,
    RECORDING,
    STATEMENT,
    STATEMENT_TYPE,
    VERDICTS,
    digest_of_file,
    is_envelope,
    seal_named_by,
    signing,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from llmapi_conformance.evidence.recording import Recording

MOST_SENTENCES: Final = 3
"""Sentences about what is wrong with a recording that are shown."""
_PLACE: Final = re.compile(r"line \d|record \d|a record was removed|\d+ records were removed|the last line")
"""How a sentence begins that names a place in the file."""


class State(IntEnum):
    """What a file is found to be; the numbers are exit statuses."""

    WHOLE = 0
    ALTERED = 1
    UNUSABLE = 2


@dataclass(frozen=True, slots=True)
class Said:
    """What can be said of one file, in one line."""

    path: Path
    state: State
    sentence: str


def exit_status_of(said: Iterable[Said]) -> int:
    """1 when anything was altered, else 2 when anything could not be checked, else 0."""
    states = {one.state for one in said}
    return int(State.ALTERED if State.ALTERED in states else max(states, default=State.UNUSABLE))


def verify(path: Path, public_key: Path | None = None) -> Iterator[Said]:
    """Say of each file whether it is whole and unaltered.

    Args:
        path: A folder (of a run, or a capsule), a recording, a ``verdicts.json`` or a statement.
        public_key: Of who ought to have signed the statement.
    """
    try:
        if path.exists() and not path.is_dir() and not path.is_file():
            # Reading a pipe or a device would wait for somebody who may never write.
            said = "neither a file nor a folder: name a run, a recording, a bundle or a statement"
            yield Said(path, State.UNUSABLE, said)
            return
        yield from _folder(path, public_key) if path.is_dir() else _file(path, public_key)
    except ConformanceError as error:
        yield Said(path, State.UNUSABLE, str(error))


def _folder(path: Path, public_key: Path | None) -> Iterator[Said]:
    recording = path / RECORDING
    yield from _recording(recording)
    if (path / VERDICTS).exists():
        yield _verdicts(path / VERDICTS, recording)
    if (path / STATEMENT).exists():
        yield _statement(path / STATEMENT, public_key)
    elif public_key:
        yield Said(path / STATEMENT, State.UNUSABLE, f"there is no statement whose signature {public_key} could check")


def _file(path: Path, public_key: Path | None) -> Iterator[Said]:
    try:
        with path.open("rb") as file:
            first = file.readline(1 << 16)
    except OSError as error:
        yield Said(path, State.UNUSABLE, f"cannot be read: {error.strerror}")
        return
    if FORMAT.encode() in first or path.suffix == ".jsonl":
        yield from _recording(path)
        return
    value = _json(path)
    if is_envelope(value) or (isinstance(value, dict) and "_type" in value):
        yield _statement(path, public_key)
    elif isinstance(value, dict) and "clauses" in value:
        yield _verdicts(path, path.parent / RECORDING)
    else:
        yield Said(path, State.UNUSABLE, f"is neither a recording, nor a {VERDICTS}, nor a statement")


def _recording(path: Path) -> Iterator[Said]:
    recording = read_recording(path, exact=True)
    if recording.damaged:
        # What follows from it, such as a count that is wrong, is of no use beside the place where it was done.
        places = [sentence for sentence in recording.damaged if _PLACE.match(sentence)] or recording.damaged
        shown = "; ".join(places[:MOST_SENTENCES])
        more = len(places) - MOST_SENTENCES
        yield Said(path, State.ALTERED, f"altered: {shown}" + (f"; and {more} more" if more > 0 else ""))
    elif recording.seal:
        yield Said(
            path, State.WHOLE, f"whole: {recording.records} records, chained without a gap, seal {recording.seal}"
        )
    else:
        yield Said(path, State.WHOLE, _without_chain(recording))


def _without_chain(recording: Recording) -> str:
    return (
        f"whole as far as format {recording.opening.version} can tell: {recording.records} records, each with its "
        "digest and all counted, but not chained, so that their order proves nothing"
    )


def _verdicts(path: Path, recording_path: Path) -> Said:
    try:
        named = seal_named_by(load_run(path).document)
        recording = read_recording(recording_path, exact=True)
    except ConformanceError as error:
        return Said(path, State.UNUSABLE, str(error))
    if not named:
        return Said(path, State.UNUSABLE, "names no recording, so nobody can tell what it was judged from")
    if named == recording.seal:
        return Said(path, State.WHOLE, f"was judged from {recording_path.name}: it names this seal")
    has = f"has the seal {recording.seal}" if recording.seal else "is not whole"
    return Said(
        path,
        State.ALTERED,
        f"was not judged from {recording_path.name} as it is: it names the seal {named}, and that {has}",
    )


def _statement(path: Path, public_key: Path | None) -> Said:
    value = _json(path)
    try:
        statement, signature = _opened(value, public_key)
    except StatementError as error:
        return Said(path, State.UNUSABLE, str(error))
    if not signature and public_key:
        was = "its signature is not right, or made with another key" if is_envelope(value) else "it is not signed"
        return Said(path, State.ALTERED, f"{was}: nothing in it was said by the owner of {public_key}")
    wrong = [sentence for subject in statement["subject"] if (sentence := _wrong(subject, path.parent))]
    if wrong:
        return Said(path, State.ALTERED, "; ".join(wrong))
    names = " and ".join(str(subject.get("name")) for subject in statement["subject"])
    said = f"says {statement['predicate'].get('result')} of {names} as they are here"
    if not is_envelope(value):
        return Said(path, State.WHOLE, f"{said}; it is not signed")
    if not public_key:
        return Said(path, State.UNUSABLE, f"{said}; its signature was not checked: name a key with --public-key")
    return Said(path, State.WHOLE, f"{said}; signed with the key {signature}")


def _opened(value: object, public_key: Path | None) -> tuple[dict[str, Any], str]:
    """The statement, and the id of the key that signed it, empty when that is not the one that was named.

    Raises:
        StatementError: It is no statement about the result of a test.
    """
    signature = ""
    if isinstance(value, dict) and is_envelope(value):
        payload, payload_type = signing().opened(value)
        if payload_type != PAYLOAD_TYPE:
            raise StatementError(f"its payload is a {payload_type}: {PAYLOAD_TYPE} was expected")
        signature = signing().signed_by(value, public_key) if public_key else ""
        try:
            value = json.loads(payload)
        except (ValueError, RecursionError):
            value = None
    shape = isinstance(value, dict) and value.get("_type") == STATEMENT_TYPE
    if not isinstance(value, dict) or not shape or value.get("predicateType") != PREDICATE_TYPE:
        raise StatementError(f"it is no in-toto statement with the predicate {PREDICATE_TYPE}")
    subjects = value.get("subject")
    if not isinstance(subjects, list) or not subjects or not all(isinstance(one, dict) for one in subjects):
        raise StatementError("it names no files that it speaks of")
    if not isinstance(value.get("predicate"), dict):
        raise StatementError("it states no result")
    return value, signature


def _wrong(subject: dict[str, Any], folder: Path) -> str:
    """What is wrong with a file that a statement speaks of; empty when nothing is."""
    name = str(subject.get("name", ""))
    if not name or "/" in name or "\\" in name:
        return f"it speaks of {name!r}, which is no file beside it"
    try:
        there = digest_of_file(folder / name)
    except StatementError as error:
        return str(error)
    return "" if subject.get("digest") == there else f"{name} is another one than it speaks of"


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
