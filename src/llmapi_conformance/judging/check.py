"""A check at work: collects what its oracles examined and found."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from llmapi_conformance.evidence.exchange import Exchange
from llmapi_conformance.evidence.results import ResultStatus
from llmapi_conformance.judging.oracle import Deviation, Examined, Oracle


@dataclass(frozen=True, slots=True)
class Observed:
    """A deviation with the clause it breaks, the exchange that shows it, and the subjects whose answers broke off."""

    clause: str
    oracle: str
    deviation: Deviation
    exchange: Exchange | None
    broken: frozenset[str] = frozenset()


@dataclass(slots=True)
class Check:
    """What one check saw, clause by clause.

    Attributes:
        name: The pytest node id below ``suites/``.
        clauses: Clauses that it names.
        examined: Clause id -> number of subjects looked at.
        observed: Deviations, in the order in which they were found.
        unseen: Clause id -> why nothing could be looked at, for clauses with such a reason.
        status: ``done`` unless the scenario or the harness failed; then the reason is in ``reason``.
        reason: One sentence, empty when the check ran.
    """

    name: str
    clauses: tuple[str, ...]
    examined: dict[str, int] = field(default_factory=dict)
    observed: list[Observed] = field(default_factory=list)
    unseen: dict[str, tuple[ResultStatus, str]] = field(default_factory=dict)
    status: ResultStatus = ResultStatus.DONE
    reason: str = ""

    def stop(self, status: ResultStatus, reason: str) -> None:
        """The check could not do its work."""
        self.status = status
        self.reason = reason

    def excuse(self, broken: frozenset[str], reason: str) -> None:
        """Take back what was found in answers that broke off for a reason that is no finding: it is inconclusive."""
        for found in [one for one in self.observed if one.broken & broken]:
            self.observed.remove(found)
            self.unseen[found.clause] = (ResultStatus.INCONCLUSIVE, reason)

    def took(self, oracle: Oracle, subjects: tuple[object, ...]) -> None:
        """Run an oracle over its subjects and keep what it yields."""
        clause = oracle.clause
        if clause not in self.clauses:
            raise LookupError(
                f"{self.name} calls {oracle.name} of clause {clause}, but names {', '.join(self.clauses)}"
            )
        exchanges = list(exchanges_in(subjects))
        for exchange in exchanges:
            if not exchange.answered:
                self.unseen.setdefault(clause, (ResultStatus.INCONCLUSIVE, f"{exchange.id}: {exchange.failure}"))
                return
            if oracle.on is not None and not oracle.on.covers(exchange):
                self.unseen.setdefault(
                    clause, (ResultStatus.NOT_OBSERVED, f"{exchange.id} was answered with status {exchange.status}")
                )
                return
        hollow = next((exchange for exchange in exchanges if exchange.hollow), None)
        broken = frozenset(exchange.id for exchange in exchanges if exchange.broke_off)
        for item in oracle(*subjects):
            if isinstance(item, Examined):
                if hollow is not None:
                    # A success without a body may break a clause, but it keeps none.
                    reason = f"{hollow.id} was answered with {hollow.status} and an empty body"
                    self.unseen.setdefault(clause, (ResultStatus.NOT_OBSERVED, reason))
                    continue
                self.examined[clause] = self.examined.get(clause, 0) + item.count
            else:
                shown = item.exchange or _telling(exchanges)
                self.observed.append(Observed(clause, oracle.name, _writable(item), shown, broken))


_current: ContextVar[Check | None] = ContextVar("check", default=None)


@contextmanager
def checking(check: Check) -> Iterator[Check]:
    """Make ``judge`` report to this check."""
    token = _current.set(check)
    try:
        yield check
    finally:
        _current.reset(token)


def judge(oracle: Oracle, *subjects: object) -> None:
    """Judge subjects with an oracle; what it finds counts for the oracle's clause.

    Raises:
        LookupError: Called outside a check, or for a clause that the check does not name.
    """
    check = _current.get()
    if check is None:
        raise LookupError("judge() was called outside a check")
    check.took(oracle, subjects)


def clause(*ids: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Name the clauses that a check judges."""
    mark: Callable[[Callable[..., Any]], Callable[..., Any]] = pytest.mark.clause(*ids)
    return mark


def _writable(deviation: Deviation) -> Deviation:
    """The deviation with lone surrogates, which JSON may hold and no report can, written as escapes."""
    texts = (deviation.expected, deviation.observed)
    expected, observed = (text.encode("utf-8", "backslashreplace").decode() for text in texts)
    return deviation if (expected, observed) == texts else replace(deviation, expected=expected, observed=observed)


def _telling(exchanges: list[Exchange]) -> Exchange | None:
    """The exchange that shows a deviation unless its oracle says otherwise: the first that is not of our upstream."""
    return min(exchanges, key=lambda exchange: exchange.of_our_upstream, default=None)


def exchanges_in(value: object) -> Iterator[Exchange]:
    """Every exchange in a nested scenario result, in order."""
    if isinstance(value, Exchange):
        yield value
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from exchanges_in(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from exchanges_in(part)
