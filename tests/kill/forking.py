"""Runs the tool in processes of their own that need not import it: they are forked off a server that has.

A fresh interpreter spends more time on imports than a run on a fault. The server is multiprocessing's: it has one
thread, imports ``warm.py`` and does nothing but fork. A run and its reference gateway are children of it, so that no
memory is shared between runs, nor between the suite and the gateway; what they execute is what a user executes.
"""

from __future__ import annotations

import os
import subprocess
import sys
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llmapi_conformance.sending import embedded

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_FORKS = get_context("forkserver")
_FORKS.set_forkserver_preload(["tests.kill.warm"])


def forked_run(arguments: Sequence[str], output: Path, deadline: float) -> int:
    """Run the command line tool in a forked process.

    Args:
        arguments: Of the tool.
        output: File for what it says.
        deadline: Seconds that it may take.

    Returns:
        The exit status.

    Raises:
        TimeoutError: It took longer, and was killed.
    """
    run = _FORKS.Process(target=_tool, args=(tuple(arguments), output))
    run.start()
    run.join(deadline)
    late = run.exitcode is None
    if late:
        run.kill()
        run.join()
    status = int(run.exitcode or 0)
    run.close()
    if late:
        raise TimeoutError(f"{' '.join(arguments)} took longer than {deadline:.0f} s")
    return status


def threads_of_the_server() -> int:
    """How many threads the process has that forks: with more than one, a lock may be held in a child for ever."""
    told, tell = _FORKS.Pipe(duplex=False)
    asked = _FORKS.Process(target=_tell_threads, args=(tell,))
    asked.start()
    threads: int = told.recv()
    asked.join()
    for end in (told, tell, asked):
        end.close()
    return threads


def _tell_threads(tell: Connection) -> None:
    tell.send(len(list(Path(f"/proc/{os.getppid()}/task").iterdir())))


def _tool(arguments: tuple[str, ...], output: Path) -> None:
    from llmapi_conformance.cli import app  # noqa: PLC0415 - in the child alone

    output.parent.mkdir(parents=True, exist_ok=True)
    with output.open("wb") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    vars(embedded)["launch"] = _Forked
    sys.argv = ["llmapi-conformance", *arguments]
    app(list(arguments))


class _Forked:
    """What ``embedded`` uses of a ``subprocess.Popen``."""

    def __init__(self, options: Sequence[str], environment: Mapping[str, str]) -> None:
        its_input, feed = _FORKS.Pipe(duplex=False)
        read, its_output = _FORKS.Pipe(duplex=False)
        self._process = _FORKS.Process(
            target=_reference, args=(tuple(options), dict(environment), its_input, its_output)
        )
        self._process.start()
        self.stdin, self.stdout = _file(feed, "w"), _file(read, "r")
        for end in (its_input, feed, read, its_output):
            end.close()

    def wait(self, timeout: float) -> None:
        """Until it has ended.

        Raises:
            subprocess.TimeoutExpired: It has not.
        """
        if not wait([self._process.sentinel], timeout):
            raise subprocess.TimeoutExpired("reference", timeout)
        self._process.join()

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()


def _file(pipe: Connection, mode: str) -> Any:
    return os.fdopen(os.dup(pipe.fileno()), mode)


def _reference(
    options: tuple[str, ...], environment: dict[str, str], its_input: Connection, its_output: Connection
) -> None:
    from llmapi_conformance.reference.serve import main  # noqa: PLC0415 - in the child alone

    os.setsid()
    os.environ.update(environment)
    sys.stdin, sys.stdout = _file(its_input, "r"), _file(its_output, "w")
    sys.exit(main(options))
