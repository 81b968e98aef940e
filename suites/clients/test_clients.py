"""Official clients made of the gateway's answers what they were asked for: judged on what 'clients run' recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from llmapi_conformance.clients.case import cases_of_clauses
from llmapi_conformance.judging import judge
from llmapi_conformance.judging.oracles.clients import CLIENT_ORACLES
from llmapi_conformance.tree import tree

if TYPE_CHECKING:
    from collections.abc import Mapping

CASES = [
    pytest.param(clause, instance, marks=pytest.mark.clause(clause), id=f"{clause}-{instance.parameters}")
    for clause, instance in cases_of_clauses(tree() / "specs")
]


@pytest.mark.parametrize(("clause", "client_case"), CASES, indirect=["client_case"])
def test_a_client_sees_what_it_asked_for(clause: str, client_case: Mapping[str, Any]) -> None:
    judge(CLIENT_ORACLES[clause], client_case)
