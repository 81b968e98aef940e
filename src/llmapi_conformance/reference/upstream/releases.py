"""Tokens that hold an answer back until somebody releases them."""

from __future__ import annotations

import asyncio
import contextlib

HOLD_SECONDS = 20.0
"""An answer is held no longer than this; then it goes on as if it had been released."""

_MOST_TOKENS = 10_000


class Releases:
    """Counts how often each token was released. It belongs to one event loop."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._changed = asyncio.Event()

    def release(self, token: str) -> int:
        """Release a token once more and return how often that has been."""
        count = self._counts.pop(token, 0) + 1
        self._counts[token] = count
        if len(self._counts) > _MOST_TOKENS:
            del self._counts[next(iter(self._counts))]
        self._changed.set()
        self._changed = asyncio.Event()
        return count

    async def wait(self, token: str, count: int, *, seconds: float = HOLD_SECONDS) -> None:
        """Return when a token has been released so often, or after so many seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self._counts.get(token, 0) < count:
                    await self._changed.wait()
