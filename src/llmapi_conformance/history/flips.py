"""How often a clause changes its mind, with how sure that can be after so few nights."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from llmapi_conformance.measuring.intervals import share

if TYPE_CHECKING:
    from collections.abc import Iterable

    from llmapi_conformance.history.nights import Said, Series


@dataclass(frozen=True, slots=True)
class Flips:
    """How often a clause broke or was mended from one judged run to the next.

    Attributes:
        clause: Its id.
        flips: Changes between kept and broken.
        pairs: Judged runs with a judged one before them; what could not be judged is passed over.
        broken: Judged runs in which it was broken.
    """

    clause: str
    flips: int
    pairs: int
    broken: int

    @property
    def rate(self) -> float:
        """The flake rate: flips of each pair."""
        return self.flips / self.pairs if self.pairs else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """Where the rate truly lies, with 95 percent confidence."""
        if not self.pairs:
            return (0.0, 1.0)
        found = share(self.flips, self.pairs)
        return (found.low or 0.0, 1.0 if found.high is None else found.high)


def flips_of(series: Series) -> list[Flips]:
    """The clauses that changed at least once, the most restless first."""
    found = [count_flips(name, (said for _, said in series.said_of(name))) for name in series.clauses]
    return sorted((one for one in found if one.flips), key=lambda one: (-one.rate, -one.flips, one.clause))


def count_flips(clause: str, said: Iterable[Said]) -> Flips:
    """Flips of one clause over what runs said of it, the oldest first."""
    judged = [one.is_broken for one in said if one.is_judged]
    return Flips(clause, sum(old != new for old, new in pairwise(judged)), max(0, len(judged) - 1), sum(judged))
