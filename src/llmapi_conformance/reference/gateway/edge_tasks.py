"""Changing what passes of image tasks at the edge: which operation it is, and every task that is shown."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Any, Final

from starlette.datastructures import Headers, MutableHeaders

from llmapi_conformance.reference.gateway.auth import presented
from llmapi_conformance.reference.gateway.edge import (
    Seen,
    Whole,
    changing_answers,
    changing_streams,
    each_document,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from starlette.types import ASGIApp, Message, Scope

    from llmapi_conformance.reference.gateway.core import Core
    from llmapi_conformance.reference.gateway.keys import ApiKey
    from llmapi_conformance.reference.gateway.sse import Frame

_PATH: Final = re.compile(r"(?:/v1)?/images/tasks(?:/(?P<id>[^/]+)(?P<cancel>/cancel)?)?")
_OF_BODIES: Final = (b"content-length", b"content-type", b"transfer-encoding")
ACTIVE: Final = ("queued", "running")
FINAL: Final = ("succeeded", "failed", "timeout", "canceled")


def operation(scope: Scope) -> str | None:
    """Return `submit`, `list`, `events`, `detail` or `cancel`; None for whatever else a request is."""
    found = _PATH.fullmatch(scope["path"]) if scope["type"] == "http" else None
    if found is None:
        return None
    if found["cancel"]:
        return "cancel" if scope["method"] == "POST" else None
    if found["id"] is None:
        return {"POST": "submit", "GET": "list"}.get(scope["method"])
    if scope["method"] != "GET":
        return None
    return "events" if found["id"] == "events" else "detail"


def task_id(scope: Scope) -> str:
    """Return the id that a path names, an empty text if it names none."""
    found = _PATH.fullmatch(scope["path"])
    return (found["id"] or "") if found is not None else ""


def is_events(seen: Seen) -> bool:
    """Whether the request is one for events."""
    return operation(seen.scope) == "events"


def when(*operations: str, status: Callable[[int], bool]) -> Callable[[Seen, int], bool]:
    """Return the condition that an answer is one to some operations, with such a status."""
    return lambda seen, code: operation(seen.scope) in operations and status(code)


def good(status: int) -> bool:
    """Whether a status is one of success."""
    return status in (200, 202)


def bad(status: int) -> bool:
    """Whether a status is one of refusal."""
    return status >= 400


def key_in(scope: Scope, core: Core) -> ApiKey | None:
    """Return the key that a request presents; None if it is none."""
    shown = set(presented(Headers(scope=scope)))
    return core.keyring.find(shown.pop()) if len(shown) == 1 else None


def secret_in(scope: Scope) -> str:
    """Return the credential of a request, an empty text if there is none."""
    return next(iter(presented(Headers(scope=scope))), "")


def changing_task_answers(app: ASGIApp, change: Callable[[Seen, dict[str, Any]], None], *operations: str) -> ASGIApp:
    """Change in place each task that is shown by the answers to some operations."""

    def change_all(seen: Seen, answer: Whole) -> None:
        document = answer.json()
        for task in _tasks_in(seen, document):
            change(seen, task)
        answer.put(document)

    return changing_answers(app, when(*operations, status=good), change_all)


def _tasks_in(seen: Seen, document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if operation(seen.scope) == "list":
        yield from document.get("data") or ()
    elif document:
        yield document


def changing_tasks(app: ASGIApp, change: Callable[[dict[str, Any]], None]) -> ASGIApp:
    """Change in place each task that is shown, wherever that is: in answers and in events."""
    answers = changing_task_answers(app, lambda _seen, task: change(task), "submit", "list", "detail", "cancel")
    return changing_events(answers, lambda: each_document(change))


def changing_events(app: ASGIApp, new_change: Callable[[], Callable[[Frame], Iterable[Frame]]]) -> ASGIApp:
    """Change the frames of streams of task events."""
    return changing_streams(app, is_events, new_change)


async def ask_inside(app: ASGIApp, scope: Scope, method: str, path: str, secret: str | None = None) -> Whole:
    """Ask an application something on behalf of a request, or with another key."""
    headers = [pair for pair in scope["headers"] if pair[0].lower() not in _OF_BODIES]
    if secret is not None:
        headers = [pair for pair in headers if pair[0].lower() not in (b"authorization", b"x-goog-api-key")]
        headers = [pair for pair in headers if pair[0].lower() != b"x-api-key"]
        headers.append((b"x-api-key", secret.encode("latin-1")))
    inside = {**scope, "method": method, "path": path, "raw_path": path.encode(), "headers": headers, "state": {}}
    answer = Whole(0, MutableHeaders(), b"")
    asked = False

    async def receive() -> Message:
        nonlocal asked
        if asked:
            # Nobody leaves before the answer is there.
            await asyncio.Event().wait()
        asked = True
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            answer.status = message["status"]
            answer.headers = MutableHeaders(raw=list(message["headers"]))
        else:
            answer.body += message.get("body", b"")

    await app(inside, receive, send)
    return answer
