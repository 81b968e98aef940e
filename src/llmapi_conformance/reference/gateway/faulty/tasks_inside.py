"""Faults of image tasks that lie in the machinery itself: other habits than those of the contract."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from itertools import count
from typing import TYPE_CHECKING, Final

from llmapi_conformance.reference.gateway.tasks_habits import Habits
from llmapi_conformance.reference.gateway.tasks_state import Status
from llmapi_conformance.reference.gateway.tasks_upstream import Drawn, Tokens
from llmapi_conformance.reference.gateway.upstream_client import UpstreamFailure

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from llmapi_conformance.reference.gateway.tasks_runner import Tasks
    from llmapi_conformance.reference.gateway.tasks_state import Task

    Ask = Callable[[], Awaitable[Drawn]]

_STUCK: Final = 8
_OTHERS_RESULT_SECONDS: Final = 0.5
_SOME_TOKENS: Final = Tokens(10, 1000)


def _some_never_end() -> Habits:
    """M34: the end of every eighth run of a key is not written down."""
    ends: Counter[str] = Counter()

    def keeps_end(task: Task) -> bool:
        ends[task.owner] += 1
        return ends[task.owner] % _STUCK != 0

    return Habits(keeps_end=keeps_end)


def _failure_charged(status: Status, tokens: Tokens) -> tuple[Tokens, ...]:
    """B1."""
    return {Status.SUCCEEDED: (tokens,), Status.FAILED: (_SOME_TOKENS,)}.get(status, ())


def _charged_twice(status: Status, tokens: Tokens) -> tuple[Tokens, ...]:
    """TK33."""
    return (tokens, tokens) if status is Status.SUCCEEDED else ()


class _Swap:
    """Two tasks that run at once, and what each of them draws."""

    def __init__(self, first: Task) -> None:
        self.tasks = [first]
        self.results: dict[str, asyncio.Future[Drawn | None]] = {}

    def fits(self, task: Task) -> bool:
        """Whether a task can be the other one."""
        (first,) = self.tasks
        return (first.owner, first.model, first.n) == (task.owner, task.model, task.n)

    def result(self, task: Task) -> asyncio.Future[Drawn | None]:
        """Return where a task's own result is put; None stands for none."""
        return self.results.setdefault(task.id, asyncio.get_running_loop().create_future())

    async def others(self, task: Task) -> Drawn | None:
        """Return the other task's result, if it comes soon."""
        other = next((one for one in self.tasks if one.id != task.id), None)
        if other is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_OTHERS_RESULT_SECONDS):
                    return await asyncio.shield(self.result(other))
        return None


def _swapped() -> Habits:
    """TK09."""
    alone: dict[str, _Swap] = {}

    async def draw(task: Task, ask: Ask) -> Drawn:
        swap = alone.get(task.owner)
        if swap is not None and swap.fits(task):
            swap.tasks.append(task)
            del alone[task.owner]
        else:
            swap = alone[task.owner] = _Swap(task)
        mine = swap.result(task)
        try:
            drawn = await ask()
            mine.set_result(drawn)
            return await swap.others(task) or drawn
        finally:
            if not mine.done():
                mine.set_result(None)
            if alone.get(task.owner) is swap:
                del alone[task.owner]

    return Habits(draw=draw)


async def _tried_again(_task: Task, ask: Ask) -> Drawn:
    """TK30."""
    try:
        return await ask()
    except UpstreamFailure as failure:
        if failure.status == 504:
            raise
    return await ask()


async def _one_picture(_task: Task, ask: Ask) -> Drawn:
    """TK31."""
    drawn = await ask()
    return Drawn(drawn.pictures[:1], drawn.tokens)


async def _empty_success(_task: Task, ask: Ask) -> Drawn:
    """TK35."""
    try:
        return await ask()
    except UpstreamFailure as failure:
        if failure.status == 504:
            raise
    return Drawn((), Tokens())


def _counted() -> Habits:
    """TK23."""
    numbers = count(1)
    return Habits(new_id=lambda: f"{next(numbers):032x}")


def _revive(tasks: Tasks, owner: str) -> None:
    """TK26: the task of the key that was cancelled last comes back."""
    for task in tasks.in_state(owner, Status.CANCELED)[-1:]:
        tasks.move(task.id, {Status.CANCELED}, Status.QUEUED)


HABITS: Final[dict[str, Callable[[], Habits]]] = {
    "M34": _some_never_end,
    "M35": lambda: Habits(cancellable=frozenset(Status)),
    "B1": lambda: Habits(charged=_failure_charged),
    "TK02": lambda: Habits(channel=lambda key: key.tenant),
    "TK08": lambda: Habits(shown_first=frozenset(Status)),
    "TK09": _swapped,
    "TK16": lambda: Habits(model_named=lambda name: name),
    "TK20": lambda: Habits(shown_first=frozenset()),
    "TK23": _counted,
    "TK26": lambda: Habits(before_submit=_revive),
    "TK30": lambda: Habits(draw=_tried_again),
    "TK31": lambda: Habits(draw=_one_picture),
    "TK33": lambda: Habits(charged=_charged_twice),
    "TK35": lambda: Habits(draw=_empty_success),
    "TK45": lambda: Habits(cancellable=frozenset({Status.RUNNING})),
}
