"""When an operation got slower: its median over the nights, with few answers each night."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any, Final

from llmapi_conformance.reporting.comparing.speed import RATIO, SECONDS, UNLIKE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llmapi_conformance.history.nights import Night, Series

FEWEST_NIGHTS: Final = 3
"""Earlier runs that must be there before anything is said."""
FEWEST: Final = 3
"""Answers that an operation must have in a run for its median to count."""


@dataclass(frozen=True, slots=True)
class Pace:
    """When an operation got slower.

    Attributes:
        ratio: By how much its median must have grown, against the median of the runs before.
        seconds: How much longer it must be.
        runs: For so many runs in a row: one slow night is weather.
    """

    ratio: float = RATIO
    seconds: float = SECONDS
    runs: int = 2

    def is_slow(self, now: float, before: float) -> bool:
        """Whether a time counts as slower."""
        return now >= self.ratio * before and now - before >= self.seconds


def pace_news(
    series: Series, now: dict[str, dict[str, Any]], pace: Pace, window: int
) -> Iterator[tuple[str, bool, str]]:
    """What got slower, or as fast again: subject, whether slower, words; ``now`` becomes what is told of it.

    Args:
        series: Its newest run is one that can be trusted.
        now: What was told.
        pace: When it counts.
        window: Runs that make what is usual; an operation that is slow for longer is usual, too.
    """
    alike = [night for night in series.trusted if _alike(night, series.newest)]
    for key, latency in sorted(series.newest.latencies.items()):
        found = [night.latencies[key].p50 for night in alike if key in night.latencies and _counts(night, key)]
        if latency.count < FEWEST:
            continue
        subject = latency.name
        if told := now.get(subject):
            if not pace.is_slow(latency.p50, told["usual"]):
                del now[subject]
                yield subject, False, f"{_ms(latency.p50)} again, as before ({_ms(told['usual'])})"
            elif told["run"] != series.newest.id:
                if told["runs"] + 1 < window:
                    now[subject] = {**told, "runs": told["runs"] + 1, "run": series.newest.id}
                else:
                    del now[subject]
            continue
        earlier = found[: -pace.runs][-window:]
        if len(earlier) < FEWEST_NIGHTS:
            continue
        usual = median(earlier)
        explained = _grown(series.newest, key, now)
        if all(pace.is_slow(one - explained, usual) for one in found[-pace.runs :]):
            now[subject] = {"condition": "slow", "usual": usual, "runs": 0, "run": series.newest.id}
            medians = f"median of {latency.count} answers, before of {len(earlier)} runs"
            yield subject, True, f"{_ms(usual)} -> {_ms(latency.p50)} ({medians})"


def _grown(night: Night, key: tuple[str, str, str], now: dict[str, dict[str, Any]]) -> float:
    """By how much the whole takes longer because its first byte does, which was told."""
    operation, mode, what = key
    first = night.latencies.get((operation, mode, "first byte"))
    told = now.get(first.name) if first and what == "total" else None
    return first.p50 - float(told["usual"]) if first and told else 0.0


def _alike(one: Night, other: Night) -> bool:
    """Whether two runs sent about as many requests: more of them side by side make each one slower."""
    few, many = sorted((one.requests, other.requests))
    return many <= UNLIKE * few


def _counts(night: Night, key: tuple[str, str, str]) -> bool:
    return night.latencies[key].count >= FEWEST


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms"
