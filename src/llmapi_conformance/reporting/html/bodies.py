"""Bytes of a gateway as pieces of text that are safe to show: the telling ones marked, long ones cut, cuts said."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

WHOLE: Final = 8_192
"""Bytes of a body that are shown without a cut."""
HEAD: Final = 4_096
"""Bytes shown of the beginning of a longer one."""
AROUND: Final = 1_024
"""Bytes shown before and after the telling ones."""
TAIL: Final = 1_024
"""Bytes shown of the end."""
LONGEST_MARK: Final = 2_048
"""Telling bytes that are shown without a cut."""
_BINARY_PART: Final = 16
"""Of binary data a sixteenth is shown: three characters in hexadecimal take the place of one."""
_LINE: Final = 16
"""Bytes in a line of hexadecimal."""
_ROOM: Final = 160
"""Bytes next to the telling ones, where only these are shown."""
_LINES: Final = 6
"""Lines of them."""

Span = tuple[int, int]


class Piece(NamedTuple):
    """A part of what is shown.

    Attributes:
        kind: ``text``; ``mark`` for the telling bytes, empty where something is missing at this place; ``cut`` for a
            sentence about what is left out.
        text: Not escaped yet.
    """

    kind: Literal["text", "mark", "cut"]
    text: str


def pieces(data: bytes, span: Span | None = None, *, scale: int = 1) -> tuple[Piece, ...]:
    """A body as pieces, in order.

    Args:
        data: The whole body.
        span: Offsets of the telling bytes, in or behind the body.
        scale: All lengths are divided by it.
    """
    if not data and span is None:
        return ()
    mark = None if span is None else (min(span[0], len(data)), min(max(span), len(data)))
    binary = is_binary(data)
    kept = _kept(len(data), mark, scale * (_BINARY_PART if binary else 1))
    if not binary:
        kept = [(_border(data, start, -1), _border(data, end, 1)) for start, end in kept]
    return tuple(_with_cuts(data, kept, mark, binary=binary))


def around(data: bytes, span: Span) -> tuple[Piece, ...]:
    """The telling bytes and what stands next to them."""
    start, end = min(span[0], len(data)), min(max(span), len(data))
    binary = is_binary(data)
    room = _LINE if binary else _ROOM
    first, last = max(0, start - room), min(len(data), end + room)
    if not binary:
        first, last = (
            _border(data, _lines_before(data, first, start), -1),
            _border(data, _lines_after(data, end, last), 1),
        )
    kept = [(first, last)] if end - start <= LONGEST_MARK // 2 else [(first, start + room), (end - room, last)]
    return tuple(_with_cuts(data, kept, (start, end), binary=binary, ends=False))


def _lines_before(data: bytes, first: int, start: int) -> int:
    """Where to begin so that few lines stand before the start."""
    for _ in range(_LINES):
        line_feed = data.rfind(b"\n", first, start)
        if line_feed < 0:
            return first
        start = line_feed
    return start + 1


def _lines_after(data: bytes, end: int, last: int) -> int:
    """Where to end so that few lines stand behind the end."""
    for _ in range(_LINES):
        line_feed = data.find(b"\n", end, last)
        if line_feed < 0:
            return last
        end = line_feed + 1
    return end


def is_binary(data: bytes) -> bool:
    """Whether the beginning of the data is no text: more than a tenth of it is no UTF-8, or it has many NULs."""
    beginning = data[:HEAD]
    strange = beginning.decode("utf-8", "replace").count("\ufffd") + beginning.count(0)
    return strange * 10 > len(beginning)


def counted(number: int, what: str) -> str:
    """A number of things, for people."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _kept(length: int, mark: Span | None, scale: int) -> list[Span]:
    """What is shown, in order, without overlap."""
    if length <= WHOLE // scale:
        return [(0, length)]
    room = AROUND // scale
    wanted = [(0, HEAD // scale), (length - TAIL // scale, length)]
    if mark:
        start, end = mark
        halves = [(start, end)] if end - start <= LONGEST_MARK // scale else [(start, start), (end, end)]
        wanted += [(max(0, first - room), min(length, last + room)) for first, last in halves]
    kept: list[Span] = []
    for start, end in sorted(wanted):
        if kept and start <= kept[-1][1]:
            kept[-1] = (kept[-1][0], max(kept[-1][1], end))
        else:
            kept.append((start, end))
    return kept


def _with_cuts(data: bytes, kept: list[Span], mark: Span | None, *, binary: bool, ends: bool = True) -> Iterator[Piece]:
    """The kept parts, and between them what is left out."""
    position = 0
    for start, end in kept:
        if start > position:
            yield Piece("cut", f"{counted(start - position, 'byte')} left out" if ends or position else "…")
        yield from _part(data, start, end, mark, binary=binary)
        position = end
    if position < len(data):
        yield Piece("cut", f"{counted(len(data) - position, 'byte')} left out" if ends else "…")


def _part(data: bytes, start: int, end: int, mark: Span | None, *, binary: bool) -> Iterator[Piece]:
    """One kept part, divided where the mark begins and ends."""
    if binary:
        yield from _hexadecimal(data, start, end, mark)
        return
    if mark is None or mark[1] < start or mark[0] > end:
        yield Piece("text", _text(data[start:end]))
        return
    first = _border(data, max(start, mark[0]), -1)
    last = first if mark[0] == mark[1] else _border(data, min(end, mark[1]), 1)
    if first > start:
        yield Piece("text", _text(data[start:first]))
    yield Piece("mark", _text(data[first:last]))
    if last < end:
        yield Piece("text", _text(data[last:end]))


def _hexadecimal(data: bytes, start: int, end: int, mark: Span | None) -> Iterator[Piece]:
    """Lines of offset, bytes and characters; those with telling bytes are marked whole."""
    for offset in range(start - start % _LINE, end, _LINE):
        line = data[offset : offset + _LINE]
        shown = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in line)
        marked = mark is not None and mark[0] < offset + len(line) and max(mark[1], mark[0] + 1) > offset
        yield Piece("mark" if marked else "text", f"{offset:06x} {line.hex(' ', 2):<{_LINE * 5 // 2}}{shown}")
        yield Piece("text", "\n")


def _text(data: bytes) -> str:
    return data.decode("utf-8", "backslashreplace")


def _border(data: bytes, offset: int, step: Literal[-1, 1]) -> int:
    """The nearest offset in this direction that divides no character; at most three bytes away."""
    for _ in range(3):
        if not 0 < offset < len(data) or data[offset] & 0xC0 != 0x80:
            break
        offset += step
    return offset
