from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from llmapi_conformance.contract.access import Allow, Deny, Unspecified, access_matrix, load_access
from llmapi_conformance.errors import ContractError

SPECS = Path(__file__).parents[2] / "specs"


@pytest.fixture
def specs(tmp_path: Path) -> Path:
    copy = tmp_path / "specs"
    copy.mkdir()
    shutil.copytree(SPECS / "schemas", copy / "schemas")
    shutil.copy(SPECS / "access.yaml", copy)
    return copy


def change(specs: Path, old: str, new: str) -> None:
    path = specs / "access.yaml"
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")


def test_each_cell_is_one_of_three_kinds() -> None:
    matrix = access_matrix()
    assert isinstance(matrix.cell("general:openai", "createChatCompletion"), Allow)
    assert isinstance(matrix.cell("general:anthropic+rate_limited", "countMessageTokens"), Unspecified)
    refused = matrix.cell("general:openai", "countMessageTokens")
    assert isinstance(refused, Deny)
    assert (refused.statuses, refused.envelope, refused.error_type) == ((404,), "anthropic", "not_found_error")
    assert refused.message == ""


def test_a_documented_message_is_kept_to_the_letter() -> None:
    cell = access_matrix().cell("general:gemini", "generateImage")
    assert isinstance(cell, Deny)
    assert cell.message == "Images API is not supported for this platform"


def test_planned_rows_and_columns_are_left_out_unless_asked_for(specs: Path) -> None:
    change(specs, '{name: "general:gemini", status: active}', '{name: "general:gemini", status: planned, issue: 3}')
    change(specs, "surface: tasks, status: active}", "surface: tasks, status: planned, issue: 4}")
    matrix = load_access(specs)
    assert "general:gemini" not in matrix.roles()
    assert "general:gemini" in matrix.roles(active=False)
    assert "submitImageTask" not in matrix.operation_ids()
    assert "submitImageTask" in matrix.operation_ids(active=False)
    assert len(matrix.operation_ids(active=False)) == len(matrix.operations)


def test_only_roles_with_a_promise_are_specified() -> None:
    roles = access_matrix().specified_roles("countMessageTokens")
    assert "general:anthropic" in roles
    assert "general:anthropic+rate_limited" not in roles
    assert "general:gemini" not in roles


def test_a_condition_that_changes_nothing_has_the_cells_of_its_base() -> None:
    matrix = access_matrix()
    for condition in ("second_key", "other_tenant"):
        assert matrix.cell(f"general:openai+{condition}", "listModels") is matrix.cell("general:openai", "listModels")


@pytest.mark.parametrize(("role", "operation"), [("general:openai", "dream"), ("general:nobody", "listModels")])
def test_a_cell_that_is_not_there_is_one_sentence(role: str, operation: str) -> None:
    with pytest.raises(ContractError, match=f"no cell for {role} at {operation}"):
        access_matrix().cell(role, operation)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("    listModels: *own_models\n", "", "operation listModels has no cells"),
        ("    listModels: *own_models\n", "    listDreams: *own_models\n", "has no cells"),
        ('  "image:batch+expired": *expired\n', "", "role image:batch\\+expired has no cells"),
        ('  - {name: "image:batch", status: active}\n', "", "role image:batch has cells but is not listed"),
        ('  - {name: "image:batch", status: active}\n', '  - {name: "image:batch", status: active}\n' * 2, "twice"),
        ("envelope: anthropic", "envelope: martian", "access.yaml"),
        ("statuses: [404]", "statuses: [200]", "access.yaml"),
        ("roles:\n", "roles: [\n", "not YAML"),
    ],
)
def test_a_matrix_that_is_wrong_is_refused(specs: Path, old: str, new: str, message: str) -> None:
    change(specs, old, new)
    with pytest.raises(ContractError, match=message):
        load_access(specs)


def test_a_matrix_that_is_missing_is_refused(specs: Path) -> None:
    (specs / "access.yaml").unlink()
    with pytest.raises(ContractError, match=r"access\.yaml"):
        load_access(specs)


def test_a_seeded_error_changes_the_cell(specs: Path) -> None:
    change(specs, "    countMessageTokens: *count_refused\n", "    countMessageTokens: *own_models\n")
    assert isinstance(load_access(specs).cell("general:openai", "countMessageTokens"), Allow)
