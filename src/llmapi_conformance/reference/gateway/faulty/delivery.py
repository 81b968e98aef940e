"""Faults of delivery: when bytes leave, how they are cut, what happens at the end and when the client goes."""

from __future__ import annotations

import asyncio
import itertools
from typing import TYPE_CHECKING, Final

from starlette.datastructures import Headers

from llmapi_conformance.reference.gateway.edge import Seen, always, changing_streams, each_document, is_messages
from llmapi_conformance.reference.gateway.sse import Frame, ServerEvent

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from llmapi_conformance.reference.gateway.core import Core

_OPEN_SECONDS: Final = 60.0
_BLOCK: Final = 1024


def _is_stream(message: Message) -> bool:
    return Headers(raw=message["headers"]).get("content-type", "").startswith("text/event-stream")


def _in_one_write(app: ASGIApp, _core: Core) -> ASGIApp:
    """M17."""

    async def holding(scope: Scope, receive: Receive, send: Send) -> None:
        start: Message | None = None
        held = bytearray()

        async def hold(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start" and _is_stream(message):
                start = message
            elif start is None:
                await send(message)
            else:
                held.extend(message.get("body", b""))
                if not message.get("more_body", False):
                    await send(start)
                    await send({**message, "body": bytes(held)})

        await app(scope, receive, hold)

    return holding


def _lossy_blocks(app: ASGIApp, _core: Core) -> ASGIApp:
    """M19: what a reader of 1 KiB blocks does to characters that lie across a border."""
    # Parsing and writing again turns escaped characters into characters.
    unescaped = changing_streams(app, always, lambda: each_document(lambda _document: None))

    async def lossy(scope: Scope, receive: Receive, send: Send) -> None:
        active, offset = False, 0

        async def damage(message: Message) -> None:
            nonlocal active, offset
            if message["type"] == "http.response.start":
                active = _is_stream(message)
            elif active:
                body = message.get("body", b"")
                message = {**message, "body": _damaged(body, offset)}
                offset += len(body)
            await send(message)

        await unescaped(scope, receive, damage)

    return lossy


def _damaged(body: bytes, offset: int) -> bytes:
    first = -offset % _BLOCK
    borders = [0, *range(first, len(body), _BLOCK), len(body)]
    pieces = (body[start:end] for start, end in itertools.pairwise(borders))
    return "".join(piece.decode("utf-8", errors="replace") for piece in pieces).encode()


def _no_message_stop(app: ASGIApp, _core: Core) -> ASGIApp:
    """M20."""

    def drop(frame: Frame) -> tuple[Frame, ...]:
        stopped = isinstance(frame, ServerEvent) and frame.event == "message_stop"
        return () if stopped else (frame,)

    cut = changing_streams(app, is_messages, lambda: drop)

    async def lingering(scope: Scope, receive: Receive, send: Send) -> None:
        active = False

        async def linger(message: Message) -> None:
            nonlocal active
            if message["type"] == "http.response.start":
                active = _is_stream(message) and is_messages(Seen(scope))
            elif active and not message.get("more_body", False):
                # A client that goes ends this wait: the gateway then cancels the request.
                await asyncio.sleep(_OPEN_SECONDS)
            await send(message)

        await cut(scope, receive, linger)

    return lingering


def _deaf(app: ASGIApp, _core: Core) -> ASGIApp:
    """D01: the gateway never hears that the client has gone."""

    async def deaf(scope: Scope, receive: Receive, send: Send) -> None:
        async def hear() -> Message:
            message = await receive()
            if message["type"] == "http.disconnect":
                await asyncio.Event().wait()
            return message

        await app(scope, hear, send)

    return deaf


FAULTS: Final = {
    "M17": _in_one_write,
    "M19": _lossy_blocks,
    "M20": _no_message_stop,
    "D01": _deaf,
}
