"""A task is its key's: that key does everything with it, and no other key learns that it is there."""

from __future__ import annotations

from typing import Any

from llmapi_conformance.judging import clause, judge
from llmapi_conformance.judging.oracles import tasks_keys as oracles


@clause("TASK-P25")
def test_an_image_key_does_all_with_its_task(task_paths: dict[str, Any]) -> None:
    judge(oracles.an_image_key_does_all_with_its_task, task_paths["standard"])


@clause("TASK-D02")
def test_an_unknown_id_is_not_found(task_paths: dict[str, Any]) -> None:
    for name in ("unknown read", "unknown cancelled"):
        if name in task_paths["standard"]:
            judge(oracles.an_unknown_task_is_404, task_paths["standard"][name])


@clause("TASK-P03", "TASK-D07")
def test_a_general_key_submits_and_reads_no_task(task_and_general_keys: dict[str, Any]) -> None:
    for tries in task_and_general_keys["tries"].values():
        judge(oracles.a_general_key_submits_no_task, tries["submit"])
        judge(oracles.a_general_key_reads_no_task, tries["read"])


@clause("TASK-E02")
def test_a_general_key_hears_of_no_task(task_and_general_keys: dict[str, Any]) -> None:
    submitted, own = task_and_general_keys["submitted"], task_and_general_keys["own"]
    for heard in task_and_general_keys["heard"].values():
        judge(oracles.a_general_key_hears_of_no_living_task, submitted, own, heard)


@clause("TASK-D03", "TASK-C06")
def test_a_task_of_another_tenant_is_as_good_as_unknown(task_of_another_tenant: dict[str, Any]) -> None:
    met = task_of_another_tenant
    foreign, unknown = met["foreign"], met["unknown"]
    judge(oracles.a_task_of_another_tenant_is_as_good_as_unknown, met["before"], foreign["read"], unknown["read"])
    judge(
        oracles.a_task_of_another_tenant_is_not_cancelled,
        met["before"],
        foreign["cancel"],
        unknown["cancel"],
        met["after"],
    )


@clause("TASK-D06")
def test_a_list_holds_no_task_of_another_tenant(task_of_another_tenant: dict[str, Any]) -> None:
    judge(oracles.a_list_holds_no_foreign_task, task_of_another_tenant["submitted"], task_of_another_tenant["listed"])


@clause("TASK-D04")
def test_a_task_of_another_key_is_as_good_as_unknown(task_of_a_second_key: dict[str, Any]) -> None:
    met = task_of_a_second_key
    foreign, unknown = met["foreign"], met["unknown"]
    judge(oracles.a_task_of_another_key_is_as_good_as_unknown, met["before"], foreign["read"], unknown["read"])
    judge(oracles.a_second_key_harms_no_task, met["before"], foreign["cancel"], unknown["cancel"], met["after"])


@clause("TASK-E04")
def test_events_are_not_for_another_tenant(task_of_another_tenant: dict[str, Any]) -> None:
    judge_events(task_of_another_tenant)


@clause("TASK-E04")
def test_events_are_not_for_another_key_of_the_tenant(task_of_a_second_key: dict[str, Any]) -> None:
    judge_events(task_of_a_second_key)


def judge_events(met: dict[str, Any]) -> None:
    """What the other key heard beside the task, and what the task's own key heard beside that of the other."""
    for ear in met["ears"]:
        judge(oracles.a_listener_hears_of_no_foreign_task, met["submitted"], met["mine"], ear)
    judge(oracles.a_listener_hears_of_no_foreign_task, met["mine"], met["submitted"], met["own"])
