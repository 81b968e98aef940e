"""An image task: its states, what is known of it, how it is shown (F7.16 to F7.19)."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from llmapi_conformance.reference.gateway.keys import ApiKey


class Status(StrEnum):
    """The states of a task (F7.17)."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    TIMEOUT = "timeout"
    CANCELED = "canceled"


ACTIVE: Final = frozenset({Status.QUEUED, Status.RUNNING})
_BEFORE: Final[Mapping[Status, frozenset[Status]]] = MappingProxyType(
    {
        Status.RUNNING: frozenset({Status.QUEUED}),
        Status.SUCCEEDED: frozenset({Status.RUNNING}),
        Status.FAILED: ACTIVE,
        Status.TIMEOUT: ACTIVE,
        Status.CANCELED: ACTIVE,
    }
)


def before(status: Status) -> frozenset[Status]:
    """Return the states from which a task goes to another one: forward only, and a final one never changes."""
    return _BEFORE[status]


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a task did not succeed: a word, and a sentence without an address, a key or the upstream's words."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Picture:
    """One result: the bytes and their media type."""

    media_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Task:
    """One task.

    Attributes:
        id: What clients name it by.
        owner: The key that it belongs to, as `owner_of` names it.
        status: Its state.
        model: The model.
        n: How many images were asked for.
        asked: The members of the request that make the question to the upstream.
        as_url: Results are shown as URLs instead of base64.
        created_at: When it was submitted, in unix seconds, like the two others.
        started_at: When it began to run.
        finished_at: When it came to its end.
        problem: Why it failed or took too long.
    """

    id: str
    owner: str
    status: Status
    model: str
    n: int
    asked: Mapping[str, Any]
    as_url: bool
    created_at: int
    started_at: int | None = None
    finished_at: int | None = None
    problem: Problem | None = None


def owner_of(key: ApiKey) -> str:
    """Return the name under which a key's tasks are kept: a digest, from which no key can be had."""
    return hashlib.sha256(b"image tasks of " + key.secret.encode()).hexdigest()


def document(task: Task, pictures: Sequence[Picture] | None = ()) -> dict[str, Any]:
    """Return the object that stands for a task in answers and events alike.

    Args:
        task: The task.
        pictures: Its results; None leaves them out.
    """
    shown: dict[str, Any] = {
        "id": task.id,
        "task_id": task.id,
        "object": "image.task",
        "status": task.status.value,
        "model": task.model,
        "n": task.n,
        "created_at": task.created_at,
    }
    if task.started_at is not None:
        shown["started_at"] = task.started_at
    if task.finished_at is not None:
        shown["finished_at"] = task.finished_at
    if task.status is Status.SUCCEEDED and pictures is not None:
        shown["data"] = list(_results(task, pictures))
    if task.problem is not None:
        shown["error"] = {"code": task.problem.code, "message": task.problem.message}
    return shown


def _results(task: Task, pictures: Sequence[Picture]) -> Iterable[dict[str, str]]:
    for position, picture in enumerate(pictures):
        if task.as_url:
            yield {"url": f"/v1/images/tasks/{task.id}/images/{position}"}
        else:
            yield {"b64_json": base64.b64encode(picture.content).decode()}
