"""Runs one client in a process of its own: nothing of our environment, a home of its own, a deadline."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import tempfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

MOST_OUTPUT: Final = 1024 * 1024
"""Bytes of a client's output that are read."""
CASE_SECONDS: Final = 40.0
"""Of one case of a script; clients themselves give up after 30."""
START_SECONDS: Final = 60.0
"""That a script may take to begin: some clients import for seconds."""
_LONGEST: Final = 300


@dataclass(frozen=True, slots=True)
class Ended:
    """How a process came out.

    Attributes:
        status: Its exit status; ``None`` when it was ended because its time was up.
        output: Standard output, at most ``MOST_OUTPUT`` bytes.
        errors: Standard error, likewise.
        seconds: Its time.
    """

    status: int | None
    output: str
    errors: str
    seconds: float

    @property
    def why(self) -> str:
        """One sentence about an end that came too early."""
        if self.status is None:
            return f"no end within {self.seconds:.0f} s"
        last = (self.errors.strip() or self.output.strip()).splitlines()[-1:] or ["it said nothing"]
        return f"exit status {self.status}: {last[0][:_LONGEST]}"


async def run_process(
    command: Sequence[str], *, environment: Mapping[str, str], given: str, seconds: float, folder: Path
) -> Ended:
    """Run a command to its end, or end it and its children when its time is up or when this is cancelled.

    Args:
        command: With its arguments; no key among them.
        environment: All of its environment but ``PATH``, ``HOME``, ``TMPDIR`` and ``TERM``.
        given: Standard input.
        seconds: Its time.
        folder: Its home and working folder.
    """
    own = {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(folder), "TMPDIR": str(folder), "TERM": "dumb"}
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.PIPE,
                stdout=output,
                stderr=errors,
                env=own | dict(environment),
                cwd=folder,
                start_new_session=True,
            )
        except OSError as error:
            return Ended(127, "", f"{command[0]}: {error.strerror}", seconds)
        status: int | None = None
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await process.communicate(given.encode())
                status = process.returncode
        finally:
            # What it started goes along: the session is its own.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
        return Ended(status, _read(output), _read(errors), seconds)


async def run_script(
    command: Sequence[str], orders: Mapping[str, Any], *, folder: Path, seconds: float = CASE_SECONDS
) -> dict[str, dict[str, Any]]:
    """Run cases of a client's script; what it told of each, by its label.

    A case that it did not come to is told as ``ended``: with what the process said at its end.

    Args:
        command: Its Python and the script.
        orders: ``cases`` (``do`` what, under which ``label``, and what is special about it), and what all of them need.
        folder: Its home and working folder.
        seconds: Of each case.
    """
    cases = orders["cases"]
    ended = await run_process(
        command,
        environment={"PYTHONWARNINGS": "ignore", "PYTHONUTF8": "1"},
        given=json.dumps({**orders, "seconds": seconds}),
        seconds=START_SECONDS + seconds * len(cases),
        folder=folder,
    )
    told: dict[str, dict[str, Any]] = {}
    for line in ended.output.splitlines():
        with contextlib.suppress(ValueError, KeyError, TypeError):
            found = json.loads(line)
            told[str(found.pop("label"))] = found
    return {case["label"]: told.get(case["label"], {"ended": ended.why}) for case in cases}


def _read(file: Any) -> str:
    file.seek(0)
    return bytes(file.read(MOST_OUTPUT)).decode("utf-8", "replace")


def new_home() -> tempfile.TemporaryDirectory[str]:
    """A home that is gone afterwards."""
    return tempfile.TemporaryDirectory(prefix="llmapi-conformance-client-", ignore_cleanup_errors=True)
