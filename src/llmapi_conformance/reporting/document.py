"""``verdicts.json``: everything that a report says, as data."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from llmapi_conformance import __version__
from llmapi_conformance.evidence.tasks import SubmittedTasks, submitted_tasks
from llmapi_conformance.judging.verdicts import ClauseVerdict, Finding, Verdict
from llmapi_conformance.reporting.curl import curl_line
from llmapi_conformance.reporting.excerpt import excerpt

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from llmapi_conformance.evidence.exchange import Exchange
    from llmapi_conformance.target.waivers import Waiver

FORMAT = "llmapi-conformance/verdicts"
VERSION = 1
_HEADLINE = {0: "conformant", 1: "findings", 2: "untrusted", 3: "inconclusive"}
JUDGED = frozenset({Verdict.PASSED, Verdict.FAILED, Verdict.WARNED, Verdict.NOTED})


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What a report says about the run itself.

    Attributes:
        target: The target's public description, as the recording holds it.
        profile: Name of the profile.
        selection: What was selected, as the recording holds it.
        contract: Digest of the contract that was judged by.
        started_at: Unix time in seconds.
        ended_at: Unix time in seconds.
        problems: Why the run can't be trusted, one sentence each; empty when it can.
        bad_waivers: One line for each waiver that has expired, is stale or matches nothing.
        seal: Of the recording that was judged; empty when it is damaged or older than seals.
        spent: What it cost, as ``sending.spending`` tells it; ``None`` when nobody counted.
    """

    target: dict[str, Any]
    profile: str
    selection: dict[str, Any]
    contract: str
    started_at: float
    ended_at: float
    problems: tuple[str, ...] = ()
    bad_waivers: tuple[str, ...] = ()
    seal: str = ""
    spent: dict[str, Any] | None = None


def document(
    facts: RunFacts, results: Sequence[ClauseVerdict], exchanges: Sequence[Exchange], status: int
) -> dict[str, Any]:
    """The verdicts as one JSON value; valid against ``verdicts.schema.json``."""
    base_url = str(facts.target.get("base_url", ""))
    sent = [one for one in exchanges if not one.of_our_upstream]
    counts = Counter(one.verdict for one in results)
    judged = sum(counts[verdict] for verdict in JUDGED)
    return {
        "format": FORMAT,
        "version": VERSION,
        "tool": {"name": "llmapi-conformance", "version": __version__},
        "contract": facts.contract,
        "recording": {"seal": facts.seal or None},
        "target": facts.target,
        "profile": facts.profile,
        "selection": facts.selection,
        "started_at": _time(facts.started_at),
        "ended_at": _time(facts.ended_at),
        "exit_status": status,
        "headline": _HEADLINE[status],
        "problems": list(facts.problems),
        "bad_waivers": list(facts.bad_waivers),
        "figures": {
            "requests": len(sent),
            "clauses_judged": judged,
            "clauses_per_request": round(judged / len(sent), 3) if sent else 0.0,
            "verdicts": {verdict.value: counts[verdict] for verdict in Verdict if counts[verdict]},
            "surfaces": _surfaces(results),
            **({"spent": facts.spent} if facts.spent is not None else {}),
        },
        "tasks": tasks_document(submitted_tasks(exchanges)),
        "clauses": [_clause(one, base_url) for one in results],
    }


def write_document(path: Path, data: dict[str, Any]) -> None:
    """Write a document as UTF-8 JSON, keys in the order of the document."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(data, ensure_ascii=False, indent=1) + "\n", "utf-8")


def _surfaces(results: Sequence[ClauseVerdict]) -> dict[str, dict[str, int]]:
    surfaces: dict[str, Counter[Verdict]] = {}
    for one in results:
        surfaces.setdefault(one.clause.surface, Counter())[one.verdict] += 1
    return {
        surface: {verdict.value: counts[verdict] for verdict in Verdict if counts[verdict]}
        for surface, counts in surfaces.items()
    }


def tasks_document(submitted: SubmittedTasks) -> dict[str, Any]:
    """What a report says about the tasks of a run."""
    return {
        "submitted": len(submitted.tasks),
        "ended": len(submitted.tasks) - len(submitted.left),
        "cancelled_at_end": submitted.cancelled_at_end,
        "left": [{"id": one.id, "key": one.holder.written, "seen": one.seen} for one in submitted.left],
        "unanswered": submitted.unanswered,
    }


def _clause(one: ClauseVerdict, base_url: str) -> dict[str, Any]:
    clause = one.clause
    return {
        "id": clause.id,
        "surface": clause.surface,
        "level": one.level.value,
        "basis": clause.basis.value,
        "statement": clause.statement,
        "source": str(clause.source),
        "verdict": one.verdict.value,
        "reason": one.reason,
        "examined": one.examined,
        "waiver": _waiver(one.waiver) if one.waiver else None,
        "findings": [_finding(finding, base_url) for finding in one.findings],
        "checks": [
            {"name": check.name, "verdict": check.verdict.value, "examined": check.examined, "reason": check.reason}
            for check in one.checks
        ],
    }


def _waiver(waiver: Waiver) -> dict[str, str]:
    """What is known of a waiver; conditions that it does not have are left out."""
    known = {name: str(value) for name, value in asdict(waiver).items() if name != "clause"}
    return {name: value for name, value in known.items() if value}


def _finding(finding: Finding, base_url: str) -> dict[str, Any]:
    shown = finding.exchange
    return {
        "verdict": finding.verdict.value,
        "check": finding.check,
        "oracle": finding.oracle,
        "expected": finding.expected,
        "observed": finding.observed,
        "exchange": shown.id if shown else None,
        "status": shown.status if shown else None,
        "curl": curl_line(shown, base_url) if shown else None,
        "excerpt": excerpt(shown, finding.span) if shown else None,
        "span": list(finding.span) if finding.span else None,
        "also": list(finding.also),
    }


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
