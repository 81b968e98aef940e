"""What a check comes to for pytest, and a run whose budget ended early."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmapi_conformance.contract.clauses import Level
from llmapi_conformance.evidence.results import BUDGET_SPENT
from llmapi_conformance.judging.verdicts import ClauseVerdict, Terms, Verdict, check_verdict, verdicts
from llmapi_conformance.reporting.text import finding_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from llmapi_conformance.contract.clauses import Clause
    from llmapi_conformance.judging.check import Check


def outcome_of(
    check: Check,
    clauses: Sequence[Clause],
    terms: Terms,
    waive: Callable[[list[ClauseVerdict]], list[ClauseVerdict]],
    base_url: str,
) -> tuple[str, str]:
    """``passed``, ``failed`` or ``skipped``, and the text for pytest.

    Args:
        check: What it saw.
        clauses: Those that it names.
        terms: What the target promised.
        waive: Turns findings that are waived.
        base_url: Of the target, for the text of a finding.
    """
    offered = [clause for clause in clauses if not terms.declined(clause)]
    if not offered:
        return "skipped", "; ".join(dict.fromkeys(f"not offered: {terms.declined(clause)}" for clause in clauses))
    said = {clause.id: check_verdict(check, clause, terms) for clause in offered}
    if any(one.verdict is Verdict.FAILED for one in said.values()):
        failed = waive(verdicts(offered, [check], terms))
        texts = [
            finding_text(one, finding, base_url)
            for one in failed
            for finding in one.findings
            if finding.verdict is Verdict.FAILED
        ]
        return ("failed", "\n".join(texts)) if texts else ("skipped", _why_waived(failed))
    for verdict in (Verdict.INCONCLUSIVE, Verdict.NOT_OBSERVED):
        if all(one.verdict is verdict for one in said.values()):
            reasons = "; ".join(dict.fromkeys(one.reason for one in said.values()))
            return "skipped", f"{verdict.value.replace('_', ' ')}: {reasons}"
    return "passed", ""


def budget_ended_before(results: Iterable[ClauseVerdict]) -> str:
    """Which MUST clauses nothing could show because the budget was spent; empty when there are none."""
    left: dict[str, str] = {}
    for one in results:
        reasons = [check.reason for check in one.checks if check.reason.startswith(BUDGET_SPENT)]
        if one.level is Level.MUST and not one.examined and reasons:
            left[one.clause.id] = reasons[0]
    if not left:
        return ""
    return f"{next(iter(left.values()))}; {len(left)} MUST clauses were not judged for that"


def _why_waived(results: Iterable[ClauseVerdict]) -> str:
    return "; ".join(f"{one.clause.id} waived: {one.reason}" for one in results if one.verdict is Verdict.WAIVED)
