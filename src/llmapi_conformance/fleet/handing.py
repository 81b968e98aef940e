"""What the run of one test of a fleet leaves, packed so that it can be handed over."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import pytest

from llmapi_conformance.errors import RecordingError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

MOST: Final = 512 * 1024 * 1024
"""Bytes of a recording that are handed over, at most."""
PATIENCE: Final = 60.0
"""Seconds in which a run that is stopped must have ended its tasks."""


@dataclass(frozen=True, slots=True)
class Left:
    """What a run left.

    Attributes:
        folder: Where its recording belongs, below that of the fleet.
        recording: Packed, empty where there is none.
    """

    folder: str
    recording: str


LEFT: Final = pytest.StashKey[Left]()
"""Where a test keeps it for its report."""


def packed(path: Path) -> str:
    """A recording as text, compressed; empty where there is none.

    Raises:
        RecordingError: It is too long to be handed over.
    """
    if not path.is_file():
        return ""
    size = path.stat().st_size
    if size > MOST:
        raise RecordingError(f"{path} has {size} bytes, {MOST} can be handed over: fetch it from that machine.")
    return base64.b64encode(zlib.compress(path.read_bytes())).decode()


def unpacked(text: str) -> bytes:
    """The recording that ``packed`` made a text of.

    Raises:
        RecordingError: It is none, or too long.
    """
    try:
        reader = zlib.decompressobj()
        found = reader.decompress(base64.b64decode(text, validate=True), MOST)
    except (ValueError, zlib.error):
        raise RecordingError("What a worker handed over is no packed recording.") from None
    if not reader.eof:
        raise RecordingError("What a worker handed over is cut off, or too long.")
    return found


def conducted(options: Sequence[str], report_dir: Path, seconds: float) -> tuple[int, str]:
    """Run our tool as a process of its own: its exit status, and one line about it.

    Args:
        options: Of ``run``, without the report folder.
        report_dir: Where the run writes.
        seconds: After which it is stopped; it has some time then to end its tasks.
    """
    command = [sys.executable, "-m", "llmapi_conformance", "run", *options, "--report-dir", str(report_dir)]
    process = subprocess.Popen(  # noqa: S603 - our own module, our own interpreter
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")},
    )
    try:
        said, _ = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGTERM)
        try:
            said, _ = process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            said, _ = process.communicate()
        return 2, f"stopped after {seconds:.0f} s; {_line(report_dir, said)}"
    return process.returncode, _line(report_dir, said)


def _line(report_dir: Path, said: str) -> str:
    """What the verdicts say in one line, or, where there are none, what the tool said last."""
    try:
        document = json.loads((report_dir / "verdicts.json").read_bytes())
    except (OSError, ValueError):
        return " ".join(said.split())[-500:] or "the run said nothing"
    counts = ", ".join(f"{count} {verdict}" for verdict, count in document["figures"]["verdicts"].items())
    return "; ".join([f"{document['headline']}: {counts}", *document["problems"]])
