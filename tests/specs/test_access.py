"""The access matrix is complete and agrees with itself, with the facts and with the OpenAPI description."""

from typing import Any

import pytest

Document = dict[str, Any]

BASES = ("general:openai", "general:anthropic", "general:gemini", "general:antigravity", "image:batch")
NOT_OPENAI = ("general:anthropic", "general:gemini", "general:antigravity")
PLATFORM_LITERAL = "Images API is not supported for this platform"


def _kind(cell: Document) -> str:
    return next(kind for kind in ("allow", "deny", "unspecified") if kind in cell)


def test_each_role_has_a_cell_for_each_operation(access: Document) -> None:
    operations = {operation["id"] for operation in access["operations"]}
    roles = {role["name"] for role in access["roles"]}
    assert set(access["cells"]) == roles
    gaps = {role: sorted(operations ^ set(row)) for role, row in access["cells"].items() if set(row) != operations}
    assert gaps == {}, "cells that are missing, or whose operation is unknown"


def test_each_documented_role_and_condition_is_there(access: Document) -> None:
    conditioned = {
        f"{base}+{condition}"
        for base in ("general:openai", "general:anthropic", "image:batch")
        for condition in ("disabled", "expired", "exhausted", "rate_limited")
    }
    assert {role["name"] for role in access["roles"]} == {*BASES, "general:openai+no_images", *conditioned}
    assert set(access["same_as"]) == {"second_key", "other_tenant"}


def test_the_operations_are_those_of_the_openapi_description(access: Document, operations: dict[str, Document]) -> None:
    standard = {key: value["x-surface"] for key, value in operations.items() if "x-alias-of" not in value}
    assert {operation["id"]: operation["surface"] for operation in access["operations"]} == standard


def test_each_cell_cites_known_facts(access: Document, facts: dict[str, Document]) -> None:
    cited = {number for row in access["cells"].values() for cell in row.values() for number in cell.get("facts", [])}
    assert sorted(cited - set(facts)) == []


def test_an_operation_is_planned_for_the_issue_of_its_surface(
    access: Document, clause_files: dict[str, Document]
) -> None:
    for operation in access["operations"]:
        if operation["status"] == "planned":
            issues = {c.get("issue") for c in clause_files[operation["surface"]]["clauses"] if c["status"] == "planned"}
            assert issues == {operation["issue"]}, operation["id"]


@pytest.mark.parametrize("condition", ["disabled", "expired", "exhausted", "rate_limited", "no_images"])
def test_a_condition_never_opens_what_the_base_role_is_denied(access: Document, condition: str) -> None:
    cells = access["cells"]
    for role in [role for role in cells if role.endswith(f"+{condition}")]:
        base = cells[role.partition("+")[0]]
        opened = [op for op, cell in cells[role].items() if _kind(cell) == "allow" and _kind(base[op]) != "allow"]
        assert opened == [], role


@pytest.mark.parametrize("condition", ["exhausted", "rate_limited"])
def test_a_refusal_of_the_base_role_stays_possible_under_a_condition(access: Document, condition: str) -> None:
    cells = access["cells"]
    for role in [role for role in cells if role.endswith(f"+{condition}")]:
        base = cells[role.partition("+")[0]]
        for operation, cell in cells[role].items():
            if _kind(cell) == "deny" and _kind(base[operation]) == "deny":
                assert set(base[operation]["deny"]["statuses"]) <= set(cell["deny"]["statuses"]), (role, operation)


@pytest.mark.parametrize("condition", ["disabled", "expired"])
def test_a_key_that_is_no_longer_good_opens_nothing(access: Document, condition: str) -> None:
    for role in [role for role in access["cells"] if role.endswith(f"+{condition}")]:
        assert "allow" not in {_kind(cell) for cell in access["cells"][role].values()}


def test_token_counting_is_refused_to_openai_groups_as_documented(access: Document) -> None:
    deny = access["cells"]["general:openai"]["countMessageTokens"]["deny"]
    assert deny == {"statuses": [404], "envelope": "anthropic", "error_type": "not_found_error"}


@pytest.mark.parametrize("role", NOT_OPENAI)
@pytest.mark.parametrize("operation", ["generateImage", "editImage"])
def test_images_are_refused_to_other_platforms_as_documented(access: Document, role: str, operation: str) -> None:
    deny = access["cells"][role][operation]["deny"]
    assert deny["statuses"] == [404]
    assert deny["message"] == PLATFORM_LITERAL


@pytest.mark.parametrize("operation", ["generateImage", "editImage"])
def test_switched_off_images_are_forbidden(access: Document, operation: str) -> None:
    assert access["cells"]["general:openai+no_images"][operation]["deny"]["statuses"] == [403]


def test_tasks_are_for_image_keys(access: Document) -> None:
    submit = {role: _kind(access["cells"][role]["submitImageTask"]) for role in BASES}
    assert submit == {role: "allow" if role == "image:batch" else "deny" for role in BASES}


def test_each_cell_with_a_literal_cites_the_fact_that_states_it(access: Document) -> None:
    for role, row in access["cells"].items():
        for operation, cell in row.items():
            literal = cell.get("deny", {}).get("message")
            if literal is not None:
                assert {"F6.14", "F6.23"} & set(cell["facts"]), (role, operation)
