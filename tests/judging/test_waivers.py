"""A waiver covers what it says and no more; one that is no longer good fails the run."""

from __future__ import annotations

import dataclasses
from datetime import date
from typing import Any

import pytest

from llmapi_conformance.contract.clauses import Basis, Clause, Level, Source, Status
from llmapi_conformance.judging.check import Check, checking, judge
from llmapi_conformance.judging.oracle import Deviation, Examined, Judgement, Oracle
from llmapi_conformance.judging.verdicts import ClauseVerdict, Terms, Verdict, exit_status, verdicts
from llmapi_conformance.judging.waivers import Circumstances, bad_waivers, waived
from llmapi_conformance.target.waivers import Waiver
from tests.judging.build import exchange

CLAUSE = Clause(
    "MSG-Z01", "messages", Level.MUST, Basis.PROTOCOL, Status.ACTIVE, "It is so.", Source(rules=("A-S7",)), "0.1.0"
)
TERMS = Terms(offers=frozenset({"messages"}))
DAY = date(2026, 11, 27)
NOW = Circumstances(DAY, "gate", "2.1", whole=True)
WAIVER = Waiver("MSG-Z01", "known", "team", "GW-1", date(2026, 12, 31))


def _fails(*subjects: Any) -> Judgement:
    yield Examined("thing")
    yield Deviation("one", subjects[0].label or "two")


def _passes(*_: Any) -> Judgement:
    yield Examined("thing")


def judged(
    *models: str, function: Any = _fails, level: Level = Level.MUST
) -> tuple[list[ClauseVerdict], dict[str, Any]]:
    check = Check("messages/test_z.py::test_z", ("MSG-Z01",))
    shown = [exchange(request_json={"model": name}, body=b"abc", step=step) for step, name in enumerate(models, 1)]
    with checking(check):
        for one in shown:
            judge(Oracle("MSG-Z01", function), one)
    clause = dataclasses.replace(CLAUSE, level=level)
    return verdicts([clause], [check], TERMS), {one.id: one for one in shown}


def verdict(waiver: Waiver, *models: str, at: Circumstances = NOW, **how: Any) -> Verdict:
    results, exchanges = judged(*models or ("m",), **how)
    return waived(results, [waiver], at, exchanges)[0].verdict


def lines(waiver: Waiver, *models: str, at: Circumstances = NOW, terms: Terms = TERMS, **how: Any) -> list[str]:
    results, exchanges = judged(*models or ("m",), **how)
    return bad_waivers(waived(results, [waiver], at, exchanges), [waiver], at, {CLAUSE.id: CLAUSE}, terms)


def changed(**members: Any) -> Waiver:
    return dataclasses.replace(WAIVER, **members)


def test_a_broken_clause_is_waived_with_its_finding_kept() -> None:
    results, exchanges = judged("m")
    (one,) = waived(results, [WAIVER], NOW, exchanges)
    assert (one.verdict, one.waiver) == (Verdict.WAIVED, WAIVER)
    assert one.reason == "known (team, GW-1, until 2026-12-31)"
    assert [finding.verdict for finding in one.findings] == [Verdict.WAIVED]
    assert exit_status([one]) == 0
    assert verdict(WAIVER, level=Level.SHOULD) is Verdict.WAIVED
    assert lines(WAIVER) == []


@pytest.mark.parametrize(
    ("waiver", "expected"),
    [
        (changed(expires=DAY), Verdict.WAIVED),
        (changed(expires=date(2026, 11, 26)), Verdict.FAILED),
        (changed(clause="MSG-Z02"), Verdict.FAILED),
        (changed(profile="gate"), Verdict.WAIVED),
        (changed(profile="probe"), Verdict.FAILED),
        (changed(version="2.1"), Verdict.WAIVED),
        (changed(version="2.0"), Verdict.FAILED),
        (changed(model="m"), Verdict.WAIVED),
        (changed(model="other"), Verdict.FAILED),
    ],
)
def test_a_waiver_counts_only_where_its_conditions_hold(waiver: Waiver, expected: Verdict) -> None:
    assert verdict(waiver) is expected


def test_a_waiver_of_a_model_does_not_cover_another_one() -> None:
    assert verdict(changed(model="m"), "m", "m") is Verdict.WAIVED
    assert verdict(changed(model="m"), "m", "n") is Verdict.FAILED


def test_what_passes_is_not_waived_and_the_waiver_is_stale() -> None:
    assert verdict(WAIVER, function=_passes) is Verdict.PASSED
    (line,) = lines(WAIVER, function=_passes)
    assert line == "waiver of MSG-Z01 (team, GW-1) is stale, the clause passes now: take it out"
    assert lines(WAIVER, function=_passes, at=dataclasses.replace(NOW, whole=False)) == []
    assert lines(changed(profile="probe"), function=_passes) == []


@pytest.mark.parametrize(
    ("waiver", "told"),
    [
        (changed(expires=date(2026, 11, 26)), "expired on 2026-11-26"),
        (changed(clause="MSG-Z99"), "names no active clause"),
        (changed(model="other"), "matches nothing, no finding is about other alone"),
    ],
)
def test_an_expired_or_unmatched_waiver_is_one_clear_line(waiver: Waiver, told: str) -> None:
    (line,) = lines(waiver)
    assert told in line
    assert "\n" not in line


def test_a_waiver_of_what_is_not_offered_matches_nothing() -> None:
    (line,) = lines(WAIVER, terms=Terms(offers=frozenset({"chat"})))
    assert "matches nothing (the target does not offer the surface messages)" in line


def test_a_bad_waiver_fails_the_run_unless_the_run_cannot_be_trusted() -> None:
    results, _ = judged("m", function=_passes)
    assert exit_status(results, waivers_good=False) == 1
    assert exit_status(results, waivers_good=False, trusted=False) == 2
