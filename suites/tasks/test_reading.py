"""Reading a task: at once, beside its events, in the list."""

from __future__ import annotations

from typing import Any

from llmapi_conformance.judging import clause, judge
from llmapi_conformance.judging.oracles import tasks_reading as oracles


@clause("TASK-L09", "TASK-D09")
def test_a_task_can_be_read_as_soon_as_it_has_a_name(task_followed: dict[str, Any]) -> None:
    judge(oracles.a_task_can_be_read_at_once, task_followed["submitted"], task_followed["first"])
    judge(oracles.what_an_event_names_can_be_read, task_followed["submitted"], task_followed["told"])


@clause("TASK-L09")
def test_a_task_for_several_images_can_be_read_as_soon_as_it_has_a_name(task_results: dict[str, Any]) -> None:
    judge(oracles.a_task_can_be_read_at_once, task_results["data"]["submitted"], task_results["data"]["readings"][0])


@clause("TASK-L09")
def test_a_task_can_be_read_at_once_when_nobody_listens(task_charged: dict[str, Any]) -> None:
    judge(oracles.a_task_can_be_read_at_once, task_charged["submitted"], task_charged["readings"][0])


@clause("TASK-D01", "TASK-D08")
def test_the_detail_is_what_the_events_carry(task_followed: dict[str, Any]) -> None:
    _both_views(task_followed)


@clause("TASK-D01", "TASK-D08")
def test_the_detail_of_a_failed_task_is_what_the_events_carry(task_failed: dict[str, Any]) -> None:
    _both_views(task_failed)


@clause("TASK-D01", "TASK-D08")
def test_the_detail_of_a_late_task_is_what_the_events_carry(task_timed_out: dict[str, Any]) -> None:
    _both_views(task_timed_out)


@clause("TASK-D01", "TASK-D08")
def test_the_details_of_twelve_tasks_are_what_the_events_carry(task_twelve: dict[str, Any]) -> None:
    for submitted, readings in zip(task_twelve["submitted"], task_twelve["readings"], strict=True):
        judge(oracles.the_detail_is_what_the_events_carry, task_twelve["listener"], submitted, readings)
        judge(oracles.the_detail_holds_what_the_last_event_holds, task_twelve["listener"], submitted, readings)


@clause("TASK-D05", "TASK-D10")
def test_the_list_holds_an_ended_task(task_followed: dict[str, Any]) -> None:
    _listed(task_followed)


@clause("TASK-D05", "TASK-D10")
def test_the_list_holds_a_failed_task(task_failed: dict[str, Any]) -> None:
    _listed(task_failed)


@clause("TASK-D05", "TASK-D10")
def test_the_list_holds_a_late_task(task_timed_out: dict[str, Any]) -> None:
    _listed(task_timed_out)


def _both_views(life: dict[str, Any]) -> None:
    readings = [*life["readings"], *life["after"]]
    judge(oracles.the_detail_is_what_the_events_carry, life["listener"], life["submitted"], readings)
    judge(oracles.the_detail_holds_what_the_last_event_holds, life["listener"], life["submitted"], readings)


def _listed(life: dict[str, Any]) -> None:
    judge(oracles.the_list_holds_a_submitted_task, life["submitted"], life["list"])
    judge(oracles.the_list_shows_the_end, life["submitted"], life["readings"], life["list"])
