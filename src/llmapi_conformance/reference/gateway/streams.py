"""Streamed answers: framing, heartbeat, the protocol's error event, the end (rules A-S1 to A-S12, C-S6, H1 to H6)."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from starlette.responses import Response

from llmapi_conformance.reference.gateway.documents import compact
from llmapi_conformance.reference.gateway.envelopes import (
    Family,
    anthropic_type,
    google_error,
    image_error,
    openai_error,
)
from llmapi_conformance.reference.gateway.sse import KEEP_ALIVE, Comment, Frame, ServerEvent
from llmapi_conformance.reference.gateway.upstream_client import UpstreamFailure
from llmapi_conformance.reference.gateway.upstream_errors import ended_early, refusal_of_failure

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator

    from starlette.types import Receive, Scope, Send

_HEADERS: Final = {"cache-control": "no-cache", "x-accel-buffering": "no"}
_PING: Final = ServerEvent('{"type":"ping"}', "ping")


@dataclass(frozen=True, slots=True)
class Framing:
    """How frames become bytes.

    Attributes:
        content_type: The media type of the stream.
        opening: What stands before the first frame.
        between: What stands between two frames.
        closing: What stands behind the last one.
        bare: Only the data of an event is written.
    """

    content_type: str
    opening: bytes = b""
    between: bytes = b""
    closing: bytes = b""
    bare: bool = False

    def encode(self, frame: Frame, *, first: bool) -> bytes:
        """Write one frame."""
        body = frame.data.encode() if self.bare and isinstance(frame, ServerEvent) else frame.encode()
        return (self.opening if first else self.between) + body


SSE: Final = Framing("text/event-stream; charset=utf-8")
JSON_ARRAY: Final = Framing("application/json", b"[", b",\n", b"]", bare=True)


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a protocol says that it is still there, and that it failed.

    Attributes:
        family: Whose error envelope its routes have.
        heartbeat: What is sent into a silence; None: the protocol has nothing for it (rule G-S7).
        framing: How its frames become bytes.
    """

    family: Family
    heartbeat: Frame | None
    framing: Framing = SSE

    def failed(self, failure: UpstreamFailure, request_id: str) -> ServerEvent:
        """Return the error event that ends a stream (rules A-S11, C-S6)."""
        refusal = refusal_of_failure(failure, self.family)
        if self.family is Family.ANTHROPIC:
            error = {"type": anthropic_type(refusal.status), "message": refusal.message}
            document = {"type": "error", "error": error, "request_id": request_id}
            return ServerEvent(compact(document), "error")
        if self.family is Family.GOOGLE:
            return ServerEvent(compact({"error": google_error(refusal)}))
        if self.family is Family.IMAGES:
            return ServerEvent(compact({"error": image_error(refusal)}))
        return ServerEvent(compact({"error": openai_error(refusal)}))


MESSAGES_DIALECT: Final = Dialect(Family.ANTHROPIC, _PING)
CHAT_DIALECT: Final = Dialect(Family.OPENAI, KEEP_ALIVE)
GEMINI_DIALECT: Final = Dialect(Family.GOOGLE, None)
GEMINI_ARRAY_DIALECT: Final = Dialect(Family.GOOGLE, None, JSON_ARRAY)
IMAGES_DIALECT: Final = Dialect(Family.IMAGES, KEEP_ALIVE)


async def begun(frames: AsyncGenerator[Frame]) -> AsyncGenerator[Frame]:
    """Wait for the first event of a stream, so that what fails before it is still an HTTP error (rule E1).

    Raises:
        UpstreamFailure: The stream failed, or ended, before its first event.
    """
    try:
        async for frame in frames:
            if not isinstance(frame, Comment):
                return _resumed(frame, frames)
    except BaseException:
        await frames.aclose()
        raise
    raise ended_early()


async def _resumed(first: Frame, rest: AsyncGenerator[Frame]) -> AsyncGenerator[Frame]:
    async with contextlib.aclosing(rest):
        yield first
        async for frame in rest:
            yield frame


class EventStream(Response):
    """A stream of events, sent one by one as they come."""

    def __init__(self, frames: AsyncGenerator[Frame], dialect: Dialect, heartbeat_seconds: float) -> None:
        super().__init__(headers={"content-type": dialect.framing.content_type, **_HEADERS})
        # A stream has no length: it is framed by the transfer coding.
        del self.headers["content-length"]
        self._frames = frames
        self._dialect = dialect
        self._heartbeat_seconds = heartbeat_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's signature
        """Send the stream; an upstream that fails on the way is told in the protocol's error event."""
        start = {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
        await send(start)
        framing, first = self._dialect.framing, True
        async with contextlib.aclosing(self._frames):
            try:
                async for frame in self._with_heartbeat():
                    await _send_piece(send, framing.encode(frame, first=first))
                    first = False
            except UpstreamFailure as failure:
                event = self._dialect.failed(failure, scope["state"]["request_id"])
                await _send_piece(send, framing.encode(event, first=first))
        await send({"type": "http.response.body", "body": framing.closing, "more_body": False})

    async def _with_heartbeat(self) -> AsyncIterator[Frame]:
        heartbeat = self._dialect.heartbeat
        silence = None if heartbeat is None else self._heartbeat_seconds
        while True:
            waiting = asyncio.ensure_future(anext(self._frames, None))
            try:
                while not (await asyncio.wait((waiting,), timeout=silence))[0] and heartbeat is not None:
                    yield heartbeat
                frame = waiting.result()
            finally:
                if not waiting.done():
                    waiting.cancel()
                    with contextlib.suppress(asyncio.CancelledError, UpstreamFailure):
                        await waiting
            if frame is None:
                return
            yield frame


async def _send_piece(send: Send, piece: bytes) -> None:
    await send({"type": "http.response.body", "body": piece, "more_body": True})
