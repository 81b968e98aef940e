"""At the end of a run every task that it submitted is ended, whatever the gateway does."""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from llmapi_conformance.evidence.recording import read_recording
from llmapi_conformance.evidence.results import ResultStatus
from llmapi_conformance.evidence.tasks import CLEANUP, submitted_tasks
from llmapi_conformance.sending.plan import Plan, Step
from llmapi_conformance.sending.scenario import scenario as registered
from llmapi_conformance.target.target import Timeouts
from tests.sending.gateways import KEY, ROLE, Asked, answer, conducting, instance_of, running, target_at
from tests.wire.servers import reset

if TYPE_CHECKING:
    from pathlib import Path

    from llmapi_conformance.sending.session import Session

TASKS = "/v1/images/tasks"


class Tasks:
    """Keeps tasks that run until they are cancelled; its habits can be changed."""

    def __init__(self) -> None:
        self.states: dict[str, str] = {}
        self.asked: list[str] = []
        self.together = self.most = 0
        self.dead = False
        self.slow_submit = 0.0
        self.cancel_status: list[int] = []
        self.pretends = False
        self.forgets = False

    async def handle(self, asked: Asked, writer: asyncio.StreamWriter) -> None:
        if self.dead:
            return
        self.asked.append(f"{asked.method} {asked.path}")
        assert asked.headers["authorization"] == f"Bearer {KEY}"
        self.together += 1
        self.most = max(self.most, self.together)
        await asyncio.sleep(0.005)
        self.together -= 1
        name = asked.path.removeprefix(TASKS + "/").removesuffix("/cancel")
        if asked.path == TASKS:
            name = f"task-{len(self.states)}"
            self.states[name] = json.loads(asked.body).get("state", "running")
            await asyncio.sleep(self.slow_submit)
            writer.write(self._task(name, 202))
        elif name not in self.states or self.forgets:
            writer.write(answer(404, {"error": {}}))
        elif asked.method == "GET":
            writer.write(self._task(name))
        elif self.cancel_status:
            writer.write(answer(self.cancel_status.pop(0), {}))
        elif self.states[name] == "succeeded":
            writer.write(answer(409, {}))
        else:
            if not self.pretends:
                self.states[name] = "canceled"
            writer.write(self._task(name))

    def _task(self, name: str, status: int = 200) -> bytes:
        return answer(status, {"id": name, "status": self.states[name]})


def submitting(count: int = 1, state: str = "running") -> Any:
    async def scenario(session: Session) -> None:
        for _ in range(count):
            await session.post(TASKS, json={"state": state}, expect="any")

    return scenario


def swept(path: Path, gateway: Tasks, count: int = 1, *, before: Any = None) -> tuple[Any, float]:
    """A run that submits tasks and leaves them; what became of them, and the seconds that the sweep took."""
    with running(gateway.handle) as url, conducting(path, target_at(url)) as conductor:
        instance = instance_of(submitting(count))
        conductor.begin(Plan((Step(instance, ""),)))
        assert conductor.result(instance).status is ResultStatus.DONE
        sent = conductor.budget.sent
        if before:
            before()
        started = time.monotonic()
        conductor.sweep()
        seconds = time.monotonic() - started
        assert conductor.budget.sent == sent
        conductor.sweep()
        found = submitted_tasks(conductor.exchanges)
    recording = read_recording(path)
    assert recording.damaged == ()
    assert submitted_tasks(recording.exchanges.values()) == found
    return found, seconds


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "recording.jsonl"


def test_what_still_runs_is_cancelled_by_few_requests_side_by_side(path: Path) -> None:
    gateway = Tasks()
    found, seconds = swept(path, gateway, 30)
    assert (len(found.tasks), found.left, found.cancelled_at_end) == (30, (), 30)
    assert set(gateway.states.values()) == {"canceled"}
    assert 2 <= gateway.most <= 4
    assert seconds < 20
    exchanges = read_recording(path).exchanges.values()
    ending = [one for one in exchanges if one.scenario == CLEANUP]
    assert len(ending) == 90
    assert {one.operation for one in ending} == {"getImageTask", "cancelImageTask"}
    assert KEY.encode() not in path.read_bytes()


def test_what_has_ended_by_itself_is_only_looked_at(path: Path) -> None:
    gateway = Tasks()
    found, _ = swept(path, gateway, 2, before=lambda: gateway.states.update({"task-0": "succeeded"}))
    assert (found.left, found.cancelled_at_end) == ((), 1)
    assert gateway.asked.count(f"GET {TASKS}/task-0") == 1
    assert f"POST {TASKS}/task-0/cancel" not in gateway.asked


def test_what_was_seen_to_end_is_not_asked_for_again(path: Path) -> None:
    gateway = Tasks()
    with running(gateway.handle) as url, conducting(path, target_at(url)) as conductor:
        instance = instance_of(submitting(3, "succeeded"))
        conductor.begin(Plan((Step(instance, ""),)))
        conductor.wait()
    assert gateway.asked == [f"POST {TASKS}"] * 3


@pytest.mark.parametrize(
    ("ends", "unanswered"), [("closes", 1), ("resets", 1), ("talks nonsense", 1), ("is silent", 1), ("is not there", 0)]
)
def test_a_submission_without_an_answer_may_have_made_a_task_when_it_arrived(
    path: Path, ends: str, unanswered: int
) -> None:
    async def handle(_: Asked, writer: asyncio.StreamWriter) -> None:
        if ends == "resets":
            reset(writer)
        elif ends == "talks nonsense":
            writer.write(b"nonsense\r\n\r\n")
        elif ends == "is silent":
            await asyncio.sleep(300)

    with running(handle) as url:
        where = "http://127.0.0.1:1" if ends == "is not there" else url
        with conducting(path, target_at(where, timeouts=Timeouts(20, 0.2, 20, 40))) as conductor:
            conductor.begin(Plan((Step(instance_of(submitting()), ""),)))
            conductor.wait()
    found = submitted_tasks(conductor.exchanges)
    assert (found.tasks, found.unanswered) == ((), unanswered)


def test_closing_without_a_sweep_sweeps(path: Path) -> None:
    gateway = Tasks()
    with running(gateway.handle) as url, conducting(path, target_at(url)) as conductor:
        conductor.begin(Plan((Step(instance_of(submitting(2)), ""),)))
        conductor.wait()
    assert set(gateway.states.values()) == {"canceled"}


def test_a_submission_under_way_when_the_run_is_stopped_is_waited_for_and_ended(path: Path) -> None:
    gateway = Tasks()
    gateway.slow_submit = 0.5
    with running(gateway.handle) as url, conducting(path, target_at(url)) as conductor:
        instance = instance_of(submitting())
        conductor.begin(Plan((Step(instance, ""),)))
        while not gateway.states:
            time.sleep(0.01)
        conductor.close()
        assert conductor.result(instance).status is ResultStatus.INCONCLUSIVE
        assert [task.id for task in submitted_tasks(conductor.exchanges).tasks] == ["task-0"]
    assert gateway.states == {"task-0": "canceled"}


def test_a_dead_gateway_is_given_up_quickly(path: Path) -> None:
    gateway = Tasks()
    found, seconds = swept(path, gateway, 50, before=lambda: setattr(gateway, "dead", True))
    assert (len(found.left), seconds < 12) == (50, True)
    recorded = [one for one in read_recording(path).exchanges.values() if one.scenario == CLEANUP]
    assert 3 <= len(recorded) <= 6


def test_a_silent_gateway_is_given_up_in_bounded_time(path: Path) -> None:
    names = itertools.count()

    async def handle(asked: Asked, writer: asyncio.StreamWriter) -> None:
        if asked.path == TASKS:
            writer.write(answer(202, {"id": f"task-{next(names)}", "status": "queued"}))
        else:
            await asyncio.sleep(300)

    started = time.monotonic()
    with running(handle) as url, conducting(path, target_at(url)) as conductor:
        conductor.begin(Plan((Step(instance_of(submitting(9)), ""),)))
        conductor.wait()
        conductor.sweep()
    assert time.monotonic() - started < 40  # the gateway would keep nine tasks waiting for 300 s each


def test_a_gateway_that_can_not_cancel_now_is_asked_again(path: Path) -> None:
    gateway = Tasks()
    gateway.cancel_status = [503, 429]
    found, seconds = swept(path, gateway)
    assert (found.left, found.cancelled_at_end, gateway.cancel_status) == ((), 1, [])
    assert seconds > 0.6


def test_one_that_only_pretends_is_left_after_some_looks(path: Path) -> None:
    gateway = Tasks()
    gateway.pretends = True
    found, seconds = swept(path, gateway)
    assert [task.seen for task in found.left] == ["last seen running"]
    assert seconds < 20
    assert gateway.asked.count(f"POST {TASKS}/task-0/cancel") == 1


def test_one_that_forgets_is_told(path: Path) -> None:
    gateway = Tasks()
    found, seconds = swept(path, gateway, before=lambda: setattr(gateway, "forgets", True))
    assert [task.seen for task in found.left] == ["the gateway no longer knows it"]
    assert seconds < 12


def test_the_time_for_all_is_bounded(path: Path) -> None:
    gateway = Tasks()
    gateway.pretends = True
    with running(gateway.handle) as url, conducting(path, target_at(url)) as conductor:
        conductor.begin(Plan((Step(instance_of(submitting(3)), ""),)))
        conductor.wait()
        started = time.monotonic()
        conductor.sweep(0.5)
        assert 0.4 < time.monotonic() - started < 12


def test_no_scenario_may_take_the_name() -> None:
    async def cleanup(session: Session) -> None:
        """Not this name."""

    with pytest.raises(ValueError, match="rename the scenario"):
        registered(surface="tasks", role=ROLE)(cleanup)


@pytest.mark.parametrize("name", ["\ud800", "a b", "x HTTP/1.1\r\nX-Injected: yes\r\n\r\n", "../../v1/models", "é"])
def test_an_id_of_any_characters_stays_within_its_path(path: Path, name: str) -> None:
    seen: list[Asked] = []

    async def handle(asked: Asked, writer: asyncio.StreamWriter) -> None:
        seen.append(asked)
        body = {"id": name, "status": "canceled" if len(seen) > 2 else "queued"}
        writer.write(answer(202 if asked.path == TASKS else 200, body))

    async def reads(session: Session) -> None:
        made = await session.post(TASKS, json={}, expect="any")
        await session.get(f"{TASKS}/{made.json['id']}", expect="any")

    with running(handle) as url, conducting(path, target_at(url)) as conductor:
        instance = instance_of(reads)
        conductor.begin(Plan((Step(instance, ""),)))
        conductor.wait()
        conductor.sweep()
        assert conductor.result(instance).status is ResultStatus.DONE
    assert len(seen) >= 2
    assert all(one.path.startswith(TASKS) and one.path.isascii() and "x-injected" not in one.headers for one in seen)
