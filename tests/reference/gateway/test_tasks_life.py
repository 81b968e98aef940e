"""The life of image tasks: ends, cancelling, isolation, limits, charges, restart."""

from __future__ import annotations

import shutil
import sqlite3
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from llmapi_conformance.reference.gateway import TaskSettings
from llmapi_conformance.reference.gateway.tasks_state import ACTIVE, Picture, Status, Task, before
from llmapi_conformance.reference.gateway.tasks_store import TaskStore
from tests.reference.gateway.tasking import BATCH, NOBODY, OTHER, SECOND, TASKS, Client, fresh

if TYPE_CHECKING:
    from pathlib import Path

MODELS = ("gpt-image-2", "gemini-2.5-flash-image")


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(
    ("words", "status", "code"),
    [
        ("status=500", "failed", "upstream_error"),
        ("status=400", "failed", "upstream_error"),
        ("status=429 retry-after=1", "failed", "upstream_error"),
        ("status=529", "failed", "upstream_error"),
        ("eof", "failed", "upstream_error"),
        ("cut", "failed", "upstream_error"),
        ("stop=filtered", "failed", "upstream_error"),
        ("status=504", "timeout", "timeout"),
    ],
)
def test_a_task_ends_as_its_upstream_does_and_is_not_asked_again(
    site: Any, model: str, words: str, status: str, code: str
) -> None:
    client, nonce = Client(site), fresh("end")
    task = client.ended(f"@upstream nonce={nonce} {words}\nx", model=model, size=None)
    assert (task["status"], task["error"]["code"]) == (status, code)
    assert "data" not in task
    assert client.booked()[0] == 0
    assert client.cancel(task["id"]).status_code == 409
    time.sleep(0.1)
    assert client.read(task["id"]) == task
    assert len(site.upstream_saw(nonce)) == 1


@pytest.mark.parametrize("model", MODELS)
def test_a_task_is_held_as_long_as_its_directive_says(site: Any, model: str) -> None:
    client = Client(site)
    with client.held(model=model) as task_id:
        client.until(task_id, "running")
        time.sleep(0.2)
        assert client.status(task_id) == "running"
    assert client.until(task_id)["status"] == "succeeded"


def test_a_task_that_takes_longer_than_a_task_may_is_a_timeout(house: Any) -> None:
    site, nonce = house.start(tasks=TaskSettings(timeout_seconds=1.5)), fresh("long")
    client = Client(site)
    task = client.ended(f"@upstream nonce={nonce} delay=60000ms\nx")
    assert (task["status"], task["error"]["code"]) == ("timeout", "timeout")
    assert client.booked()[0] == 0
    assert len(site.upstream_saw(nonce)) == 1


def test_a_silent_upstream_is_a_timeout(house: Any) -> None:
    client = Client(house.start(upstream_timeout_seconds=0.2))
    assert client.ended("@upstream delay=60000ms\nx")["status"] == "timeout"


def test_an_unreachable_upstream_is_a_failure(house: Any) -> None:
    client = Client(house.start(upstream_url="http://127.0.0.1:9"))
    task = client.ended()
    assert (task["status"], "127.0.0.1" in str(task)) == ("failed", False)


def test_an_answer_that_is_none_is_a_failure(house: Any) -> None:
    site, fake = house.fake()
    client = Client(site)
    blob = {"inlineData": {"mimeType": "image/png", "data": "!"}}
    nonsense: tuple[Any, ...] = (
        {},
        [],
        "no",
        {"error": {"message": "no"}},
        {"data": [{}], "candidates": [{}]},
        {"data": [{"b64_json": "!"}], "candidates": [{"content": {"parts": [blob]}}]},
        {"data": [{"b64_json": "AAAA"}] * 2, "candidates": [{"content": {"parts": [{"text": "x"}]}}]},
        {"data": 5, "candidates": 5},
    )
    for document in nonsense:
        fake.answers(document)
        for model in MODELS:
            task = client.ended(model=model)
            assert (task["status"], task["error"]["code"]) == ("failed", "upstream_error")


@pytest.mark.parametrize("model", MODELS)
def test_cancelling_a_running_task_ends_the_upstreams_work(site: Any, model: str) -> None:
    client, nonce = Client(site), fresh("stop")
    task_id = client.submit(f"@upstream nonce={nonce} delay=60000ms\nx", model=model)
    client.until(task_id, "running")
    while not site.upstream_saw(nonce):
        time.sleep(0.01)
    answer = client.cancel(task_id)
    assert (answer.status_code, answer.json()["status"]) == (200, "canceled")
    assert answer.headers["cache-control"] == "no-store"
    end = time.monotonic() + 30
    while not site.upstream_saw(nonce)[0].disconnected:
        assert time.monotonic() < end
        time.sleep(0.01)
    assert client.read(task_id) == answer.json()
    again = client.cancel(task_id)
    assert (again.status_code, again.json()["error"]["type"]) == (409, "conflict_error")
    assert client.booked()[0] == 0


def test_a_queued_task_that_is_cancelled_never_reaches_the_upstream(site: Any) -> None:
    client, nonce = Client(site), fresh("never")
    with client.held(), client.held():
        task_id = client.submit(f"@upstream nonce={nonce}\nx")
        assert client.status(task_id) == "queued"
        assert client.cancel(task_id).json()["status"] == "canceled"
    time.sleep(0.2)
    assert (client.status(task_id), site.upstream_saw(nonce)) == ("canceled", [])


def test_the_next_in_line_runs_when_one_is_cancelled(site: Any) -> None:
    client = Client(site)
    with client.held() as first, client.held(), client.held() as third:
        assert client.status(third) == "queued"
        client.cancel(first)
        client.until(third, "running")


def test_cancel_and_end_race_and_one_of_them_wins(house: Any) -> None:
    """Whoever comes first has it: 200 goes with canceled, 409 with the other end, and only a success is charged."""
    site = house.start(tasks=TaskSettings(timeout_seconds=60))  # a busy machine may not let them time out
    client = Client(site)
    ids = [client.submit(f"@upstream delay={10 + round_ % 7}ms usage=3,4\nx") for round_ in range(12)]
    answers: dict[str, int] = {}

    def race(task_id: str) -> None:
        client.until(task_id, "running", "succeeded")
        time.sleep(0.008)
        answers[task_id] = client.cancel(task_id).status_code

    threads = [threading.Thread(target=race, args=(task_id,)) for task_id in ids]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ends = {task_id: client.until(task_id)["status"] for task_id in ids}
    assert {(answers[task_id], ends[task_id]) for task_id in ids} <= {(200, "canceled"), (409, "succeeded")}
    assert client.booked()[0] == list(ends.values()).count("succeeded")


def test_a_success_is_charged_once_from_the_upstreams_usage(site: Any) -> None:
    client = Client(site)
    for _ in range(3):
        client.until(client.ended("@upstream usage=17,5\nx", n=2)["id"])
    assert client.booked() == (3, 51, 15)


@pytest.mark.parametrize("role", [SECOND, OTHER])
def test_a_task_of_another_key_is_as_unknown_as_none(site: Any, role: str) -> None:
    mine = Client(site, site.gateway.keys[BATCH])
    theirs = Client(site, site.gateway.keys[role])
    with mine.held() as task_id:
        assert task_id in [task["id"] for task in mine.list()]
        assert task_id not in [task["id"] for task in theirs.list()]
        for way, path in (("GET", ""), ("POST", "/cancel"), ("GET", "/images/0")):
            answers = [
                site.client.request(way, f"{TASKS}/{name}{path}", headers=theirs.headers)
                for name in (task_id, NOBODY, "x" * 300)
            ]
            assert [answer.status_code for answer in answers] == [404] * 3
            assert len({answer.content for answer in answers}) == 1
            assert answers[0].headers["cache-control"] == "no-store"
        assert mine.status(task_id) == "running"


def test_places_and_the_queue_are_counted_for_each_key(house: Any) -> None:
    site = house.start(tasks=TaskSettings(running=2, waiting=3, timeout_seconds=60))
    client, other = Client(site), Client(site)
    token = fresh("gate")
    ids = [client.submit(f"@upstream hold-until={token}\nx") for _ in range(5)]
    assert [client.status(task_id) for task_id in ids] == ["running"] * 2 + ["queued"] * 3
    refused = client.ask()
    assert (refused.status_code, refused.headers["retry-after"].isdecimal()) == (429, True)
    assert refused.json()["error"]["type"] == "rate_limit_error"
    assert len(client.list()) == 5
    assert other.ended()["status"] == "succeeded"
    client.cancel(ids[-1])
    ids[-1] = client.submit("the last")
    site.release(token)
    ends = [client.until(task_id) for task_id in ids]
    assert {task["status"] for task in ends} == {"succeeded"}


def test_a_restart_loses_no_task(house: Any, tmp_path: Path) -> None:
    file = tmp_path / "tasks.sqlite"
    tasks = TaskSettings(store=str(file), running=2, timeout_seconds=60, heartbeat_seconds=0.2)
    token = fresh("gate")
    with house.standing(tasks=tasks) as first:
        keys = dict(first.gateway.keys)
        client = Client(first, keys[BATCH])
        done = client.ended("@upstream usage=1,1\ndone")
        failed = client.ended("@upstream status=500\nx")
        ids = [client.submit(f"@upstream hold-until={token} nonce={token}\n{name}") for name in "abc"]
        canceled = client.submit()
        client.cancel(canceled)
        assert [client.status(task_id) for task_id in ids] == ["running", "running", "queued"]
        listed = client.list()
    assert b"sk-" not in b"".join(part.read_bytes() for part in tmp_path.iterdir())
    with house.standing(tasks=tasks, secrets=keys) as second:
        client = Client(second, keys[BATCH])
        with client.following() as follower:
            assert client.list() == listed
            assert (client.read(done["id"]), client.read(failed["id"])) == (done, failed)
            assert [client.status(task_id) for task_id in ids] == ["running", "running", "queued"]
            second.release(token)
            ends = [follower.until(task_id) for task_id in ids]
            assert [task["status"] for task in ends] == ["succeeded"] * 3
            assert [follower.states(task_id) for task_id in ids] == [
                ["running", "succeeded"],
                ["running", "succeeded"],
                ["queued", "running", "succeeded"],
            ]
        assert client.status(canceled) == "canceled"
        assert len(second.upstream_saw(token)) == 5
        assert client.booked()[0] == 3


def test_a_gateway_that_is_killed_loses_no_task(house: Any, tmp_path: Path) -> None:
    file, left = tmp_path / "tasks.sqlite", tmp_path / "left"
    tasks = TaskSettings(store=str(file), running=1, timeout_seconds=60)
    token = fresh("killed")
    with house.standing(tasks=tasks) as first:
        keys = dict(first.gateway.keys)
        client = Client(first, keys[BATCH])
        done = client.ended("@upstream usage=1,1\ndone")
        ids = [client.submit(f"@upstream hold-until={token} nonce={token}\n{name}") for name in "ab"]
        client.until(ids[0], "running")
        # What the files hold at this moment is what a killed process leaves.
        left.mkdir()
        for part in tmp_path.glob("tasks.sqlite*"):
            shutil.copy(part, left)
        assert (left / "tasks.sqlite-wal").stat().st_size > 0
        first.release(token)
        for task_id in ids:
            client.until(task_id)
    tasks = replace(tasks, store=str(left / "tasks.sqlite"))
    with house.standing(tasks=tasks, secrets=keys) as second:
        client = Client(second, keys[BATCH])
        assert client.read(done["id"]) == done
        assert [client.until(task_id)["status"] for task_id in ids] == ["succeeded"] * 2
        assert client.booked()[0] == 2


def test_a_file_that_is_no_store_is_refused_and_let_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "tasks.sqlite"
    file.write_bytes(b"not a database" * 100)
    opened = sqlite3.connect(file)
    monkeypatch.setattr(sqlite3, "connect", lambda *_, **__: opened)
    with pytest.raises(sqlite3.DatabaseError):
        TaskStore(str(file))
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        opened.execute("SELECT 1")


def test_tasks_of_keys_that_are_gone_wait_in_the_store(house: Any, tmp_path: Path) -> None:
    tasks = TaskSettings(store=str(tmp_path / "tasks.sqlite"))
    token = fresh("gone")
    with house.standing(tasks=tasks) as site:
        Client(site).submit(f"@upstream delay=3000ms nonce={token}\nx")
        while not site.upstream_saw(token):
            time.sleep(0.01)
    with house.standing(tasks=tasks) as site:
        assert Client(site).list() == []
        assert len(site.upstream_saw(token)) == 1


def test_states_go_forward_only() -> None:
    assert before(Status.RUNNING) == {Status.QUEUED}
    assert before(Status.SUCCEEDED) == {Status.RUNNING}
    for end in (Status.FAILED, Status.TIMEOUT, Status.CANCELED):
        assert before(end) == ACTIVE
    with pytest.raises(KeyError):
        before(Status.QUEUED)


def test_the_store_changes_a_task_only_from_the_states_that_are_named() -> None:
    store = TaskStore(":memory:")
    store.add(Task("a", "me", Status.QUEUED, "gpt-image-2", 1, {"prompt": "x"}, as_url=False, created_at=1))
    picture = Picture("image/png", b"p")
    assert store.move("a", before(Status.SUCCEEDED), Status.SUCCEEDED, pictures=[picture]) is None
    assert store.pictures("a") == []
    running = store.move("a", before(Status.RUNNING), Status.RUNNING)
    assert running is not None
    assert (running.status, running.finished_at) == (Status.RUNNING, None)
    assert store.move("a", before(Status.SUCCEEDED), Status.SUCCEEDED, pictures=[picture]) is not None
    assert store.move("a", before(Status.CANCELED), Status.CANCELED) is None
    assert store.pictures("a") == [picture]
    assert (store.count("me", Status.SUCCEEDED), store.of("you"), store.find("b")) == (1, [], None)
    with pytest.raises(sqlite3.IntegrityError):
        store.add(Task("a", "you", Status.QUEUED, "gpt-image-2", 1, {}, as_url=False, created_at=1))
    store.close()
