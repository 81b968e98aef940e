"""HTTP/1.1 over httpx2: one request in, the exact answer or the reason why there is none out."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
import time
from typing import TYPE_CHECKING, Any, Self

import h11
import httpx2

from llmapi_conformance.errors import TargetError
from llmapi_conformance.evidence.exchange import Ending
from llmapi_conformance.wire.deadline import PhaseTimer
from llmapi_conformance.wire.failing import broken_body, failure_of
from llmapi_conformance.wire.message import (
    Origin,
    Outcome,
    WireFailure,
    WireRequest,
    complete_headers,
    encode_field,
    origin_of,
)
from llmapi_conformance.wire.raw import head_of, send_raw
from llmapi_conformance.wire.reception import Reception

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    from llmapi_conformance.evidence.exchange import Headers

_CHATTY = ("httpcore2.connection", "httpcore2.http11", "httpcore2.proxy", "httpx2")

# httpx2 does not read while it writes: when a server refuses a large body before it has read all of it and closes, the
# reset destroys the answer. So much fits into the socket's buffer.
_WRITTEN_AT_ONCE = 64 * 1024


class HttpSender:
    """Sends requests to one origin; an async context manager.

    Every exchange has a connection of its own: nothing of one answer can leak into the next, and no idle connection
    that the peer closes in the same moment can look like a reset. Redirects are not followed, cookies not kept, proxies
    of the environment not used, and nothing is added to a request but what ``complete_headers`` says.

    Attributes:
        origin: Where the requests go.
        ssl_context: Shared by all connections; ``None`` for ``http``.
    """

    def __init__(self, base_url: str, *, concurrency: int = 32, ca_file: Path | None = None) -> None:
        """Prepare a sender.

        Args:
            base_url: Scheme, host and port are taken from it; a path is ignored, since ``WireRequest.target`` is whole.
            concurrency: Exchanges at the same time. Twice as many connections are allowed, because a callback may send
                another request while its stream is open.
            ca_file: PEM file of certificate authorities to trust instead of the system's.

        Raises:
            TargetError: The URL or the CA file can't be used.
        """
        self.origin: Origin = origin_of(base_url)
        self.ssl_context = tls_context(ca_file) if self.origin.scheme == "https" else None
        limits = httpx2.Limits(max_connections=2 * concurrency, max_keepalive_connections=0)
        self._transport = httpx2.AsyncHTTPTransport(
            verify=self.ssl_context or False, trust_env=False, http1=True, http2=False, limits=limits, retries=0
        )
        for name in _CHATTY:  # at DEBUG these log header values
            logging.getLogger(name).setLevel(logging.WARNING)

    async def __aenter__(self) -> Self:
        await self._transport.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        trace: TracebackType | None = None,
    ) -> None:
        await self._transport.__aexit__(kind, error, trace)

    async def send(self, request: WireRequest) -> Outcome:
        """Send a request and take in the whole answer.

        A request that httpx2 would refuse or change (whitespace around a header value, a wrong ``Content-Length``,
        ``Host`` not first), a large one, and one whose answer is followed, go out over a plain socket instead, byte for
        byte as given; so those who follow take no connection away from others.

        Returns:
            The answer, or why there is none: a server can't make this raise.

        Raises:
            Exception: Only what ``request.on_event`` raises.
        """
        headers = complete_headers(request, self.origin)
        if request.follower is not None or not _library_can_send(request, headers):
            return await self.send_raw(head_of(request, headers) + request.body, like=request)
        return await _Exchange(request, headers, self.origin, self._transport).run()

    async def send_raw(self, data: bytes, *, like: WireRequest) -> Outcome:
        """Send exact bytes over a socket of their own; deadlines, limit, abort and callback are those of ``like``."""
        return await send_raw(self.origin, data, like=like, ssl_context=self.ssl_context)


def tls_context(ca_file: Path | None = None) -> ssl.SSLContext:
    """A verifying client context for HTTP/1.1.

    Raises:
        TargetError: The CA file can't be read or holds no certificate.
    """
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except (OSError, ssl.SSLError):
        raise TargetError(f"the CA file {ca_file} cannot be read as PEM certificates: check ca_file") from None
    context.set_alpn_protocols(["http/1.1"])
    return context


def _library_can_send(request: WireRequest, headers: Headers) -> bool:
    """Whether httpx2 sends this request exactly as it is given, and hears an answer that comes early."""
    if len(request.body) > _WRITTEN_AT_ONCE:
        return False
    names = [name.lower() for name, _ in headers]
    if names[0] != "host" or "transfer-encoding" in names:
        return False
    lengths = [value for name, value in headers if name.lower() == "content-length"]
    if lengths != ([str(len(request.body))] if request.body or lengths else []):
        return False
    try:
        h11.Request(
            method=encode_field(request.method),
            target=encode_field(request.target),
            headers=[(encode_field(name), encode_field(value)) for name, value in headers],
        )
    except h11.LocalProtocolError:
        return False
    return True


class _Exchange:
    """One request on its way."""

    __slots__ = ("_headers", "_origin", "_request", "_sent", "_started_at", "_timer", "_transport")

    def __init__(
        self, request: WireRequest, headers: Headers, origin: Origin, transport: httpx2.AsyncHTTPTransport
    ) -> None:
        self._request = request
        self._headers = headers
        self._origin = origin
        self._transport = transport
        self._sent = time.perf_counter()
        self._started_at = time.time()
        self._timer: PhaseTimer | None = None

    def _now(self) -> float:
        return time.perf_counter() - self._sent

    async def _trace(self, name: str, _: Any) -> None:
        if name == "http11.send_request_headers.started":
            self._sent = time.perf_counter()
            self._started_at = time.time()
            if self._timer:
                self._timer.connected()

    async def run(self) -> Outcome:
        reception: Reception | None = None
        response: httpx2.Response | None = None
        try:
            async with asyncio.timeout(None) as timeout:
                self._timer = timer = PhaseTimer(timeout, self._request.deadlines)
                try:
                    response = await self._transport.handle_async_request(self._build())
                except httpx2.ConnectTimeout:
                    return WireFailure(timer.failure, timer.sentence, self._now(), self._started_at)
                except httpx2.TransportError as error:
                    kind, sentence = failure_of(error, connected=timer.phase != "connect")
                    return WireFailure(kind, sentence, self._now(), self._started_at)
                reception = self._reception(response)
                timer.arrived()
                return await self._read(response, reception, timer)
        except TimeoutError:
            if not timeout.expired():  # the callback's own
                raise
            if reception is None:
                return WireFailure(timer.failure, timer.sentence, self._now(), self._started_at)
            return reception.answer(Ending.TIMEOUT, timer.sentence, self._now(), self._started_at)
        finally:
            if response is not None:
                await response.aclose()

    async def _read(self, response: httpx2.Response, reception: Reception, timer: PhaseTimer) -> Outcome:
        if reception.stop is None:
            try:
                async with contextlib.aclosing(response.aiter_raw()) as pieces:
                    async for data in pieces:
                        await reception.feed(self._now(), data)
                        if reception.stop is not None:
                            break
                        timer.arrived()
            except httpx2.TransportError as error:
                ending, detail = broken_body(error)
                return reception.answer(ending, detail, self._now(), self._started_at)
        if reception.stop is not None:
            return reception.stopped(self._now(), self._started_at)
        return reception.answer(Ending.COMPLETE, "", self._now(), self._started_at)

    def _build(self) -> httpx2.Request:
        # httpx2 looks after this deadline itself: a handshake that is cancelled from outside leaves its socket open.
        limits = {"connect": min(self._request.deadlines.connect, self._request.deadlines.total)}
        request = httpx2.Request(
            self._request.method,
            httpx2.URL(scheme=self._origin.scheme, host=self._origin.host, port=self._origin.port, path="/"),
            headers=[(encode_field(name), encode_field(value)) for name, value in self._headers],
            stream=httpx2.ByteStream(self._request.body),
            extensions={"target": encode_field(self._request.target), "trace": self._trace, "timeout": limits},
        )
        request.method = self._request.method  # the constructor put it in upper case
        return request

    def _reception(self, response: httpx2.Response) -> Reception:
        headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in response.headers.raw)
        version = response.extensions.get("http_version", b"HTTP/1.1").decode("ascii", "replace")
        return Reception(self._request, response.status_code, version, headers, self._now())
