"""Scenarios as pytest fixtures: a check gets a scenario's result by its name."""

from __future__ import annotations

import importlib.util
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

from llmapi_conformance.clients.case import client_cases
from llmapi_conformance.errors import ContractError
from llmapi_conformance.sending.scenario import SCENARIOS, Instance, Scenario
from llmapi_conformance.tree import tree

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from llmapi_conformance.run import Run

EVERY_EXCHANGE = "every_exchange"
"""Fixture name: every exchange of the run, when all of them are there."""


def load_scenarios(root: Path) -> None:
    """Import every module under ``fixtures/scenarios`` once.

    Raises:
        ContractError: A module can't be imported.
    """
    if str(root) not in sys.path:
        sys.path.insert(0, str(root))  # scenarios import their payloads as ``fixtures.payloads``
    for path in sorted((root / "fixtures" / "scenarios").glob("*.py")):
        name = f"fixtures.scenarios.{path.stem}"
        if path.stem == "__init__" or name in sys.modules:
            continue
        spec = importlib.util.spec_from_file_location(name, path)
        if spec is None or spec.loader is None:
            raise ContractError(f"Can't import the scenarios of {path}.")
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)


def scenario_fixtures(run: Run) -> ModuleType:
    """A module-like holder with one fixture per scenario, as pytest's plugin manager takes it."""
    load_scenarios(tree())
    holder = ModuleType("llmapi_conformance_scenarios")
    for scenario in (*SCENARIOS.values(), client_cases(tree() / "specs")):
        setattr(holder, scenario.name, _fixture(run, scenario))

    @pytest.fixture(name=EVERY_EXCHANGE)
    def every_exchange() -> Any:
        """Every exchange of the run, when all of them are there."""
        return run.every_exchange()

    setattr(holder, EVERY_EXCHANGE, every_exchange)
    return holder


def instances_of(item: pytest.Function) -> list[Instance]:
    """The scenario instances that a check needs, in the order of its parameters."""
    values: dict[str, Any] = item.callspec.params if hasattr(item, "callspec") else {}
    needed = (name for name in item.fixturenames if name in SCENARIOS)
    return [values.get(name, SCENARIOS[name].instances()[0]) for name in needed]


def _fixture(run: Run, scenario: Scenario) -> object:
    instances = scenario.instances()

    def provide(request: pytest.FixtureRequest) -> Any:
        result, reason = run.value_for_check(getattr(request, "param", instances[0]))
        if reason:
            pytest.skip(reason)
        return result

    provide.__name__ = scenario.name
    provide.__doc__ = scenario.summary
    decorate: Callable[..., object] = pytest.fixture(
        name=scenario.name,
        params=list(instances) if scenario.parameters else None,
        ids=[instance.parameters for instance in instances] if scenario.parameters else None,
    )
    return decorate(provide)
