"""Every fault is found by a clause that it lists; the suite can't see which fault is on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from llmapi_conformance.clients.case import CLIENTS
from llmapi_conformance.contract.clauses import Status
from llmapi_conformance.contract.contract import load_contract
from llmapi_conformance.reference.faults import FAULTS, Fault
from llmapi_conformance.reference.faults_generated import GENERATED_FAULTS
from llmapi_conformance.reference.faults_properties import PROPERTY_FAULTS
from llmapi_conformance.tree import tree
from tests.kill.suite import found, run_suite, with_verdict

if TYPE_CHECKING:
    from pathlib import Path


ELSEWHERE = frozenset(fault.name for fault in GENERATED_FAULTS)
"""Faults that generated requests of some operations find: ``test_generated.py``."""
BY_CLAUSES = [fault for fault in FAULTS.values() if fault.name not in ELSEWHERE]


@pytest.mark.parametrize("fault", BY_CLAUSES, ids=[fault.name for fault in BY_CLAUSES])
def test_a_clause_that_the_fault_lists_finds_it(fault: Fault, tmp_path: Path) -> None:
    drawn = () if fault in PROPERTY_FAULTS else ("--generate", "0")
    status, document = run_suite(tmp_path, "--fault", fault.name, "-k", " or ".join(fault.clauses), *drawn)
    assert found(document) & set(fault.clauses), with_verdict(document, "not_observed")
    assert not with_verdict(document, "error")
    assert status in (0, 1)


def test_every_fault_lists_active_clauses() -> None:
    clauses = load_contract(tree()).clauses
    for fault in FAULTS.values():
        assert fault.clauses, fault.name
        assert all(clauses[name].status is Status.ACTIVE for name in fault.clauses), fault.name


def test_each_surface_is_broken_by_a_fault() -> None:
    clauses = load_contract(tree()).clauses
    # What official clients make of a gateway is no surface of it: benchmarks/clients.py shows which faults they meet.
    active = {one.surface for one in clauses.values() if one.status is Status.ACTIVE and one.surface != CLIENTS}
    assert active == {clauses[name].surface for fault in FAULTS.values() for name in fault.clauses}
