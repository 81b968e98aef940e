"""The life of a task: states, histories, ends, results, charges."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llmapi_conformance.judging import clause, judge
from llmapi_conformance.judging.oracles import tasks_life as oracles
from llmapi_conformance.judging.oracles import tasks_results as results

if TYPE_CHECKING:
    from llmapi_conformance.evidence.exchange import Exchange


@clause("TASK-L04", "TASK-L05")
def test_a_reader_sees_states_go_forward_and_end(task_followed: dict[str, Any]) -> None:
    _one_history(
        task_followed["first"],
        *task_followed["readings"],
        *task_followed["after"],
        task_followed["cancel"],
        task_followed["last"],
    )


@clause("TASK-L01", "TASK-L02", "TASK-L03", "TASK-L12")
def test_a_task_has_its_members_in_each_telling(task_followed: dict[str, Any]) -> None:
    judge(oracles.an_id_looks_like_the_examples, task_followed["submitted"])
    for shown in (task_followed["last"], task_followed["listener"]):
        judge(oracles.a_task_has_its_members, shown)
        judge(oracles.both_ids_are_equal, shown)
        judge(oracles.the_state_is_a_named_one, shown)


@clause("TASK-L15", "TASK-L18")
def test_a_failed_task_says_why_and_nothing_of_what_is_inside(task_failed: dict[str, Any]) -> None:
    judge(oracles.a_failed_task_says_why, task_failed["last"])
    for shown in (task_failed["last"], task_failed["listener"]):
        judge(oracles.a_failed_task_names_nothing_inside, shown)


@clause("TASK-L10")
def test_a_task_brings_the_images_that_were_asked_for(task_results: dict[str, Any]) -> None:
    for name in ("data", "address"):
        judge(results.the_images_asked_for_are_there, task_results[name]["submitted"], task_results[name]["readings"])
    judge(results.an_address_leads_to_an_image, task_results["fetched"])


@clause("TASK-L04", "TASK-L05", "TASK-L11", "TASK-L14")
def test_twelve_tasks_at_once_end_with_their_own_results(task_twelve: dict[str, Any]) -> None:
    judge(oracles.every_task_ends, task_twelve["readings"])
    judge(results.each_task_holds_its_own_result, task_twelve["submitted"], task_twelve["readings"])
    for readings in task_twelve["readings"]:
        _one_history(*readings)


@clause("TASK-L04", "TASK-L05", "TASK-L06", "TASK-L07", "TASK-L21", "TASK-C07")
def test_a_failing_upstream_ends_the_task_as_failed(task_failed: dict[str, Any]) -> None:
    judge(oracles.a_failing_upstream_ends_as_failed, task_failed["readings"])
    _ended_badly(task_failed)


@clause("TASK-L04", "TASK-L05", "TASK-L06", "TASK-L08", "TASK-L21", "TASK-C07")
def test_a_slow_upstream_ends_the_task_as_timeout(task_timed_out: dict[str, Any]) -> None:
    judge(oracles.a_slow_upstream_ends_as_timeout, task_timed_out["readings"])
    _ended_badly(task_timed_out)


@clause("TASK-L16", "TASK-L05")
def test_a_success_is_charged_once(task_charged: dict[str, Any]) -> None:
    judge(results.a_success_is_charged_once, task_charged["usage"], task_charged["readings"], task_charged["tokens"])
    judge(oracles.a_final_state_stays, task_charged["readings"])


@clause("TASK-L03", "TASK-L04", "TASK-L05")
def test_a_task_that_was_cancelled_at_once_stays_what_it_became(task_canceled_at_once: dict[str, Any]) -> None:
    _canceled(task_canceled_at_once)
    for shown in task_canceled_at_once["last"]:
        judge(oracles.the_state_is_a_named_one, shown)


@clause("TASK-L04", "TASK-L05")
def test_a_running_task_that_was_cancelled_stays_what_it_became(task_canceled_running: dict[str, Any]) -> None:
    _canceled(task_canceled_running, *task_canceled_running["running"])


@clause("TASK-L04", "TASK-L05")
def test_a_queued_task_that_was_cancelled_stays_what_it_became(task_canceled_queued: dict[str, Any]) -> None:
    _canceled(task_canceled_queued, task_canceled_queued["queued"])
    for readings in task_canceled_queued["others"]:
        _one_history(*readings)


@clause("TASK-L04", "TASK-L05")
def test_whoever_wins_a_race_the_end_stays(task_cancel_race: dict[str, Any]) -> None:
    _canceled(task_cancel_race)


def _canceled(life: dict[str, Any], *before: Exchange) -> None:
    _one_history(*before, life["cancel"], *life["readings"], life["again"], *life["last"])


def _ended_badly(life: dict[str, Any]) -> None:
    judge(oracles.an_ended_task_is_not_tried_again, life["readings"], life["asked"], life["still"])
    judge(oracles.a_failing_upstream_is_asked_once, life["readings"], life["asked"])
    judge(results.a_task_without_success_is_not_charged, life["usage"], life["readings"])
    _one_history(*life["readings"], *life["after"], life["cancel"], life["last"])


def _one_history(*answers: Exchange) -> None:
    """What one client saw of one task, in order."""
    judge(oracles.states_go_forward, answers)
    judge(oracles.a_final_state_stays, answers)
