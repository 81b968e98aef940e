"""The machinery of image tasks: places, runs, ends, cancelling, restart. Each change is written before it is told."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from llmapi_conformance.reference.gateway.tasks_feed import Feed
from llmapi_conformance.reference.gateway.tasks_state import ACTIVE, Problem, Status, Task, before, document, owner_of
from llmapi_conformance.reference.gateway.tasks_upstream import Drawn, Tokens, drawn_by_upstream
from llmapi_conformance.reference.gateway.upstream_client import UpstreamFailure

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from contextlib import AbstractContextManager

    from llmapi_conformance.reference.gateway.keys import ApiKey
    from llmapi_conformance.reference.gateway.ledger import Ledger
    from llmapi_conformance.reference.gateway.settings import TaskSettings
    from llmapi_conformance.reference.gateway.tasks_body import Wanted
    from llmapi_conformance.reference.gateway.tasks_feed import Listener
    from llmapi_conformance.reference.gateway.tasks_habits import Habits
    from llmapi_conformance.reference.gateway.tasks_state import Picture
    from llmapi_conformance.reference.gateway.tasks_store import TaskStore
    from llmapi_conformance.reference.gateway.upstream_client import Upstream

_NOTHING: Final = Drawn((), Tokens())


class QueueFullError(Exception):
    """So many tasks of the key wait already that another one can't."""


class Tasks:
    """All image tasks of one gateway. It belongs to one event loop, and what does not wait can't be interrupted."""

    def __init__(
        self, settings: TaskSettings, store: TaskStore, upstream: Upstream, ledger: Ledger, habits: Habits
    ) -> None:
        self.settings = settings
        self._store = store
        self._upstream = upstream
        self._ledger = ledger
        self._habits = habits
        self._feed = Feed()
        self._keys: dict[str, ApiKey] = {}
        self._runs: dict[str, dict[str, asyncio.Task[None]]] = defaultdict(dict)
        self._closing = False

    def resume(self, keys: Iterable[ApiKey]) -> None:
        """Go on with what an earlier gateway left behind for some keys.

        A task that was running is asked of the upstream again and stays running. Tasks of keys that are not here wait
        in the store.
        """
        for key in keys:
            owner = self._known(key)
            for task in self._store.of(owner, (Status.RUNNING,)):
                self._start(task)
            self._fill(owner)

    def submit(self, key: ApiKey, wanted: Wanted) -> dict[str, Any]:
        """Keep a new task, and start it if a place is free.

        Returns:
            The task as it was accepted.

        Raises:
            QueueFullError: It would have to wait, and there is no room.
        """
        owner = self._known(key)
        self._habits.before_submit(self, owner)
        if self._store.count(owner, Status.QUEUED) >= self.settings.waiting and not self._free(owner):
            raise QueueFullError
        task = Task(
            id=self._habits.new_id(),
            owner=owner,
            status=Status.QUEUED,
            model=self._habits.model_named(wanted.model),
            n=wanted.n,
            asked=wanted.asked,
            as_url=wanted.as_url,
            created_at=int(time.time()),
        )
        self._store.add(task)
        self._tell(task)
        self._fill(owner)
        return document(task)

    def find(self, key: ApiKey, task_id: str) -> dict[str, Any] | None:
        """Return a task of a key; None: the key has no such task."""
        task = self._store.find(task_id)
        return self._shown(task) if task is not None and task.owner == owner_of(key) else None

    def pictures(self, key: ApiKey, task_id: str) -> Sequence[Picture]:
        """Return the results of a key's task; none: it has no such task, or no results."""
        task = self._store.find(task_id)
        if task is None or task.owner != owner_of(key) or task.status is not Status.SUCCEEDED:
            return ()
        return self._store.pictures(task_id)

    def of(self, key: ApiKey) -> list[dict[str, Any]]:
        """Return the tasks of a key, newest first, without their results."""
        return [document(task, None) for task in reversed(self._store.of(owner_of(key)))]

    def in_state(self, owner: str, status: Status) -> list[Task]:
        """Return the tasks of an owner that are in a state, in the order of their submission."""
        return self._store.of(owner, (status,))

    def cancel(self, key: ApiKey, task_id: str) -> bool:
        """Cancel a task of a key, and with it what the upstream is doing for it.

        Returns:
            Whether it was cancelled; if not, its end came first.
        """
        moved = self.move(task_id, self._habits.cancellable, Status.CANCELED)
        if moved is None:
            return False
        run = self._runs[self._known(key)].get(task_id)
        if run is not None:
            run.cancel()
        return True

    def listening(self, key: ApiKey) -> AbstractContextManager[Listener]:
        """Listen to the events of a key's tasks; the active ones are told first."""
        first = self._store.of(self._known(key), self._habits.shown_first)
        return self._feed.listening(self._habits.channel(key), [self._shown(task) for task in first])

    def move(
        self,
        task_id: str,
        source: Iterable[Status],
        to: Status,
        *,
        pictures: Sequence[Picture] = (),
        problem: Problem | None = None,
    ) -> Task | None:
        """Bring a task from one of some states to another one, and tell it.

        Returns:
            The task as it is now; None if it was in no such state.
        """
        task = self._store.move(task_id, source, to, pictures=pictures, problem=problem)
        if task is not None:
            self._tell(task)
        return task

    async def aclose(self) -> None:
        """Stop working; every task stays in the store as it is."""
        self._closing = True
        runs = [run for runs in self._runs.values() for run in runs.values()]
        for run in runs:
            run.cancel()
        await asyncio.gather(*runs, return_exceptions=True)
        self._store.close()

    def _known(self, key: ApiKey) -> str:
        owner = owner_of(key)
        self._keys[owner] = key
        return owner

    def _shown(self, task: Task) -> dict[str, Any]:
        return document(task, self._store.pictures(task.id) if task.status is Status.SUCCEEDED else ())

    def _tell(self, task: Task) -> None:
        self._feed.tell(self._habits.channel(self._keys[task.owner]), self._shown(task))

    def _free(self, owner: str) -> int:
        return self.settings.running - len(self._runs[owner])

    def _fill(self, owner: str) -> None:
        """Start the tasks of an owner that have waited longest, as far as places are free."""
        if self._closing or self._free(owner) <= 0:
            return
        for task in self._store.of(owner, (Status.QUEUED,))[: self._free(owner)]:
            running = self.move(task.id, before(Status.RUNNING), Status.RUNNING)
            if running is not None:
                self._start(running)

    def _start(self, task: Task) -> None:
        run = asyncio.create_task(self._run(task))
        self._runs[task.owner][task.id] = run
        run.add_done_callback(partial(self._ended, task))

    def _ended(self, task: Task, run: asyncio.Task[None]) -> None:
        if self._runs[task.owner].get(task.id) is run:
            del self._runs[task.owner][task.id]
        self._fill(task.owner)

    async def _run(self, task: Task) -> None:
        started = time.monotonic()
        try:
            drawn = await self._habits.draw(task, partial(self._drawn, task))
        except UpstreamFailure as failure:
            late = failure.status == 504
            problem = Problem("timeout" if late else "upstream_error", failure.message)
            self._end(task, Status.TIMEOUT if late else Status.FAILED, started, problem=problem)
        else:
            self._end(task, Status.SUCCEEDED, started, drawn)

    async def _drawn(self, task: Task) -> Drawn:
        try:
            async with asyncio.timeout(self.settings.timeout_seconds):
                return await drawn_by_upstream(self._upstream, task)
        except TimeoutError:
            raise UpstreamFailure(504, "The task took longer than a task may") from None
        except UpstreamFailure:
            raise
        except Exception:  # noqa: BLE001 - whatever an upstream makes us stumble over, a task comes to an end
            raise UpstreamFailure(502, "The task could not be carried out") from None

    def _end(
        self,
        task: Task,
        status: Status,
        started: float,
        drawn: Drawn = _NOTHING,
        *,
        problem: Problem | None = None,
    ) -> None:
        if not self._habits.keeps_end(task):
            return
        ended = self.move(task.id, before(status) & ACTIVE, status, pictures=drawn.pictures, problem=problem)
        if ended is None:
            return
        key = self._keys[task.owner]
        for tokens in self._habits.charged(status, drawn.tokens):
            milliseconds = (time.monotonic() - started) * 1000
            self._ledger.record(key, ended.model, tokens.input, tokens.output, milliseconds)
