"""Going on with a run that stopped: what its recording holds already is taken, and not sent again."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from llmapi_conformance.errors import RecordingError
from llmapi_conformance.evidence.recording import RecordedResult, Recording, read_recording
from llmapi_conformance.evidence.results import ResultStatus

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_MAY_DIFFER = frozenset({"currency", "prices", "spending", "waivers"})
"""What a target file may say otherwise than the recording: none of it decides what is sent."""


@dataclass(frozen=True, slots=True)
class Earlier:
    """The first part of a run.

    Attributes:
        recording: What it holds.
        digest: Its seal, or, where it has none because the run died, the SHA-256 (hex) of its file.
    """

    recording: Recording
    digest: str

    @property
    def done(self) -> dict[tuple[str, str], RecordedResult]:
        """The results that are done, by scenario and parameters; the others are tried again."""
        return {
            key: result
            for key, result in self.recording.results.items()
            if isinstance(result, RecordedResult) and result.status == ResultStatus.DONE.value
        }


def read_earlier(path: Path) -> Earlier:
    """The run in a folder, or in a recording; it may have died.

    Raises:
        RecordingError: There is none, or it was altered.
    """
    file = path / "recording.jsonl" if path.is_dir() else path
    recording = read_recording(file)
    if wrong := recording.altered:
        raise RecordingError(f"{file} can't be resumed: {wrong[0]}. Start the run anew, without --resume.")
    return Earlier(recording, recording.seal or hashlib.sha256(file.read_bytes()).hexdigest())


def kept_beside(path: Path) -> Path:
    """Where a recording that is resumed into its own folder goes; it never takes the place of an older one."""
    beside, number = path.with_stem(f"{path.stem}.previous"), 1
    while beside.exists():
        number += 1
        beside = path.with_stem(f"{path.stem}.previous-{number}")
    return beside


def same_run(
    earlier: Earlier, *, target: Mapping[str, Any], profile: str, selection: Mapping[str, Any], contract: str
) -> None:
    """See that a run goes on as it began.

    Raises:
        RecordingError: Something that decides about its verdicts is another now; one sentence says what.
    """
    opening = earlier.recording.opening
    for name in sorted({*opening.target, *target} - _MAY_DIFFER):
        if opening.target.get(name) != target.get(name):
            was, now = opening.target.get(name), target.get(name)
            raise RecordingError(
                f"The run to resume was of another target: {name} was {was!r} and is {now!r}; "
                "name the same target file, or start anew."
            )
    for what, was, now, do in (
        ("profile", opening.profile, profile, f"--profile {opening.profile}"),
        ("selection", dict(opening.selection), dict(selection), "the options that it was started with"),
        ("contract", opening.contract_digest, contract, "the version of the tool that it was started with"),
    ):
        if was != now:
            raise RecordingError(f"The run to resume has another {what}: it was {was!r} and is {now!r}; use {do}.")
