"""Protocol rules hold on every exchange of their operation and mode, whatever scenario sent it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import llmapi_conformance.judging.oracles  # noqa: F401 - registers every oracle
from llmapi_conformance.judging import judge
from llmapi_conformance.judging.oracle import ORACLES, Oracle

if TYPE_CHECKING:
    from llmapi_conformance.evidence.exchange import Exchange

EVERYWHERE = [
    pytest.param(oracle, marks=pytest.mark.clause(oracle.clause), id=f"{oracle.clause}-{oracle.name}")
    for oracle in sorted(ORACLES.values(), key=lambda one: (one.clause, one.name))
    if oracle.on is not None
]


@pytest.mark.parametrize("oracle", EVERYWHERE)
def test_every_exchange_keeps_the_rule(oracle: Oracle, every_exchange: list[Exchange]) -> None:
    for exchange in every_exchange:
        if oracle.on is not None and oracle.on.covers(exchange):
            judge(oracle, exchange)
