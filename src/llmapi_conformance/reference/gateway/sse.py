"""Server-sent events: the bytes of a stream, event by event (WHATWG HTML, section 9.2)."""

from __future__ import annotations

from dataclasses import dataclass

_LONGEST_LINE = 32 * 1024 * 1024


class StreamTooLongError(ValueError):
    """One line of the stream is longer than anything that a provider sends."""


@dataclass(frozen=True, slots=True)
class ServerEvent:
    """One event: its data and, where the stream names it, its type."""

    data: str
    event: str | None = None

    def encode(self) -> bytes:
        """Write the event as every known reader takes it: one space after the colon, LF, a blank line at the end."""
        name = f"event: {self.event}\n" if self.event is not None else ""
        data = "".join(f"data: {line}\n" for line in self.data.split("\n"))
        return f"{name}{data}\n".encode()


@dataclass(frozen=True, slots=True)
class Comment:
    """A line that readers skip; it keeps a silent connection alive."""

    text: str

    def encode(self) -> bytes:
        """Write the comment with a blank line after it, so that it stands alone."""
        return f": {self.text}\n\n".encode()


Frame = ServerEvent | Comment
KEEP_ALIVE = Comment("keep-alive")


class FrameDecoder:
    """Turns the bytes of a stream, however they are cut, into frames.

    Lines end at LF, CR or CRLF; a byte order mark at the start is dropped; an event that the stream leaves unfinished
    is never returned.
    """

    def __init__(self) -> None:
        self._rest = b""
        self._at_start = True
        self._data: list[str] = []
        self._event: str | None = None

    def feed(self, piece: bytes) -> list[Frame]:
        """Take the next bytes and return the frames that they complete.

        Raises:
            StreamTooLongError: A line exceeds 32 MiB.
        """
        pending = self._rest + piece
        if self._at_start and len(pending) >= 3:
            pending = pending.removeprefix(b"\xef\xbb\xbf")
            self._at_start = False
        # A CR at the end may be one half of a CRLF: it waits for the next byte.
        held = pending[-1:] if pending.endswith(b"\r") else b""
        lines = pending[: len(pending) - len(held)].replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        self._rest = lines.pop() + held
        if len(self._rest) > _LONGEST_LINE:
            raise StreamTooLongError("a line of the stream is too long")
        frames: list[Frame] = []
        for line in lines:
            frame = self._take(line.decode("utf-8", errors="replace"))
            if frame is not None:
                frames.append(frame)
        return frames

    def _take(self, line: str) -> Frame | None:
        if not line:
            return self._dispatch()
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if not name:
            return Comment(value)
        if name == "data":
            self._data.append(value)
        elif name == "event":
            self._event = value
        return None

    def _dispatch(self) -> ServerEvent | None:
        data, event = self._data, self._event
        self._data, self._event = [], None
        return ServerEvent("\n".join(data), event or None) if data else None
