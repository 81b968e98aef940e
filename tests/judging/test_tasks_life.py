"""The life of tasks, judged offline: members, states, histories, ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from llmapi_conformance.contract.tasks import task_contract
from llmapi_conformance.judging.oracles import tasks_life as life
from tests.judging.task_cases import (
    ID,
    OTHER_ID,
    bad,
    broken,
    canceling,
    detail,
    ended,
    judged,
    listed,
    listener,
    log,
    submitted,
    task,
)

if TYPE_CHECKING:
    from llmapi_conformance.evidence.exchange import Exchange

MINE = {"TASK-L01", "TASK-L02", "TASK-L03", "TASK-L04", "TASK-L05", "TASK-L10", "TASK-L12", "TASK-L15", "TASK-L18"}


def found(one: Exchange) -> set[str]:
    return broken(one, "TASK-L") & MINE


def seen(*states: str) -> list[Exchange]:
    """A reading for each state, one second apart."""
    return [detail(ended(one) if one in task_contract().final else task(one), at=n) for n, one in enumerate(states)]


@pytest.mark.parametrize(
    "one",
    [
        submitted(),
        submitted({"task_id": ID, "status": "accepted"}),
        detail(task("running", progress=0.5, error=None)),
        detail(ended()),
        detail(ended("failed")),
        detail(ended("failed", error="no capacity")),
        detail(ended("failed", error=None, fail_reason={"text": "no capacity"})),
        detail(ended("timeout", error=None)),
        detail(ended("canceled")),
        detail({**task(), "error": None}),
        canceling({"status": "success"}),
        canceling({"id": ID, "status": "ok"}),
        canceling(**bad(409)),
        listed(task(), ended("timeout", OTHER_ID)),
        listed({"task_id": ID}),
        listener(task(), task("running"), "heartbeat", ended()),
        listener(task(), task(task_id=OTHER_ID), ended("canceled"), task("running", OTHER_ID)),
        listener(task(), ended("failed")),
        listener(task(), task("running"), ended(), task("running"), ended()),  # told late once more: TASK-E16
        detail(**bad(404)),
    ],
)
def test_a_sound_answer_breaks_nothing(one: Exchange) -> None:
    assert found(one) == set()


@pytest.mark.parametrize(
    ("clause", "one"),
    [
        ("TASK-L01", detail(task(model=None))),
        ("TASK-L01", detail(task(object="task"))),
        ("TASK-L01", detail(task(n="1"))),
        ("TASK-L01", detail(task(n=0))),
        ("TASK-L01", detail({"data": task()})),
        ("TASK-L01", listener({"id": ID, "object": "image.task", "status": "queued", "model": "m", "n": 1})),
        ("TASK-L02", detail(task(task_id=ID, id=OTHER_ID))),
        ("TASK-L02", listener(task(), task("running", id=OTHER_ID))),
        ("TASK-L03", detail(task("cancelled"))),
        ("TASK-L03", submitted(task("pending"))),
        ("TASK-L03", canceling(task("cancelled"))),
        ("TASK-L03", listed(task(), task("completed", OTHER_ID))),
        ("TASK-L03", listener(task("in_progress"))),
        ("TASK-L04", listener(task("running"), task())),
        ("TASK-L05", listener(ended(), ended("canceled"))),
        ("TASK-L12", submitted(task(task_id="task_17"))),
        ("TASK-L12", submitted(task(task_id=ID.upper()))),
        ("TASK-L15", detail(ended("failed", error={"message": "dial 10.0.0.7:8443 refused"}))),
        ("TASK-L15", detail(ended("timeout", error={"message": "[[upstream-key]] was refused"}))),
        ("TASK-L15", detail(ended("failed", error={"url": "https://api.openai.com/v1/images/generations"}))),
        ("TASK-L15", listener(task(), ended("failed", error={"message": "[[upstream-host]] hung up"}))),
        ("TASK-L18", detail(ended("failed", error=None))),
        ("TASK-L18", detail(ended("failed", error={"code": "", "message": " "}))),
        ("TASK-L18", detail(ended("failed", error={"code": 500}))),
    ],
)
def test_a_broken_rule_is_told(clause: str, one: Exchange) -> None:
    assert clause in found(one)


def test_the_results_of_others_are_no_leak_of_a_failed_task() -> None:
    success = ended(data=[{"url": "http://10.0.0.7:9000/a.png"}])
    told = listener(success, ended("failed", OTHER_ID))
    assert judged(life.a_failed_task_names_nothing_inside, told) == (1, [])


def test_a_told_leak_is_shown_where_it_stands() -> None:
    told = listener(task(), ended("failed", error={"message": "see 10.0.0.7:8443"}))
    deviations = [one for one in life.a_failed_task_names_nothing_inside(told) if hasattr(one, "span")]
    assert len(deviations) == 1
    start, end = deviations[0].span or (0, 0)
    assert b"10.0.0.7:8443" in told.body[start:end]


@pytest.mark.parametrize(
    "states",
    [
        ("queued", "running", "succeeded", "succeeded"),
        ("queued", "queued", "succeeded"),
        ("queued", "canceled"),
        ("queued", "failed"),
        ("running", "timeout"),
        ("queued",),
    ],
)
def test_a_history_that_goes_forward_is_sound(states: tuple[str, ...]) -> None:
    assert judged(life.states_go_forward, seen(*states)) == (1, [])
    assert judged(life.a_final_state_stays, seen(*states))[1] == []


@pytest.mark.parametrize(
    ("states", "back", "changed"),
    [
        (("running", "queued", "running"), 1, 0),
        (("running", "queued", "running", "queued"), 2, 0),
        (("succeeded", "running", "succeeded"), 0, 1),
        (("failed", "queued"), 0, 1),
        (("canceled", "succeeded"), 0, 1),
        (("succeeded", "canceled"), 0, 1),
        (("running", "nonsense", "queued"), 1, 0),
    ],
)
def test_a_history_that_goes_back_is_told_once_for_each_step(states: tuple[str, ...], back: int, changed: int) -> None:
    assert len(judged(life.states_go_forward, seen(*states))[1]) == back
    assert len(judged(life.a_final_state_stays, seen(*states))[1]) == changed


def test_an_answer_to_a_cancelling_is_part_of_the_history_when_it_is_a_task() -> None:
    assert len(judged(life.a_final_state_stays, [canceling(), *seen("running")])[1]) == 1
    assert judged(life.a_final_state_stays, [canceling({"id": ID, "status": "canceled"}), *seen("running")]) == (0, [])
    assert judged(life.states_go_forward, [detail(**bad(404))]) == (0, [])


def test_an_ended_task_is_left_alone() -> None:
    once, twice = log({"a": 1}), log({"a": 1}, {"a": 1})
    for state in ("failed", "timeout"):
        assert judged(life.an_ended_task_is_not_tried_again, seen("running", state), once, once) == (1, [])
        assert len(judged(life.an_ended_task_is_not_tried_again, seen(state), once, twice)[1]) == 1
        assert judged(life.an_ended_task_is_not_tried_again, seen(state), twice, twice) == (1, [])
        assert judged(life.a_failing_upstream_is_asked_once, seen(state), once) == (1, [])
        assert len(judged(life.a_failing_upstream_is_asked_once, seen(state), twice)[1]) == 1
    assert judged(life.an_ended_task_is_not_tried_again, seen("succeeded"), once, twice) == (0, [])
    assert judged(life.a_failing_upstream_is_asked_once, seen("failed"), log()) == (0, [])


@pytest.mark.parametrize(
    ("oracle", "good", "wrong"),
    [
        (life.a_failing_upstream_ends_as_failed, "failed", ("succeeded", "timeout", "canceled")),
        (life.a_slow_upstream_ends_as_timeout, "timeout", ("succeeded", "failed")),
    ],
)
def test_an_upstream_that_does_not_deliver_ends_the_task_in_its_state(
    oracle: Any, good: str, wrong: tuple[str]
) -> None:
    assert judged(oracle, seen("running", good)) == (1, [])
    assert judged(oracle, seen("running")) == (0, [])
    for state in wrong:
        assert judged(oracle, seen("running", state)) == (1, [state])


def test_of_many_tasks_each_must_end() -> None:
    assert judged(life.every_task_ends, [seen("queued", "succeeded"), seen("failed"), [detail(**bad(404))]]) == (2, [])
    examined, observed = judged(life.every_task_ends, [seen("succeeded"), seen("queued", "running")])
    assert (examined, len(observed)) == (2, 1)
