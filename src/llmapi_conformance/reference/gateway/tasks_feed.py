"""`GET /v1/images/tasks/events`: who listens, and what each listener is sent (F7.22 to F7.29)."""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final

from starlette.responses import Response

from llmapi_conformance.reference.gateway.answers import NO_STORE
from llmapi_conformance.reference.gateway.documents import compact
from llmapi_conformance.reference.gateway.sse import Comment, ServerEvent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from contextlib import AbstractContextManager

    from starlette.types import Receive, Scope, Send

EVENT: Final = "image_task.updated"
HEARTBEAT: Final = Comment("heartbeat")
_HEADERS: Final = {"content-type": "text/event-stream; charset=utf-8", "x-accel-buffering": "no", **NO_STORE}
# A listener that is so many events behind is let go: it comes back and gets snapshots (F7.30).
_FURTHEST_BEHIND: Final = 1000


class Listener:
    """One connection: what it has still to be sent."""

    def __init__(self, first: Iterable[bytes]) -> None:
        self._pending: asyncio.Queue[bytes] = asyncio.Queue()
        self._lost = False
        for piece in first:
            self._pending.put_nowait(piece)

    def tell(self, piece: bytes) -> None:
        """Add an event; this never waits, however slow the connection is."""
        self._lost = self._lost or self._pending.qsize() >= _FURTHEST_BEHIND
        if not self._lost:
            self._pending.put_nowait(piece)

    async def next(self, until: float) -> bytes | None:
        """Return the next event.

        Args:
            until: When to give up waiting, by the clock of the event loop.

        Returns:
            The event; None if the time has come, whether there is one or not.
        """
        if asyncio.get_running_loop().time() >= until:
            return None
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(until):
                return await self._pending.get()
        return None

    @property
    def lost(self) -> bool:
        """Whether all that could be kept for it has been sent, and more is gone."""
        return self._lost and self._pending.empty()


class Feed:
    """The listeners of each channel."""

    def __init__(self) -> None:
        self._listeners: dict[str, list[Listener]] = defaultdict(list)

    def tell(self, channel: str, task: dict[str, Any]) -> None:
        """Send an event to all who listen to a channel."""
        listeners = self._listeners.get(channel)
        if listeners:
            piece = event(task)
            for listener in listeners:
                listener.tell(piece)

    @contextlib.contextmanager
    def listening(self, channel: str, first: Iterable[dict[str, Any]]) -> Iterator[Listener]:
        """Listen to a channel as long as the block lasts; some tasks are told before anything else."""
        listener = Listener([event(task) for task in first])
        self._listeners[channel].append(listener)
        try:
            yield listener
        finally:
            self._listeners[channel].remove(listener)
            if not self._listeners[channel]:
                del self._listeners[channel]


def event(task: dict[str, Any]) -> bytes:
    """Write the one kind of event that there is (F7.27)."""
    return ServerEvent(compact(task), EVENT).encode()


class TaskEvents(Response):
    """The endless stream of a key's task events, with a heartbeat at regular times."""

    def __init__(self, listen: Callable[[], AbstractContextManager[Listener]], heartbeat_seconds: float) -> None:
        super().__init__(headers=_HEADERS)
        del self.headers["content-length"]
        self._listen = listen
        self._heartbeat_seconds = heartbeat_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send events until the client goes, which ends this call from outside."""
        # That the client has gone is noticed when its body, which is none, has been read.
        while (await receive()).get("more_body", False):
            pass
        start = {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
        if scope["method"] == "HEAD":
            await send(start)
        else:
            # Snapshots are taken in the same step in which listening begins, so nothing is lost or doubled in between,
            # and a client that has seen the head misses nothing of what it does from then on.
            with self._listen() as listener:
                await send(start)
                await self._send_all(listener, send)
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _send_all(self, listener: Listener, send: Send) -> None:
        beat = asyncio.get_running_loop().time() + self._heartbeat_seconds
        while not listener.lost:
            piece = await listener.next(beat)
            if piece is None:
                piece = HEARTBEAT.encode()
                beat += self._heartbeat_seconds
            await send({"type": "http.response.body", "body": piece, "more_body": True})
