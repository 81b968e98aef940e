"""Confidence intervals that assume nothing of how the values are distributed.

A share of successes gets the exact binomial interval (Clopper and Pearson, Biometrika 26, 1934). A quantile gets two of
the sorted values themselves: how many samples lie below a quantile is binomial whatever the distribution (David and
Nagaraja, Order Statistics, section 7.1). Both cover at least as often as they say.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

CONFIDENCE: Final = 0.95
"""Of every interval, two-sided; each side leaves out half of the rest."""
MOST_SAMPLES: Final = 1_000_000
"""More than these are not proposed."""
_TAIL: Final = (1 - CONFIDENCE) / 2
_HALVINGS: Final = 60
_NEGLIGIBLE: Final = 1e-17


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate and what it lies between.

    Attributes:
        value: The estimate.
        low: Lower limit; ``None`` where the samples are too few for one.
        high: Upper limit; ``None`` likewise.
        ranks: Of a quantile, the ranks of the samples that are its limits, from 1; 0 for none.
    """

    value: float
    low: float | None
    high: float | None
    ranks: tuple[int, int] = (0, 0)


def share(successes: int, samples: int) -> Interval:
    """The share of successes, from one sample on."""
    low = 0.0 if not successes else _where(lambda p: at_least(successes, samples, p) > _TAIL)
    high = 1.0 if successes == samples else _where(lambda p: at_most(successes, samples, p) <= _TAIL)
    return Interval(successes / samples, low, high)


def quantile(values: Sequence[float], part: float) -> Interval:
    """The value below which this part of all values lies, from one sample on.

    The estimate is the smallest sample that has this part of the samples at or below it.
    """
    ordered = sorted(values)
    count = len(ordered)
    lower, upper = ranks(count, part)
    value = ordered[max(1, math.ceil(round(part * count, 9))) - 1]
    low = ordered[lower - 1] if lower else None
    high = ordered[upper - 1] if upper else None
    return Interval(value, low, high, (lower, upper))


def ranks(samples: int, part: float) -> tuple[int, int]:
    """The ranks, from 1, of the sorted samples that a quantile lies between; 0 where the samples are too few for one.

    The sample of rank r is above the quantile when fewer than r of them lie below it.
    """
    lower = _first(samples, lambda rank: at_most(rank - 1, samples, part) > _TAIL) - 1
    upper = _first(samples, lambda rank: at_least(rank, samples, part) <= _TAIL)
    return lower, 0 if upper > samples else upper


def fewest_for(part: float) -> int:
    """How many samples a quantile needs to have both limits."""
    rarer = max(part, 1 - part)
    return math.ceil(math.log(_TAIL) / math.log(rarer))


def decides(successes: int, samples: int, bound: float) -> bool:
    """Whether a share of successes is shown to be on one side of a bound: its interval does not hold the bound."""
    return at_least(successes, samples, bound) <= _TAIL or at_most(successes, samples, bound) <= _TAIL


def samples_to_decide(successes: int, samples: int, bound: float) -> int:
    """How many samples would show on which side of a bound a share is, if it stayed as it was seen; 0 for too many."""
    seen = successes / samples

    def enough(count: int) -> bool:
        return decides(round(seen * count), count, bound)

    above = max(samples, 1)
    while not enough(above):
        above *= 2
        if above > MOST_SAMPLES:
            return 0
    below = above // 2
    while above - below > 1:
        middle = (above + below) // 2
        above, below = (middle, below) if enough(middle) else (above, middle)
    return above


def at_most(successes: int, samples: int, chance: float) -> float:
    """The chance of that many successes, or fewer, when each sample is one with this chance."""
    return at_least(samples - successes, samples, 1 - chance)


def at_least(successes: int, samples: int, chance: float) -> float:
    """The chance of that many successes, or more, when each sample is one with this chance."""
    if successes <= 0:
        return 1.0
    if successes > samples or chance <= 0:
        return 0.0
    if chance >= 1:
        return 1.0
    if successes <= samples * chance:  # add up the side that falls off
        return 1.0 - at_most(successes - 1, samples, chance)
    odds = chance / (1 - chance)
    logarithm = math.lgamma(samples + 1) - math.lgamma(successes + 1) - math.lgamma(samples - successes + 1)
    term = math.exp(logarithm + successes * math.log(chance) + (samples - successes) * math.log1p(-chance))
    total = 0.0
    for count in range(successes, samples + 1):
        total += term
        if term < total * _NEGLIGIBLE:
            break
        term *= odds * (samples - count) / (count + 1)
    return min(1.0, total)


def _where(holds: Callable[[float], bool]) -> float:
    """The chance from which on something holds."""
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high


def _first(count: int, holds: Callable[[int], bool]) -> int:
    """The first number from 1 on for which something holds that then holds for all greater; behind the last if none."""
    low, high = 0, count + 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high
