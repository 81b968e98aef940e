"""A run held against a baseline, such as the last release's: its exit status then counts what is new or worse."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from llmapi_conformance.errors import ReportError
from llmapi_conformance.evidence.shard import sent_elsewhere
from llmapi_conformance.judging.verdicts import Verdict
from llmapi_conformance.reporting.comparing.difference import BROKEN, Change, Kind, compare
from llmapi_conformance.reporting.past import PastRun, load_run, read_run

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_MOST_IDS = 12
"""Clause ids in a sentence; all are in ``verdicts.json``."""
GENERATED = ("schema/test_generated.py", "schema/test_properties.py")
"""Checks that look at generated requests only."""
EVERYTHING = ("test_every_exchange.py", "tasks/test_submitting.py")
"""Checks that look at whatever was sent: with a narrower selection they may find nothing to look at."""
_EXCUSED = (
    "less was asked for than in the baseline: what is no longer observed for that reason fails nothing, and what is "
    "mended may only not have been looked for"
)


def load_baseline(path: Path) -> PastRun:
    """The run that others are held against.

    Args:
        path: Its folder, or its ``verdicts.json``.

    Raises:
        ReportError: It can't be read, is a part of a run, or could not be trusted itself.
    """
    run = load_run(path)
    if run.shard:
        raise ReportError(
            f"{run.path} is no baseline, it is part {run.shard} of a run and says little of what others sent: merge "
            "all shards of that run first (llmapi-conformance merge SHARD... -o DIR)."
        )
    if run.status == 2:
        why = "; ".join(run.problems) or "a check failed by itself"
        raise ReportError(f"{run.path} is no baseline, that run can't be trusted ({why}): name one that can.")
    return run


def held_against(document: Mapping[str, Any], baseline: PastRun) -> dict[str, Any]:
    """What ``verdicts.json`` says when known findings don't count.

    The exit status is 1 for a clause that is failed and was not, or was by other oracles only; for a MUST that was
    judged and is not any more, unless less was asked of it than for the baseline; and for a bad waiver. It is 3 for a
    MUST that is inconclusive and was not, and stays 2 where the run can't be trusted.

    Args:
        document: What it says without a baseline.
        baseline: See ``load_baseline``.
    """
    run = read_run(Path("verdicts.json"), document)
    difference = compare(baseline, run, only_selected=True)
    broken = [one for one in difference.worse if one.clause.verdict in BROKEN]
    lost = [one for one in difference.of(Kind.LOST) if one.clause.verdict is not Verdict.INCONCLUSIVE]
    mended = [one.clause.id for one in difference.of(Kind.MENDED)]
    excused = _less_asked(baseline.document, document)
    lost_by_us = {one.clause.id for one in lost if excused(one.clause.id)}
    fresh = {one.clause.id for one in broken}
    doubtful = _inconclusive(run) - _inconclusive(baseline)
    status = run.status
    if status != 2:
        worse = any(map(_fails, (*broken, *(one for one in lost if one.clause.id not in lost_by_us))))
        status = 1 if worse or document.get("bad_waivers") else 3 if doubtful else 0
    known = [one.id for one in run.clauses.values() if one.verdict in BROKEN and one.id not in fresh]
    headline = {0: "known" if known or broken else "conformant", 1: "findings", 2: "untrusted", 3: "inconclusive"}
    return {
        **document,
        "exit_status": status,
        "headline": headline[status],
        "baseline": {
            "target": baseline.target,
            "started_at": baseline.document["started_at"],
            "exit_status": baseline.status,
            "known": known,
            "new": [_told(one) for one in broken],
            "lost": [_told(one) | ({"fails": False} if one.clause.id in lost_by_us else {}) for one in lost],
            "mended": mended,
            "unlike": [*difference.unlike, *([_EXCUSED] if lost_by_us or any(map(excused, mended)) else [])],
        },
    }


def known_findings(document: Mapping[str, Any]) -> frozenset[str]:
    """The broken clauses of a run that its baseline knows already; none without a baseline."""
    return frozenset((document.get("baseline") or {}).get("known", ()))


def baseline_sentence(document: Mapping[str, Any]) -> str:
    """How a run stands to its baseline, in one sentence; empty without one."""
    baseline = document.get("baseline")
    if not baseline:
        return ""
    known, new, lost, mended = (baseline[part] for part in ("known", "new", "lost", "mended"))
    parts = [f"{len(known)} known finding{'s' * (len(known) != 1)}", f"{len(new)} new{_ids(new)}"]
    if lost:
        parts.append(f"{len(lost)} no longer observed{_ids(lost)}")
    if mended:
        parts.append(f"{len(mended)} mended")
    return f"against {baseline['target']} of {baseline['started_at'][:10]}: {', '.join(parts)}"


def _less_asked(then: Mapping[str, Any], now: Mapping[str, Any]) -> Callable[[str], bool]:
    """Of which clauses less was asked than for the baseline, so that the gateway is not to blame for what is missing.

    With another keyword of those that a check has shown which is not among the selected ones; in a part of a run of
    those that another shard sends something for; in both, of those that are judged of whatever was sent. With fewer
    generated cases of those that nothing else can show.
    """
    before, after = then["selection"], now["selection"]
    part = bool(after.get("shard"))
    narrowed = bool(after.get("keyword")) and after["keyword"] != before.get("keyword")
    fewer = (after.get("generate") or 0) < (before.get("generate") or 0)
    asked = {one["id"]: {str(check["name"]) for check in one["checks"]} for one in now["clauses"]}
    elsewhere = {
        one["id"] for one in now["clauses"] if any(sent_elsewhere(str(check["reason"])) for check in one["checks"])
    }
    shown = {one["id"]: {str(check["name"]) for check in one["checks"] if check["examined"]} for one in then["clauses"]}

    def less(clause: str) -> bool:
        names = asked.get(clause) or set()
        if fewer and names and all(name.startswith(GENERATED) for name in names):
            return True
        if (narrowed or part) and any(name.startswith(EVERYTHING) for name in names):
            return True
        return clause in elsewhere or (narrowed and not shown.get(clause, set()) <= names)

    return less


def why(document: Mapping[str, Any]) -> str:
    """Why a run fails in which nothing that counts is failed, in a few words; empty where something is."""
    lost = [one["clause"] for one in (document.get("baseline") or {}).get("lost", ()) if one["fails"]]
    bad = document.get("bad_waivers") or ()
    if document["exit_status"] != 1:
        return ""
    if lost:
        return f"{lost[0]} is no longer observed" + (f" (and {len(lost) - 1} more)" if len(lost) > 1 else "")
    return bad[0] + (f" (and {len(bad) - 1} more)" if len(bad) > 1 else "") if bad else ""


def _inconclusive(run: PastRun) -> set[str]:
    return {one.id for one in run.clauses.values() if one.verdict is Verdict.INCONCLUSIVE and one.level == "MUST"}


def _fails(change: Change) -> bool:
    clause = change.clause
    return clause.level == "MUST" if change.kind is Kind.LOST else clause.verdict is Verdict.FAILED


def _told(change: Change) -> dict[str, Any]:
    return {
        "clause": change.clause.id,
        "words": change.words,
        "oracles": list(change.oracles),
        "fails": _fails(change),
    }


def _ids(told: Sequence[Mapping[str, Any]]) -> str:
    if not told:
        return ""
    more = f" and {len(told) - _MOST_IDS} more" if len(told) > _MOST_IDS else ""
    return f" ({' '.join(one['clause'] for one in told[:_MOST_IDS])}{more})"
