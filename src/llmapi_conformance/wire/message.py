"""What goes over the wire and what comes back, before redaction: values that never leave the process as they are."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from llmapi_conformance import __version__
from llmapi_conformance.errors import TargetError

if TYPE_CHECKING:
    from llmapi_conformance.evidence.exchange import Ending, Headers
    from llmapi_conformance.wire.following import Follower

OnEvent = Callable[[int], Awaitable[None]]
"""Called with 1 for the first server-sent event, 2 for the second, while the stream goes on."""

USER_AGENT: Final = f"llmapi-conformance/{__version__}"
"""All that a request says about us unless the scenario says something else."""

_DEFAULT_PORTS = {"http": 80, "https": 443}
_BODY_METHODS = frozenset({"POST", "PUT", "PATCH"})


@dataclass(frozen=True, slots=True)
class Deadlines:
    """How long an answer may take, in seconds.

    Attributes:
        connect: Until the connection stands, name lookup included; TLS may take as long again.
        first_byte: From then until the head of the response is complete, the time to send the request included.
        idle: Between two pieces of the response body.
        total: From the start to the end of the body.
    """

    connect: float = 10.0
    first_byte: float = 120.0
    idle: float = 60.0
    total: float = 600.0


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a server listens: scheme (``http`` or ``https``), host without brackets, port."""

    scheme: str
    host: str
    port: int

    @property
    def authority(self) -> str:
        """The value of the ``Host`` header (RFC 9112 section 3.2): the port is left out when it is the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if _DEFAULT_PORTS[self.scheme] == self.port else f"{host}:{self.port}"


def origin_of(url: str) -> Origin:
    """The origin of a URL; its path is ignored.

    Raises:
        TargetError: The URL is not ``http://`` or ``https://`` with a host, or carries a user name or password.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise TargetError("the URL of the target cannot be read: write it like https://gateway.example:8443") from None
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
        raise TargetError("the URL of the target must start with http:// or https:// and name a host")
    if parts.username is not None or parts.password is not None:
        raise TargetError("the URL of the target carries a user name or password: keys belong in the keyring")
    return Origin(parts.scheme, parts.hostname, _DEFAULT_PORTS[parts.scheme] if port is None else port)


@dataclass(frozen=True, slots=True)
class WireRequest:
    """One request with its final header values.

    Attributes:
        method: Sent as it is.
        target: Path with query, sent as it is (RFC 9112 section 3.2.1).
        headers: In order; sent with these names, this order and these duplicates.
        body: The exact bytes.
        deadlines: How long the answer may take.
        body_limit: Most bytes of the response body that are read, before and after content decoding.
        abort_after_events: Hang up when that many server-sent events have arrived (0: when the head has).
        on_event: Awaited for each server-sent event as it arrives.
        follower: Follows an answer that has no end of its own, and says when to hang up.
        bare: Whether to leave out ``User-Agent`` and ``Accept-Encoding: identity``, which are otherwise sent unless
            ``headers`` has its own.
    """

    method: str
    target: str
    headers: Headers = field(default=(), repr=False)
    body: bytes = field(default=b"", repr=False)
    deadlines: Deadlines = Deadlines()
    body_limit: int = 64 * 1024 * 1024
    abort_after_events: int | None = None
    on_event: OnEvent | None = None
    follower: Follower | None = field(default=None, repr=False)
    bare: bool = False


def complete_headers(request: WireRequest, origin: Origin) -> Headers:
    """The headers as they are sent: ``Host``, ours, the request's in their order, then ``Content-Length``.

    What the request has of its own takes the place of ours.
    """
    present = {name.lower() for name, _ in request.headers}
    first: list[tuple[str, str]] = []
    if "host" not in present:
        first.append(("Host", origin.authority))
    if not request.bare:
        if "user-agent" not in present:
            first.append(("User-Agent", USER_AGENT))
        if "accept-encoding" not in present:
            first.append(("Accept-Encoding", "identity"))
    last: list[tuple[str, str]] = []
    if not present & {"content-length", "transfer-encoding"} and (request.body or request.method in _BODY_METHODS):
        last.append(("Content-Length", str(len(request.body))))
    return (*first, *request.headers, *last)


class FailureKind(StrEnum):
    """Why no response head arrived."""

    NAME = "name_not_found"
    REFUSED = "connection_refused"
    UNREACHABLE = "unreachable"
    TLS = "tls"
    CONNECT_TIMEOUT = "connect_timeout"
    FIRST_BYTE_TIMEOUT = "first_byte_timeout"
    RESET = "reset"
    """The connection was closed or reset before the head of a response was complete."""
    NOT_HTTP = "not_http"
    """Bytes came back, but they are no HTTP/1.1 response head."""


@dataclass(frozen=True, slots=True)
class WireFailure:
    """No response head arrived.

    Attributes:
        kind: For decisions.
        sentence: For people; it holds no header value and no byte of a body.
        at: Seconds from the start until that was known.
        started_at: Unix time in seconds.
    """

    kind: FailureKind
    sentence: str
    at: float
    started_at: float


@dataclass(frozen=True, slots=True)
class WireAnswer:
    """What came back, not yet redacted.

    All times but ``started_at`` are seconds since the first byte of the request was handed to the socket.

    Attributes:
        status: The status code.
        http_version: For example ``HTTP/1.1``.
        headers: In order, names as received, values decoded as ISO 8859-1.
        headers_at: When the head was complete.
        chunks: The body as it arrived (time, bytes), content coding removed.
        ending: How the body ended.
        detail: One sentence when there is something to say about the ending, the coding or surplus bytes.
        ended_at: When the body ended.
        wire_length: Body bytes before content decoding.
        wire_digest: SHA-256 (hex) of the body before content decoding.
        started_at: Unix time in seconds when the request was sent.
    """

    status: int
    http_version: str
    headers: Headers = field(repr=False)
    headers_at: float
    chunks: tuple[tuple[float, bytes], ...] = field(repr=False)
    ending: Ending
    detail: str
    ended_at: float
    wire_length: int
    wire_digest: str
    started_at: float


Outcome = WireAnswer | WireFailure
"""What sending a request comes to."""


def encode_field(value: str) -> bytes:
    """Header text as bytes: ISO 8859-1 where it fits, else UTF-8."""
    try:
        return value.encode("latin-1")
    except UnicodeEncodeError:
        return value.encode("utf-8", "surrogatepass")
