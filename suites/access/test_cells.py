"""Every cell of the access matrix whose role and operation are active, one call each."""

from typing import Any

from llmapi_conformance.contract.access import access_matrix
from llmapi_conformance.judging.check import clause, judge
from llmapi_conformance.judging.oracles.access import (
    a_documented_refusal_reads_as_documented,
    a_general_key_is_refused_the_tasks_of_image_keys,
    a_key_is_refused_under_another_groups_prefix,
    a_key_over_its_rate_is_refused,
    a_key_that_is_no_longer_good_gets_401,
    a_key_that_is_no_longer_good_is_refused,
    a_key_without_money_gets_403,
    a_key_without_money_is_refused,
    a_refusal_of_the_protocol_reads_like_it,
    a_refusal_reaches_no_upstream,
    an_image_key_is_refused_at_general_operations,
    the_429_says_when_to_come_back,
    the_list_of_tasks_is_refused_to_other_keys,
    the_list_of_tasks_is_served_to_image_keys,
    what_is_converted_is_served,
    what_its_prefix_has_is_served,
    what_its_protocol_has_is_served,
    what_the_group_has_is_served,
    what_the_group_lacks_is_refused,
)

CELL = (
    what_the_group_has_is_served,
    what_is_converted_is_served,
    what_its_protocol_has_is_served,
    what_its_prefix_has_is_served,
    the_list_of_tasks_is_served_to_image_keys,
    what_the_group_lacks_is_refused,
    an_image_key_is_refused_at_general_operations,
    a_key_that_is_no_longer_good_is_refused,
    a_key_that_is_no_longer_good_gets_401,
    a_key_without_money_is_refused,
    a_key_without_money_gets_403,
    a_key_over_its_rate_is_refused,
    a_key_is_refused_under_another_groups_prefix,
    a_general_key_is_refused_the_tasks_of_image_keys,
    the_list_of_tasks_is_refused_to_other_keys,
    a_documented_refusal_reads_as_documented,
    a_refusal_of_the_protocol_reads_like_it,
)
each_cell = clause(*(one.clause for one in CELL), "ACC-D08", "ACC-L01")


def judge_cell(cell: dict[str, Any]) -> None:
    """What the matrix says of this role at this operation, and that a refusal was not passed on."""
    answer, log = cell["answer"], cell["log"]
    for one in CELL:
        judge(one, access_matrix(), answer)
    if answer.role.endswith("+rate_limited"):
        judge(the_429_says_when_to_come_back, answer)
    if log is not None:
        judge(a_refusal_reaches_no_upstream, answer, log)


@each_cell
def test_each_role_gets_from_messages_what_the_matrix_says(message_of_each_role: dict[str, Any]) -> None:
    judge_cell(message_of_each_role)


@each_cell
def test_each_role_gets_from_token_counting_what_the_matrix_says(token_count_of_each_role: dict[str, Any]) -> None:
    judge_cell(token_count_of_each_role)


@each_cell
def test_each_role_gets_from_chat_what_the_matrix_says(chat_completion_of_each_role: dict[str, Any]) -> None:
    judge_cell(chat_completion_of_each_role)


@each_cell
def test_each_role_gets_from_the_model_list_what_the_matrix_says(model_list_of_each_role: dict[str, Any]) -> None:
    judge_cell(model_list_of_each_role)


@each_cell
def test_each_role_gets_from_usage_what_the_matrix_says(usage_of_each_role: dict[str, Any]) -> None:
    judge_cell(usage_of_each_role)


@each_cell
def test_each_role_gets_from_geminis_paths_what_the_matrix_says(gemini_of_each_role: dict[str, Any]) -> None:
    for cell in gemini_of_each_role.values():
        judge_cell(cell)


@each_cell
def test_each_role_gets_under_antigravity_what_the_matrix_says(antigravity_of_each_role: dict[str, Any]) -> None:
    for cell in antigravity_of_each_role.values():
        judge_cell(cell)


@each_cell
def test_each_role_gets_from_images_what_the_matrix_says(images_of_each_role: dict[str, Any]) -> None:
    for cell in images_of_each_role.values():
        judge_cell(cell)


@each_cell
def test_each_role_gets_from_responses_what_the_matrix_says(responses_of_each_role: dict[str, Any]) -> None:
    for cell in responses_of_each_role.values():
        judge_cell(cell)


@each_cell
def test_each_role_gets_over_websocket_what_the_matrix_says(websocket_of_each_role: dict[str, Any]) -> None:
    judge_cell(websocket_of_each_role)


@each_cell
def test_an_image_key_gets_from_its_tasks_what_the_matrix_says(own_task_of_an_image_key: dict[str, Any]) -> None:
    for cell in own_task_of_an_image_key.values():
        judge_cell(cell)


@each_cell
def test_each_role_gets_from_image_tasks_what_the_matrix_says(tasks_of_each_role: dict[str, Any]) -> None:
    for cell in tasks_of_each_role.values():
        judge_cell(cell)


@each_cell
def test_each_role_gets_from_the_task_of_an_image_key_what_the_matrix_says(
    foreign_task_of_each_role: dict[str, Any],
) -> None:
    for cell in foreign_task_of_each_role.values():
        judge_cell(cell)
