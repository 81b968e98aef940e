"""Cancelling a task: while it waits, runs, ends, when it has ended, and twice."""

from __future__ import annotations

from typing import Any

from llmapi_conformance.judging import clause, judge
from llmapi_conformance.judging.oracles import tasks_cancelling as oracles
from llmapi_conformance.judging.oracles import tasks_results as results


@clause("TASK-C01", "TASK-C03", "TASK-C05", "TASK-C09")
def test_a_task_is_cancelled_right_after_its_submission(task_canceled_at_once: dict[str, Any]) -> None:
    life = task_canceled_at_once
    judge(oracles.a_task_can_be_cancelled, [], life["cancel"])
    judge(oracles.a_task_can_be_cancelled, life["readings"], life["again"])
    judge(oracles.an_accepted_cancelling_holds, life["cancel"], life["readings"])
    judge(oracles.a_conflict_means_finished, life["cancel"], life["readings"])
    judge(oracles.cancelling_twice_leaves_it_canceled, life["readings"], life["again"], life["last"])


@clause("TASK-C01", "TASK-C03", "TASK-C05", "TASK-C07", "TASK-C08", "TASK-C09")
def test_a_running_task_is_cancelled(task_canceled_running: dict[str, Any]) -> None:
    life = task_canceled_running
    judge(oracles.a_task_can_be_cancelled, life["running"], life["cancel"])
    judge(oracles.a_running_task_is_canceled, life["running"][0], life["cancel"], [*life["readings"], *life["last"]])
    judge(oracles.cancelling_twice_leaves_it_canceled, life["readings"], life["again"], life["last"])
    judge(results.a_task_without_success_is_not_charged, life["usage"], [*life["readings"], *life["last"]])
    judge(oracles.cancelling_ends_the_upstream_request, life["running"][0], life["cancel"], life["log"])
    judge(oracles.a_conflict_means_finished, life["cancel"], life["readings"])


@clause("TASK-C01", "TASK-C02", "TASK-C05", "TASK-C09")
def test_a_queued_task_is_cancelled(task_canceled_queued: dict[str, Any]) -> None:
    life = task_canceled_queued
    judge(oracles.a_task_can_be_cancelled, [life["queued"]], life["cancel"])
    judge(oracles.a_queued_task_is_canceled, life["queued"], life["cancel"], [*life["readings"], *life["last"]])
    judge(oracles.a_canceled_task_never_reaches_the_upstream, life["queued"], life["cancel"], life["log"])
    judge(oracles.cancelling_twice_leaves_it_canceled, life["readings"], life["again"], life["last"])
    judge(oracles.a_conflict_means_finished, life["cancel"], life["readings"])


@clause("TASK-C03", "TASK-C09")
def test_cancelling_a_task_as_it_ends_leaves_one_end(task_cancel_race: dict[str, Any]) -> None:
    life = task_cancel_race
    judge(oracles.an_accepted_cancelling_holds, life["cancel"], [*life["readings"], *life["last"]])
    judge(oracles.a_conflict_means_finished, life["cancel"], life["readings"])


@clause("TASK-C04", "TASK-C09")
def test_a_task_that_succeeded_is_not_cancelled(task_followed: dict[str, Any]) -> None:
    _too_late(task_followed, task_followed["readings"][-1])


@clause("TASK-C04", "TASK-C09")
def test_a_task_that_failed_is_not_cancelled(task_failed: dict[str, Any]) -> None:
    _too_late(task_failed, task_failed["readings"][-1])


@clause("TASK-C04", "TASK-C09")
def test_a_task_that_timed_out_is_not_cancelled(task_timed_out: dict[str, Any]) -> None:
    _too_late(task_timed_out, task_timed_out["readings"][-1])


@clause("TASK-C04")
def test_a_task_that_was_charged_is_not_cancelled(task_charged: dict[str, Any]) -> None:
    judge(oracles.a_finished_task_is_not_cancelled, task_charged["readings"][-1], task_charged["cancel"])


def _too_late(life: dict[str, Any], before: Any) -> None:
    judge(oracles.a_finished_task_is_not_cancelled, before, life["cancel"])
    judge(oracles.a_conflict_means_finished, life["cancel"], [life["last"]])
