"""Sharding: which part of a plan a shard sends, the same on every machine without any talk between them.

The parts are cut from everything that could be sent to the target, whatever ``-k`` selects, so a selection only makes
each part smaller. What takes the results of one another stays together. Everything that needs its key or the gateway to
itself, or that begins when all others have ended, is in the last shard: no lane reaches over to another machine, so the
last shard is sent when the others have ended, unless each has a gateway of its own.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import ROUND_FLOOR, Decimal
from typing import TYPE_CHECKING, Final

from llmapi_conformance.sending.budget import limits_of
from llmapi_conformance.sending.plan import Plan, declined, make_plan, needed_by
from llmapi_conformance.sending.scenario import SCENARIOS
from llmapi_conformance.sending.spending import forecast
from llmapi_conformance.target.prices import Spending

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from llmapi_conformance.evidence.shard import Shard
    from llmapi_conformance.sending.plan import Step
    from llmapi_conformance.sending.scenario import Instance
    from llmapi_conformance.target.profile import Profile
    from llmapi_conformance.target.target import Target

ALONE: Final = frozenset({"own_key", "exclusive", "measuring", "last"})
"""Lanes of what the last shard sends."""
_MONEY: Final = Decimal("1e-12")
"""What is less of the currency is not shared out."""


def every_instance() -> tuple[Instance, ...]:
    """Everything that there is to send, in a stable order."""
    return tuple(instance for name in sorted(SCENARIOS) for instance in SCENARIOS[name].instances())


def chains(instances: Iterable[Instance]) -> list[tuple[Instance, ...]]:
    """The instances in groups: those which take one another's results, over any number of steps, are in the same one.

    Args:
        instances: With everything that they need.
    """
    known = {instance.key: instance for instance in instances}
    leader = {key: key for key in known}

    def find(key: str) -> str:
        while leader[key] != key:
            leader[key] = leader[leader[key]]
            key = leader[key]
        return key

    for instance in known.values():
        for needed in needed_by(instance):
            leader[find(instance.key)] = find(needed.key)
    groups: dict[str, list[Instance]] = {}
    for key in sorted(known):
        groups.setdefault(find(key), []).append(known[key])
    return [tuple(group) for group in groups.values()]


def dealt(groups: Iterable[Sequence[Instance]], requests: Mapping[str, int], count: int) -> dict[str, int]:
    """The number of the shard of each instance, by its key: the longest chain first, each to whoever has least so far.

    Args:
        groups: Chains.
        requests: What each instance sends, by its key; what is not there sends nothing.
        count: How many shards there are.
    """
    loads = dict.fromkeys(range(1, count + 1), 0)
    shards: dict[str, int] = {}

    def weight(group: Sequence[Instance]) -> int:
        return sum(requests.get(instance.key, 0) for instance in group)

    def alone(group: Sequence[Instance]) -> bool:
        return any(instance.scenario.lane in ALONE for instance in group)

    for group in sorted(groups, key=lambda group: (not alone(group), -weight(group), group[0].key)):
        number = count if alone(group) else min(loads, key=lambda number: (loads[number], number))
        loads[number] += weight(group)
        shards |= {instance.key: number for instance in group}
    return shards


def part_of(plan: Plan, whole: Plan, shard: Shard, target: Target) -> Plan:
    """What a shard sends of a plan: the steps of the others stay in it, with the obstacle that others send them.

    Args:
        plan: What the selected checks need.
        whole: The plan of everything that there is.
        shard: Which part.
        target: The gateway.
    """
    tried = (step for step in whole.steps if not step.obstacle and not declined(target, step.instance))
    requests = {step.instance.key: step.cost.requests for step in tried}
    shards = dealt(chains(step.instance for step in whole.steps), requests, shard.count)

    def cut(step: Step) -> Step:
        number = shards[step.instance.key]
        return step if step.obstacle or number == shard.number else replace(step, obstacle=shard.sends(number))

    return Plan(tuple(cut(step) for step in plan.steps))


def whole_plan(target: Target, cases: int, *, samples: int, probing: bool) -> Plan:
    """The plan of everything that there is; arguments as for ``make_plan``."""
    return make_plan(target, every_instance(), cases, samples=samples, probing=probing)


def share_of(target: Target, profile: Profile, shard: Shard, plan: Plan, part: Plan) -> Target:
    """The target as a shard sends to it: what a run may do to the gateway is shared out among its shards.

    Of each limit of spending a shard gets what its part is forecast to cost and an equal part of the rest; where the
    plan is over the limit, in proportion to the forecast. Together they never get more than the limit. The rate is
    divided, and the pause after a wrong key multiplied, by the number of shards. Concurrency is that of each.

    Args:
        target: As its file describes it.
        profile: Whose limits count where the target names none.
        shard: Which part.
        plan: What all shards send together.
        part: What this one sends.
    """
    limits, all_of_it, own = limits_of(target, profile), forecast(target, plan).charge, forecast(target, part).charge
    count, cost, mine = shard.count, all_of_it.cost, own.cost
    pause = profile.wrong_key_pause if target.wrong_key_pause is None else target.wrong_key_pause
    return replace(
        target,
        rate=target.rate / count,
        wrong_key_pause=pause * count,
        spending=Spending(
            _share(limits.requests, cost.requests, mine.requests, count),
            _share(limits.input_tokens, cost.input_tokens, mine.input_tokens, count),
            _share(limits.output_tokens, cost.output_tokens, mine.output_tokens, count),
            None if limits.money is None else _money_share(limits.money, all_of_it.money, own.money, count),
        ),
    )


def _share(limit: int, cost: int, own: int, count: int) -> int:
    return own + (limit - cost) // count if cost <= limit else limit * own // cost


def _money_share(limit: Decimal, cost: Decimal, own: Decimal, count: int) -> Decimal:
    share = own + (limit - cost) / count if cost <= limit else limit * own / cost
    return share.quantize(_MONEY, ROUND_FLOOR)
