"""WebSocket servers on raw sockets that misbehave, and what a client makes of them."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import dataclasses
import hashlib
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING

from llmapi_conformance.wire.message import WireAnswer, WireRequest, origin_of
from llmapi_conformance.wire.websocket import Conversation, converse, upgrade_request
from tests.wire.servers import PATIENT, reset

if TYPE_CHECKING:
    from llmapi_conformance.wire.message import Deadlines
    from llmapi_conformance.wire.talking import Socket

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
Script = Callable[["Socket"], Awaitable[None]]

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
HURRIED = dataclasses.replace(PATIENT, total=2.0)
HURRIED_FRAMES = dataclasses.replace(PATIENT, idle=0.3)
TEXT, BINARY, CLOSE, PING, PONG, MORE = 0x81, 0x82, 0x88, 0x89, 0x8A, 0x80


def frame(head: int, payload: bytes = b"", *, length: int | None = None) -> bytes:
    """One unmasked frame; a wrong length may be claimed."""
    size = len(payload) if length is None else length
    if size < 126:
        return struct.pack("!BB", head, size) + payload
    if size < 65536:
        return struct.pack("!BBH", head, 126, size) + payload
    return struct.pack("!BBQ", head, 127, size) + payload


def closing(code: int, reason: bytes = b"") -> bytes:
    return frame(CLOSE, struct.pack("!H", code) + reason)


def switched(request: bytes, *extra: str) -> bytes:
    """The 101 that belongs to a request."""
    key = next(
        line.partition(b":")[2].strip()
        for line in request.split(b"\r\n")
        if line.lower().startswith(b"sec-websocket-key:")
    )
    accept = base64.b64encode(hashlib.sha1(key + GUID).digest()).decode()  # noqa: S324 - RFC 6455 asks for SHA-1
    lines = ["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade"]
    return "\r\n".join([*lines, f"Sec-WebSocket-Accept: {accept}", *extra, "", ""]).encode()


@contextlib.asynccontextmanager
async def serving(talk: Talk, *, head: Callable[[bytes], bytes] = switched) -> AsyncIterator[str]:
    """Accept connections, answer the handshake, then talk."""
    tasks: set[asyncio.Task[None]] = set()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            writer.write(head(await reader.readuntil(b"\r\n\r\n")))
            await talk(reader, writer)
        writer.close()

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def saying(*pieces: bytes | float, then: str = "close") -> Talk:
    """Write bytes, pause for numbers of seconds, then ``close``, ``reset``, ``hang``; ``speaks``: close when we do."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for piece in pieces:
            if isinstance(piece, bytes):
                writer.write(piece)
                await writer.drain()
            else:
                await asyncio.sleep(piece)
        if then == "hang":
            await asyncio.sleep(300)
        elif then == "speaks":
            await reader.read(1)
        elif then == "reset":
            reset(writer)

    return talk


async def listening(socket: Socket) -> None:
    """Take in messages until there are no more."""
    while await socket.receive() is not None:
        pass


async def open_and_talk(
    url: str,
    script: Script = listening,
    *,
    deadlines: Deadlines = PATIENT,
    limit: int = 1 << 20,
    headers: tuple[tuple[str, str], ...] = (),
    deflate: bool = False,
) -> Conversation:
    request = WireRequest("GET", "/v1/responses", headers, deadlines=deadlines, body_limit=limit)
    return await converse(origin_of(url), upgrade_request(request, deflate=deflate), script)


def conversation_with(
    talk: Talk,
    script: Script = listening,
    *,
    head: Callable[[bytes], bytes] = switched,
    deadlines: Deadlines = PATIENT,
    limit: int = 1 << 20,
    deflate: bool = False,
) -> Conversation:
    """One conversation with a server of its own."""

    async def run() -> Conversation:
        async with serving(talk, head=head) as url:
            return await open_and_talk(url, script, deadlines=deadlines, limit=limit, deflate=deflate)

    return asyncio.run(run())


def answer_of(conversation: Conversation) -> WireAnswer:
    assert isinstance(conversation.outcome, WireAnswer), conversation.outcome
    return conversation.outcome


def said(conversation: Conversation) -> list[tuple[bool, str, bytes, int | None]]:
    """Frames without their times."""
    return [(one.sent, one.kind, one.data, one.code) for one in conversation.frames]
