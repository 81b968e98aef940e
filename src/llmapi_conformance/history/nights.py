"""What the history holds, as values: runs of one target, profile and selection, in order of time."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from sqlalchemy import select
from sqlalchemy.orm import selectinload

from llmapi_conformance.history.latencies import Latency
from llmapi_conformance.history.models import RunRow
from llmapi_conformance.judging.verdicts import Verdict
from llmapi_conformance.reporting.comparing.difference import BROKEN

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from decimal import Decimal

    from sqlalchemy.orm import Session

UNSEEN: Final = frozenset({Verdict.INCONCLUSIVE, Verdict.NOT_OBSERVED, Verdict.ERROR})
"""Verdicts of a night that says nothing about the gateway."""
FINE: Final = frozenset({Verdict.PASSED, Verdict.NOTED})


@dataclass(frozen=True, slots=True)
class Found:
    """A finding of a night."""

    oracle: str
    expected: str
    observed: str
    exchange: str | None = None


@dataclass(frozen=True, slots=True)
class Said:
    """What a run said of a clause.

    Attributes:
        verdict: As in ``verdicts.json``.
        surface: Of the clause.
        level: At that target.
        basis: Of the clause.
        reason: Why nothing could be judged; empty otherwise.
        findings: What deviated.
    """

    verdict: Verdict
    surface: str = ""
    level: str = "MUST"
    basis: str = "protocol"
    reason: str = ""
    findings: tuple[Found, ...] = ()

    @property
    def oracles(self) -> frozenset[str]:
        """The oracles that found something."""
        return frozenset(one.oracle for one in self.findings)

    @property
    def is_broken(self) -> bool:
        """Whether a finding that counts stands against the clause."""
        return self.verdict in BROKEN

    @property
    def is_judged(self) -> bool:
        """Whether the night says that the clause is kept, or that it is not."""
        return self.is_broken or self.verdict in FINE


@dataclass(frozen=True, slots=True)
class Night:
    """A run.

    Attributes:
        id: Its number in the history.
        started_at: In UTC.
        ended_at: In UTC.
        exit_status: 0 to 3.
        headline: As in ``verdicts.json``.
        requests: To the gateway.
        input_tokens: That answers reported; ``None`` where they were not counted.
        output_tokens: The same.
        money: What it cost by the target's prices; ``None`` where these are not known.
        currency: Of the money.
        problems: Why it can't be trusted.
        clauses: What it said, of the selected clauses alone.
        latencies: By operation, mode and what is measured.
    """

    id: int
    started_at: datetime
    ended_at: datetime
    exit_status: int = 0
    headline: str = "conformant"
    requests: int = 0
    input_tokens: int | None = None
    output_tokens: int | None = None
    money: Decimal | None = None
    currency: str | None = None
    problems: tuple[str, ...] = ()
    clauses: Mapping[str, Said] = field(default_factory=dict)
    latencies: Mapping[tuple[str, str, str], Latency] = field(default_factory=dict)

    @property
    def is_trusted(self) -> bool:
        """Whether what it says counts."""
        return self.exit_status != 2


@dataclass(frozen=True, slots=True)
class Series:
    """Runs that can be compared: of one target, with one profile and one selection.

    Attributes:
        target: Name of the target.
        profile: Name of the profile.
        keyword: What narrowed the checks, empty when nothing did.
        nights: The oldest first; never empty.
    """

    target: str
    profile: str
    keyword: str
    nights: tuple[Night, ...]

    @property
    def newest(self) -> Night:
        """The last run."""
        return self.nights[-1]

    @property
    def trusted(self) -> tuple[Night, ...]:
        """The runs that count."""
        return tuple(night for night in self.nights if night.is_trusted)

    @property
    def name(self) -> str:
        """For people."""
        return f"{self.target}, {self.profile}" + (f", -k {self.keyword!r}" if self.keyword else "")

    def said_of(self, clause: str) -> tuple[tuple[Night, Said], ...]:
        """What trusted runs said of a clause, where they had selected it."""
        return tuple((night, night.clauses[clause]) for night in self.trusted if clause in night.clauses)

    @property
    def clauses(self) -> tuple[str, ...]:
        """Every clause that a run said something of."""
        return tuple(sorted({name for night in self.nights for name in night.clauses}))


def series_of(session: Session, *, target: str = "", profile: str = "", most: int = 60) -> list[Series]:
    """What the history holds, by target, profile and selection.

    Args:
        session: That reads.
        target: Only this one, where it is named.
        profile: Only this one, where it is named.
        most: Runs of a series, the newest.
    """
    keys = select(RunRow.target, RunRow.profile, RunRow.keyword).distinct().order_by(*_SERIES)
    if target:
        keys = keys.where(RunRow.target == target)
    if profile:
        keys = keys.where(RunRow.profile == profile)
    found = []
    for key in session.execute(keys).all():
        rows = session.scalars(
            select(RunRow)
            .where(*(column == value for column, value in zip(_SERIES, key, strict=True)))
            .order_by(RunRow.started_at.desc(), RunRow.id.desc())
            .limit(most)
            .options(selectinload(RunRow.verdicts), selectinload(RunRow.findings), selectinload(RunRow.latencies))
        ).all()
        found.append(Series(*key, tuple(_night(row) for row in reversed(rows))))
    return found


_SERIES: Final = (RunRow.target, RunRow.profile, RunRow.keyword)


def _night(row: RunRow) -> Night:
    findings: dict[str, list[Found]] = {}
    for one in row.findings:
        findings.setdefault(one.clause, []).append(Found(one.oracle, one.expected, one.observed, one.exchange))
    times = (Latency(one.operation, one.mode, one.what, one.count, one.p50, one.p95, one.p99) for one in row.latencies)
    return Night(
        id=row.id,
        started_at=row.started_at,
        ended_at=row.ended_at,
        exit_status=row.exit_status,
        headline=row.headline,
        requests=row.requests,
        input_tokens=row.input_tokens,
        output_tokens=row.output_tokens,
        money=row.money,
        currency=row.currency,
        problems=tuple(row.problems),
        clauses={
            one.clause: Said(
                Verdict(one.verdict),
                one.surface,
                one.level,
                one.basis,
                one.reason,
                tuple(findings.get(one.clause, ())),
            )
            for one in row.verdicts
        },
        latencies={one.key: one for one in times},
    )
