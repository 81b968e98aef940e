"""Send exact bytes over a socket and read what comes back: for requests that a client library refuses to send."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import h11

from llmapi_conformance.evidence.exchange import Ending
from llmapi_conformance.wire.deadline import PhaseTimer
from llmapi_conformance.wire.failing import failure_of
from llmapi_conformance.wire.following import overdue, read_body
from llmapi_conformance.wire.message import (
    Origin,
    Outcome,
    WireFailure,
    WireRequest,
    encode_field,
)
from llmapi_conformance.wire.reading import ResponseReader, open_pipe

if TYPE_CHECKING:
    import ssl
    from collections.abc import Awaitable, Callable

    from llmapi_conformance.evidence.exchange import Headers
    from llmapi_conformance.wire.reading import Pipe
    from llmapi_conformance.wire.reception import Reception


def head_of(request: WireRequest, headers: Headers) -> bytes:
    """The request line and these headers as bytes, up to the empty line."""
    lines = [encode_field(f"{request.method} {request.target} HTTP/1.1")]
    lines += [encode_field(name) + b": " + encode_field(value) for name, value in headers]
    return b"\r\n".join(lines) + b"\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Upgraded:
    """A connection that another protocol takes over after a 101.

    Attributes:
        transport: For writing.
        pipe: For reading.
        reception: With the head of the response.
        arrived: When that had arrived, by ``time.perf_counter``.
        first: Bytes that arrived together with it and belong to the other protocol.
        sent: When the request was sent, by ``time.perf_counter``.
    """

    transport: asyncio.Transport
    pipe: Pipe
    reception: Reception
    arrived: float
    first: bytes = field(repr=False)
    sent: float


async def send_raw(
    origin: Origin,
    data: bytes,
    *,
    like: WireRequest,
    ssl_context: ssl.SSLContext | None = None,
    take_over: Callable[[Upgraded], Awaitable[None]] | None = None,
) -> Outcome:
    """Open a connection, send these bytes, take in one response.

    The response is read by the same strict HTTP/1.1 rules as that of ``HttpSender``. Bytes behind it are counted in the
    answer's ``detail``.

    Args:
        origin: Where to connect.
        data: The exact bytes.
        like: Gives deadlines, limit, abort, callback and follower; its method, target, headers and body are not looked
            at.
        ssl_context: Needed for ``https``.
        take_over: Called when the answer is 101; the answer ends when it returns. Of the deadlines only that of the
            whole holds for it.

    Returns:
        The answer, or why there is none: a server can't make this raise.

    Raises:
        Exception: Only what ``like.on_event`` or ``take_over`` raises.
    """
    reception: Reception | None = None
    transport: asyncio.Transport | None = None
    sent = time.perf_counter()
    started_at = time.time()

    def failed(error: BaseException, *, connected: bool) -> WireFailure:
        late = isinstance(error, TimeoutError) and not connected
        kind, sentence = (timer.failure, timer.sentence) if late else failure_of(error, connected=connected)
        return WireFailure(kind, sentence, time.perf_counter() - sent, started_at)

    try:
        async with asyncio.timeout(None) as timeout:
            timer = PhaseTimer(timeout, like.deadlines)
            try:
                async with asyncio.timeout(like.deadlines.connect):
                    transport, pipe = await open_pipe(origin, ssl_context)
            except OSError as error:  # a passed deadline too
                return failed(error, connected=False)
            sent = time.perf_counter()
            started_at = time.time()
            timer.connected()
            reader = ResponseReader(
                pipe, method="HEAD" if data.startswith(b"HEAD ") else "GET", upgrade=take_over is not None
            )
            try:
                transport.write(data)
                reception = await reader.head(like)
            except (OSError, h11.RemoteProtocolError) as error:
                return failed(error, connected=True)
            if reception.status == 101 and take_over is not None:
                timer.upgraded()
                await take_over(Upgraded(transport, pipe, reception, reader.arrived, reader.surplus, sent))
                return reception.answer(Ending.COMPLETE, "", time.perf_counter() - sent, started_at)
            return await read_body(reader, reception, timer, started_at)
    except TimeoutError:
        if not timeout.expired():  # a callback's own
            raise
        now = time.perf_counter() - sent
        if reception is None:
            return WireFailure(timer.failure, timer.sentence, now, started_at)
        return overdue(reception, timer, now, started_at)
    finally:
        if transport is not None:
            transport.abort()
