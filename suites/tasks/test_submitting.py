"""Submitting image tasks: the answer, the example, the parameters, and the ids."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llmapi_conformance.judging import clause, judge
from llmapi_conformance.judging.oracles import tasks as oracles
from llmapi_conformance.judging.oracles import tasks_parameters as parameters

if TYPE_CHECKING:
    from llmapi_conformance.evidence.exchange import Exchange


@clause("TASK-P01", "TASK-P02", "TASK-P18")
def test_the_example_of_the_start_page_makes_a_task(task_example: dict[str, Any]) -> None:
    answer = task_example["answer"]
    judge(oracles.the_example_is_accepted, answer)
    judge(oracles.a_task_is_accepted_with_202, answer)
    judge(oracles.the_answer_names_the_task, answer)


@clause("TASK-P05", "TASK-P09", "TASK-P16")
def test_a_prompt_is_enough(task_parameters: dict[str, Any]) -> None:
    if task := task_parameters.get("prompt"):
        answer, readings, log = task["answer"], task["readings"], task["log"]
        judge(parameters.the_default_model_is_gpt_image_2, answer, readings, log)
        judge(parameters.one_image_is_the_default_of_tasks, answer, readings)
        judge(parameters.tasks_make_images_as_data, answer, readings, log)


@clause("TASK-P06", "TASK-P15", "TASK-P17")
def test_image2_and_options_reach_openai(task_parameters: dict[str, Any]) -> None:
    if task := task_parameters.get("options"):
        judge(parameters.image2_is_gpt_image_2, task["answer"], task["readings"], task["log"])
        if task["log"] is not None:
            judge(parameters.size_reaches_openai, task["answer"], task["log"])
            judge(parameters.looks_reach_openai, task["answer"], task["log"])


@clause("TASK-P12", "TASK-P15")
def test_a_size_reaches_gemini(task_parameters: dict[str, Any]) -> None:
    if task := task_parameters.get("gemini"):
        judge(oracles.stream_false_is_accepted, task["answer"])
        if task["log"] is not None:
            judge(parameters.size_reaches_gemini, task["answer"], task["log"])


@clause("TASK-P14")
def test_one_path_takes_the_models_of_both_platforms(task_parameters: dict[str, Any]) -> None:
    if "prompt" in task_parameters and "gemini" in task_parameters:
        openai, gemini = (task_parameters[name]["answer"] for name in ("prompt", "gemini"))
        judge(oracles.tasks_of_both_platforms_are_taken, openai, gemini)


@clause("TASK-L13", "TASK-L17")
def test_ids_are_unique_and_not_counted(
    every_exchange: list[Exchange],
    task_paths: dict[str, Any],  # noqa: ARG001 - two submissions at least, also where only these clauses are asked for
) -> None:
    answered = [one for one in every_exchange if one.answered]
    judge(oracles.ids_of_tasks_differ, answered)
    judge(oracles.ids_of_tasks_are_not_counted, answered)


@clause("TASK-L13", "TASK-L17")
def test_ids_of_one_key_are_unique_and_not_counted(task_queue_full: dict[str, list[Exchange]]) -> None:
    judge(oracles.ids_of_tasks_differ, task_queue_full["submissions"])
    judge(oracles.ids_of_tasks_are_not_counted, task_queue_full["submissions"])
