"""What a relay does to a response on the wire: in which pieces it is written, and how it ends."""

from __future__ import annotations

import enum
import itertools
import re
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

TREATMENT_HEADER = "x-relay"
"""The response header with which an origin asks its relay for a treatment; the relay never passes it on."""

_END_OF_EVENT = re.compile(rb"\r\n\r\n|\n\n|\r\r")


class End(enum.StrEnum):
    """How a response ends on the wire."""

    COMPLETE = "complete"
    """As the origin ends it."""
    RESET = "reset"
    """TCP reset (SO_LINGER 0)."""
    CLOSE = "close"
    """TCP FIN without the terminating chunk, or before Content-Length is reached."""
    BROKEN_CHUNK = "broken-chunk"
    """A chunk whose size is no hexadecimal number, then FIN (RFC 9112 section 7.1)."""


class Pieces(enum.StrEnum):
    """In which pieces the body is written; each piece is a chunk (where the body is chunked) and a write of its own."""

    AS_RECEIVED = "as-received"
    """One piece for each that the origin wrote."""
    WHOLE = "whole"
    """Head and body held until the origin has finished, then everything in one write."""
    BYTES = "bytes"
    """Each byte is a piece."""
    INSIDE_CHARACTERS = "inside-characters"
    """Cut inside the first and the last multi-byte UTF-8 character of each line, and in its middle."""


@dataclass(frozen=True, slots=True)
class Treatment:
    """What is done to one response.

    Attributes:
        end: How it ends.
        after_events: The end comes after so many server-sent events of the body, the rest is dropped; None: where the
            origin's body ends. Not used with `End.COMPLETE`.
        before_head: The end comes before the first byte of the response.
        pieces: In which pieces the body is written.
        pause: Seconds between two pieces, so that a reader takes them one by one; 0: the event loop turns once.
        invalid_utf8: The last byte of each multi-byte character is dropped, which leaves invalid UTF-8. An ASCII body
            stays as it is. Only for chunked bodies and those that end with the connection: the length changes.
        sizes: The body is written in pieces of so many bytes, again from the first one when all were used, wherever the
            origin's own pieces end; ``pieces`` is not used then. Empty: ``pieces`` says.
    """

    end: End = End.COMPLETE
    after_events: int | None = None
    before_head: bool = False
    pieces: Pieces = Pieces.AS_RECEIVED
    pause: float = 0.0
    invalid_utf8: bool = False
    sizes: tuple[int, ...] = ()

    def header(self) -> str:
        """Write the treatment as the value of `TREATMENT_HEADER`."""
        default = Treatment()
        named = ((field.name, getattr(self, field.name)) for field in fields(self))
        words = (f"{name}={_written(value)}" for name, value in named if value != getattr(default, name))
        return " ".join(words)

    @staticmethod
    def from_header(value: str) -> Treatment:
        """Read what `header` wrote.

        Args:
            value: The header value.

        Raises:
            ValueError: A word or a value is unknown.
        """
        words = dict(word.partition("=")[::2] for word in value.split())
        unknown = words.keys() - {field.name for field in fields(Treatment)}
        if unknown:
            raise ValueError(f"no treatment has the word {min(unknown)!r}")
        after = words.get("after_events")
        return Treatment(
            end=End(words.get("end", End.COMPLETE)),
            after_events=int(after) if after is not None else None,
            before_head=words.get("before_head") == "True",
            pieces=Pieces(words.get("pieces", Pieces.AS_RECEIVED)),
            pause=float(words.get("pause", "0")),
            invalid_utf8=words.get("invalid_utf8") == "True",
            sizes=tuple(int(size) for size in words.get("sizes", "").split(",") if size),
        )


async def treated(blocks: AsyncIterator[bytes], treatment: Treatment) -> AsyncIterator[bytes]:
    """Shorten, spoil and cut the blocks of a body as the treatment says.

    Args:
        blocks: The body as the origin wrote it, framing taken off.
        treatment: What is done to it.

    Yields:
        The pieces to write, none of them empty.
    """
    if treatment.end is not End.COMPLETE and treatment.after_events is not None:
        blocks = _first_events(blocks, treatment.after_events)
    if treatment.invalid_utf8:
        blocks = _spoiled(blocks)
    if treatment.sizes:
        async for piece in _sized(blocks, treatment.sizes):
            yield piece
        return
    async for block in blocks:
        for piece in _cut(block, treatment.pieces):
            yield piece


def _written(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _cut(block: bytes, pieces: Pieces) -> list[bytes]:
    match pieces:
        case Pieces.BYTES:
            return [bytes((value,)) for value in block]
        case Pieces.INSIDE_CHARACTERS:
            return cut_inside_characters(block)
        case Pieces.AS_RECEIVED | Pieces.WHOLE:
            return [block] if block else []


async def _sized(blocks: AsyncIterator[bytes], sizes: tuple[int, ...]) -> AsyncIterator[bytes]:
    """Cut a body into pieces of given sizes; what is left at the end is a piece too."""
    wanted = itertools.cycle(sizes)
    size, held = next(wanted), b""
    async for block in blocks:
        held += block
        start = 0
        while len(held) - start >= size:
            yield held[start : start + size]
            start += size
            size = next(wanted)
        held = held[start:]
    if held:
        yield held


async def _spoiled(blocks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    unfinished = b""
    async for block in blocks:
        kept, unfinished = _without_last_bytes(unfinished + block)
        yield kept
    yield unfinished


async def _first_events(blocks: AsyncIterator[bytes], count: int) -> AsyncIterator[bytes]:
    """Pass on the first so many server-sent events of a body."""
    if count == 0:
        return
    tail = b""
    async for block in blocks:
        # An end of event may lie across two blocks.
        text = tail + block
        for found in _END_OF_EVENT.finditer(text):
            count -= 1
            if count == 0:
                yield block[: found.end() - len(tail)]
                return
        ends = [found.end() for found in _END_OF_EVENT.finditer(text)]
        tail = text[max(ends[-1] if ends else 0, len(text) - 3) :]
        yield block


def cut_inside_characters(block: bytes) -> list[bytes]:
    """Cut bytes inside the first and the last multi-byte UTF-8 character of each line and in the line's middle.

    Cutting inside every character would only make many pieces of a long text, and each costs its readers a turn.

    Args:
        block: UTF-8, or anything else.

    Returns:
        The pieces, none of them empty; joined they are the block.
    """
    cuts: set[int] = set()
    start = 0
    for line in block.splitlines(keepends=True):
        leads = [start + position + 1 for position, value in enumerate(line) if value >= 0xC0]
        cuts.update((*leads[:1], *leads[-1:], start + len(line) // 2))
        start += len(line)
    marks = [0, *sorted(cuts & set(range(1, len(block)))), len(block)]
    return [block[left:right] for left, right in itertools.pairwise(marks) if right > left]


def _without_last_bytes(block: bytes) -> tuple[bytes, bytes]:
    """Drop the last byte of each multi-byte character; return that and the unfinished character at the end."""
    kept = bytearray()
    position = 0
    while position < len(block):
        lead = block[position]
        size = 1 if lead < 0xC0 else 2 if lead < 0xE0 else 3 if lead < 0xF0 else 4
        if position + size > len(block):
            break
        kept += block[position : position + max(1, size - 1)]
        position += size
    return bytes(kept), block[position:]
