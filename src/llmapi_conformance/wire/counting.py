"""Count server-sent events while they arrive."""

from __future__ import annotations

import re

_BOM = b"\xef\xbb\xbf"
_LINE_END = re.compile(rb"\r\n|\n|\r")
_KEPT = len(b"data:")


class EventCounter:
    """Counts dispatched events by the WHATWG line rules, whatever the chunk borders, in constant memory.

    A carriage return ends its line at once; a line feed that follows, perhaps in a later chunk, belongs to it.
    """

    __slots__ = ("_after_return", "_fresh", "_has_data", "_line", "count")

    def __init__(self) -> None:
        self.count = 0
        self._line = b""  # the first bytes of the open line, as many as tell a data field from others
        self._fresh = True  # no line has ended: a byte order mark may stand here
        self._has_data = False
        self._after_return = False

    def feed(self, data: bytes) -> int:
        """Take the next bytes; return how many events they completed."""
        before = self.count
        position = 0
        if self._after_return and data:
            position = 1 if data.startswith(b"\n") else 0
            self._after_return = False
        for end in _LINE_END.finditer(data, position):
            self._extend(data[position : end.start()])
            self._end_line()
            position = end.end()
        self._extend(data[position:])
        self._after_return = self._after_return or (position == len(data) and data.endswith(b"\r"))
        return self.count - before

    def _extend(self, piece: bytes) -> None:
        kept = _KEPT + (len(_BOM) if self._fresh else 0) + 1
        if len(self._line) < kept:
            self._line += piece[: kept - len(self._line)]

    def _end_line(self) -> None:
        line = self._line.removeprefix(_BOM) if self._fresh else self._line
        self._line = b""
        self._fresh = False
        if line == b"data" or line.startswith(b"data:"):
            self._has_data = True
        elif not line:
            self.count += self._has_data
            self._has_data = False
