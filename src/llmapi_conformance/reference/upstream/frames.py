"""The frames of an answer: what is written in one go, and what its end may be turned into."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

COMMENT = b": keep-alive\n\n"


class Part(enum.Enum):
    """The part that a frame plays in a stream."""

    OPENING = enum.auto()
    DELTA = enum.auto()
    """A piece of the text or of a call's arguments: what pauses, steps and ends are counted by."""
    OTHER = enum.auto()
    CLOSING = enum.auto()
    """Says that the answer is complete, or why it isn't."""


@dataclass(frozen=True, slots=True)
class Frame:
    """Bytes that are written in one go.

    Attributes:
        part: The part that they play.
        data: The bytes.
        document: The JSON in them, where what comes after must go on from it.
    """

    part: Part
    data: bytes
    document: dict[str, Any] | None = None


def event(part: Part, data: bytes, name: str | None = None) -> Frame:
    """Write a server-sent event.

    Args:
        part: The part that it plays.
        data: One line of JSON.
        name: The event's name; None: unnamed.
    """
    named = f"event: {name}\n".encode() if name is not None else b""
    return Frame(part, named + b"data: " + data + b"\n\n")


def first_deltas(frames: Iterable[Frame], count: int) -> Iterator[Frame]:
    """Return the frames up to the n-th delta, or up to the closing ones where there are fewer deltas."""
    for frame in frames:
        if frame.part is Part.CLOSING or (frame.part is Part.DELTA and count == 0):
            return
        yield frame
        if frame.part is Part.DELTA:
            count -= 1
            if count == 0:
                return


def sprinkled(frames: Iterable[Frame], between: bytes) -> Iterator[Frame]:
    """Return the frames with other bytes after each one that is not closing."""
    for frame in frames:
        yield frame
        if frame.part is not Part.CLOSING:
            yield Frame(Part.OTHER, between)
