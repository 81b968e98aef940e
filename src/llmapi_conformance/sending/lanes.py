"""Lanes: who may use the gateway, and a key, at the same time."""

from __future__ import annotations

import asyncio
import heapq
import time
from contextlib import AsyncExitStack, asynccontextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable


_inside: ContextVar[bool] = ContextVar("inside a request", default=False)


class Gate:
    """Many may pass at once, or one has it alone."""

    __slots__ = ("_alone", "_changed", "_inside", "_waiting")

    def __init__(self) -> None:
        self._inside = 0
        self._alone = False
        self._waiting = 0
        self._changed = asyncio.Condition()

    @asynccontextmanager
    async def shared(self) -> AsyncIterator[None]:
        """Pass together with others, unless somebody has it alone or waits for that."""
        async with self._changed:
            await self._changed.wait_for(lambda: not self._alone and not self._waiting)
            self._inside += 1
        try:
            yield
        finally:
            async with self._changed:
                self._inside -= 1
                self._changed.notify_all()

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[None]:
        """Have it alone."""
        async with self._changed:
            self._waiting += 1
            try:
                await self._changed.wait_for(lambda: not self._alone and not self._inside)
                self._alone = True
            finally:
                self._waiting -= 1
                self._changed.notify_all()
        try:
            yield
        finally:
            async with self._changed:
                self._alone = False
                self._changed.notify_all()


class Slots:
    """A bounded number of places; of those who wait, the one that is furthest along goes first.

    A scenario that sends one request after another would otherwise wait behind everybody's first request at each step,
    and finish long after all the others.
    """

    __slots__ = ("_free", "_number", "_waiting")

    def __init__(self, places: int) -> None:
        self._free = places
        self._number = 0
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []

    @asynccontextmanager
    async def place(self, progress: int) -> AsyncIterator[None]:
        """Hold a place; ``progress`` is the number of the request within its scenario."""
        if self._free:
            self._free -= 1
        else:
            turn = asyncio.get_running_loop().create_future()
            self._number += 1
            heapq.heappush(self._waiting, (-progress, self._number, turn))
            try:
                await turn
            except asyncio.CancelledError:
                if turn.done() and not turn.cancelled():
                    self._release()
                raise
        try:
            yield
        finally:
            self._release()

    def _release(self) -> None:
        while self._waiting:
            turn = heapq.heappop(self._waiting)[2]
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1


class OneByOne:
    """One at a time, with a pause between the end of one and the next; all at once where there is no pause."""

    __slots__ = ("_ended", "_lock", "_pause")

    def __init__(self, pause: float) -> None:
        self._pause = pause
        self._lock = asyncio.Lock()
        self._ended = -pause

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for one's turn and for the pause before it."""
        if not self._pause:
            yield
            return
        async with self._lock:
            await asyncio.sleep(self._ended + self._pause - time.monotonic())
            try:
                yield
            finally:
                self._ended = time.monotonic()


class Lanes:
    """Bounds what is under way: by number, by rate, by key.

    Args:
        concurrency: Requests under way at once, at most.
        rate: Requests started per second, at most; 0 for no limit.
        wrong_key_pause: Seconds from the end of a request without a good key to the next one; 0 for none.
    """

    LATENCY = 4
    """Requests of the latency lane under way at once: more would measure our own queue."""

    __slots__ = ("_everything", "_keys", "_latency", "_next_start", "_rate", "_slots", "_wrong_keys")

    def __init__(self, concurrency: int, rate: float, wrong_key_pause: float = 0.0) -> None:
        self._slots = Slots(concurrency)
        self._latency = asyncio.Semaphore(min(self.LATENCY, concurrency))
        self._rate = rate
        self._next_start = 0.0
        self._everything = Gate()
        self._keys: dict[str, Gate] = {}
        self._wrong_keys = OneByOne(wrong_key_pause)

    @asynccontextmanager
    async def scenario(self, lane: str, keys: Iterable[str]) -> AsyncIterator[None]:
        """Hold for a whole scenario what its lane asks for; keys in one order, so that no two wait for each other."""
        async with AsyncExitStack() as held:
            if lane in ("exclusive", "measuring"):
                await held.enter_async_context(self._everything.alone())
            elif lane == "own_key":
                await held.enter_async_context(self._everything.shared())
                for key in sorted(set(keys)):
                    await held.enter_async_context(self._key(key).alone())
            elif lane == "latency":
                await held.enter_async_context(self._latency)
            yield

    @asynccontextmanager
    async def request(
        self, lane: str, keys: Iterable[str], progress: int = 1, *, wrong_key: bool = False
    ) -> AsyncIterator[None]:
        """Hold for one request a place and what it shares with others; ``progress`` as in ``Slots.place``.

        A request that is sent in the midst of another one, by the same task, holds what that one holds: it must not
        wait for somebody who waits for the other one to end.
        """
        if _inside.get():
            await self.pace()
            yield
            return
        async with AsyncExitStack() as held:
            if lane in ("shared", "latency"):
                await held.enter_async_context(self._everything.shared())
                for key in sorted(set(keys)):
                    await held.enter_async_context(self._key(key).shared())
            if wrong_key:  # before the place, which others can use meanwhile
                await held.enter_async_context(self._wrong_keys.turn())
            await held.enter_async_context(self._slots.place(progress))
            await self.pace()
            token = _inside.set(True)
            try:
                yield
            finally:
                _inside.reset(token)

    async def pace(self) -> None:
        """Wait until the next request may start; a turn on a WebSocket is one too."""
        if not self._rate:
            return
        now = time.monotonic()
        start = max(now, self._next_start)
        self._next_start = start + 1 / self._rate
        await asyncio.sleep(start - now)

    def _key(self, key: str) -> Gate:
        return self._keys.setdefault(key, Gate())
