"""Legal variations of image tasks."""

from __future__ import annotations

import asyncio
from functools import partial
from itertools import count, cycle
from typing import TYPE_CHECKING, Any, Final

from llmapi_conformance.reference.gateway.edge import Seen, Whole, changing_answers, changing_requests, changing_streams
from llmapi_conformance.reference.gateway.edge_tasks import (
    ACTIVE,
    ask_inside,
    bad,
    changing_events,
    changing_task_answers,
    changing_tasks,
    good,
    is_events,
    key_in,
    operation,
    task_id,
    when,
)
from llmapi_conformance.reference.gateway.middleware import until_client_goes, with_request_id
from llmapi_conformance.reference.gateway.sse import Comment, Frame, ServerEvent
from llmapi_conformance.reference.gateway.tasks_body import is_openai
from llmapi_conformance.reference.gateway.tasks_feed import HEARTBEAT, Feed, TaskEvents

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from llmapi_conformance.reference.gateway.core import Core

    Wrapper = Callable[[ASGIApp, Core], ASGIApp]

_SOON_SECONDS: Final = 0.1
_LATE_SECONDS: Final = 2.0
# How long each heartbeat lets wait, as a part of the interval.
_PAUSES: Final = (0.5, 1.5, 1.0, 0.7, 1.3)
_STILL_HERE: Final = Comment("still here")


def _id_only(_seen: Seen, answer: Whole) -> None:
    """V10."""
    answer.put({"task_id": answer.json()["task_id"]})


def _running_at_once(_seen: Seen, task: dict[str, Any]) -> None:
    """V11."""
    if task.get("status") == "queued":
        task["status"] = "running"


def _as_url(body: dict[str, Any]) -> None:
    """V12."""
    model = body.get("model") or "gpt-image-2"
    if body.get("response_format") is None and isinstance(model, str) and is_openai(model):
        body["response_format"] = "url"


def _with_ids(app: ASGIApp, _core: Core) -> ASGIApp:
    """V13."""
    numbers = count(1)

    def encode(frame: Frame) -> bytes:
        before = f"id: {next(numbers)}\nretry: 2000\n".encode() if isinstance(frame, ServerEvent) else b""
        return before + frame.encode()

    return changing_streams(app, is_events, lambda: lambda frame: (frame,), encode)


def _twice(frame: Frame) -> Iterable[Frame]:
    """V14."""
    return (frame, frame) if isinstance(frame, ServerEvent) else (frame,)


def _silent_stream(app: ASGIApp, core: Core) -> ASGIApp:
    """V15."""
    silent = TaskEvents(partial(Feed().listening, "nobody", ()), core.settings.tasks.heartbeat_seconds)
    endless = with_request_id(until_client_goes(silent))

    async def opened(scope: Scope, receive: Receive, send: Send) -> None:
        key = key_in(scope, core) if operation(scope) == "events" else None
        general = key is not None and key.platform != "batch" and key.role.condition not in ("disabled", "expired")
        await (endless if general else app)(scope, receive, send)

    return opened


def _cancelled_soon(app: ASGIApp, _core: Core) -> ASGIApp:
    """V16."""

    async def later(scope: Scope, receive: Receive, send: Send) -> None:
        if operation(scope) == "cancel":
            answer = await ask_inside(app, scope, "GET", f"/v1/images/tasks/{task_id(scope)}")
            if answer.json().get("status") in ACTIVE:
                answer.status = 202
                answer.put({})
                await answer.send(send)
                await asyncio.sleep(_SOON_SECONDS)
                await ask_inside(app, scope, "POST", scope["path"])
                return
        await app(scope, receive, send)

    return later


def _short_list(_seen: Seen, answer: Whole) -> None:
    """V17."""
    tasks = answer.json()["data"]
    answer.put({"tasks": [{name: task[name] for name in ("id", "status", "model")} for task in tasks]})


def _reason_as_type(_seen: Seen, answer: Whole) -> None:
    """V18."""
    error = answer.json().get("error") or {}
    if str(error.get("code")).startswith("IMAGE_TASK_"):
        answer.put({"error": {"type": error["code"], "message": error["message"]}})


def _naming_the_id(seen: Seen, answer: Whole) -> None:
    """V19."""
    if answer.status == 404:
        answer.put({"error": {**answer.json()["error"], "message": f"There is no task {task_id(seen.scope)}"}})


def _irregular(app: ASGIApp, core: Core) -> ASGIApp:
    """V20."""
    interval = core.settings.tasks.heartbeat_seconds
    without = changing_events(app, lambda: lambda frame: () if isinstance(frame, Comment) else (frame,))

    async def irregular(scope: Scope, receive: Receive, send: Send) -> None:
        beating: asyncio.Task[None] | None = None

        async def send_and_beat(message: Message) -> None:
            nonlocal beating
            await send(message)
            if message["type"] == "http.response.start" and message["status"] == 200 and operation(scope) == "events":
                beating = asyncio.create_task(_beat(send, interval))

        try:
            await without(scope, receive, send_and_beat)
        finally:
            if beating is not None:
                beating.cancel()

    return irregular


async def _beat(send: Send, interval: float) -> None:
    for pause in cycle(_PAUSES):
        for comment in (_STILL_HERE, HEARTBEAT):
            await asyncio.sleep(pause * interval / 2)
            await send({"type": "http.response.body", "body": comment.encode(), "more_body": True})


def _late_events(app: ASGIApp, _core: Core) -> ASGIApp:
    """V21."""

    async def late(scope: Scope, receive: Receive, send: Send) -> None:
        if operation(scope) != "events":
            await app(scope, receive, send)
            return
        loop = asyncio.get_running_loop()
        due: asyncio.Queue[tuple[float, Message]] = asyncio.Queue()

        async def tell() -> None:
            while True:
                moment, message = await due.get()
                await asyncio.sleep(moment - loop.time())
                await send(message)

        async def put_off(message: Message) -> None:
            if b"event: " in message.get("body", b""):
                due.put_nowait((loop.time() + _LATE_SECONDS, message))
            else:
                await send(message)

        telling = asyncio.create_task(tell())
        try:
            await app(scope, receive, put_off)
        finally:
            telling.cancel()

    return late


def _stored(task: dict[str, Any]) -> None:
    """V22."""
    if task.get("status") == "succeeded":
        kept = range(len(task.pop("data", ())))
        task["images"] = [f"https://pictures.example/{task['id']}/{number}.png?signature=1" for number in kept]


def _answers(change: Callable[[Seen, Whole], None], *operations: str, status: Callable[[int], bool]) -> Wrapper:
    return lambda app, _core: changing_answers(app, when(*operations, status=status), change)


VARIATIONS: Final[dict[str, Wrapper]] = {
    "V10": _answers(_id_only, "submit", status=good),
    "V11": lambda app, _core: changing_task_answers(app, _running_at_once, "submit", "detail", "list"),
    "V12": lambda app, _core: changing_requests(app, lambda seen: operation(seen.scope) == "submit", _as_url),
    "V13": _with_ids,
    "V14": lambda app, _core: changing_events(app, lambda: _twice),
    "V15": _silent_stream,
    "V16": _cancelled_soon,
    "V17": _answers(_short_list, "list", status=good),
    "V18": _answers(_reason_as_type, "submit", status=bad),
    "V19": _answers(_naming_the_id, "detail", "cancel", status=bad),
    "V20": _irregular,
    "V21": _late_events,
    "V22": lambda app, _core: changing_tasks(app, _stored),
}
