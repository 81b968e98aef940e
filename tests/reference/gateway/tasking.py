"""How the tests submit, read and follow image tasks."""

from __future__ import annotations

import base64
import contextlib
import io
import json
import secrets
import time
from typing import TYPE_CHECKING, Any

from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import httpx2

BATCH, SECOND, OTHER = "image:batch", "image:batch+second_key", "image:batch+other_tenant"
TASKS, EVENTS = "/v1/images/tasks", "/v1/images/tasks/events"
FINAL = ("succeeded", "failed", "timeout", "canceled")
NOBODY = "0" * 32
_PATIENCE = 40.0


class Client:
    """One key in front of one gateway."""

    def __init__(self, site: Any, key: str | None = None, role: str = BATCH) -> None:
        """Take a key, or a fresh one of a role."""
        self.site = site
        self.key = key or site.key(role)
        self.headers = {"authorization": f"Bearer {self.key}"}

    def post(self, path: str, body: Any = None) -> httpx2.Response:
        answer: httpx2.Response = self.site.client.post(path, headers=self.headers, json=body)
        return answer

    def get(self, path: str) -> httpx2.Response:
        answer: httpx2.Response = self.site.client.get(path, headers=self.headers)
        return answer

    def ask(self, prompt: str = "a cup", **fields: Any) -> httpx2.Response:
        """Submit a task; members that are None are left out."""
        body = {"prompt": prompt, "size": "64x64", **fields}
        return self.post(TASKS, {name: value for name, value in body.items() if value is not None})

    def submit(self, prompt: str = "a cup", **fields: Any) -> str:
        """Submit a task and return its id."""
        answer = self.ask(prompt, **fields)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["task_id"])

    def read(self, task_id: str) -> Any:
        return self.get(f"{TASKS}/{task_id}").json()

    def status(self, task_id: str) -> str:
        return str(self.read(task_id).get("status"))

    def until(self, task_id: str, *states: str) -> Any:
        """Poll until the task is in one of some states; without any, in a final one."""
        end = time.monotonic() + _PATIENCE
        while time.monotonic() < end:
            task = self.read(task_id)
            if task.get("status") in (states or FINAL):
                return task
            time.sleep(0.01)
        raise AssertionError(f"the task is {task.get('status')}, not {states or FINAL}")

    def ended(self, prompt: str = "a cup", **fields: Any) -> Any:
        """Submit a task and return it when it has ended."""
        return self.until(self.submit(prompt, **fields))

    def cancel(self, task_id: str) -> httpx2.Response:
        return self.post(f"{TASKS}/{task_id}/cancel")

    def list(self) -> Any:
        return self.get(TASKS).json()["data"]

    def booked(self) -> tuple[int, int, int]:
        """Requests, input tokens and output tokens in the key's books."""
        total = self.site.usage(self.key)["usage"]["total"]
        return total["requests"], total["input_tokens"], total["output_tokens"]

    @contextlib.contextmanager
    def held(self, **fields: Any) -> Iterator[str]:
        """A task that runs, or waits, until the block ends."""
        token = fresh("hold")
        try:
            yield self.submit(f"@upstream hold-until={token} nonce={token}\na cup", **fields)
        finally:
            self.site.release(token)

    @contextlib.contextmanager
    def following(self, path: str = EVENTS) -> Iterator[Follower]:
        with self.site.client.stream("GET", path, headers=self.headers) as answer:
            assert answer.status_code == 200
            yield Follower(answer)


class Follower:
    """A stream of task events that is being read."""

    def __init__(self, answer: httpx2.Response) -> None:
        self.answer = answer
        self.tasks: list[Any] = []
        self.names: list[str] = []
        self.comments: list[float] = []
        self.text = ""
        self._pieces = answer.iter_text()

    def read(self, until: Callable[[Follower], object]) -> None:
        """Read on until something is so; heartbeats see to it that reading goes on."""
        end = time.monotonic() + _PATIENCE
        while not until(self):
            assert time.monotonic() < end, self.text[-2000:]
            self._take(next(self._pieces))

    def until(self, task_id: str, *states: str) -> Any:
        """Read until a task is told to be in one of some states; return it."""
        self.read(lambda follower: any(state in (states or FINAL) for state in follower.states(task_id)))
        return next(
            task for task in reversed(self.tasks) if task["id"] == task_id and task["status"] in (states or FINAL)
        )

    def beats(self, more: int) -> None:
        """Read until some further heartbeats have come; those that lay unread on a busy machine are not enough."""
        wanted, began = len(self.comments) + more, time.monotonic()
        self.read(lambda follower: len(follower.comments) >= wanted and time.monotonic() - began > 0.2 * more)

    def states(self, task_id: str) -> list[str]:
        return [task["status"] for task in self.tasks if task["id"] == task_id]

    def _take(self, piece: str) -> None:
        self.text += piece
        *blocks, rest = self.text[self._taken :].split("\n\n")
        self._taken = len(self.text) - len(rest)
        for block in blocks:
            if block.startswith(":"):
                self.comments.append(time.monotonic())
                continue
            fields = [line.partition(": ")[::2] for line in block.split("\n")]
            self.names.append(dict(fields).get("event", ""))
            self.tasks.append(json.loads("\n".join(value for name, value in fields if name == "data")))

    _taken = 0


def fresh(word: str) -> str:
    """A token that nobody else has."""
    return f"{word}-{secrets.token_hex(6)}"


def sizes(task: Any) -> list[tuple[int, int]]:
    """The sizes of the pictures that a task holds."""
    return [Image.open(io.BytesIO(base64.b64decode(item["b64_json"], validate=True))).size for item in task["data"]]


def upstream_requests(site: Any, nonce: str) -> list[Any]:
    return list(site.upstream_saw(nonce))
