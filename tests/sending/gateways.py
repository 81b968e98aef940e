"""Small gateways in a thread of their own, and scenarios that are conducted against them."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from llmapi_conformance.contract.operations import load_operations
from llmapi_conformance.evidence.journal import Journal
from llmapi_conformance.sending.conductor import Conductor
from llmapi_conformance.sending.plan import Plan, Step
from llmapi_conformance.sending.scenario import Cost, Instance, Scenario
from llmapi_conformance.sending.sender import Setting
from llmapi_conformance.target.keyring import Keyring
from llmapi_conformance.target.profile import PROFILES, Profile
from llmapi_conformance.target.target import Role, Target, TaskTerms, Timeouts
from llmapi_conformance.tree import tree
from tests.wire.servers import read_request

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from pathlib import Path

    from llmapi_conformance.evidence.results import ScenarioResult
    from llmapi_conformance.sending.session import Session

KEY = "key-0123456789abcdef"
ROLE = "image:batch"
EVENTS = "/v1/images/tasks/events"
STREAM_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
PROFILE = dataclasses.replace(PROFILES["gate"], retries=1, retry_pause=0.01)


@dataclass(frozen=True)
class Asked:
    """A request as a gateway saw it."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


def answer(status: int, body: object, *headers: str) -> bytes:
    """A whole JSON answer."""
    data = json.dumps(body).encode()
    lines = (f"HTTP/1.1 {status} X", "Content-Type: application/json", f"Content-Length: {len(data)}", *headers)
    return "\r\n".join((*lines, "Connection: close", "", "")).encode() + data


@contextlib.contextmanager
def running(handle: Callable[[Asked, asyncio.StreamWriter], Awaitable[None]]) -> Iterator[str]:
    """Serve on a free port; the base URL."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            head, _, body = (await read_request(reader)).partition(b"\r\n\r\n")
            line, *fields = head.decode().split("\r\n")
            method, path, _ = line.split(" ", 2)
            headers = {name.lower(): value for name, _, value in (field.partition(": ") for field in fields)}
            await handle(Asked(method, path, headers, body), writer)
        writer.close()

    async def start() -> asyncio.Server:
        return await asyncio.start_server(accept, "127.0.0.1", 0)

    async def stop() -> None:
        server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    server = asyncio.run_coroutine_threadsafe(start(), loop).result()
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        asyncio.run_coroutine_threadsafe(stop(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def target_at(url: str, **changes: Any) -> Target:
    """A target with one image key; its deadlines are those of a busy machine, a test of deadlines brings its own."""
    usual: dict[str, Any] = {
        "offers": frozenset({"tasks"}),
        "timeouts": Timeouts(20, 20, 20, 40),
        "tasks": TaskTerms(heartbeat=0.1, end=20.0),
    }
    return Target("here", url, {ROLE: Role(ROLE, ("gpt-image-2",))}, **{**usual, **changes})


def instance_of(function: Callable[[Session], Awaitable[Any]], name: str = "listens") -> Instance:
    return Instance(Scenario(name, "tasks", function, role=ROLE, cost=Cost(1)), {})


@contextlib.contextmanager
def conducting(path: Path, target: Target, profile: Profile = PROFILE) -> Iterator[Conductor]:
    """A conductor whose recording is at the path."""
    operations = load_operations(tree() / "specs")
    opening: dict[str, Any] = {"target": {"base_url": target.base_url}, "profile": "gate", "selection": {}}
    with Journal(path, tool_version="0", contract_digest="0", **opening) as journal:
        conductor = Conductor(Setting(target, Keyring({ROLE: KEY}), profile, operations, {}), journal)
        try:
            yield conductor
        finally:
            conductor.close()


def conducted(
    path: Path,
    target: Target,
    function: Callable[[Session], Awaitable[Any]],
    profile: Profile = PROFILE,
) -> tuple[ScenarioResult, Conductor]:
    """One scenario from start to end."""
    instance = instance_of(function)
    with conducting(path, target, profile) as conductor:
        conductor.begin(Plan((Step(instance, ""),)))
        result = conductor.result(instance)
    return result, conductor
