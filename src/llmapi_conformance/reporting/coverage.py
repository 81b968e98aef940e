"""Coverage: which checks judge a clause, and which faults of the reference gateway they have been seen to find."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from llmapi_conformance.contract.clauses import Status
from llmapi_conformance.reference.faults import FAULTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from llmapi_conformance.contract.clauses import Clause


@dataclass(frozen=True, slots=True)
class ClauseCoverage:
    """One active clause.

    Attributes:
        clause: Its id.
        surface: The part of the API it belongs to.
        checks: Number of checks that name it.
        faults: Faults that list it: a run with one of them has a finding on it. Where there is none, a violating
            recording in the tests of judging proves the check.
    """

    clause: str
    surface: str
    checks: int
    faults: tuple[str, ...]


def coverage_of(clauses: Iterable[Clause], checks: Mapping[str, int]) -> list[ClauseCoverage]:
    """Coverage of every active clause, in the order of the registry.

    Args:
        clauses: The registry.
        checks: Clause id -> number of collected checks that name it.
    """
    faults: dict[str, list[str]] = {}
    for fault in FAULTS.values():
        for clause in fault.clauses:
            faults.setdefault(clause, []).append(fault.name)
    return [
        ClauseCoverage(clause.id, clause.surface, checks.get(clause.id, 0), tuple(faults.get(clause.id, ())))
        for clause in clauses
        if clause.status is Status.ACTIVE
    ]
