"""Where image tasks and their results are kept: an SQLite file, or memory."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import time
from typing import TYPE_CHECKING, Any, Final

from llmapi_conformance.reference.gateway.documents import compact
from llmapi_conformance.reference.gateway.tasks_state import Picture, Problem, Status, Task

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

# What a gateway is killed in the middle of is there afterwards: SQLite commits each of the changes below as a whole.
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS tasks (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    owner TEXT NOT NULL,
    status TEXT NOT NULL,
    model TEXT NOT NULL,
    n INTEGER NOT NULL,
    asked TEXT NOT NULL,
    as_url INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    started_at INTEGER,
    finished_at INTEGER,
    code TEXT,
    message TEXT
);
CREATE INDEX IF NOT EXISTS tasks_of_owner ON tasks (owner, status);
CREATE TABLE IF NOT EXISTS pictures (
    task TEXT NOT NULL,
    position INTEGER NOT NULL,
    media_type TEXT NOT NULL,
    content BLOB NOT NULL,
    PRIMARY KEY (task, position)
);
"""
_FIELDS: Final = "id, owner, status, model, n, asked, as_url, created_at, started_at, finished_at, code, message"


class TaskStore:
    """All tasks of one gateway. It belongs to one event loop; nothing in it waits.

    Args:
        file: The SQLite file, made if it isn't there; `:memory:` for none.

    Raises:
        sqlite3.Error: The file can't be opened, or is something else.
    """

    def __init__(self, file: str) -> None:
        self._db = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
        try:
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=NORMAL")
            self._db.executescript(_SCHEMA)
        except sqlite3.Error:
            self._db.close()
            raise

    def add(self, task: Task) -> None:
        """Keep a new task."""
        self._db.execute(
            "INSERT INTO tasks (id, owner, status, model, n, asked, as_url, created_at) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                task.id,
                task.owner,
                task.status.value,
                task.model,
                task.n,
                compact(task.asked),
                task.as_url,
                task.created_at,
            ),
        )

    def move(
        self,
        task_id: str,
        source: Iterable[Status],
        to: Status,
        *,
        pictures: Sequence[Picture] = (),
        problem: Problem | None = None,
    ) -> Task | None:
        """Bring a task from one of some states to another one, with its results or its problem, in one step.

        Returns:
            The task as it is now; None if it was in no such state, and nothing has changed.
        """
        states = [status.value for status in source]
        started = "NULL" if to is Status.QUEUED else ":now" if to is Status.RUNNING else "started_at"
        finished = "NULL" if to in (Status.QUEUED, Status.RUNNING) else ":now"
        known = ", ".join(f":s{index}" for index in range(len(states)))
        with self._transaction():
            changed = self._db.execute(
                f"UPDATE tasks SET status = :to, started_at = {started}, finished_at = {finished}, "  # noqa: S608 - our words
                f"code = :code, message = :message WHERE id = :id AND status IN ({known})",
                {
                    "to": to.value,
                    "now": int(time.time()),
                    "code": problem and problem.code,
                    "message": problem and problem.message,
                    "id": task_id,
                    **{f"s{index}": state for index, state in enumerate(states)},
                },
            )
            if changed.rowcount != 1:
                return None
            self._db.executemany(
                "INSERT OR REPLACE INTO pictures (task, position, media_type, content) VALUES (?, ?, ?, ?)",
                [(task_id, position, picture.media_type, picture.content) for position, picture in enumerate(pictures)],
            )
        return self.find(task_id)

    def find(self, task_id: str) -> Task | None:
        """Return the task of an id."""
        row = self._db.execute(f"SELECT {_FIELDS} FROM tasks WHERE id = ?", (task_id,)).fetchone()  # noqa: S608 - our words
        return None if row is None else _read(row)

    def of(self, owner: str, states: Iterable[Status] = tuple(Status)) -> list[Task]:
        """Return the tasks of an owner that are in one of some states, in the order of their submission."""
        wanted = [status.value for status in states]
        marks = ", ".join("?" * len(wanted))
        rows = self._db.execute(
            f"SELECT {_FIELDS} FROM tasks WHERE owner = ? AND status IN ({marks}) ORDER BY number",  # noqa: S608 - our words
            (owner, *wanted),
        )
        return [_read(row) for row in rows]

    def count(self, owner: str, status: Status) -> int:
        """Return how many tasks of an owner are in a state."""
        found = self._db.execute("SELECT count(*) FROM tasks WHERE owner = ? AND status = ?", (owner, status.value))
        return int(found.fetchone()[0])

    def pictures(self, task_id: str) -> list[Picture]:
        """Return the results of a task, in their order."""
        rows = self._db.execute("SELECT media_type, content FROM pictures WHERE task = ? ORDER BY position", (task_id,))
        return [Picture(media_type, content) for media_type, content in rows]

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    @contextlib.contextmanager
    def _transaction(self) -> Any:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")


def _read(row: tuple[Any, ...]) -> Task:
    *fields, code, message = row
    task_id, owner, status, model, n, asked, as_url, created_at, started_at, finished_at = fields
    return Task(
        id=task_id,
        owner=owner,
        status=Status(status),
        model=model,
        n=n,
        asked=json.loads(asked),
        as_url=bool(as_url),
        created_at=created_at,
        started_at=started_at,
        finished_at=finished_at,
        problem=None if code is None else Problem(code, message),
    )
