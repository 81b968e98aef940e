"""The events of tasks: what a listener hears, when, and what of the tasks that it may not hear."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from llmapi_conformance.judging import clause, judge
from llmapi_conformance.judging.oracles import tasks_events as stream
from llmapi_conformance.judging.oracles import tasks_heard as heard

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llmapi_conformance.evidence.exchange import Exchange

EVENTS = (
    stream.task_events_are_an_event_stream,
    stream.every_task_event_has_the_one_name,
    stream.the_data_of_an_event_is_one_line_with_a_task,
    stream.task_events_have_neither_id_nor_retry,
    stream.the_events_of_a_task_come_in_order,
    stream.a_stream_of_events_stays_open,
)
LISTENERS = ("early", "late", "back", "after")


@clause(*(oracle.clause for oracle in EVENTS))
@pytest.mark.parametrize("name", LISTENERS)
def test_the_events_are_those_of_tasks(task_heard: dict[str, Any], name: str) -> None:
    for oracle in EVENTS:
        judge(oracle, task_heard["listeners"][name])


@clause("TASK-E03", "TASK-E08")
@pytest.mark.parametrize("name", LISTENERS)
def test_a_task_that_is_submitted_meanwhile_is_heard_of_at_each_change(task_heard: dict[str, Any], name: str) -> None:
    listener, answers = task_heard["listeners"][name], task_heard["answers"]
    judge(heard.a_stream_follows_tasks_submitted_later, listener, answers)
    judge(heard.each_change_of_a_task_is_told, listener, answers, task_heard["logs"])


@clause("TASK-E03", "TASK-E08")
def test_a_task_is_heard_of_from_its_submission_to_its_success(task_followed: dict[str, Any]) -> None:
    _heard(task_followed, task_followed["first"])


@clause("TASK-E03", "TASK-E08")
def test_a_task_is_heard_of_from_its_submission_to_its_failure(task_failed: dict[str, Any]) -> None:
    _heard(task_failed, logs=[task_failed["asked"]])


@clause("TASK-E03", "TASK-E08")
def test_a_task_is_heard_of_from_its_submission_to_its_timeout(task_timed_out: dict[str, Any]) -> None:
    _heard(task_timed_out, logs=[task_timed_out["asked"]])


@clause("TASK-E03", "TASK-E08")
def test_each_of_twelve_tasks_is_heard_of(task_twelve: dict[str, Any]) -> None:
    answers = [*task_twelve["submitted"], *(one for readings in task_twelve["readings"] for one in readings)]
    judge(heard.a_stream_follows_tasks_submitted_later, task_twelve["listener"], answers)
    judge(heard.each_change_of_a_task_is_told, task_twelve["listener"], answers)


@clause("TASK-E05", "TASK-E06")
def test_a_late_listener_gets_snapshots_of_what_is_active(task_heard: dict[str, Any]) -> None:
    listeners, answers = task_heard["listeners"], task_heard["answers"]
    judge(heard.active_tasks_are_told_first, listeners["late"], answers)
    judge(heard.finished_tasks_are_not_told, listeners["late"], answers)
    judge(heard.finished_tasks_are_not_told, listeners["after"], answers)


@clause("TASK-E13")
def test_a_listener_that_comes_back_gets_what_is_active(task_heard: dict[str, Any]) -> None:
    judge(heard.who_comes_back_hears_of_active_tasks_only, task_heard["listeners"]["back"], task_heard["answers"])


@clause("TASK-E12")
def test_two_listeners_hear_the_same(task_heard: dict[str, Any]) -> None:
    listeners: dict[str, Exchange] = task_heard["listeners"]
    judge(heard.each_stream_brings_all_events, [listeners["late"], listeners["back"]])


@clause("TASK-E14")
def test_a_task_goes_on_when_its_listener_leaves(task_heard: dict[str, Any]) -> None:
    judge(heard.a_listener_that_leaves_changes_no_task, task_heard["listeners"]["early"], task_heard["answers"])


@clause("TASK-E09", "TASK-E17")
def test_a_heartbeat_keeps_a_quiet_connection_alive(task_heartbeat: dict[str, Any]) -> None:
    judge(heard.a_heartbeat_keeps_coming, task_heartbeat["listener"], task_heartbeat["every"])
    judge(stream.a_stream_of_events_stays_open, task_heartbeat["listener"])


@clause("TASK-E15")
def test_the_path_of_the_events_is_never_a_task_id(task_events_path: dict[str, Exchange]) -> None:
    for one in task_events_path.values():
        judge(stream.the_path_of_the_events_is_no_task_id, one)


def _heard(life: dict[str, Any], *more: Exchange, logs: Sequence[Exchange] = ()) -> None:
    """A life that one listener followed from before its submission."""
    answers = [life["submitted"], *more, *life["readings"], *life["after"], life["cancel"], life["last"]]
    judge(heard.a_stream_follows_tasks_submitted_later, life["listener"], answers)
    judge(heard.each_change_of_a_task_is_told, life["listener"], answers, logs)
