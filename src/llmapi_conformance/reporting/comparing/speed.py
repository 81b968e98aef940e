"""What got slower between two runs: the same request of both, compared in pairs, so that a mixture can't mislead."""

from __future__ import annotations

from dataclasses import dataclass
from math import comb
from statistics import median
from typing import TYPE_CHECKING, Final

from llmapi_conformance.evidence.tasks import CLEANUP

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from llmapi_conformance.evidence.exchange import Exchange

FEWEST = 10
"""Pairs that an operation must have before anything is said of its times."""
RATIO = 1.5
"""By how much a median must have grown."""
SECONDS = 0.1
"""How much longer a median must be: below that it may be the noise of a busy machine (fifty milliseconds were seen)."""
CHANCE = 0.001
"""How likely so many slower pairs may be if nothing had changed (sign test, one-sided)."""

MANY = 4
"""Operations with enough pairs from which on the drift of all of them is known."""
LEFT_OUT = frozenset({CLEANUP, "generated"})
"""Scenarios whose times say nothing: generated cases are sent in one burst, and wait for each other."""
UNLIKE = 1.25
"""By how much the requests of two runs may differ in number: more of them side by side make each one slower."""


@dataclass(frozen=True, slots=True)
class Slower:
    """An operation that got slower.

    Attributes:
        operation: Operation id, or ``every operation``.
        mode: ``plain`` or ``stream``; empty for every operation.
        what: ``first byte`` or ``total``.
        old: Median in seconds.
        new: Median in seconds.
        pairs: Requests that both runs sent and that both succeeded.
        slower: How many of them took longer.
    """

    operation: str
    mode: str
    what: str
    old: float
    new: float
    pairs: int
    slower: int


@dataclass(frozen=True, slots=True)
class Speeds:
    """What became of the times.

    Attributes:
        slower: The operations that got slower, the worst first.
        compared: Operations with enough pairs.
        unknown: Why times were not compared; empty when they were.
    """

    slower: tuple[Slower, ...] = ()
    compared: int = 0
    unknown: str = "not asked for"


def compare_speed(
    old: Mapping[str, Exchange], new: Mapping[str, Exchange], *, ratio: float = RATIO, seconds: float = SECONDS
) -> Speeds:
    """Which operations got slower.

    Only pairs count: the same step of the same scenario, answered whole and with success in both runs. An operation is
    slower when the median of its new times is ``ratio`` times the old one and ``seconds`` longer, and so many of its
    pairs took longer that it is no chance. Where the operations together have drifted, as on a busier machine, one must
    have grown by ``ratio`` more than they have; that all got slower is told once. Runs that send more requests side by
    side are slower by that alone: where the numbers are not alike, nothing is said.

    Args:
        old: Exchanges of the earlier recording, by id.
        new: Exchanges of the later one.
        ratio: By how much a median must have grown.
        seconds: How much longer a median must be.
    """
    sent = [sum(not one.of_our_upstream for one in run.values()) for run in (old, new)]
    if max(sent) > UNLIKE * min(sent):
        return Speeds(unknown=f"the runs are not alike, {sent[0]} requests and {sent[1]}")
    pairs: dict[tuple[str, str], list[tuple[Exchange, Exchange]]] = {}
    for name, after in new.items():
        before = old.get(name)
        if before is not None and _telling(before, after):
            pairs.setdefault((after.operation, after.mode), []).append((before, after))
    enough = {key: found for key, found in pairs.items() if len(found) >= FEWEST}
    slower: list[Slower] = []
    for (operation, mode), found in enough.items():
        told = 0.0
        for what, times in TIMES.items():
            one = _slower(operation, mode, what, found)
            drift = (
                max(1.0, median(_ratio(others, times) for others in enough.values())) if len(enough) >= MANY else 1.0
            )
            # That the whole takes longer is no news where the first byte came later by as much.
            if _counts(one, ratio * drift, seconds + told):
                slower.append(one)
                told = one.new - one.old
    if len(enough) >= MANY:
        every = [pair for found in pairs.values() for pair in found]
        whole = [_slower("every operation", "", what, every) for what in TIMES]
        slower = [one for one in whole if _counts(one, ratio, seconds)][:1] + slower
    return Speeds(tuple(sorted(slower, key=_order)), len(enough), "")


def is_timed(one: Exchange) -> bool:
    """Whether the times of an exchange tell how fast the gateway is."""
    return (
        one.succeeded
        and one.complete
        and one.mode != "websocket"  # how long a conversation lasts is up to its script
        and bool(one.operation)
        and not one.disturbed
        and not one.of_our_upstream
        and one.scenario not in LEFT_OUT
    )


def _telling(old: Exchange, new: Exchange) -> bool:
    """Whether two exchanges are one request whose times may be compared."""
    alike = (old.operation, old.mode, old.status) == (new.operation, new.mode, new.status)
    return alike and is_timed(old) and is_timed(new)


def _slower(operation: str, mode: str, what: str, pairs: Sequence[tuple[Exchange, Exchange]]) -> Slower:
    times = [(TIMES[what](before), TIMES[what](after)) for before, after in pairs]
    longer = sum(after > before for before, after in times)
    return Slower(
        operation, mode, what, median(one[0] for one in times), median(one[1] for one in times), len(times), longer
    )


def _counts(one: Slower, ratio: float, seconds: float) -> bool:
    return one.new >= ratio * one.old and one.new - one.old >= seconds and _chance(one.pairs, one.slower) < CHANCE


def _ratio(pairs: Sequence[tuple[Exchange, Exchange]], times: Callable[[Exchange], float]) -> float:
    """By how much the median of an operation has grown."""
    before, after = median(times(one[0]) for one in pairs), median(times(one[1]) for one in pairs)
    return after / before if before else 1.0


def _order(one: Slower) -> tuple[bool, float, str, str, str]:
    return (bool(one.mode), one.old - one.new, one.operation, one.mode, one.what)


def _chance(pairs: int, slower: int) -> float:
    """How likely that many slower pairs, or more, are when slower and faster are equally likely."""
    return sum(comb(pairs, count) for count in range(slower, pairs + 1)) / float(2**pairs)


def _first_byte(one: Exchange) -> float:
    """Seconds until the first byte of the body; until the head where there is no body."""
    if one.response is None:
        return 0.0
    return next((chunk.at for chunk in one.response.chunks if chunk.data), one.response.headers_at)


def _total(one: Exchange) -> float:
    return one.response.ended_at if one.response else 0.0


TIMES: Final = {"first byte": _first_byte, "total": _total}
"""What is compared."""
