"""The task routes without /v1 are those with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from llmapi_conformance.judging import clause, judge
from llmapi_conformance.judging.oracles import aliases as oracles

if TYPE_CHECKING:
    from llmapi_conformance.evidence.exchange import Exchange


@clause("ALI-R05")
def test_tasks_are_served_without_v1(task_paths: dict[str, dict[str, Exchange]]) -> None:
    if "alias" in task_paths:
        judge(oracles.tasks_without_v1_are_served, task_paths["standard"], task_paths["alias"])


@clause("ALI-P01", "ALI-P05")
@pytest.mark.parametrize("what", ["submitted", "read", "cancelled", "events", "unknown read", "unknown cancelled"])
def test_an_alias_of_tasks_answers_like_them(task_paths: dict[str, dict[str, Exchange]], what: str) -> None:
    standard, alias = task_paths["standard"].get(what), task_paths.get("alias", {}).get(what)
    if standard is None or alias is None:
        return
    ended = what == "cancelled" and 409 in (standard.status, alias.status)  # not before, or not by either path
    if not ended:
        judge(oracles.alias_answers_like_its_standard, standard, alias)
        judge(oracles.alias_is_no_page, alias)


@clause("ALI-P07")
def test_the_alias_of_the_events_is_never_a_task_id(task_events_path: dict[str, Exchange]) -> None:
    for name in ("alias", "alias, JSON"):
        judge(oracles.alias_of_the_events_is_no_task_id, task_events_path[name])
