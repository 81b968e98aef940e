"""How long the answers of a run took: percentiles of each operation."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import quantiles
from typing import TYPE_CHECKING, Final

from llmapi_conformance.reporting.comparing.speed import TIMES, is_timed

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from llmapi_conformance.evidence.exchange import Exchange

ENOUGH: Final = {"p50": 1, "p95": 20, "p99": 100}
"""Answers from which on a percentile says more than the slowest of them does."""


@dataclass(frozen=True, slots=True, order=True)
class Latency:
    """Times of one operation in one run.

    Attributes:
        operation: Operation id.
        mode: ``plain`` or ``stream``.
        what: ``first byte`` or ``total``.
        count: Answers that were whole and successful.
        p50: Seconds; median.
        p95: Seconds.
        p99: Seconds.
    """

    operation: str
    mode: str
    what: str
    count: int
    p50: float
    p95: float
    p99: float

    @property
    def key(self) -> tuple[str, str, str]:
        """What is the same from night to night."""
        return (self.operation, self.mode, self.what)

    @property
    def name(self) -> str:
        """For people."""
        return f"{self.operation} {self.mode}, {self.what}"

    def known(self, percentile: str) -> float | None:
        """A percentile where there are enough answers for it; ``None`` where it would mislead."""
        return float(getattr(self, percentile)) if self.count >= ENOUGH[percentile] else None


def latencies(exchanges: Iterable[Exchange]) -> list[Latency]:
    """The times of every operation that was answered, by name."""
    times: dict[tuple[str, str, str], list[float]] = {}
    for one in exchanges:
        if is_timed(one):
            for what, time_of in TIMES.items():
                times.setdefault((one.operation, one.mode, what), []).append(time_of(one))
    return sorted(Latency(*key, len(found), *_percentiles(found)) for key, found in times.items())


def _percentiles(times: Sequence[float]) -> tuple[float, float, float]:
    """50, 95 and 99 percent, between the times that are there (R's type 7)."""
    if len(times) == 1:
        return (times[0], times[0], times[0])
    cuts = quantiles(times, n=100, method="inclusive")
    return (cuts[49], cuts[94], cuts[98])
