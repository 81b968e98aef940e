"""The sampler: a few cases of very many, spread so that each one has a reason to be sent."""

from __future__ import annotations

from itertools import chain, cycle, zip_longest
from typing import TYPE_CHECKING, Final

from llmapi_conformance.generating.costs import allowance, bounded

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from llmapi_conformance.generating.cases import Case, Family, Order

    Maker = Callable[[Order], Iterable[Case]]

_DOCUMENTED: Final = frozenset({"served", "refused"})
"""Promises that documents make: what an answer can be held against."""
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

    Families have their turns; within a family documented promises and the others take turns, and of either the kinds
    (what is changed), in an order that the seed decides. So a small count already touches every family and most
    members, and no kind of promise waits until all others are spent.
    """
    families: dict[str, dict[tuple[str, str], list[Case]]] = {}
    seen = {order.sample.id}
    for make in makers:
        for made in make(order):
            case = bounded(made, order)
            if case.id not in seen and (not order.families or case.family in order.families):
                seen.add(case.id)
                families.setdefault(case.family, {}).setdefault((case.where, case.promise), []).append(case)
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


def _queue(order: Order, family: str, kinds: dict[tuple[str, str], list[Case]]) -> Iterator[Case]:
    """The cases of a family: one with a documented promise, one without, and so on."""
    chance = order.random(f"sample {family}")
    promised = _taking_turns([kinds[kind] for kind in sorted(kinds) if kind[1] in _DOCUMENTED], chance)
    others = _taking_turns([kinds[kind] for kind in sorted(kinds) if kind[1] not in _DOCUMENTED], chance)
    return (case for case in chain.from_iterable(zip_longest(promised, others)) if case is not None)


def _taking_turns(piles: list[list[Case]], chance: random.Random) -> list[Case]:
    """A case of each pile, then a second one of each, in an order that chance decides."""
    for pile in piles:
        pile.sort(key=lambda case: case.id)
        chance.shuffle(pile)
    chance.shuffle(piles)
    return [case for turn in zip_longest(*piles) for case in turn if case is not None]
