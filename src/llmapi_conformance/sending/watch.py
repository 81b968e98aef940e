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
_KEPT: Final = 100_000
"""Stalls that are remembered, at most: those of many minutes on a machine that does nothing but stall."""


class Watch:
    """Notes when the loop in which it was started stood still; all of it on that loop.

    Args:
        tick: Seconds between two looks at the clock.
        overrun: Seconds by which a look may be late; more is a stall.
    """

    def __init__(self, *, tick: float = TICK, overrun: float = OVERRUN) -> None:
        self._tick, self._overrun = tick, overrun
        self._stalls: deque[tuple[float, float]] = deque(maxlen=_KEPT)  # by the clock of ``now``
        self._looked = self.now()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to watch the running loop."""
        self._looked = self.now()
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
        answer, ahead = exchange.response, time.time() - self.now()
        sent = exchange.started_at - ahead
        ended = sent + answer.ended_at if answer is not None else self.now()
        stalls = [
            Stall(max(0.0, begin - sent), end - sent) for begin, end in self._stalls if end > sent and begin < ended
        ]
        return replace(exchange, stalls=(*exchange.stalls, *stalls)) if stalls else exchange

    def worst_since(self, moment: float) -> float:
        """Seconds by which a look was late, at worst, since a moment of ``now``; 0 when there was no stall."""
        self._note()
        late = (end - begin - self._tick for begin, end in self._stalls if end >= moment)
        return round(max(late, default=0.0), 6)

    @staticmethod
    def now() -> float:
        """The clock of this watch: it runs on while a process is kept from running, and is never set."""
        return time.perf_counter()

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(self._tick)
            self._note()

    def _note(self) -> None:
        """The time since the last look tells."""
        now = self.now()
        passed, self._looked = now - self._looked, now
        if passed > self._tick + self._overrun:
            self._stalls.append((now - passed, now))
