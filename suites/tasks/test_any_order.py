"""Tasks in any order: each answer is the one that the state of the task asks for."""

from __future__ import annotations

from typing import Any

from llmapi_conformance.judging import clause, judge
from llmapi_conformance.judging.oracles import tasks_machine as oracles


@clause("TASK-L19", "TASK-L20")
def test_a_task_keeps_to_its_life_cycle_in_whatever_order_it_is_asked(task_any_order: dict[str, Any]) -> None:
    for trace in [*task_any_order["traces"], *task_any_order["found"]]:
        judge(oracles.states_are_named_and_final_ones_stay, trace, task_any_order["sure"])
        judge(oracles.each_answer_is_the_one_that_the_state_asks_for, trace, task_any_order["sure"])
