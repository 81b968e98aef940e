"""The sampler: a few cases of very many, spread so that each one has a reason to be sent."""

from __future__ import annotations

from itertools import cycle
from typing import TYPE_CHECKING, Final

from llmapi_conformance.generating.costs import allowance, bounded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from llmapi_conformance.generating.cases import Case, Family, Order

    Maker = Callable[[Order], Iterable[Case]]

_RANK: Final = {"served": 0, "refused": 1, "refused_assumed": 2, "robust": 3}
"""Documented promises come first: they are what an answer can be held against."""
_TURNS: Final[tuple[Family, ...]] = (
    "bounds",
    "coverage",
    "encoding",
    "fuzz",
    "coverage",
    "media",
    "bounds",
    "encoding",
    "coverage",
    "method",
    "fuzz",
    "auth",
)
"""The families in the order in which they have their turns."""


def sample(order: Order, makers: Sequence[Maker]) -> list[Case]:
    """At most ``order.count`` cases of an order, no request twice, none dearer than the order can bear.

    Families have their turns; within a family its kinds (what is changed) take turns, in an order that the seed
    decides; within a kind documented promises come first, then whatever the seed draws. So a small count already
    touches every family and most members.
    """
    families: dict[str, dict[str, list[Case]]] = {}
    seen = {order.sample.id}
    for make in makers:
        for made in make(order):
            case = bounded(made, order)
            if case.id not in seen and (not order.families or case.family in order.families):
                seen.add(case.id)
                families.setdefault(case.family, {}).setdefault(case.where, []).append(case)
    queues = {family: _queue(order, family, kinds) for family, kinds in sorted(families.items())}
    chosen: list[Case] = []
    tokens = allowance(order)
    for family in cycle((*_TURNS, *sorted(queues.keys() - set(_TURNS)))):
        if not queues or len(chosen) == order.count:
            break
        if family not in queues:
            continue
        bearable = next((case for case in queues[family] if case.tokens <= tokens), None)
        if bearable is None:
            del queues[family]
        else:
            chosen.append(bearable)
            tokens -= bearable.tokens
    return chosen


def _queue(order: Order, family: str, kinds: dict[str, list[Case]]) -> Iterator[Case]:
    """The cases of a family, its kinds in turn."""
    chance = order.random(f"sample {family}")
    piles = [kinds[where] for where in sorted(kinds)]
    for pile in piles:
        pile.sort(key=lambda case: case.id)
        chance.shuffle(pile)
        pile.sort(key=lambda case: _RANK[case.promise])
    chance.shuffle(piles)
    while piles:
        for pile in piles:
            yield pile.pop(0)
        piles = [pile for pile in piles if pile]
