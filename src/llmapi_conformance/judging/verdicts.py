"""Verdicts: one per clause, from everything that the checks saw."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from llmapi_conformance.contract.clauses import Basis, Clause, Level, Status
from llmapi_conformance.evidence.results import ResultStatus, is_our_own_gap

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from llmapi_conformance.evidence.exchange import Exchange
    from llmapi_conformance.judging.check import Check, Observed
    from llmapi_conformance.target.waivers import Waiver

LONGEST_TEXT = 2_000
"""Characters of ``observed`` that are kept; the bytes are in the recording."""


class Verdict(StrEnum):
    """What can be said of a clause; the order of the members is the order of a summary."""

    ERROR = "error"
    FAILED = "failed"
    WARNED = "warned"
    NOTED = "noted"
    INCONCLUSIVE = "inconclusive"
    PASSED = "passed"
    NOT_OBSERVED = "not_observed"
    NOT_OFFERED = "not_offered"
    WAIVED = "waived"


_WEIGHT = (
    Verdict.ERROR,
    Verdict.FAILED,
    Verdict.WARNED,
    Verdict.NOTED,
    Verdict.INCONCLUSIVE,
    Verdict.PASSED,
    Verdict.NOT_OBSERVED,
    Verdict.NOT_OFFERED,
)
_BROKEN = {Level.MUST: Verdict.FAILED, Level.SHOULD: Verdict.WARNED, Level.INFO: Verdict.NOTED}
_UNSEEN = {
    ResultStatus.INCONCLUSIVE: Verdict.INCONCLUSIVE,
    ResultStatus.NOT_OBSERVED: Verdict.NOT_OBSERVED,
    ResultStatus.NOT_OFFERED: Verdict.NOT_OFFERED,
    ResultStatus.ERROR: Verdict.ERROR,
}


@dataclass(frozen=True, slots=True)
class Finding:
    """A failed, warned or noted clause, with what shows it.

    Attributes:
        verdict: By the clause's level.
        check: The check that found it first.
        oracle: The oracle that found it.
        expected: What the clause asks for.
        observed: What was there.
        exchange: The exchange that shows it, ``None`` when none does.
        span: Offsets of the telling bytes in the response body.
        also: Ids of further exchanges that show the same.
    """

    verdict: Verdict
    check: str
    oracle: str
    expected: str
    observed: str
    exchange: Exchange | None = None
    span: tuple[int, int] | None = None
    also: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CheckVerdict:
    """What one check says of one clause."""

    name: str
    verdict: Verdict
    examined: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ClauseVerdict:
    """What all checks together say of one clause.

    Attributes:
        clause: The clause.
        level: Its level at this target.
        verdict: The weightiest verdict of its checks.
        reason: One sentence when nothing could be judged; empty otherwise.
        examined: Number of subjects looked at.
        findings: What deviates, each kind of deviation once, with every exchange that shows it.
        checks: What each check says.
        waiver: Under which a broken clause is waived, ``None`` for any other verdict.
    """

    clause: Clause
    level: Level
    verdict: Verdict
    reason: str = ""
    examined: int = 0
    findings: tuple[Finding, ...] = ()
    checks: tuple[CheckVerdict, ...] = ()
    waiver: Waiver | None = None


@dataclass(frozen=True, slots=True)
class Terms:
    """What a target promised, as far as verdicts depend on it.

    Attributes:
        claims: Bases whose clauses the gateway promised to keep.
        offers: Surfaces that it offers.
        not_offered: Surface, operation id or clause id -> reason.
        overrides: Clause id -> level at this target, ``assumed`` clauses only.
        strict: Whether a broken SHOULD is failed.
        gaps_fail: Whether an active clause that nothing could show is failed, though the run tried.
    """

    claims: frozenset[Basis] = frozenset(Basis)
    offers: frozenset[str] = frozenset()
    not_offered: Mapping[str, str] = field(default_factory=dict)
    overrides: Mapping[str, Level] = field(default_factory=dict)
    strict: bool = False
    gaps_fail: bool = False

    def level(self, clause: Clause) -> Level:
        """The level of a clause at this target."""
        return self.overrides.get(clause.id, clause.level)

    def broken(self, clause: Clause) -> Verdict:
        """The verdict of a clause that is broken at this target."""
        level = self.level(clause)
        if self.strict and level is Level.SHOULD and clause.basis is not Basis.ASSUMED:
            return Verdict.FAILED
        return _BROKEN[level]

    def declined(self, clause: Clause) -> str:
        """Why the target does not offer a clause; empty when it does."""
        if clause.basis not in self.claims:
            return f"the target does not claim {clause.basis} clauses"
        for name in (clause.id, clause.surface):
            if name in self.not_offered:
                return self.not_offered[name]
        if clause.surface not in self.offers:
            return f"the target does not offer the surface {clause.surface}"
        return ""


def verdicts(clauses: Iterable[Clause], checks: Iterable[Check], terms: Terms) -> list[ClauseVerdict]:
    """One verdict for each active clause, in the order of the registry."""
    by_clause: dict[str, list[Check]] = {}
    for check in checks:
        for clause_id in check.clauses:
            by_clause.setdefault(clause_id, []).append(check)
    return [
        _clause_verdict(clause, by_clause.get(clause.id, []), terms)
        for clause in clauses
        if clause.status is Status.ACTIVE
    ]


def check_verdict(check: Check, clause: Clause, terms: Terms) -> CheckVerdict:
    """What a check says of a clause."""
    examined = check.examined.get(clause.id, 0)
    if check.status is not ResultStatus.DONE:
        return CheckVerdict(check.name, _UNSEEN[check.status], examined, check.reason)
    if any(found.clause == clause.id for found in check.observed):
        return CheckVerdict(check.name, terms.broken(clause), examined)
    if clause.id in check.unseen and check.unseen[clause.id][0] is ResultStatus.INCONCLUSIVE:
        return CheckVerdict(check.name, Verdict.INCONCLUSIVE, examined, check.unseen[clause.id][1])
    if examined:
        return CheckVerdict(check.name, Verdict.PASSED, examined)
    _, reason = check.unseen.get(clause.id, (ResultStatus.NOT_OBSERVED, "no answer held what the clause speaks about"))
    return CheckVerdict(check.name, Verdict.NOT_OBSERVED, 0, reason)


def _clause_verdict(clause: Clause, checks: list[Check], terms: Terms) -> ClauseVerdict:
    level = terms.level(clause)
    if declined := terms.declined(clause):
        return ClauseVerdict(clause, level, Verdict.NOT_OFFERED, declined)
    said = tuple(sorted((check_verdict(check, clause, terms) for check in checks), key=lambda one: one.name))
    if not said:
        return _unseen(clause, level, terms, "no check for it was selected", ())
    weightiest = min((one.verdict for one in said), key=_WEIGHT.index)
    examined = sum(one.examined for one in said)
    if weightiest is Verdict.NOT_OBSERVED:
        return _unseen(clause, level, terms, _reasons(said, weightiest), said)
    reason = "" if weightiest is Verdict.PASSED else _reasons(said, weightiest)
    return ClauseVerdict(clause, level, weightiest, reason, examined, _findings(clause, checks, terms), said)


def _unseen(clause: Clause, level: Level, terms: Terms, reason: str, said: tuple[CheckVerdict, ...]) -> ClauseVerdict:
    gap_of_the_gateway = any(not is_our_own_gap(one.reason) for one in said)
    if not (terms.gaps_fail and gap_of_the_gateway and level is Level.MUST):
        return ClauseVerdict(clause, level, Verdict.NOT_OBSERVED, reason, checks=said)
    gap = Finding(
        Verdict.FAILED,
        said[0].name,
        "undeclared gap",
        "an answer that shows whether the clause is kept, or an entry under [not_offered] in the target file",
        f"nothing: {reason}",
    )
    return ClauseVerdict(clause, level, Verdict.FAILED, reason, 0, (gap,), said)


def _reasons(said: tuple[CheckVerdict, ...], verdict: Verdict) -> str:
    reasons = dict.fromkeys(one.reason for one in said if one.verdict is verdict and one.reason)
    return "; ".join(list(reasons)[:3]) + (f"; and {len(reasons) - 3} more" if len(reasons) > 3 else "")


def _findings(clause: Clause, checks: list[Check], terms: Terms) -> tuple[Finding, ...]:
    alike: dict[tuple[str, str, str], dict[str, tuple[str, Observed]]] = {}
    for check in sorted(checks, key=lambda one: one.name):
        for found in check.observed:
            if found.clause == clause.id:
                kind = (found.oracle, found.deviation.expected, found.deviation.observed)
                shown = found.exchange.id if found.exchange else ""
                alike.setdefault(kind, {}).setdefault(shown, (check.name, found))
    return tuple(_finding(alike[kind], terms.broken(clause)) for kind in sorted(alike))


def _finding(shown: dict[str, tuple[str, Observed]], verdict: Verdict) -> Finding:
    first, *others = sorted(shown, key=lambda name: (not shown[name][1].deviation.reduced, name))
    check, found = shown[first]
    deviation = found.deviation
    return Finding(
        verdict,
        check,
        found.oracle,
        deviation.expected[:LONGEST_TEXT],
        deviation.observed[:LONGEST_TEXT],
        found.exchange,
        deviation.span,
        tuple(others),
    )


def exit_status(
    results: Iterable[ClauseVerdict], *, trusted: bool = True, waivers_good: bool = True, part: bool = False
) -> int:
    """0 conformant, 1 findings, 2 the run can't be trusted, 3 only inconclusive MUSTs; 2 > 1 > 3 > 0.

    Args:
        results: Of the run.
        trusted: ``False`` when the harness failed, the budget was spent or nothing was observed.
        waivers_good: ``False`` when a waiver has expired, is stale or matches nothing.
        part: Whether others send the rest of the run, so that there may be nothing to observe in this one.
    """
    seen = list(results)
    if not trusted or any(one.verdict is Verdict.ERROR for one in seen):
        return 2
    if not waivers_good or any(one.verdict is Verdict.FAILED for one in seen):
        return 1
    if not part and not any(one.examined for one in seen):
        return 2
    if any(one.verdict is Verdict.INCONCLUSIVE and one.level is Level.MUST for one in seen):
        return 3
    return 0
