"""The sent side of a recorded WebSocket, once more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from llmapi_conformance.evidence.exchange import decode_json
from llmapi_conformance.sending.socket_session import TERMINAL

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from llmapi_conformance.evidence.exchange import Frame
    from llmapi_conformance.wire.talking import Socket

_CLOSING: Final = 5.0
"""Seconds that the gateway may take to close where it did so before."""
_MARKS: Final = tuple(f'"{kind}"'.encode() for kind in TERMINAL)


def same_talk(frames: Iterable[Frame], resolve: Callable[[bytes], bytes]) -> Callable[[Socket], Awaitable[None]]:
    """A script that sends what was sent: each message when as much has come back as had then, or its turn has ended.

    Where a message names a response of before, it names the one that stands in its place now.

    Args:
        frames: Of both sides, as recorded; pongs are answered by themselves.
        resolve: Puts keys in the place of markers.
    """
    recorded = tuple(frames)

    async def talk(socket: Socket) -> None:
        fragments: list[bytes] = []
        for place, frame in enumerate(recorded):
            if frame.kind == "close":
                await _close(socket, frame, recorded[:place])
                return
            if not frame.sent or frame.kind == "pong":
                continue
            if not fragments:
                await _caught_up(socket, recorded[:place])
            if frame.kind == "ping":
                await socket.ping(frame.data)
                continue
            data = resolve(frame.data)
            for then, now in zip(_responses(recorded[:place]), _responses(socket.frames), strict=False):
                data = data.replace(then.encode(), now.encode())
            fragments.append(data)
            if frame.final:
                await socket.send("text" if frame.kind == "text" else "binary", *fragments)
                fragments.clear()
        await _caught_up(socket, recorded)

    return talk


async def _close(socket: Socket, close: Frame, before: tuple[Frame, ...]) -> None:
    await _caught_up(socket, before)
    if close.sent:
        await socket.close(close.code, close.data.decode("utf-8", "replace"))
    else:
        await socket.received(lambda _: socket.ended, _CLOSING)


async def _caught_up(socket: Socket, before: tuple[Frame, ...]) -> None:
    """Wait until so many messages have come, or as many ends of turns; the gateway's idle time at most."""
    messages, ends = _counted(before)

    def enough(frames: Iterable[Frame]) -> bool:
        there, ended = _counted(frames)
        return there >= messages or 0 < ends <= ended

    await socket.received(enough)


def _counted(frames: Iterable[Frame]) -> tuple[int, int]:
    """Received messages, and those among them that end a turn."""
    whole = [frame.data for frame in frames if not frame.sent and not frame.is_control and frame.final]
    return len(whole), sum(_ends(data) for data in whole if any(mark in data for mark in _MARKS))


def _responses(frames: Iterable[Frame]) -> list[str]:
    """Ids of the responses that the gateway began, in order."""
    found: dict[str, None] = {}
    for frame in frames:
        if not frame.sent and frame.kind == "text" and b'"response' in frame.data:
            message = decode_json(frame.data)
            response = message.get("response") if isinstance(message, dict) else None
            name = response.get("id") if isinstance(response, dict) else None
            if isinstance(name, str) and name:
                found.setdefault(name)
    return list(found)


def _ends(data: bytes) -> bool:
    message = decode_json(data)
    kind = message.get("type") if isinstance(message, dict) else None
    return isinstance(kind, str) and kind in TERMINAL
