"""A vendor: what its runs say together, the newest first."""

from __future__ import annotations

import os
import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from llmapi_conformance.judging.verdicts import Verdict
from llmapi_conformance.reporting.again import again
from llmapi_conformance.reporting.measured import objectives_by_weight
from llmapi_conformance.reporting.plots import Plot, plots_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from llmapi_conformance.reporting.past import PastClause, PastRun

MOST_FINDINGS: Final = 200
MOST_RUNS: Final = 60
MOST_IDS: Final = 8
REPORT: Final = "report.html"
HEADLINES: Final = {
    "conformant": "conformant",
    "findings": "findings",
    "untrusted": "this run can't be trusted",
    "inconclusive": "inconclusive",
    "known": "no new failures",
}
SHOWN: Final = (Verdict.FAILED, Verdict.WARNED, Verdict.NOTED)
_BROKEN: Final = frozenset({Verdict.FAILED, Verdict.WARNED})
_LEVELS: Final = ("MUST", "SHOULD", "INFO")
_BASES: Final = ("documented", "protocol", "standard", "assumed")


@dataclass(frozen=True, slots=True)
class Night:
    """One run of a vendor's history.

    Attributes:
        date: When it began, in UTC.
        run: The run.
        report: Where its report is, seen from the page; empty when there is none.
        counts: Verdict -> clauses, of those that were selected.
        missed: Objectives that it missed; ``None`` where none were held against it.
        broke: Clauses that are broken and were not in the run before, in a few words.
        mended: The reverse.
    """

    date: str
    run: PastRun
    report: str
    counts: Mapping[Verdict, int]
    missed: int | None
    broke: str
    mended: str


@dataclass(frozen=True, slots=True)
class Vendor:
    """What its page says.

    Attributes:
        name: Of the target.
        file: Of its page.
        newest: The run that speaks for it.
        nights: All its runs, the newest first.
        findings: Of the newest run, the weightiest first.
        left_out: Findings for which there is no room.
        objectives: Of the newest run, missed ones first.
        plots: Of the newest run.
        surfaces: Surface -> verdict -> clauses, of those that were selected.
        verdicts: Those that occur.
        unseen: What was not judged: verdict, reason -> clauses.
        command: That makes the newest run again.
    """

    name: str
    file: str
    newest: PastRun
    nights: tuple[Night, ...]
    findings: tuple[PastClause, ...]
    left_out: int
    objectives: tuple[Mapping[str, Any], ...]
    plots: tuple[Plot, ...]
    surfaces: Mapping[str, Mapping[Verdict, int]]
    verdicts: tuple[Verdict, ...]
    unseen: Mapping[tuple[str, str], Sequence[PastClause]]
    command: str

    @property
    def document(self) -> Mapping[str, Any]:
        """The ``verdicts.json`` of the newest run."""
        return self.newest.document

    @property
    def headline(self) -> str:
        """The verdict on the newest run, in words."""
        return HEADLINES[self.document["headline"]]


def vendors_of(runs: Iterable[PastRun], folder: Path) -> tuple[Vendor, ...]:
    """The vendors of runs, by name; a vendor is a name of a target.

    Args:
        runs: In any order.
        folder: Where the pages will stand.
    """
    by_name: dict[str, list[PastRun]] = {}
    for run in sorted(runs, key=lambda one: (one.started_at, str(one.path))):
        by_name.setdefault(run.target, []).append(run)
    files = _files(by_name)
    return tuple(_vendor(name, files[name], by_name[name], folder) for name in sorted(by_name))


def _vendor(name: str, file: str, runs: Sequence[PastRun], folder: Path) -> Vendor:
    newest = runs[-1]
    selected = [one for one in newest.clauses.values() if one.selected]
    found = sorted((one for one in selected if one.verdict in SHOWN), key=_weight)
    surfaces: dict[str, Counter[Verdict]] = {}
    for one in selected:
        surfaces.setdefault(one.surface, Counter())[one.verdict] += 1
    unseen: dict[tuple[str, str], list[PastClause]] = {}
    for one in selected:
        if one.verdict in (Verdict.NOT_OFFERED, Verdict.NOT_OBSERVED, Verdict.INCONCLUSIVE, Verdict.ERROR):
            unseen.setdefault((one.verdict, one.reason), []).append(one)
    return Vendor(
        name=name,
        file=file,
        newest=newest,
        nights=tuple(_nights(runs, folder))[:MOST_RUNS],
        findings=tuple(found[:MOST_FINDINGS]),
        left_out=max(0, len(found) - MOST_FINDINGS),
        objectives=tuple(objectives_by_weight(newest.document)),
        plots=plots_of(newest.document),
        surfaces=surfaces,
        verdicts=tuple(verdict for verdict in Verdict if any(counts[verdict] for counts in surfaces.values())),
        unseen=dict(sorted(unseen.items(), key=lambda one: -len(one[1]))),
        command=again(newest.document),
    )


def _nights(runs: Sequence[PastRun], folder: Path) -> Iterable[Night]:
    """The newest first; each with what has changed since the one before of the clauses that both have judged."""
    for number in range(len(runs) - 1, -1, -1):
        run = runs[number]
        before = runs[number - 1] if number else None
        counts = Counter(one.verdict for one in run.clauses.values() if one.selected)
        objectives = run.document.get("objectives")
        yield Night(
            date=f"{run.started_at:%Y-%m-%d %H:%M}",
            run=run,
            report=_report(run, folder),
            counts=counts,
            missed=sum(one["verdict"] == "missed" for one in objectives) if objectives else None,
            broke=_changed(before, run) if before else "",
            mended=_changed(run, before) if before else "",
        )


def _changed(before: PastRun, after: PastRun) -> str:
    """The clauses that are broken in the one run, and passed in the other."""
    ids = [
        name
        for name, one in after.clauses.items()
        if one.verdict in _BROKEN and name in before.clauses and before.clauses[name].verdict is Verdict.PASSED
    ]
    more = f" and {len(ids) - MOST_IDS} more" if len(ids) > MOST_IDS else ""
    return " ".join(ids[:MOST_IDS]) + more


def _weight(clause: PastClause) -> tuple[int, int, int, str]:
    basis = _BASES.index(clause.basis) if clause.basis in _BASES else len(_BASES)
    level = _LEVELS.index(clause.level) if clause.level in _LEVELS else len(_LEVELS)
    return (SHOWN.index(clause.verdict), level, basis, clause.id)


def _report(run: PastRun, folder: Path) -> str:
    path = run.beside(REPORT)
    return quote(os.path.relpath(path.resolve(), folder.resolve()).replace(os.sep, "/")) if path else ""


def _files(names: Iterable[str]) -> dict[str, str]:
    """A file name for each vendor; letters, digits and hyphens, and a number where two would be alike."""
    found: dict[str, str] = {}
    for name in sorted(names):
        plain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:60] or "vendor"
        file, number = plain, 1
        while f"{file}.html" in found.values() or file in ("index", "matrix"):
            number += 1
            file = f"{plain}-{number}"
        found[name] = f"{file}.html"
    return found
