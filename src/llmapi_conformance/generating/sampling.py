"""The sampler: a few cases of very many, spread so that each one has a reason to be sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from llmapi_conformance.generating.cases import Case, Order

    Maker = Callable[[Order], Iterable[Case]]

_RANK = {"served": 0, "refused": 1, "refused_assumed": 2, "robust": 3}
"""Documented promises come first: they are what an answer can be held against."""


def sample(order: Order, makers: Sequence[Maker]) -> list[Case]:
    """At most ``order.count`` cases of an order, no request twice.

    The kinds (family and place) take turns, in an order that the seed decides; within a kind documented promises come
    first, then whatever the seed draws. So a small count already touches every family and most members.
    """
    chance = order.random("sample")
    kinds: dict[str, list[Case]] = {}
    seen: set[str] = set()
    for make in makers:
        for case in make(order):
            if case.id not in seen and (not order.families or case.family in order.families):
                seen.add(case.id)
                kinds.setdefault(case.kind, []).append(case)
    for cases in kinds.values():
        chance.shuffle(cases)
        cases.sort(key=lambda case: _RANK[case.promise])
    queues = list(kinds.values())
    chance.shuffle(queues)
    queues.sort(key=lambda cases: _RANK[cases[0].promise])
    chosen: list[Case] = []
    while queues and len(chosen) < order.count:
        chosen.extend(cases.pop(0) for cases in queues)
        queues = [cases for cases in queues if cases]
    return chosen[: order.count]
