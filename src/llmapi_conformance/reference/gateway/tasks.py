"""Asynchronous image tasks: submitting, reading, listing, cancelling, following them (F7.1 to F7.31)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

from starlette.responses import Response
from starlette.routing import Route

from llmapi_conformance.reference.gateway.access import Access, Denial, admit
from llmapi_conformance.reference.gateway.answers import NO_STORE, json_answer
from llmapi_conformance.reference.gateway.bodies import read_object
from llmapi_conformance.reference.gateway.core import core_of
from llmapi_conformance.reference.gateway.refusals import Refusal
from llmapi_conformance.reference.gateway.tasks_body import INVALID_REQUEST, wanted
from llmapi_conformance.reference.gateway.tasks_feed import TaskEvents
from llmapi_conformance.reference.gateway.tasks_runner import QueueFullError

if TYPE_CHECKING:
    from starlette.requests import Request

    from llmapi_conformance.reference.gateway.keys import Platform

_RETRY_AFTER_SECONDS: Final = 5
_GENERAL: Final[tuple[Platform, ...]] = ("openai", "anthropic", "gemini", "antigravity")
_SUBMITTING: Final = Access(denied=dict.fromkeys(_GENERAL, Denial.NO_TASKS))
# What is there already can be read, followed and cancelled without a balance: it costs nothing.
_ACCESS: Final = Access(denied=dict.fromkeys(_GENERAL, Denial.NO_TASKS), metered=False)


async def submit(request: Request) -> Response:
    """Take a task and answer at once."""
    key = admit(request, _SUBMITTING)
    tasks = core_of(request).tasks
    try:
        asked = wanted(await read_object(request), tasks.settings.most_images)
    except Refusal as refusal:
        if refusal.status == 400 and refusal.code is None:
            refusal.code = INVALID_REQUEST
        raise
    try:
        return _answer(tasks.submit(key, asked), 202)
    except QueueFullError:
        raise Refusal(
            429,
            f"The task queue of this key is full: {tasks.settings.waiting} tasks are waiting",
            code="IMAGE_TASK_QUEUE_FULL",
            headers={"retry-after": str(_RETRY_AFTER_SECONDS)},
        ) from None


async def list_tasks(request: Request) -> Response:
    """Answer with the key's tasks, newest first; their results are read one by one."""
    key = admit(request, _ACCESS)
    return _answer({"object": "list", "data": core_of(request).tasks.of(key), "has_more": False})


async def events(request: Request) -> Response:
    """Follow the key's tasks."""
    key = admit(request, _ACCESS)
    tasks = core_of(request).tasks
    return TaskEvents(partial(tasks.listening, key), tasks.settings.heartbeat_seconds)


async def detail(request: Request) -> Response:
    """Read one task."""
    return _answer(_found(request))


async def picture(request: Request) -> Response:
    """Read one result of a task."""
    key = admit(request, _ACCESS)
    pictures = core_of(request).tasks.pictures(key, request.path_params["task_id"])
    position = request.path_params["position"]
    if position >= len(pictures):
        raise _unknown()
    found = pictures[position]
    return Response(found.content, media_type=found.media_type, headers=NO_STORE)


async def cancel(request: Request) -> Response:
    """Cancel a task that has not come to its end."""
    _found(request)
    task_id = request.path_params["task_id"]
    if not core_of(request).tasks.cancel(request.state.api_key, task_id):
        raise Refusal(409, "The task has finished already and can't be cancelled", kind="conflict_error")
    return _answer(_found(request))


def _found(request: Request) -> dict[str, Any]:
    """Return the task that a path names; another key's is as unknown as one that never was."""
    key = admit(request, _ACCESS)
    task = core_of(request).tasks.find(key, request.path_params["task_id"])
    if task is None:
        raise _unknown()
    return task


def _unknown() -> Refusal:
    return Refusal(404, "There is no such task", kind="not_found_error")


def _answer(document: dict[str, Any], status: int = 200) -> Response:
    return json_answer(document, status, NO_STORE)


_TASKS: Final = "/v1/images/tasks"
# The path of the events stands before that of a task, whose id it must never be (F4.6).
ROUTES: Final = (
    Route(_TASKS, submit, methods=["POST"]),
    Route(_TASKS, list_tasks, methods=["GET"]),
    Route(f"{_TASKS}/events", events, methods=["GET"]),
    Route(f"{_TASKS}/{{task_id}}", detail, methods=["GET"]),
    Route(f"{_TASKS}/{{task_id}}/cancel", cancel, methods=["POST"]),
    Route(f"{_TASKS}/{{task_id}}/images/{{position:int}}", picture, methods=["GET"]),
)
