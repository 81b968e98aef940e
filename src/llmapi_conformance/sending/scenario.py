"""Scenarios: what is sent, in order; a scenario asserts nothing."""

from __future__ import annotations

import inspect
import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from llmapi_conformance.evidence.tasks import CLEANUP

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence

Lane = Literal["shared", "own_key", "latency", "exclusive", "measuring", "last"]
"""How a scenario shares the gateway; ``last`` begins when all others have ended, because it makes the upstream fail,
and a gateway may stop trusting an upstream that does. ``measuring`` begins before that, when all that is neither has
ended, and has the gateway to itself."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What one instance of a scenario costs at most.

    Attributes:
        requests: Requests to the gateway, first attempts only.
        input_tokens: Tokens that a model reads.
        output_tokens: Tokens that a model writes.
        images: Images that a model makes.
    """

    requests: int = 1
    input_tokens: int = 0
    output_tokens: int = 0
    images: int = 0

    def __add__(self, other: Cost) -> Cost:
        return Cost(
            self.requests + other.requests,
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            self.images + other.images,
        )

    def __sub__(self, other: Cost) -> Cost:
        return Cost(
            self.requests - other.requests,
            self.input_tokens - other.input_tokens,
            self.output_tokens - other.output_tokens,
            self.images - other.images,
        )


@dataclass(frozen=True, slots=True)
class Scenario:
    """A named async function that sends requests and returns their exchanges.

    Attributes:
        name: The function's name; checks ask for its result by this name.
        surface: The part of the API that it serves.
        function: Called as ``function(session, **parameters, **results of the scenarios it names)``.
        role: The role whose key it sends with; a parameter called ``role`` overrides it; empty means none.
        cost: Upper bound for one instance.
        lane: How it shares the gateway with others.
        parameters: Values of each parameter; the instances are their product.
        needs: Names of the scenarios whose results it takes, by parameter name.
        also_roles: Further roles that the target must have a key for.
        needs_upstream: Whether it makes sense only with our upstream behind the gateway.
        roles: The role of an instance by one of its values, where what it sends decides that.
        generated: Set for a scenario that sends generated cases: what an instance of these values costs on top when
            so many cases of each operation are wanted.
        measured: Set for a scenario that takes samples for statistics: what an instance of these values costs on top
            when so many samples are wanted; without any it is not sent.
        models: Models that it asks, where they are not those of its role.
        probe: Whether it may be sent to a gateway in production (cheap, nothing that disturbs others, fills a queue,
            trips a firewall or locks a key out), or the parameters of the instances that may.
        summary: First line of the docstring.
    """

    name: str
    surface: str
    function: Callable[..., Awaitable[Any]]
    role: str = ""
    cost: Cost = Cost()
    lane: Lane = "shared"
    parameters: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    also_roles: tuple[str, ...] = ()
    needs_upstream: bool = False
    roles: Mapping[Any, str] = field(default_factory=dict)
    generated: Callable[[Mapping[str, Any], int], Cost] | None = None
    measured: Callable[[Mapping[str, Any], int], Cost] | None = None
    models: tuple[str, ...] = ()
    probe: bool | frozenset[str] = False
    summary: str = ""

    def instances(self) -> tuple[Instance, ...]:
        """One instance for each combination of parameter values, in a stable order."""
        names = list(self.parameters)
        return tuple(
            Instance(self, dict(zip(names, values, strict=True)))
            for values in itertools.product(*self.parameters.values())
        )


@dataclass(frozen=True)  # no slots: hashed by key, holds a mapping
class Instance:
    """A scenario with one value for each of its parameters."""

    scenario: Scenario
    values: Mapping[str, Any]

    @property
    def parameters(self) -> str:
        """The parameter values as one word for ids, empty when there are none."""
        return "-".join(str(value) for value in self.values.values())

    @property
    def key(self) -> str:
        """Unique name: ``scenario`` or ``scenario[parameters]``."""
        return f"{self.scenario.name}[{self.parameters}]" if self.values else self.scenario.name

    @property
    def role(self) -> str:
        """The role whose key this instance sends with."""
        by_value = (self.scenario.roles[value] for value in self.values.values() if value in self.scenario.roles)
        return str(self.values.get("role", next(by_value, self.scenario.role)))

    @property
    def in_probe(self) -> bool:
        """Whether it may be sent to a gateway in production."""
        probe = self.scenario.probe
        return probe if isinstance(probe, bool) else self.parameters in probe

    def cost(self, cases: int = 0, samples: int = 0) -> Cost:
        """What it costs at most when so many generated cases of each operation, and samples, are wanted."""
        generated, measured = self.scenario.generated, self.scenario.measured
        cost = self.scenario.cost
        if generated and cases:
            cost += generated(self.values, cases)
        return cost + measured(self.values, samples) if measured else cost

    def __hash__(self) -> int:
        return hash(self.key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Instance) and other.key == self.key


SCENARIOS: dict[str, Scenario] = {}
"""Every scenario by name; filled once, while ``fixtures/scenarios`` is imported."""


def scenario(
    *,
    surface: str,
    role: str = "",
    cost: Cost = Cost(),
    lane: Lane = "shared",
    parameters: Mapping[str, Sequence[Any]] | None = None,
    also_roles: Sequence[str] = (),
    needs_upstream: bool = False,
    roles: Mapping[Any, str] | None = None,
    generated: Callable[[Mapping[str, Any], int], Cost] | None = None,
    measured: Callable[[Mapping[str, Any], int], Cost] | None = None,
    models: Sequence[str] = (),
    probe: bool | Collection[str] = False,
) -> Callable[[Callable[..., Awaitable[Any]]], Scenario]:
    """Register an async function as a scenario.

    The function's first parameter is the session; each further one is either a key of ``parameters`` or the name of
    another scenario, whose result it then gets.

    Raises:
        ValueError: Another scenario has the same name, it is the one that is kept for the run, or ``probe`` names no
            instance.
    """

    def register(function: Callable[..., Awaitable[Any]]) -> Scenario:
        given = dict(parameters or {})
        taken = list(inspect.signature(function).parameters)[1:]
        made = Scenario(
            name=function.__name__,
            surface=surface,
            function=function,
            role=role,
            cost=cost,
            lane=lane,
            parameters=given,
            needs=tuple(name for name in taken if name not in given),
            also_roles=tuple(also_roles),
            needs_upstream=needs_upstream,
            roles=dict(roles or {}),
            generated=generated,
            measured=measured,
            models=tuple(models),
            probe=probe if isinstance(probe, bool) else frozenset(probe),
            summary=(inspect.getdoc(function) or "").partition("\n")[0],
        )
        if made.name == CLEANUP:
            raise ValueError(f"{CLEANUP} is what a run sends to end its tasks: rename the scenario")
        if made.name in SCENARIOS:
            raise ValueError(f"two scenarios are called {made.name}: rename one")
        strange = set() if isinstance(probe, bool) else {*probe} - {one.parameters for one in made.instances()}
        if strange:
            raise ValueError(f"{made.name} has no instance {', '.join(sorted(strange))} for the probe")
        SCENARIOS[made.name] = made
        return made

    return register
