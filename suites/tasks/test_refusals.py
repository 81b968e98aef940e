"""What is no task: refused, for the documented reason."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmapi_conformance.judging import clause, judge
from llmapi_conformance.judging.oracles import tasks as oracles

if TYPE_CHECKING:
    from llmapi_conformance.evidence.exchange import Exchange

INVALID = ("no prompt", "an empty prompt", "n of 0", "n below 0", "n as a string", "prompt as a number")
WRONG_TYPES = ("n as a string", "prompt as a number", "model as a number")


@clause("TASK-P07", "TASK-P08")
def test_a_prompt_is_required(task_refusals: dict[str, Exchange]) -> None:
    judge(oracles.a_task_without_prompt_is_refused, task_refusals["no prompt"])
    judge(oracles.a_task_with_an_empty_prompt_is_refused, task_refusals["an empty prompt"])


@clause("TASK-P10", "TASK-P11")
def test_n_is_above_zero_and_bounded(task_refusals: dict[str, Exchange]) -> None:
    for name in ("n of 0", "n below 0"):
        judge(oracles.a_task_of_no_images_is_refused, task_refusals[name])
    judge(oracles.a_task_of_too_many_images_is_refused, task_refusals["n far too high"])


@clause("TASK-P19", "TASK-P20")
def test_an_invalid_task_is_told_so(task_refusals: dict[str, Exchange]) -> None:
    for name in WRONG_TYPES:
        judge(oracles.a_member_of_the_wrong_type_is_refused, task_refusals[name])
    for name in INVALID:
        judge(oracles.an_invalid_task_is_told_so, task_refusals[name])


@clause("TASK-P12", "TASK-P22")
def test_a_task_has_no_stream(task_refusals: dict[str, Exchange]) -> None:
    judge(oracles.a_streamed_task_is_refused, task_refusals["stream true"])
    judge(oracles.a_feature_that_tasks_lack_is_told_so, task_refusals["stream true"])


@clause("TASK-P04", "TASK-P13", "TASK-P21")
def test_an_image_model_of_the_group_is_required(task_refusals: dict[str, Exchange]) -> None:
    for name in ("a model of no group", "a text model"):
        judge(oracles.a_model_of_no_group_is_refused, task_refusals[name])
    judge(oracles.a_model_without_images_is_told_so, task_refusals["a text model"])
    for name, call in task_refusals.items():
        if name.startswith("the nickname"):
            judge(oracles.a_nickname_is_refused, call)


@clause("TASK-P24")
def test_a_full_queue_is_told_so(task_queue_full: dict[str, list[Exchange]]) -> None:
    judge(oracles.a_full_queue_is_429, task_queue_full["submissions"], task_queue_full["running"])
