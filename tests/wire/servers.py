"""Servers on raw sockets that answer with exact bytes, well or badly."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from llmapi_conformance.wire.http import HttpSender
from llmapi_conformance.wire.message import (
    Deadlines,
    Outcome,
    WireAnswer,
    WireFailure,
    WireRequest,
    complete_headers,
)
from llmapi_conformance.wire.raw import head_of

if TYPE_CHECKING:
    import ssl

Handler = Callable[[asyncio.StreamWriter], Awaitable[None]]
Send = Callable[[HttpSender, WireRequest], Awaitable[Outcome]]

CERTIFICATE = Path(__file__).with_name("loopback.pem")
PATIENT = Deadlines(connect=30.0, first_byte=30.0, idle=30.0, total=60.0)
"""For all but the tests of deadlines: a busy machine may stand still for seconds."""
HURRIED_HEAD = dataclasses.replace(PATIENT, first_byte=0.3)
HURRIED_BODY = dataclasses.replace(PATIENT, idle=0.3)
HURRIED = dataclasses.replace(PATIENT, total=2.0)


@dataclass
class Server:
    url: str
    requests: list[bytes] = field(default_factory=list)
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    hung_up: asyncio.Event = field(default_factory=asyncio.Event)


@contextlib.asynccontextmanager
async def serving(
    handler: Handler, *, tls: ssl.SSLContext | None = None, unread: bool = False
) -> AsyncIterator[Server]:
    """Accept connections, read a whole request from each, then let the handler answer."""
    tasks: set[asyncio.Task[None]] = set()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            if not unread:
                served.requests.append(await read_request(reader))
                served.asked.set()
                watching = asyncio.create_task(watch(reader))
                tasks.add(watching)
            await handler(writer)
        writer.close()

    async def watch(reader: asyncio.StreamReader) -> None:
        with contextlib.suppress(ConnectionError):
            while await reader.read(1024):
                pass
        served.hung_up.set()

    server = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=tls)
    port = server.sockets[0].getsockname()[1]
    served = Server(f"{'https' if tls else 'http'}://127.0.0.1:{port}")
    try:
        yield served
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def read_request(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = 0
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            length = int(line.partition(b":")[2])
    return head + (await reader.readexactly(length) if length else b"")


def answering(*pieces: bytes | float, then: str = "close") -> Handler:
    """Write bytes, pause for numbers of seconds, then ``close``, ``reset`` or ``hang``."""

    async def handle(writer: asyncio.StreamWriter) -> None:
        for piece in pieces:
            if isinstance(piece, bytes):
                writer.write(piece)
                await writer.drain()
            else:
                await asyncio.sleep(piece)
        if then == "hang":
            await asyncio.sleep(300)
        elif then == "reset":
            reset(writer)

    return handle


def reset(writer: asyncio.StreamWriter) -> None:
    """Send RST instead of FIN."""
    raw: socket.socket = writer.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def endless(head: bytes, piece: bytes, pause: float = 0.0) -> Handler:
    """Write a head, then a piece for ever."""

    async def handle(writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        while True:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(pause)

    return handle


async def over_httpx2(sender: HttpSender, request: WireRequest) -> Outcome:
    return await sender.send(request)


async def over_raw_socket(sender: HttpSender, request: WireRequest) -> Outcome:
    head = head_of(request, complete_headers(request, sender.origin))
    return await sender.send_raw(head + request.body, like=request)


BOTH: tuple[Send, ...] = (over_httpx2, over_raw_socket)


def exchange_with(handler: Handler, send: Send = over_httpx2, request: WireRequest | None = None) -> Outcome:
    """One request to a server of its own."""

    async def run() -> Outcome:
        async with serving(handler) as server, HttpSender(server.url) as sender:
            return await send(sender, request or WireRequest("GET", "/", deadlines=PATIENT))

    return asyncio.run(run())


def answer_of(outcome: Outcome) -> WireAnswer:
    assert isinstance(outcome, WireAnswer), outcome
    return outcome


def failure_of(outcome: Outcome) -> WireFailure:
    assert isinstance(outcome, WireFailure), outcome
    return outcome


def body_of(answer: WireAnswer) -> bytes:
    return b"".join(data for _, data in answer.chunks)
