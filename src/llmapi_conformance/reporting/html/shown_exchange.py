"""An exchange as a report shows it: everything that matters, in bounded space, and what was left out said."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, NamedTuple

from llmapi_conformance.reporting.html.bodies import Piece, counted, pieces
from llmapi_conformance.reporting.html.markup import weight
from llmapi_conformance.reporting.html.timeline import (
    Timeline,
    arrivals_of,
    milliseconds,
    stall_sentence,
    timeline_of,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llmapi_conformance.evidence.exchange import Exchange, Headers, Message
    from llmapi_conformance.reporting.html.bodies import Span

MOST_HEADERS: Final = 60
"""Headers shown."""
LONGEST_LINE: Final = 1_000
"""Characters shown of a header's value or of a request target."""
FIRST_CHUNKS: Final = 20
"""Chunks or frames listed from the beginning; the telling ones and the last ones besides."""
LAST_CHUNKS: Final = 5
_NEIGHBOURS: Final = 2
_CHUNK_TEXT: Final = 120
"""Bytes of a chunk in the list of chunks."""
_MESSAGE_SCALE: Final = 4
"""A message of a WebSocket may take a quarter of the room of a body."""


class ChunkRow(NamedTuple):
    """A line of the list of chunks.

    Attributes:
        number: From 1; 0 for a line that says how many are left out.
        at: When it came, for people.
        gap: Time since the one before.
        size: In bytes.
        kind: Of a frame: its direction and kind, with the code of a close; empty for a chunk.
        text: Its beginning; or what is left out.
        telling: Whether the fault is in it.
    """

    number: int
    at: str
    gap: str
    size: int
    kind: str
    text: str
    telling: bool


@dataclass(frozen=True, slots=True)
class Headed:
    """Headers as shown, and how many are not."""

    rows: tuple[tuple[str, str], ...]
    left_out: str


@dataclass(frozen=True, slots=True)
class ShownMessage:
    """A message of a WebSocket."""

    at: str
    who: str
    size: str
    parts: tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class ShownExchange:
    """One exchange.

    Attributes:
        anchor: Its place in the page.
        id: Its key in the recording.
        facts: Name and value of what is known of it, in order.
        request_line: Method and target.
        request_headers: As sent, redacted.
        request_body: Its pieces.
        request_size: For people.
        status_line: Of the answer; why there is none otherwise.
        response_headers: As received.
        response_body: Its pieces; empty for a WebSocket.
        response_size: For people.
        conversation: The messages of a WebSocket.
        messages_left_out: How many of them are not shown, for people.
        chunks: The list of chunks or frames.
        timeline: The drawing.
        notes: What is to be said about the end of it.
    """

    anchor: str
    id: str
    facts: tuple[tuple[str, str], ...]
    request_line: str
    request_headers: Headed
    request_body: tuple[Piece, ...]
    request_size: str
    status_line: str
    response_headers: Headed
    response_body: tuple[Piece, ...]
    response_size: str
    conversation: tuple[ShownMessage, ...]
    messages_left_out: str
    chunks: tuple[ChunkRow, ...]
    timeline: Timeline | None
    notes: tuple[str, ...]

    @property
    def weight(self) -> int:
        """Characters of markup that it takes in the page."""
        parts = (*self.request_body, *self.response_body, *(part for one in self.conversation for part in one.parts))
        headers = (*self.request_headers.rows, *self.response_headers.rows)
        return (
            2_000
            + sum(weight(part.text) for part in parts)
            + sum(weight(row.text) + 120 for row in self.chunks)
            + sum(weight(name) + weight(value) + 50 for name, value in headers)
        )


def shown_exchange(exchange: Exchange, anchor: str, span: Span | None = None) -> ShownExchange:
    """The exchange with the telling bytes marked."""
    request, response = exchange.request, exchange.response
    upgraded = exchange.upgraded
    messages, left_out = _conversation(exchange, span) if upgraded else ((), "")
    return ShownExchange(
        anchor=anchor,
        id=exchange.id,
        facts=_facts(exchange),
        request_line=f"{request.method} {cut_line(request.target)}",
        request_headers=_headed(request.headers),
        request_body=pieces(request.body),
        request_size=counted(len(request.body), "byte"),
        status_line=status_line(exchange),
        response_headers=_headed(response.headers if response else ()),
        response_body=() if upgraded else pieces(exchange.body, span),
        response_size=counted(len(exchange.body), "byte"),
        conversation=messages,
        messages_left_out=left_out,
        chunks=_chunk_rows(exchange, span),
        timeline=timeline_of(exchange, span),
        notes=_notes(exchange),
    )


def status_line(exchange: Exchange) -> str:
    """What came back, in a few words."""
    if exchange.response is None:
        return f"no answer: {exchange.failure}"
    return f"{exchange.response.http_version} {exchange.response.status}"


def cut_line(text: str, longest: int = LONGEST_LINE) -> str:
    """A line that is not too long; what was cut is said."""
    return (
        text if len(text) <= longest else f"{text[:longest]} … ({counted(len(text) - longest, 'character')} left out)"
    )


def copied(command: str) -> tuple[str, bool]:
    """A command that may be pasted into a shell, and whether it differs from what was sent.

    Control characters in what a gateway said (an id that is sent back, say) could end a paste and begin a command of
    their own, so they are written as escapes.
    """
    harmless = "".join(
        f"\\x{ord(one):02x}" if (one < " " and one not in "\n\t") or one == "\x7f" else one for one in command
    )
    return harmless, harmless != command


def _facts(exchange: Exchange) -> tuple[tuple[str, str], ...]:
    response = exchange.response
    facts = [
        ("what it is", exchange.label),
        ("operation", exchange.operation or "none that is documented"),
        ("mode", exchange.mode),
        ("role", exchange.role or "no key"),
        ("sent at", datetime.fromtimestamp(round(exchange.started_at, 3), UTC).isoformat(timespec="milliseconds")),
    ]
    if response is not None:
        facts.append(("on the wire", f"{counted(response.wire_length, 'byte')}, SHA-256 {response.wire_digest}"))
    return tuple((name, value) for name, value in facts if value)


def _notes(exchange: Exchange) -> tuple[str, ...]:
    notes = [exchange.response.detail if exchange.response else exchange.failure]
    if exchange.disturbed:
        notes.append("The upstream was made to fail in the midst of this answer.")
    if close := exchange.close:
        notes.append(f"Closed by the {close.by} with code {close.code}{': ' + close.reason if close.reason else ''}.")
    notes.append(stall_sentence(exchange))
    return tuple(note for note in notes if note)


def _headed(headers: Headers) -> Headed:
    left = len(headers) - MOST_HEADERS
    rows = tuple((cut_line(name, 200), cut_line(value)) for name, value in headers[:MOST_HEADERS])
    return Headed(rows, f"{counted(left, 'header')} left out" if left > 0 else "")


def _conversation(exchange: Exchange, span: Span | None) -> tuple[tuple[ShownMessage, ...], str]:
    messages = exchange.conversation
    telling = {number for number, one in enumerate(messages) if _holds(one, span)}
    kept = _kept_rows(len(messages), telling)
    shown = []
    for number in kept:
        one = messages[number]
        inner = (max(0, span[0] - one.start), max(0, span[1] - one.start)) if span and number in telling else None
        what = ("client" if one.sent else "gateway") + ("" if one.kind == "text" else ", binary")
        shown.append(
            ShownMessage(
                milliseconds(one.at),
                what if one.whole else f"{what}, unfinished",
                counted(len(one.data), "byte"),
                pieces(one.data, inner, scale=_MESSAGE_SCALE),
            )
        )
    left = len(messages) - len(kept)
    return tuple(shown), f"{counted(left, 'message')} left out" if left else ""


def _holds(message: Message, span: Span | None) -> bool:
    return span is not None and not message.sent and message.start <= span[0] <= message.end


def _chunk_rows(exchange: Exchange, span: Span | None) -> tuple[ChunkRow, ...]:
    arrivals = arrivals_of(exchange, span)
    kept = _kept_rows(len(arrivals), {number for number, one in enumerate(arrivals) if one.telling})
    rows: list[ChunkRow] = []
    position = 0
    for number in kept:
        if number > position:
            rows.append(_gap_row(number - position))
        one = arrivals[number]
        before = arrivals[number - 1].at if number else one.at
        data, kind = _data_of(exchange, number)
        text = data[:_CHUNK_TEXT].decode("utf-8", "backslashreplace") + ("…" if len(data) > _CHUNK_TEXT else "")
        gap = milliseconds(max(one.at - before, 0.0)) if number else ""
        rows.append(ChunkRow(number + 1, milliseconds(one.at), gap, one.size, kind, text, one.telling))
        position = number + 1
    if position < len(arrivals):
        rows.append(_gap_row(len(arrivals) - position))
    return tuple(rows)


def _data_of(exchange: Exchange, number: int) -> tuple[bytes, str]:
    if not exchange.upgraded:
        return (exchange.response.chunks[number].data if exchange.response else b""), ""
    frame = exchange.frames[number]
    code = f" {frame.code}" if frame.code is not None else ""
    return (
        frame.data,
        f"{'sent' if frame.sent else 'received'} {frame.kind}{code}{'' if frame.final else ', continued'}",
    )


def _gap_row(count: int) -> ChunkRow:
    return ChunkRow(0, "", "", 0, "", f"{count:,} not listed", telling=False)


def _kept_rows(length: int, telling: Sequence[int] | set[int]) -> list[int]:
    """The first ones, the last ones, and some telling ones with their neighbours."""
    kept = {*range(min(FIRST_CHUNKS, length)), *range(max(0, length - LAST_CHUNKS), length)}
    for number in sorted(telling)[:LAST_CHUNKS]:
        kept.update(range(max(0, number - _NEIGHBOURS), min(length, number + _NEIGHBOURS + 1)))
    return sorted(kept)
