"""What scenarios cost: forecast by what they declare, settled by what the answers say that they used."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from llmapi_conformance.sending.scenario import SCENARIOS, Cost
from llmapi_conformance.sending.usage import Usage, may_be_charged, usage_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from llmapi_conformance.evidence.exchange import Exchange
    from llmapi_conformance.sending.plan import Plan
    from llmapi_conformance.sending.scenario import Instance
    from llmapi_conformance.target.target import Target


@dataclass(frozen=True, slots=True)
class Charge:
    """What a scenario costs, with the money that this is by the target's prices; no money where it names none."""

    cost: Cost
    money: Decimal = Decimal(0)

    def __add__(self, other: Charge) -> Charge:
        return Charge(self.cost + other.cost, self.money + other.money)

    def __sub__(self, other: Charge) -> Charge:
        return Charge(self.cost - other.cost, self.money - other.money)


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a plan may cost at most.

    Attributes:
        charge: Over everything that can be tried.
        unpriced: Models that would be asked and have no price, so the money is not known.
    """

    charge: Charge
    unpriced: tuple[str, ...] = ()


@dataclass(slots=True)
class Spent:
    """What a run has spent.

    Attributes:
        requests: Requests to the gateway, retries and cleaning up too.
        declared: What the scenarios that sent something had declared.
        observed: Tokens and images that answers reported.
        money: What is charged for: the observed where all is known, else the declared or more; ``None`` where a model
            that was asked has no price.
    """

    requests: int = 0
    declared: Cost = Cost(0)
    observed: Cost = Cost(0)
    money: Decimal | None = field(default_factory=Decimal)

    def document(self, currency: str) -> dict[str, Any]:
        """As it stands in ``verdicts.json``; money to a millionth."""
        pairs = {
            name: {"declared": getattr(self.declared, name), "observed": getattr(self.observed, name)}
            for name in ("input_tokens", "output_tokens", "images")
        }
        money = None if self.money is None else {"amount": round(float(self.money), 6), "currency": currency}
        return {"requests": self.requests, **pairs, "money": money}


def models_of(target: Target, instance: Instance) -> tuple[str, ...]:
    """The models that an instance may ask: its own, or those of its roles, or any where it needs no role."""
    if instance.scenario.models:
        return instance.scenario.models
    roles = [role for role in (instance.role, *instance.scenario.also_roles) if role] or list(target.roles)
    found: dict[str, None] = {}
    for role in roles:
        for name in (role, role.partition("+")[0]):
            if name in target.roles and target.roles[name].models:
                found.update(dict.fromkeys(target.roles[name].models))
                break
    return tuple(found)


def charge_of(target: Target, instance: Instance, cost: Cost) -> Charge:
    """What an instance costs at most."""
    price = target.prices.highest(models_of(target, instance))
    return Charge(cost, price.of(cost.input_tokens, cost.output_tokens, cost.images))


def forecast(target: Target, plan: Plan) -> Forecast:
    """What a plan may cost at most, first attempts only."""
    total, unpriced = Charge(Cost(0)), dict[str, None]()
    for step in plan.steps:
        if step.obstacle:
            continue
        total += charge_of(target, step.instance, step.cost)
        if step.cost.input_tokens or step.cost.output_tokens or step.cost.images:
            asked = models_of(target, step.instance)
            unpriced.update(dict.fromkeys(model for model in asked if model not in target.prices.models))
    return Forecast(total, tuple(unpriced))


def unbounded(target: Target, plan: Plan) -> str:
    """Why a limit for money can't be kept; empty when it can, or there is none."""
    if target.spending.money is None:
        return ""
    unpriced = forecast(target, plan).unpriced
    if not unpriced:
        return ""
    return (
        f"The target file limits money to {target.spending.money:f} {target.prices.currency} and names no price for "
        f'{", ".join(unpriced)}; add [prices."{unpriced[0]}"] and so on, or take spending.money out.'
    )


def settled(target: Target, instance: Instance, declared: Cost, exchanges: Sequence[Exchange]) -> Charge:
    """What an instance has come to: what its answers report where all of them do; else the declared, or more.

    Args:
        target: Has the prices.
        instance: That has sent.
        declared: What it costs at most, each request being answered at its first attempt.
        exchanges: Its own, in any order.
    """
    sent = sum(not one.of_our_upstream for one in exchanges)
    charged = [one for one in exchanges if may_be_charged(one)]
    used = [(usage_of(one), one) for one in charged]
    known = _known(usage for usage, _ in used)
    highest = target.prices.highest(models_of(target, instance))
    money = sum((_money(target, instance, usage, one) for usage, one in used), Decimal(0))
    if any(None in (usage.input_tokens, usage.output_tokens, usage.images) for usage, _ in used):
        bound = times(declared, 1 + _asked_again(charged))
        inputs = max(known.input_tokens, bound.input_tokens)
        outputs, images = max(known.output_tokens, bound.output_tokens), max(known.images, bound.images)
        known = Cost(sent, inputs, outputs, images)
        money = max(money, highest.of(bound.input_tokens, bound.output_tokens, bound.images))
    return Charge(Cost(sent, known.input_tokens, known.output_tokens, known.images), money)


def spent(target: Target, exchanges: Iterable[Exchange], cases: int = 0, samples: int = 0) -> Spent:
    """What a run has spent, as its exchanges tell.

    Args:
        target: Has the prices.
        exchanges: All of the run.
        cases: Generated cases of each operation that were wanted.
        samples: Samples of each statistic that were wanted.
    """
    found: dict[tuple[str, str], list[Exchange]] = {}
    total = Spent()
    for one in exchanges:
        found.setdefault((one.scenario, one.parameters), []).append(one)
        total.requests += not one.of_our_upstream
    priced = bool(target.prices.models)
    for (name, parameters), sent in found.items():
        instances = SCENARIOS[name].instances() if name in SCENARIOS else ()
        instance = next((one for one in instances if one.parameters == parameters), None)
        if instance is None:  # cleaning up
            continue
        declared = instance.cost(cases, samples)
        total.declared += declared
        charged = [one for one in sent if may_be_charged(one)]
        total.observed += _known(usage_of(one) for one in charged)
        asked = {model_of(one) for one in charged} & {*models_of(target, instance)}
        priced = priced and asked <= target.prices.models.keys()
        if total.money is not None:
            total.money += settled(target, instance, declared, sent).money
    if not priced:
        total.money = None
    return total


def spent_document(target: Target, exchanges: Iterable[Exchange], cases: int = 0, samples: int = 0) -> dict[str, Any]:
    """What a run has spent, as it stands in ``verdicts.json``; see ``spent``."""
    return spent(target, exchanges, cases, samples).document(target.prices.currency)


def times(cost: Cost, number: int) -> Cost:
    """The same so many times."""
    return Cost(cost.requests * number, cost.input_tokens * number, cost.output_tokens * number, cost.images * number)


def model_of(exchange: Exchange) -> str:
    """The model that a request names; empty when it names none, or not where it can be found."""
    path = unquote(exchange.request.path)
    if "/models/" in path:
        return path.rpartition("/models/")[2].partition(":")[0]
    if exchange.mode == "websocket":
        bodies = [message.json for message in exchange.conversation if message.sent]
    else:
        bodies = [exchange.request.json]
    named = [body.get("model") for body in bodies if isinstance(body, dict)]
    return next((name for name in named if isinstance(name, str)), "")


def _money(target: Target, instance: Instance, usage: Usage, exchange: Exchange) -> Decimal:
    """What a known usage costs by the price of the model that was asked, or the highest where it has none."""
    name = model_of(exchange)
    price = target.prices.highest([name] if name else models_of(target, instance))
    return price.of(usage.input_tokens or 0, usage.output_tokens or 0, usage.images or 0)


def _known(usages: Iterable[Usage]) -> Cost:
    total = Cost(0)
    for usage in usages:
        total += Cost(0, usage.input_tokens or 0, usage.output_tokens or 0, usage.images or 0)
    return total


def _asked_again(charged: Sequence[Exchange]) -> int:
    """Requests that got no answer, and perhaps a model did its work, and that were sent once more."""
    last: dict[int, int] = {}
    for one in charged:
        last[one.step] = max(last.get(one.step, 0), one.attempt)
    return sum(not one.answered and one.attempt < last[one.step] for one in charged)
