"""A watch over our own machine: when the loop that sends was kept from running, its times say nothing of a gateway."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from llmapi_conformance.evidence.exchange import Stall

if TYPE_CHECKING:
    from llmapi_conformance.evidence.exchange import Exchange

TICK: Final = 0.05
"""Seconds between two looks at the clock."""
OVERRUN: Final = 0.25
"""Seconds by which a look may be late, as it often is on a busy machine; more is a stall."""
_KEPT: Final = 10_000
"""Stalls that are remembered, at most: those of many minutes on a machine that does nothing but stall."""


class Watch:
    """Notes when the loop in which it was started stood still; all of it on that loop."""

    def __init__(self) -> None:
        self._stalls: deque[tuple[float, float]] = deque(maxlen=_KEPT)  # Unix time
        self._looked = time.perf_counter()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to watch the running loop."""
        self._looked = time.perf_counter()
        self._task = asyncio.get_running_loop().create_task(self._look())

    async def stop(self) -> None:
        """Watch no longer."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    def marked(self, exchange: Exchange) -> Exchange:
        """The exchange with the stalls that fell into it, in seconds since its request was sent."""
        self._note()  # a stall may have just ended, and what had to wait for its end runs before our task
        sent, answer = exchange.started_at, exchange.response
        ended = sent + answer.ended_at if answer is not None else time.time()
        stalls = [
            Stall(max(0.0, begin - sent), end - sent) for begin, end in self._stalls if end > sent and begin < ended
        ]
        return replace(exchange, stalls=(*exchange.stalls, *stalls)) if stalls else exchange

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(TICK)
            self._note()

    def _note(self) -> None:
        """The clock runs on while a process is kept from running, so the time since the last look tells."""
        now = time.perf_counter()
        passed, self._looked = now - self._looked, now
        if passed > TICK + OVERRUN:
            ended = time.time()
            self._stalls.append((ended - passed, ended))
