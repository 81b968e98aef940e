"""Secrets that are scattered over the texts of a body: a stream that tells one a few letters at a time.

Nobody finds them in the bytes, but whoever puts the deltas of a stream together, as clients and judges do, reads them.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from itertools import accumulate
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    Span = tuple[int, int, bytes]
    Find = Callable[[bytes], Iterable[Span]]

_LITERAL: Final = re.compile(rb'"((?:[^"\\\r\n]|\\[^\r\n])*+)"(\s*:)?')
"""A string of JSON. It holds no line end, so that a quote too many in one line does no harm to the next."""
_LINE: Final = re.compile(rb"^(?:data)?: ?([^\r\n]+)", re.MULTILINE)


def scattered(data: bytes, find: Find) -> Iterator[Span]:
    """Where parts of secrets stand: start, end, and the marker at the first part, nothing at the others.

    The string values of each member name are read one after another, as deltas are, and so are the lines of data and
    comments of an event stream.

    Args:
        data: A whole body.
        find: Tells start, end and marker of each secret in bytes.
    """
    for parts in _texts(data):
        if len(parts) > 1:
            yield from _in_parts(data, parts, find)


def _texts(data: bytes) -> Iterator[list[tuple[int, int]]]:
    named: dict[bytes, list[tuple[int, int]]] = {}
    name = b""
    for match in _LITERAL.finditer(data):
        if match[2] is not None:
            name = match[1]
        elif match.end(1) > match.start(1):
            named.setdefault(name, []).append(match.span(1))
    yield from named.values()
    if not named:
        yield [match.span(1) for match in _LINE.finditer(data)]


def _in_parts(data: bytes, parts: list[tuple[int, int]], find: Find) -> Iterator[Span]:
    ends = list(accumulate(end - start for start, end in parts))
    for first, after, marker in find(b"".join(data[start:end] for start, end in parts)):
        left, right = bisect_right(ends, first), bisect_right(ends, after - 1)
        if left == right:
            continue  # whole in one part: it is found without our help
        for place in range(left, right + 1):
            start, end = parts[place]
            before = ends[place] - (end - start)
            yield (
                start + max(first - before, 0),
                min(end, start + after - before),
                marker if place == left else b"",
            )
