"""Server-sent events from bytes, by the WHATWG rules, keeping what those rules throw away."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from llmapi_conformance.evidence.nesting import is_text_too_deep

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_BOM = b"\xef\xbb\xbf"
_LINE_END = re.compile(rb"\r\n|\n|\r")


@dataclass(frozen=True, slots=True)
class ServerSentEvent:
    """One dispatched event.

    Attributes:
        name: The event type; ``message`` when no ``event`` field named one.
        named: Whether an ``event`` field was there.
        data: The data lines joined by line feeds.
        start: Offset of the block's first byte in the body.
        end: Offset behind the blank line that dispatched it.
        at: Seconds after the request was sent until the dispatching byte arrived.
        id: Value of an ``id`` field in this block, ``None`` when absent.
    """

    name: str
    named: bool
    data: str
    start: int
    end: int
    at: float
    id: str | None = None

    @property
    def json(self) -> Any:
        """The data as JSON.

        Raises:
            ValueError: The data is not one JSON document.
        """
        return json.loads(self.data)

    def payload(self) -> dict[str, Any]:
        """The data as a JSON object; an empty one when it is anything else, or nested too deep."""
        try:
            value = json.loads(self.data)
        except (ValueError, RecursionError):
            return {}
        return value if isinstance(value, dict) and not is_text_too_deep(self.data, value) else {}


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment line: its text without the colon, its offset and arrival time in seconds."""

    text: str
    start: int
    at: float


@dataclass(frozen=True, slots=True)
class EventStream:
    """A body read as server-sent events (WHATWG HTML, server-sent events, section 9.2.6).

    Attributes:
        events: What a client would be handed, in order.
        comments: Comment lines.
        dataless: Offsets of blocks that carried fields but no data, which no client is handed.
        unknown_fields: Names of fields that the standard does not know, with their offset.
        retries: Values of ``retry`` fields as received.
        incomplete: Bytes after the last dispatched block; a client discards them.
        bom: Whether the body starts with a byte order mark.
        invalid_utf8: Offset of the first byte that is no UTF-8, or ``None``.
    """

    events: tuple[ServerSentEvent, ...] = ()
    comments: tuple[Comment, ...] = ()
    dataless: tuple[int, ...] = ()
    unknown_fields: tuple[tuple[str, int], ...] = ()
    retries: tuple[str, ...] = ()
    incomplete: bytes = b""
    bom: bool = False
    invalid_utf8: int | None = None


def parse_event_stream(chunks: Sequence[tuple[float, bytes]]) -> EventStream:
    """Parse a body given as arrival times (seconds) and bytes."""
    body = b"".join(data for _, data in chunks)
    bom = body.startswith(_BOM)
    clock = _Clock(chunks)
    block = _Block(3 if bom else 0)
    events: list[ServerSentEvent] = []
    comments: list[Comment] = []
    dataless: list[int] = []
    unknown: list[tuple[str, int]] = []
    retries: list[str] = []
    for start, line, end in _lines(body, block.start):
        if not line:
            if block.data:
                events.append(block.dispatch(end, clock.at(end - 1)))
            elif block.fields:
                dataless.append(block.start)
            block = _Block(end)
            continue
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if line.startswith(":"):
            comments.append(Comment(line[1:], start, clock.at(end - 1)))
            continue
        block.fields += 1
        match name:
            case "event":
                block.name = value
            case "data":
                block.data.append(value)
            case "id":
                block.id = block.id if "\0" in value else value  # the standard has such an id ignored
            case "retry":
                retries.append(value)
            case _:
                unknown.append((name, start))
    return EventStream(
        events=tuple(events),
        comments=tuple(comments),
        dataless=tuple(dataless),
        unknown_fields=tuple(unknown),
        retries=tuple(retries),
        incomplete=body[block.start :] if block.fields or _has_open_line(body) else b"",
        bom=bom,
        invalid_utf8=_first_invalid(body),
    )


class _Block:
    """The fields between two blank lines."""

    __slots__ = ("data", "fields", "id", "name", "start")

    def __init__(self, start: int) -> None:
        self.start = start
        self.name = ""
        self.data: list[str] = []
        self.id: str | None = None
        self.fields = 0

    def dispatch(self, end: int, at: float) -> ServerSentEvent:
        name = self.name or "message"
        return ServerSentEvent(name, bool(self.name), "\n".join(self.data), self.start, end, at, self.id)


class _Clock:
    """Arrival time of a body offset; asked with growing offsets."""

    __slots__ = ("_chunks", "_end", "_index")

    def __init__(self, chunks: Sequence[tuple[float, bytes]]) -> None:
        self._chunks = chunks
        self._index = -1
        self._end = 0

    def at(self, offset: int) -> float:
        while self._end <= offset:
            self._index += 1
            self._end += len(self._chunks[self._index][1])
        return self._chunks[self._index][0]


def _lines(body: bytes, position: int) -> Iterable[tuple[int, str, int]]:
    """Complete lines as (start, text, end behind the line end); lines end at CRLF, LF or CR only."""
    for line_end in _LINE_END.finditer(body, position):
        yield position, body[position : line_end.start()].decode("utf-8", "replace"), line_end.end()
        position = line_end.end()


def _has_open_line(body: bytes) -> bool:
    return bool(body) and body[-1:] not in b"\r\n"


def _first_invalid(body: bytes) -> int | None:
    try:
        body.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.start
    return None
