"""Nights made by hand: what a week of runs said of a few clauses."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from llmapi_conformance.history.latencies import Latency
from llmapi_conformance.history.nights import Found, Night, Said, Series
from llmapi_conformance.judging.verdicts import Verdict
from llmapi_conformance.reporting.past import PastRun, read_run
from tests.reporting.runs import clause, document

FIRST = datetime(2026, 11, 1, 3, tzinfo=UTC)
_VERDICTS = {
    ".": Verdict.PASSED,
    "F": Verdict.FAILED,
    "W": Verdict.WARNED,
    "n": Verdict.NOTED,
    "?": Verdict.INCONCLUSIVE,
    "-": Verdict.NOT_OBSERVED,
    "/": Verdict.NOT_OFFERED,
    "w": Verdict.WAIVED,
}


def said(mark: str, oracles: tuple[str, ...] = ("it_is_so",), basis: str = "protocol") -> Said:
    verdict = _VERDICTS[mark]
    found = tuple(Found(oracle, "it is so", f"not so, says {oracle}", "chat_stream#1") for oracle in oracles)
    return Said(verdict, "chat", "MUST", basis, "why" if mark in "?-" else "", found if mark in "FWw" else ())


def week(marks: str, name: str = "CHAT-S04", **other: Any) -> Series:
    """One clause, a mark for each night; ``x`` is a run that can't be trusted, a blank one without the clause."""
    nights = []
    for number, mark in enumerate(marks):
        at = FIRST + timedelta(days=number)
        nights.append(
            Night(
                id=number + 1,
                started_at=at,
                ended_at=at + timedelta(seconds=60),
                exit_status={"x": 2, "F": 1, "?": 3}.get(mark, 0),
                requests=40,
                problems=("nothing was observed",) if mark == "x" else (),
                clauses={name: said(mark, **other)} if mark in _VERDICTS else {},
            )
        )
    return Series("staging", "probe", "", tuple(nights))


def pace_week(times: list[float], what: str = "first byte", count: int = 5) -> Series:
    """One operation, the median of each night in seconds."""
    nights = []
    for number, seconds in enumerate(times):
        at = FIRST + timedelta(days=number)
        one = Latency("createMessage", "stream", what, count, seconds, seconds, seconds)
        nights.append(Night(number + 1, at, at, requests=40, latencies={one.key: one}))
    return Series("staging", "probe", "", tuple(nights))


def first(series: Series, count: int) -> Series:
    """The series as it was after so many nights."""
    return Series(series.target, series.profile, series.keyword, series.nights[:count])


def past(marks: dict[str, str], day: int = 0, **other: Any) -> PastRun:
    """A run of that day as its verdicts.json says."""
    words = {mark: verdict.value for mark, verdict in _VERDICTS.items()}
    at = FIRST + timedelta(days=day)
    data = document(
        *(clause(name, words[mark]) for name, mark in marks.items()),
        **{
            "started_at": at.isoformat(timespec="milliseconds"),
            "ended_at": (at + timedelta(seconds=42)).isoformat(timespec="milliseconds"),
            "profile": "probe",
            **other,
        },
    )
    return read_run(Path("verdicts.json"), data)
