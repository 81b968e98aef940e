from __future__ import annotations

import pytest

from llmapi_conformance.sending import scenario as scenarios
from llmapi_conformance.sending.budget import limits_of
from llmapi_conformance.sending.plan import make_plan, needed_by
from llmapi_conformance.sending.scenario import Cost, Scenario, scenario
from llmapi_conformance.sending.spending import forecast
from llmapi_conformance.target.profile import PROFILES
from llmapi_conformance.target.target import Role, Target

OPENAI, ANTHROPIC = "general:openai", "general:anthropic"
TARGET = Target("mine", "http://127.0.0.1:1", {OPENAI: Role(OPENAI, ("m",))}, offers=frozenset({"chat"}))
LIMITS = limits_of(TARGET, PROFILES["probe"])


@pytest.fixture(autouse=True)
def registry(monkeypatch: pytest.MonkeyPatch) -> None:
    """A registry of our own: scenarios are made inside the tests."""
    monkeypatch.setattr(scenarios, "SCENARIOS", {})
    monkeypatch.setattr("llmapi_conformance.sending.plan.SCENARIOS", scenarios.SCENARIOS)


def base() -> Scenario:
    @scenario(surface="chat", cost=Cost(2, 10, 5), parameters={"role": [OPENAI, ANTHROPIC]})
    async def first(session: object, role: str) -> None: ...

    return first


def test_a_scenario_gets_the_instance_with_the_values_that_both_have() -> None:
    base()

    @scenario(surface="chat", parameters={"role": [OPENAI, ANTHROPIC], "mode": ["plain", "stream"]})
    async def second(session: object, role: str, mode: str, first: str) -> None: ...

    for instance in second.instances():
        assert [needed.key for needed in needed_by(instance)] == [f"first[{instance.values['role']}]"]


def test_a_plan_holds_what_is_needed_once_and_first_and_says_what_can_not_be_tried() -> None:
    first = base()

    @scenario(surface="chat", role=OPENAI, cost=Cost(1, 1, 1))
    async def second(session: object, first: str) -> None: ...

    plan = make_plan(TARGET, [*second.instances(), *first.instances()])
    assert [(step.instance.key, step.obstacle) for step in plan.steps] == [
        (f"first[{OPENAI}]", ""),
        ("second", ""),
        (f"first[{ANTHROPIC}]", f"no key for role {ANTHROPIC}"),
    ]
    assert plan.cost == Cost(3, 11, 6)
    assert not LIMITS.broken_by(forecast(TARGET, plan).charge)


def test_a_plan_says_which_limit_it_would_break() -> None:
    @scenario(surface="chat", role=OPENAI, cost=Cost(401))
    async def many(session: object) -> None: ...

    plan = make_plan(TARGET, many.instances())
    assert LIMITS.broken_by(forecast(TARGET, plan).charge) == "401 requests; the limit is 400"


def test_the_probe_leaves_out_what_does_not_say_that_it_is_safe_and_what_needs_that() -> None:
    @scenario(surface="chat", role=OPENAI)
    async def rough(session: object) -> None: ...

    @scenario(surface="chat", role=OPENAI, probe=True)
    async def gentle(session: object) -> None: ...

    @scenario(surface="chat", role=OPENAI, probe=True)
    async def on_top(session: object, rough: object) -> None: ...

    @scenario(surface="chat", parameters={"role": [OPENAI, ANTHROPIC], "how": ["one", "two"]}, probe=[f"{OPENAI}-two"])
    async def in_part(session: object, role: str, how: str) -> None: ...

    wanted = [one for each in (rough, gentle, on_top, in_part) for one in each.instances()]
    plan = make_plan(TARGET, wanted, probing=True)
    assert [step.instance.key for step in plan.steps if not step.obstacle] == ["gentle", f"in_part[{OPENAI}-two]"]
    assert {step.obstacle for step in plan.steps} == {"", "it is not part of the probe"}
    assert not any("probe" in step.obstacle for step in make_plan(TARGET, wanted).steps)


def test_an_instance_that_is_not_there_can_not_be_marked_for_the_probe() -> None:
    with pytest.raises(ValueError, match="strange has no instance general:opanai for the probe"):

        @scenario(surface="chat", parameters={"role": [OPENAI]}, probe=["general:opanai"])
        async def strange(session: object, role: str) -> None: ...


def test_what_needs_our_upstream_says_so() -> None:
    @scenario(surface="chat", role=OPENAI, needs_upstream=True)
    async def scripted(session: object) -> None: ...

    assert make_plan(TARGET, scripted.instances()).steps[0].obstacle == "it needs our upstream behind the gateway"


def test_nobody_may_wait_for_what_begins_last() -> None:
    @scenario(surface="chat", role=OPENAI, lane="last")
    async def failing(session: object) -> None: ...

    @scenario(surface="chat", role=OPENAI)
    async def early(session: object, failing: object) -> None: ...

    with pytest.raises(LookupError, match="begins when all others have ended"):
        needed_by(early.instances()[0])


def test_two_scenarios_of_one_name_are_refused() -> None:
    base()
    with pytest.raises(ValueError, match="two scenarios are called first"):
        base()


def test_a_parameter_that_is_nothing_is_named() -> None:
    @scenario(surface="chat", role=OPENAI)
    async def odd(session: object, nothing: object) -> None: ...

    with pytest.raises(LookupError, match="odd takes nothing"):
        needed_by(odd.instances()[0])


def test_generated_cases_are_counted_before_they_are_made() -> None:
    @scenario(
        surface="chat",
        cost=Cost(1),
        parameters={"operation": ["a", "b"]},
        roles={"a": OPENAI, "b": ANTHROPIC},
        generated=lambda values, cases: Cost(cases if values["operation"] == "a" else 1, cases, 2 * cases),
    )
    async def generating(session: object, operation: str) -> None: ...

    plan = make_plan(TARGET, generating.instances(), 20)
    assert plan.generates
    assert [(step.instance.role, step.obstacle, step.cost) for step in plan.steps] == [
        (OPENAI, "", Cost(21, 20, 40)),
        (ANTHROPIC, f"no key for role {ANTHROPIC}", Cost(2, 20, 40)),
    ]
    assert plan.cost == Cost(21, 20, 40)


def test_where_nothing_is_generated_the_plan_says_what_would() -> None:
    @scenario(surface="chat", role=OPENAI, cost=Cost(1), generated=lambda _, cases: Cost(cases))
    async def ungenerated(session: object) -> None: ...

    plan = make_plan(TARGET, ungenerated.instances())
    assert not plan.generates
    assert "--generate N" in plan.steps[0].obstacle
