"""The plan: what a selection of checks would send, without any network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from llmapi_conformance.evidence.results import NO_CASES, NO_UPSTREAM
from llmapi_conformance.sending.scenario import SCENARIOS, Cost, Instance

if TYPE_CHECKING:
    from collections.abc import Iterable

    from llmapi_conformance.target.target import Target


@dataclass(frozen=True, slots=True)
class Step:
    """A scenario instance of a plan.

    Attributes:
        instance: What is sent.
        obstacle: Why it can't be tried at this target; empty when it can.
        cases: Generated cases of each operation that are wanted.
        samples: Samples of each statistic that are wanted.
    """

    instance: Instance
    obstacle: str
    cases: int = 0
    samples: int = 0

    @property
    def cost(self) -> Cost:
        """What it costs at most."""
        return self.instance.cost(self.cases, self.samples)


@dataclass(frozen=True, slots=True)
class Plan:
    """Instances in the order in which they are started."""

    steps: tuple[Step, ...]

    @property
    def cost(self) -> Cost:
        """The sum over everything that can be tried."""
        return sum((step.cost for step in self.steps if not step.obstacle), Cost(0))

    @property
    def generates(self) -> bool:
        """Whether anything of it sends generated cases."""
        return any(step.instance.scenario.generated and not step.obstacle for step in self.steps)


def make_plan(
    target: Target, wanted: Iterable[Instance], cases: int = 0, *, samples: int = 0, probing: bool = False
) -> Plan:
    """Everything that has to be sent for the wanted instances, what they need first.

    Args:
        target: The gateway.
        wanted: What the selected checks take.
        cases: Generated cases of each operation; 0 for none.
        samples: Samples of each statistic, for which everything is sent that takes some; 0 for none.
        probing: Whether to leave out what is not safe in production.
    """
    ordered: dict[Instance, None] = {}
    for instance in (*wanted, *(measuring_instances() if samples else ())):
        for needed in needed_by(instance):
            ordered.setdefault(needed)
        ordered.setdefault(instance)
    return Plan(
        tuple(
            Step(instance, _obstacle(target, instance, cases, samples, probing=probing), cases, samples)
            for instance in ordered
        )
    )


def measuring_instances() -> tuple[Instance, ...]:
    """Everything that takes samples for statistics."""
    return tuple(one for scenario in SCENARIOS.values() if scenario.measured for one in scenario.instances())


def needed_by(instance: Instance) -> tuple[Instance, ...]:
    """The instances whose results an instance takes: those with the same values of the parameters they share.

    Raises:
        LookupError: A parameter is neither given nor a scenario, or a scenario that would wait for this one.
    """
    found = []
    for name in instance.scenario.needs:
        if name not in SCENARIOS:
            raise LookupError(f"{instance.scenario.name} takes {name}, which is neither a parameter nor a scenario")
        if SCENARIOS[name].lane == "last" and instance.scenario.lane != "last":
            raise LookupError(f"{instance.scenario.name} takes {name}, which begins when all others have ended")
        for candidate in SCENARIOS[name].instances():
            if all(instance.values.get(key, value) == value for key, value in candidate.values.items()):
                found.append(candidate)
                break
    return tuple(found)


def _obstacle(target: Target, instance: Instance, cases: int, samples: int, *, probing: bool) -> str:
    if probing and not (instance.in_probe and all(needed.in_probe for needed in needed_by(instance))):
        return "it is not part of the probe"
    if instance.scenario.generated and not cases:
        return NO_CASES
    if instance.scenario.measured and not samples:
        return "statistics are not part of the profile; --samples N asks for N samples of each"
    return declined(target, instance) or obstacle(target, instance)


def obstacle(target: Target, instance: Instance) -> str:
    """Why an instance can't be tried at this target; empty when it can."""
    scenario = instance.scenario
    for role in (instance.role, *scenario.also_roles):
        if role and role not in target.roles:
            return f"no key for role {role}"
    if scenario.needs_upstream and not target.sandwich:
        return NO_UPSTREAM
    return ""


def declined(target: Target, instance: Instance) -> str:
    """Why the target does not offer what an instance is about; empty when it does."""
    surface = instance.scenario.surface
    if surface in target.not_offered:
        return target.not_offered[surface]
    if surface not in target.offers:
        return f"the target does not offer the surface {surface}"
    return ""
