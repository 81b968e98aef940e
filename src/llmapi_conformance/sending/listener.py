"""Listening: a stream that has no end of its own, followed while a scenario does other things."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from llmapi_conformance.evidence.arriving import ArrivingEvents
from llmapi_conformance.evidence.exchange import Ending, Exchange, decode_json
from llmapi_conformance.evidence.sse import Comment

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    from llmapi_conformance.evidence.redaction import Redactor
    from llmapi_conformance.target.target import Target

HEARTBEATS = 3
"""Heartbeats in a row that may fail to come before a silent stream is given up."""


@dataclass(frozen=True, slots=True)
class Heard:
    """One event of a stream that is listened to.

    Attributes:
        name: The event type; ``message`` when the gateway named none.
        data: The data as one JSON document, or ``NOT_JSON``; redacted.
        at: Seconds after the request was sent.
    """

    name: str
    data: Any
    at: float


class Listener:
    """Follows one stream for a scenario; is the wire's ``Follower``.

    Nothing here raises because of the gateway. Whatever arrives is kept in the exchange, also what is not looked at.

    Attributes:
        opened: Whether a head with a 2xx status came.
        ended: Whether the gateway ended the stream, or never opened it.
        events: All events so far.
        comments: All comments so far: seconds after the request was sent, text behind the colon.
        left: See ``wire.following.Follower``, as for ``idle`` and ``total``.
    """

    def __init__(self, target: Target, redactor: Redactor) -> None:
        """Prepare for one request; the redactor knows its credentials too."""
        self.opened = False
        self.ended = False
        self.events: list[Heard] = []
        self.comments: list[tuple[float, str]] = []
        self.left = asyncio.Event()
        self.idle = max(target.timeouts.idle, HEARTBEATS * target.tasks.heartbeat)
        self.total = target.tasks.end + target.timeouts.total
        self._patience = target.tasks.end
        self._redactor = redactor
        self._arriving = ArrivingEvents()
        self._news = asyncio.Event()
        self._head = asyncio.Event()
        self._exchange: Exchange | None = None
        self._following: asyncio.Task[None] | None = None

    @property
    def exchange(self) -> Exchange:
        """The exchange as it was recorded.

        Raises:
            RuntimeError: The block of ``Session.listen`` has not been left yet.
        """
        if self._exchange is None:
            raise RuntimeError("the exchange of a listener is there when its block has been left")
        return self._exchange

    async def until(
        self,
        fits: Callable[[Heard], bool],
        timeout: float | None = None,  # noqa: ASYNC109 - silence is no error
    ) -> Heard | None:
        """The first event, old or new, that fits.

        Args:
            fits: Is asked once for each event.
            timeout: Seconds; the time that a task may take, when omitted.

        Returns:
            The event, ``None`` when none came in time or before the stream ended.
        """
        found: list[Heard] = []
        seen = 0

        def look(_: Listener) -> bool:
            nonlocal seen
            for event in self.events[seen:]:
                seen += 1
                if fits(event):
                    found.append(event)
                    return True
            return False

        await self.wait_for(look, timeout)
        return found[0] if found else None

    async def wait_for(
        self,
        holds: Callable[[Listener], bool],
        timeout: float | None = None,  # noqa: ASYNC109 - silence is no error
    ) -> bool:
        """Wait until something holds, looking again on each event and comment; whether it does.

        Args:
            holds: Is asked at once, and again whenever there is news.
            timeout: Seconds; the time that a task may take, when omitted.
        """
        try:
            async with asyncio.timeout(self._patience if timeout is None else timeout) as limit:
                while not holds(self):
                    if self._exchange is not None or self.ended:
                        return False
                    await self._news.wait()
        except TimeoutError:
            if not limit.expired():  # the predicate's own
                raise
            return False
        return True

    # What follows is for whoever conducts the run.

    def begins(self, status: int) -> None:
        """The head is there (see ``wire.following.Follower``)."""
        self.opened = 200 <= status < 300
        self._head.set()

    def arrives(self, at: float, data: bytes) -> None:
        """Bytes have arrived (see ``wire.following.Follower``)."""
        found = self._arriving.feed(at, data)
        for one in found:
            if isinstance(one, Comment):
                self.comments.append((one.at, self._redactor.redact_text(one.text)))
            else:
                text = self._redactor.redact_text(one.data)
                self.events.append(
                    Heard(self._redactor.redact_text(one.name), decode_json(text.encode("utf-8", "surrogatepass")), at)
                )
        if found:
            self._stir()

    async def follow(
        self, send: Callable[[], Awaitable[Exchange]], start: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]]
    ) -> None:
        """Start to follow; returns when a success has begun, or when anything else has ended.

        Args:
            send: Sends the request with this listener as its follower, and records the exchange.
            start: Makes the task that does so.
        """

        async def following() -> None:
            try:
                self._keep(await send())
            finally:
                self._head.set()
                self._stir()

        self._following = start(following())
        try:
            await self._head.wait()
            if not self.opened:
                await asyncio.shield(self._following)
        except asyncio.CancelledError:
            if not self.opened:
                self._following.cancel()
            self.left.set()
            raise

    async def leave(self) -> None:
        """Hang up; the exchange is recorded when this returns, also when this is cancelled."""
        self.left.set()
        if self._following is not None:
            await asyncio.shield(self._following)

    def _keep(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self.ended = exchange.ending is not Ending.LEFT

    def _stir(self) -> None:
        news, self._news = self._news, asyncio.Event()
        news.set()
