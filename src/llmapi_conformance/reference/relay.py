"""A raw TCP relay in front of an HTTP/1.1 server: it makes the wire faults that an ASGI server can't make.

The relay passes requests on to the byte. It reads each response, asks a rule what is to be done to it and writes it
again: cut into other pieces, with invalid bytes, or ended in a way that no careful server would end it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import struct
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import httptools

from llmapi_conformance.reference.listening import bind
from llmapi_conformance.reference.treatments import TREATMENT_HEADER, End, Pieces, Treatment, treated

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

_HEAD_BYTES = 256 * 1024
_READ_BYTES = 64 * 1024
_CONNECT_SECONDS = 5.0
_CLOSING_SECONDS = 1.5
_SETTLE_SECONDS = 0.005
_PASSING_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class RequestHead:
    """The request that a response answers, as far as a rule may want to know it."""

    method: str
    target: str


@dataclass(frozen=True, slots=True)
class ResponseHead:
    """Status line and header fields of a response, in the order received, names as received."""

    status_line: bytes
    status: int
    headers: tuple[tuple[str, str], ...]

    def get(self, name: str) -> str | None:
        """Return the first value of a header field, its name in any case, or None."""
        return next((value for key, value in self.headers if key.lower() == name), None)

    def encode(self) -> bytes:
        """Write the head again, without `TREATMENT_HEADER`."""
        lines = (f"{name}: {value}\r\n" for name, value in self.headers if name.lower() != TREATMENT_HEADER)
        return self.status_line + b"\r\n" + "".join(lines).encode("latin-1") + b"\r\n"


Rule: TypeAlias = "Callable[[RequestHead, ResponseHead], Treatment | None]"
"""Decides what is done to a response; None leaves it alone."""


def as_the_origin_says(request: RequestHead, response: ResponseHead) -> Treatment | None:  # noqa: ARG001 - it is a rule
    """Rule: the origin asks for a treatment with the response header `TREATMENT_HEADER`; without it none."""
    value = response.get(TREATMENT_HEADER)
    return Treatment.from_header(value) if value is not None else None


@contextlib.asynccontextmanager
async def relaying(
    origin_port: int,
    rule: Rule = as_the_origin_says,
    *,
    origin_host: str = "127.0.0.1",
    listener: socket.socket | None = None,
    links: Links | None = None,
) -> AsyncIterator[int]:
    """Relay HTTP/1.1 connections to an origin until the block ends.

    Each client connection has one connection to the origin. When the client goes away, the origin's connection is
    closed at once, and the other way round.

    Args:
        origin_port: The port of the HTTP server behind the relay.
        rule: Decides for each response how it is treated; None leaves it alone.
        origin_host: The address of that server.
        listener: A bound socket to listen on (see `listening.bind`); by default a free port of 127.0.0.1. The relay
            closes it.
        links: Where the open connections are noted, for an origin that ends them itself.

    Yields:
        The port of the relay.
    """
    bound = listener if listener is not None else bind()
    running: set[asyncio.Task[None]] = set()
    noted = links if links is not None else Links()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(_relay(_Client(reader, writer), origin_host, origin_port, rule, noted))
        running.add(task)
        task.add_done_callback(running.discard)

    server = await asyncio.start_server(accept, sock=bound, limit=_HEAD_BYTES)
    try:
        yield int(bound.getsockname()[1])
    finally:
        server.close()
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running, timeout=_CLOSING_SECONDS)


@dataclass(frozen=True, slots=True)
class _Client:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def write(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def end(self, end: End) -> None:
        """Wait until everything written has left this process, then end the connection."""
        if end is End.BROKEN_CHUNK:
            self.writer.write(b"not-a-size\r\n")
        transport = self.writer.transport
        transport.set_write_buffer_limits(high=0)
        await self.writer.drain()
        if end is End.RESET:
            # What the receiver's kernel has not taken yet would be lost with the reset.
            await asyncio.sleep(_SETTLE_SECONDS)
            _reset_on_close(transport)
            transport.abort()
        else:
            self.writer.close()


class Links:
    """The open connections of a relay, by the port that the origin sees at the other end.

    After 101 there are no more responses that an origin could ask a treatment for; so it ends such a connection here.
    """

    def __init__(self) -> None:
        self._clients: dict[int, _Client] = {}

    def add(self, origin: asyncio.StreamWriter, client: _Client) -> None:
        """Note a connection."""
        self._clients[_port(origin)] = client

    def remove(self, origin: asyncio.StreamWriter) -> None:
        """Forget a connection."""
        self._clients.pop(_port(origin), None)

    async def reset(self, port: int) -> None:
        """Reset the client's connection, after what the origin has written so far; nothing happens if it is gone."""
        if port in self._clients:
            client = self._clients[port]
            await asyncio.sleep(_PASSING_SECONDS)
            await client.end(End.RESET)


def _port(origin: asyncio.StreamWriter) -> int:
    return int(origin.get_extra_info("sockname")[1])


@dataclass(frozen=True, slots=True)
class _Body:
    """How the body of a response is framed."""

    chunked: bool
    length: int | None

    def frame(self, data: bytes) -> bytes:
        return b"%x\r\n%b\r\n" % (len(data), data) if self.chunked else data

    @property
    def last(self) -> bytes:
        return b"0\r\n\r\n" if self.chunked else b""


async def _relay(client: _Client, host: str, port: int, rule: Rule, links: Links) -> None:
    origin: asyncio.StreamWriter | None = None
    try:
        async with asyncio.timeout(_CONNECT_SECONDS):
            reader, origin = await asyncio.open_connection(host, port, limit=_HEAD_BYTES)
        links.add(origin, client)
        requests = _Requests()
        up = asyncio.create_task(_pass_requests(client.reader, origin, requests))
        down = asyncio.create_task(_pass_responses(reader, client, requests, rule))
        try:
            await asyncio.wait((up, down), return_when=asyncio.FIRST_COMPLETED)
            if down.done():
                down.result()
        finally:
            up.cancel()
            down.cancel()
            await asyncio.gather(up, down, return_exceptions=True)
    except (OSError, TimeoutError):
        _reset_on_close(client.writer.transport)
        client.writer.transport.abort()
    except asyncio.CancelledError:
        client.writer.transport.abort()
        raise
    finally:
        if origin is not None:
            links.remove(origin)
            origin.transport.abort()
        client.writer.close()


class _Requests:
    """Notes the heads of the requests that pass by, in order."""

    def __init__(self) -> None:
        self._parser = httptools.HttpRequestParser(self)
        self._heads: deque[RequestHead] = deque()
        self._target = b""
        self._readable = True

    def feed(self, data: bytes) -> None:
        if not self._readable:
            return
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            # Malformed on purpose, or no longer HTTP: the bytes pass all the same.
            self._readable = False

    def take(self) -> RequestHead:
        return self._heads.popleft() if self._heads else RequestHead(method="", target="")

    def on_message_begin(self) -> None:
        self._target = b""

    def on_url(self, url: bytes) -> None:
        self._target += url

    def on_headers_complete(self) -> None:
        method = self._parser.get_method().decode("latin-1")
        self._heads.append(RequestHead(method=method, target=self._target.decode("latin-1")))


async def _pass_requests(reader: asyncio.StreamReader, origin: asyncio.StreamWriter, requests: _Requests) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(_READ_BYTES):
            requests.feed(data)
            origin.write(data)
            await origin.drain()


async def _pass_responses(reader: asyncio.StreamReader, client: _Client, requests: _Requests, rule: Rule) -> None:
    """Write the responses of one connection, until the origin or a treatment ends it."""
    request: RequestHead | None = None
    try:
        while True:
            head = await _read_head(reader)
            request = request or requests.take()
            if head.status < 200 and head.status != 101:
                await client.write(head.encode())
                continue
            if head.status == 101:
                await client.write(head.encode())
                while data := await reader.read(_READ_BYTES):
                    await client.write(data)
                return
            treatment = rule(request, head) or Treatment()
            if treatment.before_head:
                await client.end(treatment.end)
                return
            body = _framing(request, head)
            ended = await _write_response(reader, client, head, body, treatment)
            if ended:
                return
            request = None
    except asyncio.IncompleteReadError as error:
        # Between two responses this is the normal end; within one it is passed on as what it is, a break.
        await client.end(End.CLOSE if request is None and not error.partial else End.RESET)
    except ConnectionError:
        await client.end(End.RESET)


async def _write_response(
    reader: asyncio.StreamReader, client: _Client, head: ResponseHead, body: _Body, treatment: Treatment
) -> bool:
    """Write one response and say whether the connection has ended with it."""
    held = bytearray(head.encode())
    hold = treatment.pieces is Pieces.WHOLE and not treatment.sizes
    if not hold:
        await client.write(bytes(held))
    async for piece in treated(_read_body(reader, body), treatment):
        if hold:
            held += body.frame(piece)
            continue
        await client.write(body.frame(piece))
        if treatment.sizes or treatment.pieces is not Pieces.AS_RECEIVED:
            await asyncio.sleep(treatment.pause)
    if treatment.end is End.COMPLETE:
        await client.write(bytes(held) + body.last if hold else body.last)
        ends_with_connection = not body.chunked and body.length is None
        if ends_with_connection or (head.get("connection") or "").lower() == "close":
            await client.end(End.CLOSE)
            return True
        return False
    if hold:
        await client.write(bytes(held))
    await client.end(treatment.end)
    return True


async def _read_head(reader: asyncio.StreamReader) -> ResponseHead:
    try:
        raw = await reader.readuntil(b"\r\n\r\n")
    except asyncio.LimitOverrunError as error:
        raise ConnectionError(f"the origin's response head is longer than {_HEAD_BYTES} bytes") from error
    status_line, *lines = raw[:-4].split(b"\r\n")
    pairs = (line.decode("latin-1").partition(":") for line in lines)
    return ResponseHead(
        status_line=status_line,
        status=int(status_line.split(b" ", 2)[1]),
        headers=tuple((name, value.strip(" \t")) for name, _, value in pairs),
    )


def _framing(request: RequestHead, head: ResponseHead) -> _Body:
    """RFC 9112 section 6.3."""
    if request.method == "HEAD" or head.status in {204, 304}:
        return _Body(chunked=False, length=0)
    if (head.get("transfer-encoding") or "").lower().endswith("chunked"):
        return _Body(chunked=True, length=None)
    length = head.get("content-length")
    return _Body(chunked=False, length=int(length) if length is not None else None)


async def _read_body(reader: asyncio.StreamReader, body: _Body) -> AsyncIterator[bytes]:
    """Read a body and take its framing off."""
    if not body.chunked:
        async for block in _read_length(reader, body.length):
            yield block
        return
    while size := await _read_size(reader):
        async for block in _read_length(reader, size):
            yield block
        await reader.readexactly(2)
    while await reader.readuntil(b"\r\n") != b"\r\n":
        pass  # trailer fields: none of our servers sends any


async def _read_size(reader: asyncio.StreamReader) -> int:
    line = await reader.readuntil(b"\r\n")
    try:
        return int(line.partition(b";")[0], 16)
    except ValueError as error:
        raise ConnectionError(f"the origin's chunk size is no hexadecimal number: {line!r}") from error


async def _read_length(reader: asyncio.StreamReader, length: int | None) -> AsyncIterator[bytes]:
    """Read so many bytes as they come, or until the connection ends."""
    left = length
    while left is None or left > 0:
        block = await reader.read(_READ_BYTES if left is None else min(left, _READ_BYTES))
        if not block:
            if left is not None:
                raise asyncio.IncompleteReadError(partial=b"", expected=left)
            return
        if left is not None:
            left -= len(block)
        yield block


def _reset_on_close(transport: asyncio.BaseTransport) -> None:
    """Make the closing of a connection send a TCP reset."""
    connection = transport.get_extra_info("socket")
    if connection is None or connection.fileno() < 0:
        return
    # The event loop's own socket object may refuse socket options; the option belongs to the socket, not to the handle.
    with socket.socket(fileno=os.dup(connection.fileno())) as duplicate:
        duplicate.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
