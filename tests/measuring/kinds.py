"""Turns of a WebSocket, images and tasks with times, made by hand."""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING, Any

from llmapi_conformance.evidence.exchange import decode_json
from tests.judging import image_cases, task_cases, websocket_cases

if TYPE_CHECKING:
    from llmapi_conformance.evidence.exchange import Exchange, Frame

_NUMBERS = count(1)


def turn(*, asked: float, first: float = 0.2, last: float = 1.0, end: bool = True, refused: int = 0) -> list[Frame]:
    """A question at a time, its first text and its end so many seconds later; or without end; or refused at once."""
    frames = websocket_cases.turn(websocket_cases.identified(next(_NUMBERS)))
    if refused:
        frames = [frames[0], websocket_cases.say(websocket_cases.NOT_FOUND | {"status": refused})]
    made = [replace(frames[0], at=asked)]
    content = False
    for frame in frames[1:]:
        content = content or ".delta" in str(decode_json(frame.data)["type"])
        made.append(replace(frame, at=asked + (first if content else 0.05)))
    made[-1] = replace(made[-1], at=asked + last)
    return made if end else made[:-1]


def socket(*turns: list[Frame]) -> Exchange:
    """A WebSocket with these turns, closed by us behind the last."""
    frames = tuple(frame for one in turns for frame in one)
    shell = websocket_cases.socket(list(frames))
    closing = tuple(replace(frame, at=frames[-1].at + 0.01) for frame in shell.frames[len(frames) :])
    return replace(shell, frames=frames + closing)


def image(*, data: str = "", url: str = "", status: int = 200) -> Exchange:
    """An image that is answered at once: one that decodes, this text in its place, an address, or a refusal."""
    if status >= 400:
        return image_cases.bad(status)
    entry = {"url": url} if url else {"b64_json": data or image_cases.pixels()}
    return image_cases.generated(image_cases.answer() | {"data": [entry]})


def submission(status: int = 202, body: Any = None) -> Exchange:
    """A task that is submitted at 0 and accepted, with this answer, or refused."""
    return task_cases.submitted(**task_cases.bad(status)) if status >= 400 else task_cases.submitted(body)


def readings(*seen: tuple[float, str]) -> list[Exchange]:
    """Readings whose answers are there at these seconds, each with the state that it shows."""
    return [task_cases.detail(task_cases.task(state), at=at - 0.1) for at, state in seen]
