"""Legal variations of how it is framed, cut and sent."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from starlette.datastructures import Headers, MutableHeaders

from llmapi_conformance.reference.gateway.edge import Seen, always, changing_streams, is_gemini
from llmapi_conformance.reference.gateway.sse import Frame, ServerEvent

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

# Long enough for events that come together, too short for a reader to wait on.
_TOGETHER_SECONDS: Final = 0.005
_PIECE: Final = 7


def framed(app: ASGIApp, *, space: bool, newline: str) -> ASGIApp:
    """C1 and C2: leave out the space after the colon, end lines with CRLF.

    Without the space, Google's client can't read a Gemini stream (rule G-S7): such streams keep theirs.
    """
    colon = ": " if space else ":"

    def encode(frame: Frame) -> bytes:
        if not isinstance(frame, ServerEvent):
            return f":{colon[1:]}{frame.text}{newline}{newline}".encode()
        lines = [f"event{colon}{frame.event}"] if frame.event is not None else []
        lines += [f"data{colon}{line}" for line in frame.data.split("\n")]
        return "".join(f"{line}{newline}" for line in [*lines, ""]).encode()

    when = always if space else _not_gemini
    return changing_streams(app, when, lambda: lambda frame: (frame,), encode)


def _not_gemini(seen: Seen) -> bool:
    return not is_gemini(seen)


def _together(app: ASGIApp) -> ASGIApp:
    """C4a."""

    async def joining(scope: Scope, receive: Receive, send: Send) -> None:
        joiner = _Joiner(send)
        try:
            await app(scope, receive, joiner.send)
        finally:
            joiner.drop()

    return joining


class _Joiner:
    """Holds the pieces of a stream for a moment, and sends together what has come by then."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._streaming = False
        self._held = bytearray()
        self._flush: asyncio.Task[None] | None = None

    async def send(self, message: Message) -> None:
        """Take a message of the application."""
        if message["type"] == "http.response.start":
            self._streaming = _is_stream(message)
        if message["type"] == "http.response.start" or not self._streaming:
            await self._send(message)
            return
        self._held.extend(message.get("body", b""))
        if message.get("more_body", False):
            if self._flush is None or self._flush.done():
                self._flush = asyncio.create_task(self._flush_soon())
            return
        if self._flush is not None:
            await self._flush
        await self._send({**message, "body": bytes(self._held)})

    async def _flush_soon(self) -> None:
        await asyncio.sleep(_TOGETHER_SECONDS)
        piece = bytes(self._held)
        self._held.clear()
        await self._send({"type": "http.response.body", "body": piece, "more_body": True})

    def drop(self) -> None:
        """Send nothing more."""
        if self._flush is not None:
            self._flush.cancel()


def _is_stream(message: Message) -> bool:
    return Headers(raw=message["headers"]).get("content-type", "").startswith("text/event-stream")


def _in_small_pieces(app: ASGIApp) -> ASGIApp:
    """C4b."""

    async def cutting(scope: Scope, receive: Receive, send: Send) -> None:
        streaming = False

        async def cut(message: Message) -> None:
            nonlocal streaming
            if message["type"] == "http.response.start":
                streaming = (
                    MutableHeaders(raw=list(message["headers"])).get("content-type", "").startswith("text/event")
                )
            elif streaming:
                body = message.get("body", b"")
                for start in range(0, len(body), _PIECE):
                    piece = body[start : start + _PIECE]
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
                    await asyncio.sleep(0)
                message = {**message, "body": b""}
                if message.get("more_body", False):
                    return
            await send(message)

        await app(scope, receive, cut)

    return cutting


def _without_length(app: ASGIApp) -> ASGIApp:
    """C12."""

    async def chunked(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_chunked(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(raw=list(message["headers"]))
                if "content-length" in headers:
                    del headers["content-length"]
                message = {**message, "headers": headers.raw}
            elif len(message.get("body", b"")) > 1 and not message.get("more_body", False):
                half = len(message["body"]) // 2
                await send({**message, "body": message["body"][:half], "more_body": True})
                message = {**message, "body": message["body"][half:]}
            await send(message)

        await app(scope, receive, send_chunked)

    return chunked


VARIATIONS: Final = {
    "C4a": _together,
    "C4b": _in_small_pieces,
    "C12": _without_length,
}
