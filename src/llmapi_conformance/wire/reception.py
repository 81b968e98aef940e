"""Take in a response body piece by piece: arrival times, digest, content coding, limits, events."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from llmapi_conformance.evidence.exchange import Ending
from llmapi_conformance.wire.counting import EventCounter
from llmapi_conformance.wire.decoding import Decoder
from llmapi_conformance.wire.message import WireAnswer

if TYPE_CHECKING:
    from llmapi_conformance.evidence.exchange import Headers
    from llmapi_conformance.wire.following import Follower
    from llmapi_conformance.wire.message import WireRequest


class Reception:
    """A response whose head has arrived and whose body is arriving.

    Attributes:
        stop: Why no more is to be read: ``CAPPED`` or ``ABORTED``; ``None`` while more is wanted.
        events: Server-sent events so far.
    """

    __slots__ = ("_chunks", "_counter", "_decoder", "_digest", "_head", "_length", "_request", "events", "stop")

    def __init__(self, request: WireRequest, status: int, http_version: str, headers: Headers, at: float) -> None:
        self._request = request
        self._head = (status, http_version, headers, at)
        coding = ",".join(value for name, value in headers if name.lower() == "content-encoding")
        self._decoder = Decoder(coding, request.body_limit)
        watched = request.abort_after_events is not None or request.on_event is not None
        self._counter = EventCounter() if watched else None
        self._digest = hashlib.sha256()
        self._length = 0
        self._chunks: list[tuple[float, bytes]] = []
        self.events = 0
        self.stop: Ending | None = Ending.ABORTED if request.abort_after_events == 0 else None

    @property
    def status(self) -> int:
        """The status code."""
        return self._head[0]

    @property
    def follower(self) -> Follower | None:
        """Who follows this answer."""
        return self._request.follower

    @property
    def succeeded(self) -> bool:
        """Whether the status is 2xx."""
        return 200 <= self.status < 300

    @property
    def headers(self) -> Headers:
        """As in ``WireAnswer``."""
        return self._head[2]

    async def feed(self, at: float, data: bytes) -> None:
        """Take bytes that arrived at ``at`` seconds, and call back for each event that they complete."""
        room = self._request.body_limit - self._length
        if len(data) > room:
            data = data[:room]
            self.stop = Ending.CAPPED
        self._length += len(data)
        self._digest.update(data)
        decoded = self._decoder.feed(data)
        if self._decoder.full:
            self.stop = Ending.CAPPED
        if not decoded:
            return
        self._chunks.append((at, decoded))
        if self.follower is not None:
            self.follower.arrives(at, decoded)
        if self._counter is None:
            return
        for _ in range(self._counter.feed(decoded)):
            self.events += 1
            if self._request.on_event is not None:
                await self._request.on_event(self.events)
            if self.events == self._request.abort_after_events:
                self.stop = Ending.ABORTED
                return

    def answer(self, ending: Ending, detail: str, at: float, started_at: float) -> WireAnswer:
        """The answer, now that the body has ended."""
        status, http_version, headers, headers_at = self._head
        coding = self._decoder.finish() if ending is Ending.COMPLETE else self._decoder.detail
        return WireAnswer(
            status=status,
            http_version=http_version,
            headers=headers,
            headers_at=headers_at,
            chunks=tuple(self._chunks),
            ending=ending,
            detail="; ".join(part for part in (detail, coding) if part),
            ended_at=at,
            wire_length=self._length,
            wire_digest=self._digest.hexdigest(),
            started_at=started_at,
        )

    def stopped(self, at: float, started_at: float) -> WireAnswer:
        """The answer after ``stop`` was set."""
        if self.stop is Ending.CAPPED:
            detail = f"the body is longer than the limit of {self._request.body_limit} bytes: the rest was not read"
            return self.answer(Ending.CAPPED, detail, at, started_at)
        return self.answer(Ending.ABORTED, f"we hung up after {self.events} events", at, started_at)
