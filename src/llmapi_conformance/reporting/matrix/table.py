"""The matrix: what many runs said of each clause."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from llmapi_conformance.judging.verdicts import Verdict
from llmapi_conformance.reporting.markdown import cell, code, prose, table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llmapi_conformance.reporting.past import PastClause, PastRun

REPORT = "report.html"
MARKS = {0: "✅", 1: "❌", 2: "⚠️", 3: "❔"}
FINDINGS = (Verdict.ERROR, Verdict.FAILED, Verdict.WARNED, Verdict.NOTED)


@dataclass(frozen=True, slots=True)
class Column:
    """One run.

    Attributes:
        name: Of its target.
        date: When it began, with the time where the day alone would not tell it from its neighbours.
        run: The run.
        report: Where its report is, seen from the matrix; empty when there is none.
        counts: Verdict -> clauses, in the order of a summary; what was not selected aside.
    """

    name: str
    date: str
    run: PastRun
    report: str
    counts: dict[Verdict, int]


@dataclass(frozen=True, slots=True)
class Cell:
    """What one run said of one clause.

    Attributes:
        verdict: The verdict.
        words: Its name, or that nothing was asked: ``not selected``.
        detail: What was observed, or why nothing was; empty for a clause that passed.
        link: Where the report of the run tells more; empty when it has none, or nothing to tell.
    """

    verdict: Verdict
    words: str
    detail: str
    link: str

    @property
    def judged_or_missed(self) -> bool:
        """Whether it counts when runs are held against each other: a clause that was not selected does not."""
        return self.words != _NOT_SELECTED


@dataclass(frozen=True, slots=True)
class Row:
    """One clause.

    Attributes:
        clause: As the last run that knows it says.
        cells: One for each run; ``None`` where the run did not know the clause.
    """

    clause: PastClause
    cells: tuple[Cell | None, ...]

    @property
    def differs(self) -> bool:
        """Whether the runs that asked do not agree."""
        return len({one.verdict for one in self.cells if one and one.judged_or_missed}) > 1

    @property
    def found(self) -> bool:
        """Whether a run has a finding on it."""
        return any(one.verdict in FINDINGS for one in self.cells if one)


@dataclass(frozen=True, slots=True)
class Matrix:
    """Clauses x runs.

    Attributes:
        columns: The runs, in the order in which they were named.
        rows: The clauses, in the order of the registry.
    """

    columns: tuple[Column, ...]
    rows: tuple[Row, ...]

    @property
    def surfaces(self) -> dict[str, list[Row]]:
        """The rows of each surface."""
        surfaces: dict[str, list[Row]] = {}
        for row in self.rows:
            surfaces.setdefault(row.clause.surface, []).append(row)
        return surfaces


_NOT_SELECTED = "not selected"


def matrix_of(runs: Sequence[PastRun], folder: Path) -> Matrix:
    """Put runs side by side.

    Args:
        runs: In the order of the columns.
        folder: Where the matrix will lie: links lead from there.
    """
    columns = tuple(
        Column(run.target, date, run, _report(run, folder), _counts(run))
        for run, date in zip(runs, _dates(runs), strict=True)
    )
    known: dict[str, PastClause] = {}
    for run in runs:
        known |= run.clauses  # the order of the first run that knows it, the words of the last
    surfaces = dict.fromkeys(clause.surface for clause in known.values())
    ordered = [clause for surface in surfaces for clause in known.values() if clause.surface == surface]
    rows = tuple(Row(clause, tuple(_cell(column, clause.id) for column in columns)) for clause in ordered)
    return Matrix(columns, rows)


def matrix_markdown(matrix: Matrix) -> str:
    """The counts of each run, then every clause on which runs differ or have a finding; the page has all."""
    heads = [f"{cell(prose(column.name))}<br>{column.date}" for column in matrix.columns]
    seen = [verdict for verdict in Verdict if any(column.counts.get(verdict) for column in matrix.columns)]
    lines = [[_said(verdict), *(str(column.counts.get(verdict, 0)) for column in matrix.columns)] for verdict in seen]
    verdicts = ["", *(f"{MARKS[column.run.status]} {column.run.document['headline']}" for column in matrix.columns)]
    told = [row for row in matrix.rows if row.differs or row.found]
    parts = ["# Conformance matrix", table(["clauses", *heads], [verdicts, *lines], right=1)]
    if told:
        rows = [
            [
                f"**{row.clause.id}** {cell(prose(row.clause.statement))} ({row.clause.level})",
                *(_markdown_cell(one) for one in row.cells),
            ]
            for row in told
        ]
        parts.append("## Where runs differ or have findings\n\n" + table(["clause", *heads], rows))
        details = [
            f"- **{row.clause.id}** {prose(column.name)}, {column.date}: {code(one.detail, 200)}"
            for row in told
            for column, one in zip(matrix.columns, row.cells, strict=True)
            if one and one.detail and one.verdict in FINDINGS
        ]
        if details:
            parts.append("## What was observed\n\n" + "\n".join(details[:_MOST_DETAILS]))
        if len(details) > _MOST_DETAILS:
            parts.append(f"and {len(details) - _MOST_DETAILS} more")
    agreed = len(matrix.rows) - len(told)
    parts.append(f"{agreed} of {len(matrix.rows)} clauses have one verdict in every run that asked, and no finding.")
    return "\n\n".join(parts) + "\n"


_MOST_DETAILS = 100


def _markdown_cell(one: Cell | None) -> str:
    if one is None:
        return "unknown"
    words = f"**{one.words}**" if one.verdict in (Verdict.FAILED, Verdict.ERROR) else one.words
    return f"[{words}](<{one.link}>)" if one.link else words


def _cell(column: Column, name: str) -> Cell | None:
    clause = column.run.clauses.get(name)
    if clause is None:
        return None
    words = _said(clause.verdict) if clause.selected else _NOT_SELECTED
    detail = clause.reason if clause.selected else ""
    if clause.findings:
        detail = f"observed: {clause.findings[0]['observed']}"
        if len(clause.findings) > 1:
            detail += f" (and {len(clause.findings) - 1} other findings)"
    telling = column.report and clause.selected and clause.verdict is not Verdict.PASSED
    return Cell(clause.verdict, words, detail[:_LONGEST], f"{column.report}#{name}" if telling else "")


_LONGEST = 300


def _counts(run: PastRun) -> dict[Verdict, int]:
    counts = Counter(clause.verdict for clause in run.clauses.values() if clause.selected)
    return {verdict: counts[verdict] for verdict in Verdict if counts[verdict]}


def _dates(runs: Sequence[PastRun]) -> list[str]:
    """A date for each run; with the time, and then a number, where a name and a date would be there twice."""
    forms = ("%Y-%m-%d", "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S")
    dates = []
    for run in runs:
        same = [other.started_at for other in runs if other.target == run.target]
        telling = (form for form in forms if len({at.strftime(form) for at in same}) == len(same))
        dates.append(run.started_at.strftime(next(telling, forms[-1])))
    taken: Counter[tuple[str, str]] = Counter()
    for number, run in enumerate(runs):
        key = (run.target, dates[number])
        taken[key] += 1
        if taken[key] > 1:
            dates[number] += f" #{taken[key]}"
    return dates


def _report(run: PastRun, folder: Path) -> str:
    """The address of a run's report, seen from the folder; empty when there is none."""
    path = run.beside(REPORT)
    if path is None:
        return ""
    try:
        way = os.path.relpath(path.resolve(), folder.resolve())
    except ValueError:  # on another drive
        return path.resolve().as_uri()
    return quote(Path(way).as_posix())


def _said(verdict: Verdict) -> str:
    return verdict.value.replace("_", " ")
