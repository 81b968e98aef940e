"""The decisions of the task machinery that could be taken otherwise."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from llmapi_conformance.reference.gateway.tasks_body import official_model
from llmapi_conformance.reference.gateway.tasks_state import ACTIVE, Status, Task, owner_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from llmapi_conformance.reference.gateway.keys import ApiKey
    from llmapi_conformance.reference.gateway.tasks_runner import Tasks
    from llmapi_conformance.reference.gateway.tasks_upstream import Drawn, Tokens


def _new_id() -> str:
    """32 hexadecimal digits that nobody can guess (F7.16)."""
    return secrets.token_hex(16)


def _once(_task: Task, ask: Callable[[], Awaitable[Drawn]]) -> Awaitable[Drawn]:
    """The upstream is asked once, and what it says is taken (F7.18)."""
    return ask()


def _success_only(status: Status, tokens: Tokens) -> tuple[Tokens, ...]:
    """A success is charged, once; no other end is."""
    return (tokens,) if status is Status.SUCCEEDED else ()


def _every_end(_task: Task) -> bool:
    return True


def _nothing(_tasks: Tasks, _owner: str) -> None:
    return


@dataclass(frozen=True, slots=True)
class Habits:
    """What the machinery does where it could do otherwise; the defaults are the contract.

    Attributes:
        new_id: Makes the id of a new task.
        model_named: The name that is kept for a model.
        cancellable: The states from which a task can be cancelled.
        shown_first: The states of the tasks that a new listener is told of (F7.25, F7.26).
        channel: Where the events of a key's tasks are told, and what a key's listeners hear (F7.24).
        draw: Gets the pictures of a task, by asking the upstream.
        keeps_end: Whether the end of a run is written down.
        charged: What is charged for a task that ended so.
        before_submit: Done before a key's task is kept.
    """

    new_id: Callable[[], str] = _new_id
    model_named: Callable[[str], str] = official_model
    cancellable: frozenset[Status] = ACTIVE
    shown_first: frozenset[Status] = ACTIVE
    channel: Callable[[ApiKey], str] = owner_of
    draw: Callable[[Task, Callable[[], Awaitable[Drawn]]], Awaitable[Drawn]] = _once
    keeps_end: Callable[[Task], bool] = _every_end
    charged: Callable[[Status, Tokens], tuple[Tokens, ...]] = _success_only
    before_submit: Callable[[Tasks, str], None] = _nothing
