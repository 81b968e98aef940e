"""Waiving: findings that a target's waivers cover do not fail a run; a waiver that is no longer good does."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

from llmapi_conformance.contract.clauses import Status
from llmapi_conformance.judging.verdicts import ClauseVerdict, Finding, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import date

    from llmapi_conformance.contract.clauses import Clause
    from llmapi_conformance.evidence.exchange import Exchange
    from llmapi_conformance.judging.verdicts import Terms
    from llmapi_conformance.target.waivers import Waiver

_FAILING: Final = (Verdict.FAILED, Verdict.WARNED)


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What the conditions of a waiver speak of.

    Attributes:
        day: On which the run began (UTC), so that judging again later says the same.
        profile: Name of the run's profile.
        version: Of the gateway, as the target file states it.
        whole: Whether every check was selected: part of them can't show that a clause passes now.
    """

    day: date
    profile: str
    version: str
    whole: bool

    def fits(self, waiver: Waiver) -> bool:
        """Whether a waiver counts in this run."""
        return (
            waiver.expires >= self.day and waiver.profile in ("", self.profile) and waiver.version in ("", self.version)
        )


def waived(
    results: Iterable[ClauseVerdict],
    waivers: Sequence[Waiver],
    circumstances: Circumstances,
    exchanges: Mapping[str, Exchange],
) -> list[ClauseVerdict]:
    """The verdicts with the waivers applied: a clause is waived when all that fails or warns of it is covered.

    Args:
        results: The verdicts.
        waivers: Of the target.
        circumstances: Of the run.
        exchanges: By id: a finding that several show is covered for a model when all of them name it.
    """
    good = [waiver for waiver in waivers if circumstances.fits(waiver)]
    return [_waived(one, [w for w in good if w.clause == one.clause.id], exchanges) for one in results]


def bad_waivers(
    results: Iterable[ClauseVerdict],
    waivers: Sequence[Waiver],
    circumstances: Circumstances,
    clauses: Mapping[str, Clause],
    terms: Terms,
) -> list[str]:
    """One line for each waiver that has expired, that is stale, or that matches nothing.

    Args:
        results: The verdicts, waivers applied.
        waivers: Of the target.
        circumstances: Of the run.
        clauses: Of the contract, by id.
        terms: What the target promised.
    """
    by_clause = {one.clause.id: one for one in results}
    lines = []
    for waiver in waivers:
        clause = clauses.get(waiver.clause)
        if clause is None or clause.status is not Status.ACTIVE:
            problem = "names no active clause: take it out, or mend the id"
        elif declined := terms.declined(clause):
            problem = f"matches nothing ({declined}): take it out"
        elif waiver.expires < circumstances.day:
            problem = f"expired on {waiver.expires}: mend the gateway, or decide anew"
        elif circumstances.fits(waiver) and circumstances.whole:
            problem = _stale(waiver, by_clause[clause.id])
        else:
            problem = ""
        if problem:
            lines.append(f"waiver of {waiver.clause} ({waiver.owner}, {waiver.ticket}) {problem}")
    return lines


def _waived(one: ClauseVerdict, waivers: Sequence[Waiver], exchanges: Mapping[str, Exchange]) -> ClauseVerdict:
    if one.verdict not in _FAILING or not waivers:
        return one
    findings = []
    used: Waiver | None = None
    for finding in one.findings:
        cover = next((w for w in waivers if finding.verdict in _FAILING and _covers(w, finding, exchanges)), None)
        used = used or cover
        findings.append(replace(finding, verdict=Verdict.WAIVED) if cover else finding)
    if used is None:
        return one
    if any(finding.verdict in _FAILING for finding in findings):
        return replace(one, findings=tuple(findings))
    reason = f"{used.reason} ({used.owner}, {used.ticket}, until {used.expires})"
    return replace(one, verdict=Verdict.WAIVED, reason=reason, findings=tuple(findings), waiver=used)


def _covers(waiver: Waiver, finding: Finding, exchanges: Mapping[str, Exchange]) -> bool:
    if not waiver.model:
        return True
    shown = [finding.exchange, *(exchanges.get(name) for name in finding.also)]
    return all(one is not None and waiver.model in _models(one) for one in shown)


def _models(exchange: Exchange) -> set[str]:
    """The models that a request names: in its body, or in its path as on Gemini's routes."""
    body: Any = exchange.request.json
    named = body.get("model") if isinstance(body, dict) else None
    steps = unquote(exchange.request.path).split("/")
    in_path = {step.partition(":")[0] for before, step in itertools.pairwise(steps) if before == "models"}
    return in_path | ({named} if isinstance(named, str) else set())


def _stale(waiver: Waiver, one: ClauseVerdict) -> str:
    if one.verdict is Verdict.PASSED:
        return "is stale, the clause passes now: take it out"
    if one.verdict in _FAILING and waiver.model and not any(f.verdict is Verdict.WAIVED for f in one.findings):
        return f"matches nothing, no finding is about {waiver.model} alone: take it out, or mend the model"
    return ""
