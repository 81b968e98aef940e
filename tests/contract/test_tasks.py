"""The life cycle of tasks is loaded from the contract."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from llmapi_conformance.contract.tasks import load_tasks
from llmapi_conformance.errors import ContractError

SPECS = Path(__file__).parents[2] / "specs"
ACTIVE, FINAL = frozenset({"queued", "running"}), frozenset({"succeeded", "failed", "timeout", "canceled"})


def test_two_states_are_active_and_four_final() -> None:
    contract = load_tasks(SPECS)
    assert (contract.active, contract.final) == (ACTIVE, FINAL)


def test_a_reader_may_miss_running_and_sees_no_state_come_back() -> None:
    contract = load_tasks(SPECS)
    assert contract.may_follow("queued", "succeeded")
    assert contract.may_follow("queued", "queued")
    assert not contract.may_follow("running", "queued")
    assert not any(contract.may_follow(end, other) for end in FINAL for other in ACTIVE | FINAL if other != end)
    assert "succeeded" not in contract.states["queued"].next


def test_a_model_belongs_to_a_platform_by_the_beginning_of_its_name() -> None:
    contract = load_tasks(SPECS)
    assert contract.platform("gpt-image-2") == contract.platform("image2") == "openai"
    assert contract.platform("gemini-3.1-flash-image") == "gemini"
    assert contract.platform("claude-sonnet-4-5") is None
    assert contract.model("image2") == "gpt-image-2"


def test_a_state_that_is_not_there_is_refused(tmp_path: Path) -> None:
    specs = tmp_path / "specs"
    (specs / "schemas").mkdir(parents=True)
    (specs / "schemas" / "tasks.schema.json").write_bytes((SPECS / "schemas" / "tasks.schema.json").read_bytes())
    data = yaml.safe_load((SPECS / "tasks.yaml").read_text("utf-8"))
    data["states"]["queued"]["next"].append("parked")
    (specs / "tasks.yaml").write_text(yaml.safe_dump(data), "utf-8")
    with pytest.raises(ContractError, match="no state parked"):
        load_tasks(specs)
