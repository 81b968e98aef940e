"""Every documented operation is exercised: shown by a recording, not by the source."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from llmapi_conformance.contract.contract import load_contract
from llmapi_conformance.evidence.recording import read_recording
from llmapi_conformance.tree import tree

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.timeout(300)  # the fixture runs the whole suite


def test_every_operation_is_answered_with_success_in_a_whole_run(recorded: Path) -> None:
    wanted = {one.id for one in load_contract(tree()).operations}
    exchanges = read_recording(recorded / "recording.jsonl").exchanges.values()
    assert wanted - {one.operation for one in exchanges} == set()
    upgraded = {one.operation for one in exchanges if one.status == 101}
    assert wanted - upgraded - {one.operation for one in exchanges if one.succeeded} == set()
