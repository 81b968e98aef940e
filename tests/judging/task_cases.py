"""Task exchanges that keep every rule, for tests that break one at a time; times are given, so orders can be told."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from llmapi_conformance.evidence.exchange import Ending
from tests.judging.build import JSON_HEADERS, exchange
from tests.judging.gemini_cases import broken, judged
from tests.judging.image_cases import log, pixels

if TYPE_CHECKING:
    from collections.abc import Iterable

    from llmapi_conformance.evidence.exchange import Exchange

__all__ = (
    "EVENT",
    "ID",
    "OTHER_ID",
    "bad",
    "broken",
    "canceling",
    "detail",
    "ended",
    "judged",
    "listed",
    "listener",
    "log",
    "pixels",
    "submitted",
    "task",
    "unknown",
)
ID = "8b17fd33b0e947a08cb417e81e9ea9da"
OTHER_ID = "5f0c1a7e3d9b4c62a8e4f1b2c3d4e5f6"
EVENT = "image_task.updated"
HEARTBEAT = "heartbeat"
CREATED = 1_790_000_000
ROLE = "image:batch"
SUBMITTED: dict[str, Any] = {"model": "gpt-image-2", "prompt": "@upstream nonce=n1\na bottle", "size": "1024x1024"}


def task(status: str = "queued", task_id: str = ID, **changes: Any) -> dict[str, Any]:
    """A task object; a member given as ``None`` is left out."""
    whole = {
        "id": task_id,
        "task_id": task_id,
        "object": "image.task",
        "status": status,
        "model": "gpt-image-2",
        "n": 1,
        "created_at": CREATED,
    }
    return {name: value for name, value in (whole | changes).items() if value is not None}


def ended(status: str = "succeeded", task_id: str = ID, **changes: Any) -> dict[str, Any]:
    """A task in a final state, with images or with an error as that state asks for."""
    more: dict[str, Any] = {"started_at": CREATED + 1, "finished_at": CREATED + 2}
    if status == "succeeded":
        more["data"] = [{"b64_json": pixels()} for _ in range(changes.get("n") or 1)]
    elif status != "canceled":
        more["error"] = {"code": "upstream_error", "message": "The image could not be made."}
    return task(status, task_id, **(more | changes))


def submitted(body: Any = None, asked: Any = None, *, at: float = 0.0, **extra: Any) -> Exchange:
    """A submission and its 202.

    Args:
        body: The answer; a queued task when omitted.
        asked: The request's body.
        at: Unix time in seconds at which it was sent; the answer is there 0.1 s later.
        extra: As ``build.exchange`` takes them, and ``label``.
    """
    given: dict[str, Any] = {
        "operation": "submitImageTask",
        "path": "/v1/images/tasks",
        "status": 202,
        "role": ROLE,
        "request_json": SUBMITTED if asked is None else asked,
    } | extra
    return _placed(given, task() if body is None else body, at)


def detail(body: Any = None, *, task_id: str = ID, at: float = 0.0, **extra: Any) -> Exchange:
    """A reading of a task; ``at`` as in ``submitted``."""
    given: dict[str, Any] = {
        "operation": "getImageTask",
        "method": "GET",
        "path": f"/v1/images/tasks/{task_id}",
        "role": ROLE,
        "request_headers": (),
    } | extra
    return _placed(given, task(task_id=task_id) if body is None else body, at)


def canceling(body: Any = None, *, task_id: str = ID, at: float = 0.0, **extra: Any) -> Exchange:
    """A cancelling of a task; ``at`` as in ``submitted``."""
    given: dict[str, Any] = {
        "operation": "cancelImageTask",
        "path": f"/v1/images/tasks/{task_id}/cancel",
        "role": ROLE,
        "request_headers": (),
    } | extra
    return _placed(given, task("canceled", task_id) if body is None else body, at)


def listed(*tasks: Any, body: Any = None, at: float = 0.0, **extra: Any) -> Exchange:
    """A list; of no tasks unless some are given; ``at`` as in ``submitted``."""
    given: dict[str, Any] = {
        "operation": "listImageTasks",
        "method": "GET",
        "path": "/v1/images/tasks",
        "role": ROLE,
        "request_headers": (),
    } | extra
    return _placed(given, {"object": "list", "data": list(tasks), "has_more": False} if body is None else body, at)


def listener(*told: Any, at: float = 0.0, ending: Ending = Ending.LEFT, left: float = 0.0, **extra: Any) -> Exchange:
    """A stream of events, left by its listener unless it ends otherwise.

    Args:
        told: What arrived, in order: a task object (an event); a text (a comment); ``(name, data)`` (an event of
            another name, data being JSON or a literal text); bytes as they are. Each arrives 0.1 s after the one
            before; ``(seconds, one of these)`` says when it arrived instead, in seconds after the request.
        at: Unix time in seconds at which it was asked for.
        ending: How it ended.
        left: Seconds after the request at which it ended; when the last thing arrived, if that is later.
        extra: As ``build.exchange`` takes them, and ``label``.
    """
    given: dict[str, Any] = {
        "operation": "streamImageTaskEvents",
        "method": "GET",
        "path": "/v1/images/tasks/events",
        "mode": "stream",
        "role": ROLE,
        "request_headers": (),
        "ending": ending,
    } | extra
    chunks = list(_arriving(told))
    made = _placed(given | ({"chunks": chunks} if chunks else {}), b"", at)
    if made.response is None or left <= made.response.ended_at:
        return made
    return replace(made, response=replace(made.response, ended_at=left))


def bad(
    status: int = 400, code: str = "IMAGE_TASK_INVALID_REQUEST", message: str = "no", **extra: Any
) -> dict[str, Any]:
    """Status and body of a refusal, to be given to any of the builders: ``submitted(**bad(400))``."""
    return {
        "status": status,
        "body": {"error": {"type": "invalid_request_error", "code": code, "message": message}},
        "headers": JSON_HEADERS,
    } | extra


def unknown(task_id: str = OTHER_ID) -> dict[str, Any]:
    """Status and body for an id that nobody has, which it quotes."""
    return bad(404, "not_found", f"There is no task {task_id}.")


def _arriving(told: Iterable[Any]) -> Iterable[tuple[float, bytes]]:
    now = 0.0
    for one in told:
        timed = isinstance(one, tuple) and isinstance(one[0], int | float)
        now, what = one if timed else (now + 0.1, one)
        yield now, _bytes_of(what)


def _bytes_of(what: Any) -> bytes:
    if isinstance(what, bytes):
        return what
    if isinstance(what, str):
        return f": {what}\n\n".encode()
    name, data = what if isinstance(what, tuple) else (EVENT, what)
    text = data if isinstance(data, str) else json.dumps(data)
    return ((f"event: {name}\n" if name else "") + f"data: {text}\n\n").encode()


def _placed(given: dict[str, Any], body: Any, at: float) -> Exchange:
    label = given.pop("label", "")
    made = exchange(**({"body": body} | given))
    return replace(made, started_at=at, label=label)
