from __future__ import annotations

from contextlib import contextmanager
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmapi_conformance.errors import ContractError
from llmapi_conformance.evidence.shard import Shard, sent_elsewhere, written
from llmapi_conformance.scenario_fixtures import load_scenarios
from llmapi_conformance.sending.budget import limits_of
from llmapi_conformance.sending.plan import Plan, make_plan, needed_by
from llmapi_conformance.sending.scenario import SCENARIOS, Cost, Instance, Lane, Scenario
from llmapi_conformance.sending.sharding import ALONE, chains, dealt, every_instance, part_of, share_of, whole_plan
from llmapi_conformance.sending.spending import forecast
from llmapi_conformance.target.prices import Price, Prices, Spending
from llmapi_conformance.target.profile import PROFILES
from llmapi_conformance.target.target import Role, Target
from llmapi_conformance.tree import tree

if TYPE_CHECKING:
    from collections.abc import Iterator

LANES: tuple[Lane, ...] = ("shared", "shared", "shared", "latency", "own_key", "exclusive", "last")
PARAMETERS: tuple[dict[str, tuple[Any, ...]], ...] = ({}, {"x": (1, 2)}, {"x": (1, 2, 3), "y": ("a", "b")})
ROLES = ("general:openai", "general:anthropic")
PRICES = Prices({"m": Price(Decimal("0.15"), Decimal("0.6"), Decimal("0.04"))}, "USD")
TARGET = Target(
    "t", "http://t", {ROLES[0]: Role(ROLES[0], ("m",))}, offers=frozenset({"chat", "messages"}), prices=PRICES
)


async def _send(*_: object) -> None:
    """Nobody calls it."""


@st.composite
def registries(draw: st.DrawFn) -> dict[str, Scenario]:
    """Scenarios that take the results of earlier ones, of which some can't be tried or are not offered."""
    made: dict[str, Scenario] = {}
    for number in range(draw(st.integers(1, 14))):
        lane = draw(st.sampled_from(LANES))
        earlier = [one.name for one in made.values() if one.lane != "last" or lane == "last"]
        needs = draw(st.lists(st.sampled_from(earlier), unique=True, max_size=2)) if earlier else []
        cost = Cost(draw(st.integers(0, 60)), draw(st.integers(0, 900)), draw(st.integers(0, 90)))
        values = draw(st.sampled_from(PARAMETERS))
        made[f"s{number}"] = Scenario(
            f"s{number}",
            draw(st.sampled_from(("chat", "messages", "tasks"))),
            _send,
            role=draw(st.sampled_from(ROLES)),
            cost=cost,
            lane=lane,
            parameters=values,
            needs=tuple(needs),
        )
    return made


@contextmanager
def known(registry: dict[str, Scenario]) -> Iterator[None]:
    with patch.dict(SCENARIOS, registry, clear=True):
        yield


def parts(plan: Plan, whole: Plan, count: int, target: Target = TARGET) -> list[Plan]:
    return [part_of(plan, whole, Shard(number, count), target) for number in range(1, count + 1)]


def sent_by(plan: Plan) -> set[Instance]:
    return {step.instance for step in plan.steps if not step.obstacle}


def whole_of(target: Target = TARGET) -> Plan:
    return whole_plan(target, 0, samples=0, probing=False)


@given(registries(), st.integers(1, 5))
def test_every_scenario_that_can_be_tried_is_sent_by_one_shard_and_no_other(
    registry: dict[str, Scenario], count: int
) -> None:
    with known(registry):
        plan = whole_of()
        found = [sent_by(part) for part in parts(plan, plan, count)]
    assert sum(map(len, found)) == len(set[Instance]().union(*found))
    assert set[Instance]().union(*found) == sent_by(plan)


@given(registries(), st.integers(1, 5))
def test_what_another_shard_sends_is_said_and_what_nobody_can_send_keeps_its_reason(
    registry: dict[str, Scenario], count: int
) -> None:
    with known(registry):
        plan = whole_of()
        cut = parts(plan, plan, count)
    for number, part in enumerate(cut, 1):
        assert [step.instance for step in part.steps] == [step.instance for step in plan.steps]
        for step, before in zip(part.steps, plan.steps, strict=True):
            assert step.obstacle == before.obstacle or sent_elsewhere(step.obstacle)
            if sent_elsewhere(step.obstacle):
                sender = int(step.obstacle.split()[3])
                assert sender != number
                assert step.instance in sent_by(cut[sender - 1])


@given(registries(), st.integers(1, 5))
def test_a_scenario_is_in_the_shard_of_what_it_needs(registry: dict[str, Scenario], count: int) -> None:
    with known(registry):
        instances = every_instance()
        shards = dealt(chains(instances), {one.key: one.cost().requests for one in instances}, count)
        assert all(shards[one.key] == shards[needed.key] for one in instances for needed in needed_by(one))


@given(registries(), st.integers(1, 5))
def test_what_needs_a_key_or_the_gateway_alone_is_in_the_last_shard(registry: dict[str, Scenario], count: int) -> None:
    with known(registry):
        shards = dealt(chains(every_instance()), {}, count)
        assert {shards[one.key] for one in every_instance() if one.scenario.lane in ALONE} <= {count}


@given(registries(), st.integers(2, 5), st.data())
def test_a_selection_makes_each_shard_smaller_and_moves_nothing(
    registry: dict[str, Scenario], count: int, data: st.DataObject
) -> None:
    with known(registry):
        whole = whole_of()
        chosen = data.draw(st.lists(st.sampled_from(every_instance()), unique_by=lambda one: one.key))
        selected = make_plan(TARGET, chosen)
        for part, bigger in zip(parts(selected, whole, count), parts(whole, whole, count), strict=True):
            assert sent_by(part) == sent_by(bigger) & {step.instance for step in selected.steps}


@given(registries(), st.integers(1, 5), st.randoms(use_true_random=False))
def test_the_order_in_which_scenarios_are_known_changes_nothing(
    registry: dict[str, Scenario], count: int, random: Any
) -> None:
    names = list(registry)
    random.shuffle(names)
    with known(registry):
        expected = [sent_by(part) for part in parts(whole_of(), whole_of(), count)]
    with known({name: registry[name] for name in names}):
        assert [sent_by(part) for part in parts(whole_of(), whole_of(), count)] == expected


@given(registries(), st.integers(1, 5))
def test_no_shard_but_the_last_has_more_than_its_share_and_one_chain(registry: dict[str, Scenario], count: int) -> None:
    with known(registry):
        groups = chains(every_instance())
        requests = {one.key: one.cost().requests for one in every_instance()}
        shards = dealt(groups, requests, count)
        loads = [sum(requests[key] for key, at in shards.items() if at == number) for number in range(1, count + 1)]
        longest = max(sum(requests[one.key] for one in group) for group in groups)
    assert max(loads[:-1], default=0) <= sum(requests.values()) / count + longest


LIMITS = st.tuples(st.integers(0, 800), st.integers(0, 9000), st.decimals(0, 1, places=6))


@given(registries(), st.integers(1, 5), LIMITS, st.sampled_from((0.0, 3.0)))
def test_what_shards_may_spend_is_never_more_than_the_limit_and_enough_where_the_limit_is(
    registry: dict[str, Scenario], count: int, limited: tuple[int, int, Decimal], rate: float
) -> None:
    requests, tokens, money = limited
    target = Target(
        "t",
        "http://t",
        TARGET.roles,
        offers=TARGET.offers,
        prices=PRICES,
        rate=rate,
        spending=Spending(requests, tokens, tokens, money),
    )
    profile = PROFILES["probe"]
    with known(registry):
        plan = whole_of(target)
        cut = parts(plan, plan, count, target)
        shares = [
            share_of(target, profile, Shard(number, count), plan, part) for number, part in enumerate(cut, start=1)
        ]
        limits = [limits_of(share, profile) for share in shares]
        assert sum(one.requests for one in limits) <= requests
        assert sum(one.input_tokens for one in limits) <= tokens
        assert sum(one.output_tokens for one in limits) <= tokens
        assert sum((one.money or Decimal(0) for one in limits), Decimal(0)) <= money
        assert sum(share.rate for share in shares) == pytest.approx(rate)
        assert all(share.wrong_key_pause == profile.wrong_key_pause * count for share in shares)
        if not limits_of(target, profile).broken_by(forecast(target, plan).charge):
            for share, part in zip(limits, cut, strict=True):
                assert not share.broken_by(forecast(target, part).charge)


def test_the_scenarios_of_the_suite_are_balanced_between_two_shards() -> None:
    load_scenarios(tree())
    roles = {one.role for one in every_instance()} | {r for s in SCENARIOS.values() for r in s.also_roles}
    target = Target(
        "t",
        "http://t",
        {role: Role(role, ("m",)) for role in roles if role},
        offers=frozenset(one.surface for one in SCENARIOS.values()),
        upstream_control="http://t",
    )
    plan = whole_plan(target, 20, samples=0, probing=False)
    one, two = (
        sum(step.cost.requests for step in part.steps if not step.obstacle) for part in parts(plan, plan, 2, target)
    )
    assert one + two == plan.cost.requests
    assert abs(one - two) <= 0.02 * plan.cost.requests


@pytest.mark.parametrize(
    "text", ["", "0/2", "3/2", "2", "1/0", "a/b", "1/2/3", " 1/2", "1,2/3", "1/1000", "\uff11/2", "-1/2"]
)
def test_what_is_no_shard_is_refused_and_says_how_one_is_written(text: str) -> None:
    with pytest.raises(ContractError, match="write it as 2/3"):
        Shard.read(text)


def test_shards_are_written_as_they_are_read() -> None:
    assert str(Shard.read("2/3")) == "2/3"
    assert written([3, 1], 3) == "1,3/3"
    assert not written([2, 1], 2)
