"""Faults of the events of image tasks, on the wire."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from llmapi_conformance.reference.gateway.edge import Seen, object_in
from llmapi_conformance.reference.gateway.edge_tasks import (
    ACTIVE,
    FINAL,
    ask_inside,
    changing_events,
    changing_task_answers,
    operation,
    secret_in,
)
from llmapi_conformance.reference.gateway.sse import Comment, Frame, ServerEvent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from llmapi_conformance.reference.gateway.core import Core

    Wrapper = Callable[[ASGIApp, Core], ASGIApp]

_TASKS: Final = "/v1/images/tasks"
_EVERY_SECOND: Final = 2


class _Closed(Exception):
    """The stream is over, whatever the gateway had still to send."""


def _told(frame: Frame) -> dict[str, Any]:
    return object_in(frame.data) if isinstance(frame, ServerEvent) else {}


def _events(new_change: Callable[[], Callable[[Frame], Iterable[Frame]]]) -> Wrapper:
    return lambda app, _core: changing_events(app, new_change)


def _no_end(app: ASGIApp, _core: Core) -> ASGIApp:
    """TK01: the end of every second task of a key is not told."""
    counts: Counter[str] = Counter()
    lost: set[str] = set()

    def note(seen: Seen, task: dict[str, Any]) -> None:
        secret = seen.scope["state"]["api_key"].secret
        counts[secret] += 1
        if counts[secret] % _EVERY_SECOND == 0:
            lost.add(task["id"])

    def drop(frame: Frame) -> Iterable[Frame]:
        task = _told(frame)
        return () if task.get("status") in FINAL and task.get("id") in lost else (frame,)

    return changing_events(changing_task_answers(app, note, "submit"), lambda: drop)


def _no_heartbeat(frame: Frame) -> Iterable[Frame]:
    """TK07."""
    return () if isinstance(frame, Comment) else (frame,)


def _no_start() -> Callable[[Frame], Iterable[Frame]]:
    """TK13: a snapshot of a running task stays."""
    seen: set[str] = set()

    def change(frame: Frame) -> Iterable[Frame]:
        task = _told(frame)
        known = task.get("id") in seen
        seen.add(str(task.get("id")))
        return () if known and task.get("status") == "running" else (frame,)

    return change


def _one_listener(app: ASGIApp, _core: Core) -> ASGIApp:
    """TK21."""
    latest: dict[str, object] = {}

    async def replacing(scope: Scope, receive: Receive, send: Send) -> None:
        if operation(scope) != "events":
            await app(scope, receive, send)
            return
        secret, mine = secret_in(scope), object()
        latest[secret] = mine

        def change(frame: Frame) -> Iterable[Frame]:
            return (frame,) if isinstance(frame, Comment) or latest[secret] is mine else ()

        await changing_events(app, lambda: change)(scope, receive, send)

    return replacing


def _leaving_cancels(app: ASGIApp, _core: Core) -> ASGIApp:
    """TK22."""

    async def cancelling(scope: Scope, receive: Receive, send: Send) -> None:
        await app(scope, receive, send)
        if operation(scope) != "events":
            return
        answer = await ask_inside(app, scope, "GET", _TASKS)
        for task in answer.json().get("data") or ():
            if task["status"] in ACTIVE:
                await ask_inside(app, scope, "POST", f"{_TASKS}/{task['id']}/cancel")

    return cancelling


def _over_lines(frame: Frame) -> Iterable[Frame]:
    """TK28."""
    task = _told(frame)
    return (
        (ServerEvent(json.dumps(task, indent=2), frame.event),) if isinstance(frame, ServerEvent) and task else (frame,)
    )


def _other_name(frame: Frame) -> Iterable[Frame]:
    """TK40."""
    return (ServerEvent(frame.data, "task.updated"),) if isinstance(frame, ServerEvent) else (frame,)


def _closing(app: ASGIApp, _core: Core) -> ASGIApp:
    """TK41: the first end that is told closes the connection."""

    async def closing(scope: Scope, receive: Receive, send: Send) -> None:
        over = False

        def change(frame: Frame) -> Iterable[Frame]:
            nonlocal over
            over = over or _told(frame).get("status") in FINAL
            return (frame,)

        async def send_until(message: Message) -> None:
            last = over and message["type"] == "http.response.body"
            await send({**message, "more_body": False} if last else message)
            if last:
                raise _Closed

        try:
            await changing_events(app, lambda: change)(scope, receive, send_until)
        except _Closed:
            return

    return closing


FAULTS: Final[dict[str, Wrapper]] = {
    "TK01": _no_end,
    "TK07": _events(lambda: _no_heartbeat),
    "TK13": _events(_no_start),
    "TK21": _one_listener,
    "TK22": _leaving_cancels,
    "TK28": _events(lambda: _over_lines),
    "TK40": _events(lambda: _other_name),
    "TK41": _closing,
}
