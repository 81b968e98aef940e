"""The way to the upstream: one HTTP client per gateway, whole answers and streams (rules H3 to H5)."""

from __future__ import annotations

import contextlib
import ssl
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import TYPE_CHECKING, Any, Final

import httpx2

from llmapi_conformance.reference.gateway.documents import compact
from llmapi_conformance.reference.gateway.sse import FrameDecoder, StreamTooLongError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator, Mapping

    from llmapi_conformance.reference.gateway.settings import GatewaySettings
    from llmapi_conformance.reference.gateway.sse import Frame

_CONNECT_SECONDS: Final = 5.0
_MOST_CONNECTIONS: Final = 1000
_LONGEST_ANSWER: Final = 64 * 1024 * 1024
_ANTHROPIC_VERSION: Final = "2023-06-01"


class UpstreamFailure(Exception):
    """The upstream gave no usable answer.

    Attributes:
        status: What the gateway answers: 502, 504, 429 or 529.
        message: What the client may read: never an address, a key or the upstream's own words.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


@dataclass(frozen=True, slots=True)
class UpstreamAnswer:
    """A whole answer: status, headers, body."""

    status: int
    headers: httpx2.Headers
    body: bytes


class UpstreamStream:
    """An answer whose body is still coming."""

    def __init__(self, response: httpx2.Response) -> None:
        self._response = response
        self.status = response.status_code
        self.headers = response.headers

    @property
    def is_stream(self) -> bool:
        """Whether the upstream really answers with server-sent events."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower() == "text/event-stream"

    async def read(self) -> bytes:
        """Return the whole body.

        Raises:
            UpstreamFailure: It did not come whole, or is larger than 64 MiB.
        """
        with _told():
            body = bytearray()
            async for piece in self._response.aiter_raw():
                body += piece
                if len(body) > _LONGEST_ANSWER:
                    raise UpstreamFailure(502, "The upstream's answer is too large")
            return bytes(body)

    async def frames(self) -> AsyncGenerator[Frame]:
        """Yield the frames of the stream as they come.

        Raises:
            UpstreamFailure: The connection broke, fell silent, or sent what is no event stream.
        """
        decoder = FrameDecoder()
        with _told():
            async with contextlib.aclosing(self._response.aiter_raw()) as pieces:
                async for piece in pieces:
                    for frame in decoder.feed(piece):
                        yield frame

    async def aclose(self) -> None:
        """Give the connection back; a stream that isn't finished is cancelled by closing it."""
        await self._response.aclose()


class Upstream:
    """The one client of a gateway."""

    def __init__(self, settings: GatewaySettings, transport: httpx2.AsyncBaseTransport) -> None:
        self._key = settings.upstream_key
        self._client = httpx2.AsyncClient(
            base_url=settings.upstream_url,
            transport=transport,
            trust_env=False,
            timeout=httpx2.Timeout(settings.upstream_timeout_seconds, connect=_CONNECT_SECONDS),
            headers={"accept-encoding": "identity", "user-agent": "llmapi-reference-gateway"},
            # What the upstream sets for one request must not be sent with another one's.
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
        )

    async def post(self, path: str, body: Mapping[str, Any] | bytes, headers: Mapping[str, str]) -> UpstreamAnswer:
        """Send a request and return its whole answer.

        Raises:
            UpstreamFailure: No whole answer came.
        """
        stream = await self.open(path, body, headers)
        try:
            return UpstreamAnswer(stream.status, stream.headers, await stream.read())
        finally:
            await stream.aclose()

    async def open(self, path: str, body: Mapping[str, Any] | bytes, headers: Mapping[str, str]) -> UpstreamStream:
        """Send a request and return as soon as the answer's headers are there; the caller closes the stream.

        A body of bytes is sent as it is, under the content type among the headers; another one as JSON.

        Raises:
            UpstreamFailure: No answer came.
        """
        with _told():
            content = body if isinstance(body, bytes) else compact(body).encode()
            request = self._client.build_request(
                "POST", path, content=content, headers={"content-type": "application/json", **headers}
            )
            return UpstreamStream(await self._client.send(request, stream=True))

    def anthropic_headers(self, client: Mapping[str, str]) -> dict[str, str]:
        """Return the headers of an Anthropic upstream: our key, the client's version and betas as they are."""
        headers = {
            "x-api-key": self._key,
            "anthropic-version": client.get("anthropic-version", _ANTHROPIC_VERSION),
            "accept": "application/json",
        }
        if "anthropic-beta" in client:
            headers["anthropic-beta"] = client["anthropic-beta"]
        return headers

    def openai_headers(self) -> dict[str, str]:
        """Return the headers of an OpenAI upstream."""
        return {"authorization": f"Bearer {self._key}", "accept": "application/json"}

    def google_headers(self) -> dict[str, str]:
        """Return the headers of a Gemini upstream."""
        return {"x-goog-api-key": self._key, "accept": "application/json"}

    async def aclose(self) -> None:
        """Close all connections."""
        await self._client.aclose()


def plain_transport() -> httpx2.AsyncBaseTransport:
    """Return the transport of a gateway: loopback HTTP, so no certificates are loaded and no proxy is asked."""
    return httpx2.AsyncHTTPTransport(
        verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
        trust_env=False,
        limits=httpx2.Limits(max_connections=_MOST_CONNECTIONS, max_keepalive_connections=100, keepalive_expiry=5.0),
    )


@contextlib.contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except httpx2.TimeoutException:
        raise UpstreamFailure(504, "The upstream did not answer in time") from None
    except (httpx2.HTTPError, httpx2.StreamError, StreamTooLongError, OSError):
        raise UpstreamFailure(502, "The upstream could not be reached or broke the connection off") from None
