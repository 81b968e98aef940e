"""The history as text in 80 columns, and as data."""

from __future__ import annotations

from collections import Counter
from statistics import median
from typing import TYPE_CHECKING, Any, Final

from llmapi_conformance.history.flips import Flips, count_flips, flips_of
from llmapi_conformance.history.lines import table, wrapped
from llmapi_conformance.judging.verdicts import Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llmapi_conformance.history.latencies import Latency
    from llmapi_conformance.history.nights import Night, Series

FORMAT: Final = "llmapi-conformance/history"
VERSION: Final = 1
GLYPHS: Final = {
    Verdict.PASSED: ".",
    Verdict.FAILED: "F",
    Verdict.WARNED: "W",
    Verdict.NOTED: "n",
    Verdict.INCONCLUSIVE: "?",
    Verdict.NOT_OBSERVED: "-",
    Verdict.NOT_OFFERED: "/",
    Verdict.WAIVED: "w",
    Verdict.ERROR: "E",
}
UNTRUSTED: Final = "x"
"""A run that can't be trusted, whatever it said."""
MOST_GLYPHS: Final = 50
MOST_CLAUSES: Final = 40
_COLUMNS: Final = (Verdict.FAILED, Verdict.WARNED, Verdict.INCONCLUSIVE, Verdict.PASSED)


def glyphs(series: Series, clause: str) -> str:
    """A clause over the runs, the oldest at the left; blank where it was not selected."""
    marks = []
    for night in series.nights[-MOST_GLYPHS:]:
        said = night.clauses.get(clause)
        marks.append(UNTRUSTED if not night.is_trusted else GLYPHS[said.verdict] if said else " ")
    return "".join(marks)


def changed(series: Series) -> list[str]:
    """The clauses of which the runs that are shown do not all say the same."""
    shown = series.nights[-MOST_GLYPHS:]
    trusted = [night for night in shown if night.is_trusted]
    return [
        name
        for name in series.clauses
        if len({night.clauses[name].verdict for night in trusted if name in night.clauses}) > 1
    ]


def show_text(series: Series) -> str:
    """Verdict counts, changed clauses and times of one series."""
    lines = wrapped(f"{series.name}: {_runs(series)}")
    lines += ["", *table(_night_rows(series))]
    lines += _changed_lines(series)
    if series.newest.latencies:
        lines += ["", *_latency_lines(series, brief=True)]
    return "\n".join(lines) + "\n"


def clause_text(series: Series, clause: str, statement: str) -> str:
    """Every run of one clause: what was said and what was observed."""
    lines = wrapped(f"{clause} at {series.name}: {_runs(series)}")
    if statement:
        lines += wrapped(statement, "  ")
    lines.append("")
    for night in series.nights:
        said = night.clauses.get(clause)
        if not night.is_trusted:
            words = "the run can't be trusted"
        elif said is None:
            words = "not selected"
        else:
            words = said.verdict.value.replace("_", " ") + (f": {said.reason}" if said.reason else "")
        lines += wrapped(f"{_when(night)}  {words}", "", 400, hanging="    ")
        for found in said.findings[:3] if said and night.is_trusted else ():
            where = f" ({found.exchange})" if found.exchange else ""
            lines += wrapped(f"observed  {found.observed}{where}", "    ", 400)
    flips = count_flips(clause, (said for _, said in series.said_of(clause)))
    lines += ["", *wrapped(_flip_words(flips))]
    return "\n".join(lines) + "\n"


def flips_text(series: Series) -> str:
    """The clauses that changed, the most restless first."""
    found = flips_of(series)
    lines = wrapped(f"{series.name}: {_runs(series)}")
    if not found:
        return "\n".join([*lines, "no clause flipped"]) + "\n"
    rows = [("clause", "flips", "pairs", "rate", "95 % interval", "broken")]
    for one in found:
        low, high = one.interval
        judged = one.pairs + 1
        rows.append(
            (
                one.clause,
                str(one.flips),
                str(one.pairs),
                f"{one.rate:.0%}",
                f"{low:.0%} to {high:.0%}",
                f"{one.broken} of {judged}",
            )
        )
    return "\n".join([*lines, "", *table(rows)]) + "\n"


def latency_text(series: Series) -> str:
    """The times of every operation, of the newest run and over all."""
    lines = wrapped(f"{series.name}: {_runs(series)}")
    return "\n".join([*lines, "", *_latency_lines(series)]) + "\n"


def show_document(found: Sequence[Series]) -> dict[str, Any]:
    """Everything that the texts show, as data."""
    return {
        "format": FORMAT,
        "version": VERSION,
        "series": [
            {
                "target": one.target,
                "profile": one.profile,
                "keyword": one.keyword,
                "runs": [_run(night) for night in one.nights],
                "changed": {name: glyphs(one, name) for name in changed(one)},
                "flips": [_flips(flip) for flip in flips_of(one)],
                "latencies": [_latency(latency) for _, latency in sorted(one.newest.latencies.items())],
            }
            for one in found
        ],
    }


def clause_document(found: Sequence[Series], clause: str) -> dict[str, Any]:
    """One clause over all runs, as data."""
    return {
        "format": FORMAT,
        "version": VERSION,
        "clause": clause,
        "series": [
            {
                "target": one.target,
                "profile": one.profile,
                "keyword": one.keyword,
                "flips": _flips(count_flips(clause, (said for _, said in one.said_of(clause)))),
                "runs": [
                    {
                        "started_at": night.started_at.isoformat(timespec="seconds"),
                        "exit_status": night.exit_status,
                        "verdict": night.clauses[clause].verdict.value,
                        "reason": night.clauses[clause].reason,
                        "observed": [finding.observed for finding in night.clauses[clause].findings],
                    }
                    for night in one.nights
                    if clause in night.clauses
                ],
            }
            for one in found
        ],
    }


def _night_rows(series: Series) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = [
        ("run (UTC)", "exit", "failed", "warned", "unsure", "passed", "requests", "tokens", "money")
    ]
    for night in series.nights[-MOST_GLYPHS:]:
        counts = Counter(said.verdict for said in night.clauses.values())
        tokens = None if night.input_tokens is None else night.input_tokens + (night.output_tokens or 0)
        digits = 4 if night.money is None or night.money < 10 else 2
        money = "" if night.money is None else f"{night.money:.{digits}f} {night.currency}"
        numbers = [str(counts[verdict] or "") for verdict in _COLUMNS]
        rows.append(
            (
                _when(night),
                str(night.exit_status),
                *numbers,
                str(night.requests),
                "" if tokens is None else str(tokens),
                money,
            )
        )
    return rows


def _changed_lines(series: Series) -> list[str]:
    found = changed(series)
    if not found:
        return ["", "no clause changed"]
    lines = ["", f"changed ({len(found)}); the newest run at the right"]
    for name in found[:MOST_CLAUSES]:
        flips = count_flips(name, (said for _, said in series.said_of(name)))
        lines.append(f"  {name:<9} {glyphs(series, name)}  {flips.flips} of {flips.pairs}")
    if len(found) > MOST_CLAUSES:
        lines += wrapped(f"and {len(found) - MOST_CLAUSES} more: {' '.join(found[MOST_CLAUSES:])}", "  ", 2_000)
    key = " ".join(f"{mark} {verdict.value.replace('_', ' ')}" for verdict, mark in GLYPHS.items())
    return [*lines, *wrapped(f"{key} {UNTRUSTED} untrusted run; flips of pairs", "  ")]


def _latency_lines(series: Series, *, brief: bool = False) -> list[str]:
    """A row for each operation and what was measured; in brief what people wait for: a stream's begin, a plain end."""
    rows: list[tuple[str, ...]] = [("operation", "", "n", "p50", "p95", "p99", "usual", "runs")]
    for key, one in sorted(series.newest.latencies.items()):
        usual = [night.latencies[key].p50 for night in series.trusted if key in night.latencies]
        percentiles = [_ms(one.known(name)) for name in ("p50", "p95", "p99")]
        operation, mode, what = key
        if brief and (mode == "stream") != (what == "first byte"):
            continue
        rows.append(
            (
                f"{operation} {mode}"[:28],
                what,
                str(one.count),
                *percentiles,
                _ms(median(usual) if usual else None),
                str(len(usual)),
            )
        )
    if len(rows) == 1:
        return ["no times: the newest run had no recording beside its verdicts.json, or no answer"]
    return [
        "milliseconds of n answers of the newest run; usual: median p50 of the runs",
        *table(rows, left=(0, 1)),
    ]


def _run(night: Night) -> dict[str, Any]:
    counts = Counter(said.verdict for said in night.clauses.values())
    return {
        "started_at": night.started_at.isoformat(timespec="seconds"),
        "ended_at": night.ended_at.isoformat(timespec="seconds"),
        "exit_status": night.exit_status,
        "headline": night.headline,
        "problems": list(night.problems),
        "requests": night.requests,
        "input_tokens": night.input_tokens,
        "output_tokens": night.output_tokens,
        "money": None if night.money is None else {"amount": float(night.money), "currency": night.currency},
        "verdicts": {verdict.value: counts[verdict] for verdict in Verdict if counts[verdict]},
    }


def _flips(one: Flips) -> dict[str, Any]:
    return {
        "clause": one.clause,
        "flips": one.flips,
        "pairs": one.pairs,
        "rate": round(one.rate, 4),
        "interval": [round(edge, 4) for edge in one.interval],
        "broken": one.broken,
    }


def _latency(one: Latency) -> dict[str, Any]:
    seconds = {name: one.known(name) for name in ("p50", "p95", "p99")}
    return {"operation": one.operation, "mode": one.mode, "what": one.what, "count": one.count, **seconds}


def _flip_words(one: Flips) -> str:
    if not one.pairs:
        return "no two runs judged it"
    low, high = one.interval
    return (
        f"flipped {one.flips} of {one.pairs} times ({one.rate:.0%}; {low:.0%} to {high:.0%} with 95 % confidence), "
        f"broken in {one.broken} of {one.pairs + 1} judged runs"
    )


def _runs(series: Series) -> str:
    first, last = series.nights[0], series.newest
    count = len(series.nights)
    return f"{count} run{'s' * (count != 1)}, {first.started_at:%Y-%m-%d} to {last.started_at:%Y-%m-%d}"


def _when(night: Night) -> str:
    return f"{night.started_at:%m-%d %H:%M}"


def _ms(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds * 1000:.0f}"
