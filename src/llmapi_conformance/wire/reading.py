"""A plain socket: what arrives with its time, and one HTTP/1.1 response read from it by strict rules."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import TYPE_CHECKING, Any, Protocol, cast

import h11

from llmapi_conformance.evidence.exchange import Ending
from llmapi_conformance.wire.failing import broken_body
from llmapi_conformance.wire.reception import Reception

if TYPE_CHECKING:
    import ssl

    from llmapi_conformance.wire.deadline import PhaseTimer
    from llmapi_conformance.wire.message import Origin, WireAnswer, WireRequest

_HEAD_LIMIT = 100 * 1024
_HIGH_WATER = 1024 * 1024


class Pipe(asyncio.Protocol):
    """Keeps what arrives with its arrival time, also when a reset follows at once."""

    def __init__(self) -> None:
        self._arrived: deque[tuple[float, bytes]] = deque()
        self._size = 0
        self._ended = False
        self._error: Exception | None = None
        self._wake = asyncio.Event()
        self._writable = asyncio.Event()
        self._writable.set()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the transport."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Called by the transport."""
        self._arrived.append((time.perf_counter(), bytes(data)))
        self._size += len(data)
        if self._size > _HIGH_WATER and self._transport:
            self._transport.pause_reading()
        self._wake.set()

    def eof_received(self) -> None:
        """Called by the transport."""
        self._ended = True
        self._wake.set()

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by the transport."""
        self._ended = True
        self._error = exc
        self._wake.set()
        self._writable.set()

    def pause_writing(self) -> None:
        """Called by the transport."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """Called by the transport."""
        self._writable.set()

    async def drained(self) -> None:
        """Wait until the peer has taken most of what was written, or the connection is lost."""
        await self._writable.wait()

    async def receive(self) -> tuple[float, bytes]:
        """The next bytes and when they arrived; no bytes mean the end.

        Raises:
            OSError: The connection was reset, and everything before that was received.
        """
        while not self._arrived and not self._ended:
            self._wake.clear()
            await self._wake.wait()
        if self._arrived:
            at, data = self._arrived.popleft()
            self._size -= len(data)
            if self._size <= _HIGH_WATER and self._transport:
                self._transport.resume_reading()
            return at, data
        if self._error is not None:
            raise self._error
        return time.perf_counter(), b""


async def open_pipe(origin: Origin, ssl_context: ssl.SSLContext | None) -> tuple[asyncio.Transport, Pipe]:
    """Open a connection.

    Raises:
        OSError: It could not be opened.
    """
    loop = asyncio.get_running_loop()
    # uvloop tries the addresses of a host one after another and knows no such option.
    options: dict[str, Any] = {"happy_eyeballs_delay": 0.25} if isinstance(loop, asyncio.BaseEventLoop) else {}
    return await loop.create_connection(
        Pipe,
        origin.host,
        origin.port,
        ssl=ssl_context,
        server_hostname=origin.host if ssl_context else None,
        **options,
    )


class Arriving(Protocol):
    """Where bytes arrive."""

    async def receive(self) -> tuple[float, bytes]:
        """As ``Pipe.receive``."""


class ResponseReader:
    """Reads one response.

    Attributes:
        arrived: When the latest bytes did, by ``time.perf_counter``.
    """

    __slots__ = ("_parser", "_pipe", "_sent", "arrived")

    def __init__(self, pipe: Arriving, *, method: str = "GET", upgrade: bool = False) -> None:
        """Prepare for the response to a request that is being sent now.

        Args:
            pipe: Where it arrives.
            method: Only ``HEAD`` changes how a response is framed.
            upgrade: Whether the request asks for another protocol; else 101 is no end of HTTP.
        """
        headers = [("Host", "unused"), *([("Connection", "upgrade"), ("Upgrade", "websocket")] if upgrade else [])]
        self._parser = h11.Connection(h11.CLIENT, max_incomplete_event_size=_HEAD_LIMIT)
        self._parser.send(h11.Request(method="HEAD" if method == "HEAD" else "GET", target="/", headers=headers))
        self._parser.send(h11.EndOfMessage())
        self._pipe = pipe
        self._sent = self.arrived = time.perf_counter()

    @property
    def surplus(self) -> bytes:
        """What arrived behind the response, or behind a 101."""
        return bytes(self._parser.trailing_data[0])

    async def head(self, request: WireRequest) -> Reception:
        """The head of the response; the interim ones before it are left out.

        Raises:
            OSError: The connection was reset.
            h11.RemoteProtocolError: The peer broke the protocol, or closed too early.
        """
        while True:
            event = await self.next()
            if isinstance(event, h11.Response) or (
                isinstance(event, h11.InformationalResponse) and event.status_code == 101  # the only final 1xx
            ):
                headers = tuple((n.decode("latin-1"), v.decode("latin-1")) for n, v in event.headers.raw_items())
                version = f"HTTP/{event.http_version.decode('ascii', 'replace')}"
                return Reception(request, event.status_code, version, headers, self.arrived - self._sent)

    async def body(self, reception: Reception, timer: PhaseTimer, started_at: float) -> WireAnswer:
        """The whole answer.

        Raises:
            Exception: Only what the request's callback raises.
        """
        while reception.stop is None:
            try:
                event = await self.next()
            except (OSError, h11.RemoteProtocolError) as error:
                ending, detail = broken_body(error)
                return reception.answer(ending, detail, self.now(), started_at)
            if isinstance(event, h11.Data):
                await reception.feed(self.arrived - self._sent, bytes(event.data))
                timer.arrived()
            else:
                surplus = len(self.surplus)
                detail = f"{surplus} bytes follow the end of the response" if surplus else ""
                return reception.answer(Ending.COMPLETE, detail, self.now(), started_at)
        return reception.stopped(self.now(), started_at)

    def now(self) -> float:
        """Seconds since the request was sent."""
        return time.perf_counter() - self._sent

    async def next(self) -> h11.Event | type[h11.NEED_DATA | h11.PAUSED]:
        """The next part of the response, when it is there.

        Raises:
            OSError: The connection was reset.
            h11.RemoteProtocolError: The peer broke the protocol, or closed too early.
        """
        while True:
            event = self._parser.next_event()
            if event is not h11.NEED_DATA:
                return event
            at, data = await self._pipe.receive()
            self.arrived = at
            if not data and self._parser.their_state is h11.SEND_RESPONSE:
                # h11 would complain about the state of things, not about the server.
                raise h11.RemoteProtocolError("peer unexpectedly closed connection")
            self._parser.receive_data(data)
