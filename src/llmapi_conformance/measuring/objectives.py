"""Objectives held against statistics: a bound counts as met or missed only when the whole interval says so."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from llmapi_conformance.measuring.intervals import MOST_SAMPLES, Interval, quantile, samples_to_decide

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from llmapi_conformance.measuring.statistics import Measured
    from llmapi_conformance.target.objectives import Objective


class Held(StrEnum):
    """How a gateway stands to an objective."""

    MET = "met"
    """The interval lies wholly on the right side of the bound."""
    MISSED = "missed"
    """The interval lies wholly on the wrong side."""
    UNDECIDED = "undecided"
    """The interval holds the bound, or there is none."""


@dataclass(frozen=True, slots=True)
class HeldObjective:
    """An objective and what was seen of it.

    Attributes:
        objective: As the target file states it.
        held: How the gateway stands to it.
        interval: Of the statistic; ``None`` where nothing was measured.
        samples: How many there were.
        reason: Of what is undecided: why, and how many samples would decide.
    """

    objective: Objective
    held: Held
    interval: Interval | None
    samples: int
    reason: str = ""


def held_objectives(objectives: Iterable[Objective], measured: Sequence[Measured]) -> tuple[HeldObjective, ...]:
    """Every objective against the statistic that it bounds."""
    return tuple(_held(one, _statistic(one, measured)) for one in objectives)


def status_with(status: int, held: Iterable[HeldObjective]) -> int:
    """The exit status of a run when its objectives count: 1 for a missed one, 3 for an undecided; 2 > 1 > 3 > 0."""
    seen = {one.held for one in held}
    if status != 2 and Held.MISSED in seen:
        return 1
    return 3 if status == 0 and Held.UNDECIDED in seen else status


def _statistic(objective: Objective, measured: Sequence[Measured]) -> Measured | None:
    """The statistic that an objective bounds; of all operations together, the only one where there is one."""
    found = [one for one in measured if one.statistic == objective.meaning.statistic]
    exact = next((one for one in found if one.operation == objective.operation), None)
    return exact or (found[0] if len(found) == 1 and not objective.operation else None)


def _held(objective: Objective, measured: Measured | None) -> HeldObjective:
    interval = measured.interval(objective.meaning.part) if measured else None
    if measured is None or interval is None:
        why = f"no sample has a value: {measured.note}" if measured and measured.note else "nothing was measured"
        return HeldObjective(objective, Held.UNDECIDED, None, 0, why)
    right, wrong = _sides(objective, interval)
    if right and measured.late and not _holds_with_late(objective, measured):
        why = f"{measured.late} more never came in the time that we wait, and counted as the worst they leave it open"
        return HeldObjective(objective, Held.UNDECIDED, interval, measured.samples, why)
    if right or wrong:
        return HeldObjective(objective, Held.MET if right else Held.MISSED, interval, measured.samples)
    return HeldObjective(objective, Held.UNDECIDED, interval, measured.samples, _what_would_decide(objective, measured))


def _sides(objective: Objective, interval: Interval) -> tuple[bool, bool]:
    """Whether the interval lies wholly on the right side of the bound, and whether wholly on the wrong one."""
    low, high, bound = interval.low, interval.high, objective.bound
    if objective.meaning.at_most:
        return high is not None and high <= bound, low is not None and low > bound
    return low is not None and low >= bound, high is not None and high < bound


def _holds_with_late(objective: Objective, measured: Measured) -> bool:
    """Whether a quantity is still on the right side with the samples that we ceased to wait for, as bad as can be."""
    worst = math.inf if objective.meaning.at_most else 0.0
    interval = quantile((*measured.values, *[worst] * measured.late), objective.meaning.part or 0.0)
    return _sides(objective, interval)[0]


def _what_would_decide(objective: Objective, measured: Measured) -> str:
    """That a bound is within the interval, and how many samples would move it out if all stayed as it was seen.

    A quantile is on one side of a bound when enough of the samples are: that is a share, too.
    """
    part = objective.meaning.part
    if part is None:
        wanted = samples_to_decide(measured.successes, measured.samples, objective.bound)
    else:
        below = sum(value <= objective.bound for value in measured.values)
        wanted = samples_to_decide(below, measured.samples, part)
    why = measured.too_few(part) or "the interval holds the bound"
    if not wanted:
        return f"{why}; even {MOST_SAMPLES:,} samples would not decide if they came out as these did"
    return f"{why}; about {wanted:,} samples would decide if they came out as these did"
