"""Send exact bytes over a socket and read what comes back: for requests that a client library refuses to send."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import TYPE_CHECKING, Any, cast

import h11

from llmapi_conformance.evidence.exchange import Ending
from llmapi_conformance.wire.deadline import PhaseTimer
from llmapi_conformance.wire.failing import broken_body, failure_of
from llmapi_conformance.wire.message import (
    Origin,
    Outcome,
    WireFailure,
    WireRequest,
    encode_field,
)
from llmapi_conformance.wire.reception import Reception

if TYPE_CHECKING:
    import ssl

    from llmapi_conformance.evidence.exchange import Headers

_HEAD_LIMIT = 100 * 1024
_HIGH_WATER = 1024 * 1024


def head_of(request: WireRequest, headers: Headers) -> bytes:
    """The request line and these headers as bytes, up to the empty line."""
    lines = [encode_field(f"{request.method} {request.target} HTTP/1.1")]
    lines += [encode_field(name) + b": " + encode_field(value) for name, value in headers]
    return b"\r\n".join(lines) + b"\r\n\r\n"


async def send_raw(
    origin: Origin, data: bytes, *, like: WireRequest, ssl_context: ssl.SSLContext | None = None
) -> Outcome:
    """Open a connection, send these bytes, take in one response.

    The response is read by the same strict HTTP/1.1 rules as that of ``HttpSender``. Bytes behind it are counted in the
    answer's ``detail``.

    Args:
        origin: Where to connect.
        data: The exact bytes.
        like: Gives deadlines, limit, abort and callback; its method, target, headers and body are not looked at.
        ssl_context: Needed for ``https``.

    Returns:
        The answer, or why there is none: a server can't make this raise.

    Raises:
        Exception: Only what ``like.on_event`` raises.
    """
    return await _RawExchange(origin, data, like, ssl_context).run()


class _Pipe(asyncio.Protocol):
    """Keeps what arrives with its arrival time, also when a reset follows at once."""

    def __init__(self) -> None:
        self._arrived: deque[tuple[float, bytes]] = deque()
        self._size = 0
        self._ended = False
        self._error: Exception | None = None
        self._wake = asyncio.Event()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._arrived.append((time.perf_counter(), bytes(data)))
        self._size += len(data)
        if self._size > _HIGH_WATER and self._transport:
            self._transport.pause_reading()
        self._wake.set()

    def eof_received(self) -> None:
        self._ended = True
        self._wake.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self._ended = True
        self._error = exc
        self._wake.set()

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


class _RawExchange:
    """One socket, one response."""

    __slots__ = ("_arrived", "_data", "_like", "_origin", "_parser", "_sent", "_ssl", "_started_at")

    def __init__(self, origin: Origin, data: bytes, like: WireRequest, ssl_context: ssl.SSLContext | None) -> None:
        self._origin = origin
        self._data = data
        self._like = like
        self._ssl = ssl_context
        self._sent = self._arrived = time.perf_counter()
        self._started_at = time.time()
        self._parser = _parser(data)

    def _now(self) -> float:
        return time.perf_counter() - self._sent

    async def run(self) -> Outcome:
        reception: Reception | None = None
        transport: asyncio.Transport | None = None
        try:
            async with asyncio.timeout(None) as timeout:
                timer = PhaseTimer(timeout, self._like.deadlines)
                try:
                    async with asyncio.timeout(self._like.deadlines.connect):
                        transport, pipe = await self._connect()
                except TimeoutError:
                    return WireFailure(timer.failure, timer.sentence, self._now(), self._started_at)
                except OSError as error:
                    kind, sentence = failure_of(error, connected=False)
                    return WireFailure(kind, sentence, self._now(), self._started_at)
                try:
                    self._sent = time.perf_counter()
                    self._started_at = time.time()
                    timer.connected()
                    transport.write(self._data)
                    reception = await self._head(pipe)
                except (OSError, h11.RemoteProtocolError) as error:
                    kind, sentence = failure_of(error, connected=True)
                    return WireFailure(kind, sentence, self._now(), self._started_at)
                timer.arrived()
                return await self._body(pipe, reception, timer)
        except TimeoutError:
            if not timeout.expired():  # the callback's own
                raise
            if reception is None:
                return WireFailure(timer.failure, timer.sentence, self._now(), self._started_at)
            return reception.answer(Ending.TIMEOUT, timer.sentence, self._now(), self._started_at)
        finally:
            if transport is not None:
                transport.abort()

    async def _connect(self) -> tuple[asyncio.Transport, _Pipe]:
        loop = asyncio.get_running_loop()
        # uvloop tries the addresses of a host one after another and knows no such option.
        options: dict[str, Any] = {"happy_eyeballs_delay": 0.25} if isinstance(loop, asyncio.BaseEventLoop) else {}
        return await loop.create_connection(
            _Pipe,
            self._origin.host,
            self._origin.port,
            ssl=self._ssl,
            server_hostname=self._origin.host if self._ssl else None,
            **options,
        )

    async def _next(self, pipe: _Pipe) -> h11.Event | type[h11.NEED_DATA | h11.PAUSED]:
        """The next event of the response.

        Raises:
            OSError: The connection was reset.
            h11.RemoteProtocolError: The peer broke the protocol, or closed too early.
        """
        while True:
            event = self._parser.next_event()
            if event is not h11.NEED_DATA:
                return event
            at, data = await pipe.receive()
            self._arrived = at - self._sent
            if not data and self._parser.their_state is h11.SEND_RESPONSE:
                # h11 would complain about the state of things, not about the server.
                raise h11.RemoteProtocolError("peer unexpectedly closed connection")
            self._parser.receive_data(data)

    async def _head(self, pipe: _Pipe) -> Reception:
        while True:
            event = await self._next(pipe)
            if isinstance(event, h11.Response) or (
                isinstance(event, h11.InformationalResponse) and event.status_code == 101  # the only final 1xx
            ):
                headers = tuple((n.decode("latin-1"), v.decode("latin-1")) for n, v in event.headers.raw_items())
                version = f"HTTP/{event.http_version.decode('ascii', 'replace')}"
                return Reception(self._like, event.status_code, version, headers, self._arrived)

    async def _body(self, pipe: _Pipe, reception: Reception, timer: PhaseTimer) -> Outcome:
        while reception.stop is None:
            try:
                event = await self._next(pipe)
            except (OSError, h11.RemoteProtocolError) as error:
                ending, detail = broken_body(error)
                return reception.answer(ending, detail, self._now(), self._started_at)
            if isinstance(event, h11.Data):
                await reception.feed(self._arrived, bytes(event.data))
                timer.arrived()
            else:
                surplus = len(self._parser.trailing_data[0])
                detail = f"{surplus} bytes follow the end of the response" if surplus else ""
                return reception.answer(Ending.COMPLETE, detail, self._now(), self._started_at)
        return reception.stopped(self._now(), self._started_at)


def _parser(data: bytes) -> h11.Connection:
    """A reader for the response to these bytes: only a HEAD request changes how a response is framed."""
    parser = h11.Connection(h11.CLIENT, max_incomplete_event_size=_HEAD_LIMIT)
    method = "HEAD" if data.startswith(b"HEAD ") else "GET"
    parser.send(h11.Request(method=method, target="/", headers=[("Host", "unused")]))
    parser.send(h11.EndOfMessage())
    return parser
