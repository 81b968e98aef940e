"""Server-sent events while they arrive, by the same rules as ``evidence.sse`` reads them afterwards."""

from __future__ import annotations

import re

from llmapi_conformance.evidence.sse import Comment, ServerSentEvent

_BOM = b"\xef\xbb\xbf"
_LINE_END = re.compile(rb"\r\n|\n|\r")


class ArrivingEvents:
    """Reads a body piece by piece, in time linear to it.

    A carriage return ends its line at once; a line feed that follows, perhaps in a later piece, belongs to it.
    """

    __slots__ = ("_after_return", "_data", "_id", "_name", "_offset", "_open", "_start")

    def __init__(self) -> None:
        self._open: list[bytes] = []  # pieces of the line that has not ended
        self._offset = 0  # of the first byte that has not been taken in as part of a line
        self._start = 0
        self._after_return = False
        self._name = ""
        self._data: list[str] = []
        self._id: str | None = None

    def feed(self, at: float, data: bytes) -> list[ServerSentEvent | Comment]:
        """Take the next bytes, which arrived at ``at`` seconds; return what they completed."""
        found: list[ServerSentEvent | Comment] = []
        position = 0
        if self._after_return and data:
            self._after_return = False
            if data.startswith(b"\n"):
                position = 1
                self._start += self._start == self._offset
                self._offset += 1
        for line_end in _LINE_END.finditer(data, position):
            line = b"".join((*self._open, data[position : line_end.start()]))
            self._open.clear()
            first = self._offset
            self._offset += len(line) + len(line_end[0])
            self._after_return = line_end[0] == b"\r" and line_end.end() == len(data)
            if first == 0 and line.startswith(_BOM):
                line, first, self._start = line[3:], 3, 3
            found += self._line(line, first, at)
            position = line_end.end()
        if position < len(data):
            self._open.append(data[position:])
        return found

    def _line(self, line: bytes, first: int, at: float) -> list[ServerSentEvent | Comment]:
        text = line.decode("utf-8", "replace")
        if not text:
            event = self._dispatched(at)
            self._name, self._data, self._id, self._start = "", [], None, self._offset
            return event
        if text.startswith(":"):
            return [Comment(text[1:], first, at)]
        name, _, value = text.partition(":")
        value = value.removeprefix(" ")
        match name:
            case "event":
                self._name = value
            case "data":
                self._data.append(value)
            case "id":
                self._id = self._id if "\0" in value else value
        return []

    def _dispatched(self, at: float) -> list[ServerSentEvent | Comment]:
        if not self._data:
            return []
        name = self._name or "message"
        text = "\n".join(self._data)
        return [ServerSentEvent(name, bool(self._name), text, self._start, self._offset, at, self._id)]
