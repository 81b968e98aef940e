from __future__ import annotations

import dataclasses

import pytest

from llmapi_conformance.contract.clauses import Basis, Clause, Level, Source, Status
from llmapi_conformance.evidence.exchange import Ending
from llmapi_conformance.evidence.results import ResultStatus
from llmapi_conformance.judging.check import Check, checking, judge
from llmapi_conformance.judging.oracle import Deviation, Examined, Judgement, On, Oracle
from llmapi_conformance.judging.verdicts import ClauseVerdict, Terms, Verdict, exit_status, verdicts
from tests.judging.build import exchange

CLAUSE = Clause(
    "MSG-Z01", "messages", Level.MUST, Basis.PROTOCOL, Status.ACTIVE, "It is so.", Source(rules=("A-S7",)), "0.1.0"
)
TERMS = Terms(offers=frozenset({"messages"}))


def _passes(*_: object) -> Judgement:
    yield Examined("thing", 2)


def _fails(*_: object) -> Judgement:
    yield Examined("thing")
    yield Deviation("one", "two", (0, 3))


def _silent(*_: object) -> Judgement:
    yield from ()


PASSES, FAILS, SILENT = (Oracle("MSG-Z01", function) for function in (_passes, _fails, _silent))
ON_SUCCESS = Oracle("MSG-Z01", _passes, On(operations=("createMessage",)))


def check(*oracles: Oracle, status: int = 200, name: str = "messages/test_z.py::test_z") -> Check:
    made = Check(name, ("MSG-Z01",))
    with checking(made):
        for oracle in oracles:
            judge(oracle, exchange(status=status, body=b"abc"))
    return made


def verdict(*checks: Check, clause: Clause = CLAUSE, terms: Terms = TERMS) -> Verdict:
    return verdicts([clause], checks, terms)[0].verdict


def stopped(status: ResultStatus) -> Check:
    made = check()
    made.stop(status, "because")
    return made


def test_what_no_report_could_hold_is_written_as_an_escape() -> None:
    def finds(*_: object) -> Judgement:
        yield Deviation("a name", "\ud800 and \U0001f600")

    (observed,) = check(Oracle("MSG-Z01", finds)).observed
    assert observed.deviation.observed == "\\ud800 and \U0001f600"


def test_a_pass_must_be_earned() -> None:
    assert verdict(check(PASSES)) is Verdict.PASSED
    assert verdict(check(SILENT)) is Verdict.NOT_OBSERVED
    assert verdict(check()) is Verdict.NOT_OBSERVED
    assert verdict() is Verdict.NOT_OBSERVED


@pytest.mark.parametrize(
    ("level", "strict", "basis", "expected"),
    [
        (Level.MUST, False, Basis.PROTOCOL, Verdict.FAILED),
        (Level.SHOULD, False, Basis.PROTOCOL, Verdict.WARNED),
        (Level.SHOULD, True, Basis.PROTOCOL, Verdict.FAILED),
        (Level.SHOULD, True, Basis.ASSUMED, Verdict.WARNED),
        (Level.INFO, True, Basis.PROTOCOL, Verdict.NOTED),
    ],
)
def test_the_level_decides_what_a_deviation_is(level: Level, strict: bool, basis: Basis, expected: Verdict) -> None:  # noqa: FBT001 - a table row
    clause = dataclasses.replace(CLAUSE, level=level, basis=basis)
    assert verdict(check(FAILS), clause=clause, terms=dataclasses.replace(TERMS, strict=strict)) is expected


def test_the_weightiest_check_decides() -> None:
    inconclusive, error = stopped(ResultStatus.INCONCLUSIVE), stopped(ResultStatus.ERROR)
    unseen = stopped(ResultStatus.NOT_OBSERVED)
    assert verdict(check(PASSES), check(FAILS), inconclusive, error) is Verdict.ERROR
    assert verdict(check(PASSES), check(FAILS), inconclusive) is Verdict.FAILED
    assert verdict(check(PASSES), inconclusive, unseen) is Verdict.INCONCLUSIVE
    assert verdict(check(PASSES), unseen) is Verdict.PASSED


def test_an_answer_of_another_kind_is_not_what_the_oracle_speaks_about() -> None:
    result = verdicts([CLAUSE], [check(ON_SUCCESS, status=500)], TERMS)[0]
    assert result.verdict is Verdict.NOT_OBSERVED
    assert "answered with status 500" in result.reason
    assert verdict(check(ON_SUCCESS)) is Verdict.PASSED


def test_no_answer_is_inconclusive() -> None:
    made = Check("n", ("MSG-Z01",))
    silent = dataclasses.replace(exchange(), response=None, failure="the connection was refused")
    with checking(made):
        judge(PASSES, silent)
    assert verdict(made) is Verdict.INCONCLUSIVE


def test_an_oracle_for_a_clause_that_the_check_does_not_name_is_the_suites_own_fault() -> None:
    made = Check("n", ("MSG-Z02",))
    with checking(made), pytest.raises(LookupError, match="names MSG-Z02"):
        judge(PASSES, exchange())


def test_the_same_deviation_on_the_same_exchange_is_one_finding() -> None:
    result = verdicts([CLAUSE], [check(FAILS), check(FAILS, name="other")], TERMS)[0]
    assert len(result.findings) == 1
    assert result.findings[0].span == (0, 3)
    assert result.examined == 2


@pytest.mark.parametrize(
    "terms",
    [
        Terms(offers=frozenset({"chat"})),
        Terms(offers=frozenset({"messages"}), claims=frozenset({Basis.DOCUMENTED})),
        Terms(offers=frozenset({"messages"}), not_offered={"messages": "not sold"}),
        Terms(offers=frozenset({"messages"}), not_offered={"MSG-Z01": "not sold"}),
    ],
)
def test_what_a_target_does_not_offer_is_never_a_finding(terms: Terms) -> None:
    result = verdicts([CLAUSE], [check(FAILS)], terms)[0]
    assert result.verdict is Verdict.NOT_OFFERED
    assert not result.findings


def test_planned_clauses_get_no_verdict() -> None:
    assert not verdicts([dataclasses.replace(CLAUSE, status=Status.PLANNED)], [check(FAILS)], TERMS)


def test_an_undeclared_gap_fails_where_gaps_fail() -> None:
    result = verdicts([CLAUSE], [check(SILENT)], dataclasses.replace(TERMS, gaps_fail=True))[0]
    assert result.verdict is Verdict.FAILED
    assert "not_offered" in result.findings[0].expected


def test_exit_status_two_outranks_one_outranks_three_outranks_nought() -> None:
    def results(*checks: Check) -> list[ClauseVerdict]:
        return list(verdicts([CLAUSE], checks, TERMS))

    assert exit_status(results(check(PASSES))) == 0
    assert exit_status(results(check(PASSES), stopped(ResultStatus.INCONCLUSIVE))) == 3
    assert exit_status(results(check(FAILS), stopped(ResultStatus.INCONCLUSIVE))) == 1
    assert exit_status(results(check(FAILS), stopped(ResultStatus.ERROR))) == 2
    assert exit_status(results(check(FAILS)), trusted=False) == 2
    assert exit_status(results(check(SILENT))) == 2


def test_protocol_oracles_leave_disturbed_and_aborted_answers_alone() -> None:
    on = On(operations=("createMessage",), mode="stream")
    whole = exchange(mode="stream", body=b"data: 1\n\n")
    assert on.covers(whole)
    assert not on.covers(dataclasses.replace(whole, disturbed=True))
    assert dataclasses.replace(on, disturbed=True).covers(dataclasses.replace(whole, disturbed=True))
    assert not on.covers(exchange(mode="stream", ending=Ending.ABORTED))
    assert not on.covers(exchange(mode="plain"))
    assert not on.covers(exchange(mode="stream", status=400))


def test_an_empty_success_proves_nothing_but_may_break_something() -> None:
    made = Check("n", ("MSG-Z01",))
    with checking(made):
        judge(PASSES, exchange(body=b""))
    assert verdict(made) is Verdict.NOT_OBSERVED
    with checking(made):
        judge(FAILS, exchange(body=b""))
    assert verdict(made) is Verdict.FAILED
    assert verdict(check(PASSES, status=401)) is Verdict.PASSED


def test_what_broke_off_with_the_gateway_is_inconclusive_and_no_finding() -> None:
    made = Check("n", ("MSG-Z01",))
    cut, whole = exchange(ending=Ending.CUT), dataclasses.replace(exchange(), step=2)
    with checking(made):
        judge(FAILS, cut)
        judge(FAILS, whole, cut)
    made.excuse(frozenset({"another#1"}), "it went away")
    assert verdict(made) is Verdict.FAILED
    made.excuse(frozenset({cut.id}), "it went away")
    [said] = verdicts([CLAUSE], [made], TERMS)
    assert (said.verdict, said.reason, said.findings) == (Verdict.INCONCLUSIVE, "it went away", ())
    with checking(made):
        judge(FAILS, whole)
    made.excuse(frozenset({cut.id, whole.id}), "it went away")
    assert verdict(made) is Verdict.FAILED


def test_what_a_gateway_says_can_always_be_written_into_a_report() -> None:
    assert Deviation("\ud800 here", "a\udfff").observed == "a\\udfff"
    assert (Deviation("\ud800 here", "a").expected).encode()
