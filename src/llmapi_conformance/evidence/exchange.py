"""An exchange: one request and its whole response on the wire, already redacted."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from llmapi_conformance.evidence.nesting import is_text_too_deep
from llmapi_conformance.evidence.sse import EventStream, parse_event_stream
from llmapi_conformance.evidence.unpacking import plain_body

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Mode = Literal["plain", "stream", "websocket"]
Headers = tuple[tuple[str, str], ...]
FrameKind = Literal["text", "binary", "close", "ping", "pong"]


class Ending(StrEnum):
    """How the response body ended."""

    COMPLETE = "complete"
    """The message framing says that everything arrived."""
    CUT = "cut"
    """The connection was closed before the message framing was satisfied."""
    RESET = "reset"
    """The connection was reset, or the peer broke the protocol."""
    TIMEOUT = "timeout"
    """A deadline of ours passed first."""
    CAPPED = "capped"
    """The body grew past the target's limit and was no longer read."""
    ABORTED = "aborted"
    """We hung up on purpose, because the scenario asks how the gateway bears it."""
    LEFT = "left"
    """We left a stream that has no end of its own: all that came before counts, and nobody owed us more."""


_HUNG_UP: Final = (Ending.ABORTED, Ending.LEFT)
_BROKEN_OFF: Final = (Ending.CUT, Ending.RESET, Ending.TIMEOUT)


@dataclass(frozen=True, slots=True)
class Chunk:
    """Bytes that arrived together.

    Attributes:
        at: Seconds after the request was sent.
        data: The decoded bytes, redacted.
    """

    at: float
    data: bytes


@dataclass(frozen=True, slots=True)
class Request:
    """What was sent, redacted: keys are typed markers.

    Attributes:
        method: As sent, in upper case unless the scenario says otherwise.
        target: Path with query, as sent.
        headers: In order, names as sent.
        body: The redacted bytes.
    """

    method: str
    target: str
    headers: Headers
    body: bytes = b""

    @property
    def path(self) -> str:
        """The request target without its query."""
        return self.target.partition("?")[0]

    @property
    def json(self) -> Any:
        """The body as JSON, without the framing and coding that its headers name; or ``NOT_JSON``."""
        return decode_json(plain_body(self.headers, self.body))


@dataclass(frozen=True, slots=True)
class Response:
    """What came back.

    Attributes:
        status: The status code.
        headers: In order, names as received, values redacted.
        headers_at: Seconds after the request was sent until the head was complete.
        chunks: The body as it arrived: decoded and redacted.
        ending: How the body ended.
        detail: One sentence when there is something to say about the ending, the content coding or surplus bytes.
        ended_at: Seconds after the request was sent until the body ended.
        wire_length: Number of body bytes before content decoding.
        wire_digest: SHA-256 (hex) of the body before content decoding and redaction.
        http_version: For example ``HTTP/1.1``.
    """

    status: int
    headers: Headers
    headers_at: float
    chunks: tuple[Chunk, ...]
    ending: Ending
    detail: str
    ended_at: float
    wire_length: int
    wire_digest: str
    http_version: str = "HTTP/1.1"


class _NotJson:
    """The type of ``NOT_JSON``: falsy, equal to nothing but itself."""

    def __bool__(self) -> bool:
        return False

    def __repr__(self) -> str:
        return "NOT_JSON"


NOT_JSON: Final = _NotJson()
"""Stands where a body is not exactly one JSON document (RFC 8259), so that ``null`` stays ``None``."""


def decode_json(data: bytes) -> Any:
    """Decode exactly one JSON document, or return ``NOT_JSON``.

    ``NaN`` and ``Infinity`` are no JSON (RFC 8259 section 6); a byte order mark is tolerated, since a parser may ignore
    it (section 8.1). What is nested deeper than any protocol asks for is not taken for JSON either (section 9).
    """
    try:
        text = data.decode("utf-8-sig")
        value = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return NOT_JSON
    return NOT_JSON if is_text_too_deep(text, value) else value


def _refuse_constant(text: str) -> None:
    raise ValueError(text)


@dataclass(frozen=True, slots=True)
class Frame:
    """A WebSocket frame (RFC 6455 section 5), unmasked and decompressed.

    Attributes:
        at: Seconds after the handshake was sent.
        sent: Whether we sent it; else the gateway did.
        kind: Of a continuation frame, the kind of the message that it continues.
        data: The payload, redacted; of a close, its reason.
        code: Status code of a close, ``None`` when it has none and for any other frame.
        final: Whether its message ends here.
    """

    at: float
    sent: bool
    kind: FrameKind
    data: bytes
    code: int | None = None
    final: bool = True

    @property
    def is_control(self) -> bool:
        """Whether it is no part of a message (RFC 6455 section 5.5)."""
        return self.kind not in ("text", "binary")


@dataclass(frozen=True, slots=True)
class Message:
    """A WebSocket message: the data of one frame or of several fragments.

    Attributes:
        at: Seconds after the handshake was sent until its last frame was there.
        sent: Whether we sent it; else the gateway did.
        kind: Text or binary.
        data: The payload, redacted.
        whole: Whether its last fragment arrived.
        start: Offset of a received message in ``Exchange.body``; 0 for a sent one.
        end: Offset behind it; 0 for a sent one.
    """

    at: float
    sent: bool
    kind: Literal["text", "binary"]
    data: bytes
    whole: bool
    start: int = 0
    end: int = 0

    @property
    def json(self) -> Any:
        """The payload as one JSON document, or ``NOT_JSON``."""
        return decode_json(self.data)


class Close(NamedTuple):
    """The first close frame of a WebSocket.

    Attributes:
        code: Status code, ``None`` when the frame has none (RFC 6455 section 7.1.5: 1005).
        reason: As it is, broken UTF-8 replaced.
        by: Who sent it. A client sends 1002, 1007 or 1009 by itself when the gateway breaks the protocol or its limits.
    """

    code: int | None
    reason: str
    by: Literal["gateway", "client"]


class Stall(NamedTuple):
    """A time in which our own process did not get to run, so that what arrived then was seen at its end.

    Attributes:
        begin: Seconds after the request was sent.
        end: The same.
    """

    begin: float
    end: float


@dataclass(frozen=True)  # no slots: the parsed views are cached on the instance
class Exchange:
    """One request and what came of it.

    Attributes:
        scenario: Name of the scenario that sent it.
        parameters: The scenario's parameters as written in its id, empty when it has none.
        step: Number of the exchange within the scenario, from 1.
        attempt: 1, or more when the same step was sent again after a transient failure.
        operation: The operation id of the OpenAPI description, or empty when no documented operation matches.
        mode: Whether a plain answer, a stream or a WebSocket was asked for.
        role: The role whose key was used, empty when none was.
        request: What was sent.
        response: What came back, or ``None`` when no response head arrived. Of a WebSocket it is the answer to the
            handshake: with status 101 it has no chunks, and its ending is that of the WebSocket: complete when both
            sides have sent a close frame, cut when the connection ended without the gateway's.
        failure: One sentence about why no response head arrived; empty otherwise.
        started_at: Unix time in seconds.
        label: A word that tells this exchange from its neighbours in a report.
        disturbed: Whether the scenario made the upstream fail in the midst of this answer, so that it may end early.
        frames: Of a WebSocket, both ways, in order.
        stalls: When we ourselves stood still while it was under way, in order.
    """

    scenario: str
    parameters: str
    step: int
    operation: str
    mode: Mode
    role: str
    request: Request
    response: Response | None
    failure: str = ""
    started_at: float = 0.0
    attempt: int = 1
    label: str = field(default="", kw_only=True)
    disturbed: bool = field(default=False, kw_only=True)
    frames: tuple[Frame, ...] = field(default=(), kw_only=True)
    stalls: tuple[Stall, ...] = field(default=(), kw_only=True)

    @property
    def id(self) -> str:
        """The key of this exchange within a recording."""
        parameters = f"[{self.parameters}]" if self.parameters else ""
        attempt = f".{self.attempt}" if self.attempt > 1 else ""
        return f"{self.scenario}{parameters}#{self.step}{attempt}"

    def stalled(self, begin: float = 0.0, end: float = math.inf) -> bool:
        """Whether we stood still between two times (seconds after the request was sent): they tell nothing then."""
        return any(stall.begin < end and begin <= stall.end for stall in self.stalls)

    @property
    def of_our_upstream(self) -> bool:
        """Whether it is talk with our own upstream's control port: evidence, but nothing that the gateway did."""
        return self.operation.startswith("upstream:")

    @property
    def answered(self) -> bool:
        """Whether a response head arrived."""
        return self.response is not None

    @property
    def status(self) -> int:
        """The status code, 0 when there was no answer."""
        return self.response.status if self.response else 0

    @property
    def succeeded(self) -> bool:
        """Whether the status is 2xx, or 101 where a WebSocket was asked for."""
        return 200 <= self.status < 300 or self.upgraded

    @property
    def upgraded(self) -> bool:
        """Whether a WebSocket was asked for and the gateway switched to it."""
        return self.mode == "websocket" and self.status == 101

    @property
    def refused(self) -> bool:
        """Whether the status is an error: 4xx or 5xx."""
        return self.status >= 400

    @property
    def hollow(self) -> bool:
        """Whether it is a success that ought to have a body and has none (RFC 9110 sections 9.3.2, 9.3.7, 15.3.5)."""
        bodiless = self.request.method in {"HEAD", "OPTIONS"} or self.status == 204 or self.upgraded
        return self.succeeded and not bodiless and not self.body and self.ending not in _HUNG_UP

    @property
    def ending(self) -> Ending | None:
        """How the body ended, ``None`` when there was no answer."""
        return self.response.ending if self.response else None

    @property
    def complete(self) -> bool:
        """Whether the whole body arrived."""
        return self.response is not None and self.response.ending is Ending.COMPLETE

    @property
    def broke_off(self) -> bool:
        """Whether the gateway began an answer and did not bring it to its end."""
        return self.ending in _BROKEN_OFF

    @cached_property
    def body(self) -> bytes:
        """The response body, decoded and redacted; of a WebSocket its received messages, a line feed between them."""
        if self.upgraded:
            return b"\n".join(message.data for message in self.conversation if not message.sent)
        return b"".join(chunk.data for chunk in self.response.chunks) if self.response else b""

    @cached_property
    def json(self) -> Any:
        """The response body as one JSON document, or ``NOT_JSON``."""
        return decode_json(self.body)

    @cached_property
    def events(self) -> EventStream:
        """The response body read as server-sent events."""
        return parse_event_stream([(chunk.at, chunk.data) for chunk in self.response.chunks] if self.response else [])

    @cached_property
    def conversation(self) -> tuple[Message, ...]:
        """The messages of a WebSocket, sent and received, in the order in which they ended; unfinished ones last."""
        return tuple(_placed(_messages_of(self.frames)))

    @cached_property
    def messages(self) -> tuple[Message, ...]:
        """What the gateway sent as it ought to: received text messages that are one JSON object each."""
        return tuple(
            message
            for message in self.conversation
            if not message.sent and message.whole and message.kind == "text" and isinstance(message.json, dict)
        )

    @property
    def close(self) -> Close | None:
        """The first close frame of a WebSocket, whoever sent it; ``None`` when there was none."""
        frame = next((frame for frame in self.frames if frame.kind == "close"), None)
        if frame is None:
            return None
        return Close(frame.code, frame.data.decode("utf-8", "replace"), "client" if frame.sent else "gateway")

    def header(self, name: str) -> str | None:
        """The first value of a response header, whatever its case; ``None`` when absent."""
        values = self.header_values(name)
        return values[0] if values else None

    def header_values(self, name: str) -> tuple[str, ...]:
        """All values of a response header, in order."""
        wanted = name.lower()
        return tuple(v for n, v in self.response.headers if n.lower() == wanted) if self.response else ()

    @property
    def media_type(self) -> str:
        """The response's media type in lower case without parameters, empty when absent."""
        return (self.header("content-type") or "").partition(";")[0].strip().lower()


def _messages_of(frames: Iterable[Frame]) -> Iterator[Message]:
    """Put fragments together; control frames may stand between them (RFC 6455 section 5.4)."""
    open_frames: dict[bool, list[Frame]] = {False: [], True: []}
    for frame in frames:
        if frame.is_control:
            continue
        fragments = open_frames[frame.sent]
        fragments.append(frame)
        if frame.final:
            yield _message_of(fragments, whole=True)
            fragments.clear()
    for fragments in open_frames.values():
        if fragments:
            yield _message_of(fragments, whole=False)


def _message_of(fragments: list[Frame], *, whole: bool) -> Message:
    data = b"".join(fragment.data for fragment in fragments)
    kind: Literal["text", "binary"] = "text" if fragments[0].kind == "text" else "binary"
    return Message(fragments[-1].at, fragments[0].sent, kind, data, whole)


def _placed(messages: Iterable[Message]) -> Iterator[Message]:
    """With the offsets of the received ones in the body."""
    offset = 0
    for message in messages:
        if message.sent:
            yield message
        else:
            yield replace(message, start=offset, end=offset + len(message.data))
            offset += len(message.data) + 1
