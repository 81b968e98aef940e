"""The stream of task events: snapshots, changes, heartbeats, listeners."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from itertools import pairwise
from typing import Any

import pytest

from llmapi_conformance.reference.gateway import TaskSettings
from llmapi_conformance.reference.gateway.middleware import until_client_goes
from llmapi_conformance.reference.gateway.tasks_feed import Feed, TaskEvents
from tests.reference.gateway.tasking import BATCH, EVENTS, OTHER, SECOND, TASKS, Client, fresh

PATHS = (EVENTS, EVENTS.removeprefix("/v1"))


@pytest.mark.parametrize("path", PATHS)
def test_each_change_of_a_task_is_an_event(site: Any, path: str) -> None:
    client = Client(site)
    with client.following(path) as follower:
        assert follower.answer.headers["content-type"].startswith("text/event-stream")
        assert follower.answer.headers["cache-control"] == "no-store"
        ids = [client.submit(text) for text in ("@upstream delay=50ms\nx", "@upstream status=500\nx")]
        ids.append(client.submit("@upstream status=504\nx"))
        ids.append(client.submit("@upstream delay=9000ms\nx"))
        follower.until(ids[3], "running")
        client.cancel(ids[3])
        ends = [follower.until(task_id) for task_id in ids]
    assert [task["status"] for task in ends] == ["succeeded", "failed", "timeout", "canceled"]
    for task_id, end in zip(ids, ends, strict=True):
        assert follower.states(task_id) == ["queued", "running", end["status"]]
        assert end == client.read(task_id)
    assert set(follower.names) == {"image_task.updated"}
    assert all(line.startswith(("event: ", "data: {", ": ")) for line in follower.text.split("\n") if line)


def test_snapshots_are_of_active_tasks_and_come_first(site: Any) -> None:
    client = Client(site)
    done = client.ended()["id"]
    with client.held() as first, client.held() as second, client.held() as third:
        client.until(first, "running")
        client.until(second, "running")
        with client.following() as follower:
            follower.beats(2)
            shown = [(task["id"], task["status"]) for task in follower.tasks]
            assert shown == [(first, "running"), (second, "running"), (third, "queued")]
            assert follower.tasks[0] == client.read(first)
            assert done not in follower.text
    client.until(third)
    with client.following() as follower:
        follower.beats(2)
        assert follower.tasks == []


def test_every_listener_hears_everything_and_one_that_leaves_changes_nothing(site: Any) -> None:
    client = Client(site)
    with client.following() as first, client.following() as second:
        task_id = client.submit("@upstream delay=200ms\nx")
        with client.following() as late:
            late.until(task_id, "running")
        for follower in (first, second):
            follower.until(task_id)
            assert follower.states(task_id) == ["queued", "running", "succeeded"]
    assert client.status(task_id) == "succeeded"


@pytest.mark.parametrize("role", [SECOND, OTHER])
def test_events_are_of_the_key_alone(site: Any, role: str) -> None:
    mine, theirs = (Client(site, site.gateway.keys[name]) for name in (BATCH, role))
    with theirs.following() as follower, mine.held() as task_id:
        mine.until(task_id, "running")
        with theirs.following() as late:
            late.beats(2)
        follower.beats(2)
    mine.until(task_id)
    follower_text = follower.text + late.text
    assert task_id not in follower_text


def test_the_heartbeat_is_regular_whatever_else_is_sent(site: Any) -> None:
    client = Client(site)
    with client.following() as follower:
        started = time.monotonic()
        for _ in range(3):
            follower.until(client.submit())
        follower.beats(max(1, 6 - len(follower.comments)))
        spent = time.monotonic() - started
    assert ": heartbeat\n\n" in follower.text
    stood_still = max(later - earlier for earlier, later in pairwise(follower.comments))  # perhaps, on a busy machine
    assert (spent - stood_still) / 0.2 - 2 <= len(follower.comments) <= spent / 0.2 + 1


def test_nothing_is_lost_or_doubled_when_a_listener_comes_in_between(site: Any) -> None:
    """A listener that comes at any moment sees each task from its snapshot on, each state once."""
    client = Client(site)
    ids: list[str] = []

    def submit() -> None:
        ids.extend(client.submit("@upstream delay=5ms\nx") for _ in range(8))

    thread = threading.Thread(target=submit)
    thread.start()
    for _ in range(6):
        with client.following() as follower:
            last = client.submit()
            follower.until(last)
        for task_id in {task["id"] for task in follower.tasks}:
            order = [["queued", "running", "succeeded"].index(state) for state in follower.states(task_id)]
            assert order == list(range(order[0], order[0] + len(order)))
            assert order[0] < 2
    thread.join()
    for task_id in ids:
        client.until(task_id)


def test_a_listener_that_does_not_read_keeps_nobody_waiting(house: Any) -> None:
    site = house.start(tasks=TaskSettings(heartbeat_seconds=0.2, running=4))
    client = Client(site)
    host, _, port = site.gateway.base_url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=40) as deaf:
        deaf.sendall(f"GET {EVENTS} HTTP/1.1\r\nhost: x\r\nx-api-key: {client.key}\r\n\r\n".encode())
        time.sleep(0.1)
        with client.following() as follower:
            for _ in range(3):
                task = follower.until(client.submit(size="2048x2048", n=6))
                assert task["status"] == "succeeded"


def test_a_listener_too_far_behind_is_let_go() -> None:
    feed = Feed()
    with feed.listening("me", []) as listener:
        for number in range(1000):
            feed.tell("me", {"id": str(number)})
        assert not listener.lost
        feed.tell("me", {"id": "one too many"})
        for _ in range(1000):
            assert not listener.lost
            listener._pending.get_nowait()
        assert listener.lost
    assert not feed._listeners


def test_a_listener_that_leaves_is_forgotten() -> None:
    feed, sent = Feed(), []

    async def listen() -> None:
        gone = asyncio.Event()
        messages = iter([{"type": "http.request", "body": b"", "more_body": False}])

        async def receive() -> Any:
            for message in messages:
                return message
            await gone.wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            sent.append(message)
            if len(sent) == 3:
                assert feed._listeners
                gone.set()

        events = TaskEvents(lambda: feed.listening("me", []), 0.01)
        await until_client_goes(events)({"type": "http", "method": "GET"}, receive, send)

    asyncio.run(asyncio.wait_for(listen(), 30))
    assert not feed._listeners


def test_the_path_of_events_is_no_task(site: Any) -> None:
    client = Client(site)
    for path in PATHS:
        head = site.client.head(path, headers=client.headers)
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["content-type"].startswith("text/event-stream")
        assert client.post(path).status_code == 405
    assert client.get(f"{TASKS}/{fresh('events')}").status_code == 404
