"""The generator: a process of its own that makes cases beside the network, and never keeps the sending waiting."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from llmapi_conformance.evidence.results import ResultStatus, ScenarioStopped
from llmapi_conformance.generating.cases import case_from_json

if TYPE_CHECKING:
    from asyncio.subprocess import Process

    from llmapi_conformance.generating.cases import Case, Order

COMMAND = (sys.executable, "-m", "llmapi_conformance.generating")
PATIENCE = 60.0
"""Seconds in which the cases of one operation must be there, the process's start included."""
LONGEST = 256 * 1024 * 1024
"""Bytes of one answer, at most."""
STOP_DEADLINE = 2.0
"""Seconds until it must have ended after its standard input was closed."""


@dataclass(frozen=True, slots=True)
class Generation:
    """What a run makes many of.

    Attributes:
        cases: Generated cases of each operation; 0 for none.
        seed: Decides whatever is drawn.
        samples: Of each statistic; 0 for none.
    """

    cases: int = 0
    seed: int = 1
    samples: int = 0


class Generator:
    """Asks the process, one order at a time; started with the first.

    Args:
        command: What to start.
        patience: Seconds in which an answer must be there.
    """

    def __init__(self, command: tuple[str, ...] = COMMAND, patience: float = PATIENCE) -> None:
        self._command = command
        self._patience = patience
        self._process: Process | None = None
        self._one_by_one = asyncio.Lock()
        self._reason = ""

    async def start(self) -> None:
        """Start the process, so that it is ready when it is asked."""
        if self._process is None and not self._reason:
            try:
                # A session of its own: Ctrl-C in the terminal is for us.
                self._process = await asyncio.create_subprocess_exec(
                    *self._command,
                    stdin=asyncio.subprocess.PIPE,
                    stdout=asyncio.subprocess.PIPE,
                    limit=LONGEST,
                    start_new_session=True,
                )
            except OSError as error:
                self._reason = f"it can't be started: {error.strerror}"

    async def cases(self, order: Order) -> tuple[Case, ...]:
        """The cases of an order.

        Raises:
            ScenarioStopped: The generator died, stalled, or failed at this order: the harness's own mistake.
        """
        async with self._one_by_one:
            await self.start()
            if not self._reason:
                try:
                    async with asyncio.timeout(self._patience):
                        line = await self._ask(json.dumps(order.to_json()).encode() + b"\n")
                except TimeoutError:
                    self._reason = f"it gave no cases of {order.operation} within {self._patience:.0f} s"
                    await self.stop(at_once=True)
                except (OSError, ValueError) as error:
                    self._reason = f"it went away: {error}"
            if self._reason:
                raise ScenarioStopped(ResultStatus.ERROR, f"the generator failed: {self._reason}")
        try:
            answer = json.loads(line)
            if "error" not in answer:
                return tuple(case_from_json(plain) for plain in answer["cases"])
            reason = answer["error"]
        except (ValueError, KeyError, TypeError) as error:
            reason = f"no cases in its answer: {error}"
        raise ScenarioStopped(ResultStatus.ERROR, f"the generator failed at {order.operation}: {reason}")

    async def _ask(self, line: bytes) -> bytes:
        process = self._process
        if process is None or process.stdin is None or process.stdout is None:
            raise OSError("it is not there")
        with contextlib.suppress(ConnectionError):  # its end says more than that it no longer listens
            process.stdin.write(line)
            await process.stdin.drain()
        answer = await process.stdout.readline()
        if not answer.endswith(b"\n"):
            status = await process.wait()
            raise OSError(f"it ended with status {status}")
        return answer

    async def stop(self, *, at_once: bool = False) -> None:
        """End the process: its standard input closes, and that is its sign."""
        process, self._process = self._process, None
        self._reason = self._reason or "it has been stopped"
        if process is None:
            return
        if process.stdin is not None:
            process.stdin.close()
        try:
            async with asyncio.timeout(0.0 if at_once else STOP_DEADLINE):
                await process.wait()
        except TimeoutError:
            if process.returncode is None:
                process.kill()
            await process.wait()
