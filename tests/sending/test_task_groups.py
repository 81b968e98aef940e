"""What is told of a scenario whose task group failed."""

from __future__ import annotations

from llmapi_conformance.evidence.results import ResultStatus, ScenarioStopped
from llmapi_conformance.sending.conductor import sole_cause


def test_a_scenario_that_stops_within_a_task_group_is_stopped_and_no_error_of_the_harness() -> None:
    stopped = ScenarioStopped(ResultStatus.NOT_OFFERED, "it converts nothing")
    group = BaseExceptionGroup("tasks", [BaseExceptionGroup("tasks", [stopped])])
    assert sole_cause(group) is stopped


def test_several_requests_that_stopped_are_one_stop() -> None:
    first, second = (ScenarioStopped(ResultStatus.INCONCLUSIVE, f"the connection of {n} was reset") for n in (1, 2))
    assert sole_cause(BaseExceptionGroup("tasks", [first, second])) is first
    mixed = BaseExceptionGroup("tasks", [first, ValueError("ours")])
    assert sole_cause(mixed) is mixed


def test_several_failures_stay_together() -> None:
    group = BaseExceptionGroup("tasks", [ValueError("one"), ValueError("another")])
    assert sole_cause(group) is group
    assert sole_cause(group.exceptions[0]) is group.exceptions[0]
