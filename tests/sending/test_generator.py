"""The generator beside the sending: it is asked, and when it fails, the suite accuses itself."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from llmapi_conformance.contract.operations import load_operations
from llmapi_conformance.evidence.journal import Journal
from llmapi_conformance.evidence.results import ResultStatus, ScenarioStopped
from llmapi_conformance.sending.conductor import Conductor
from llmapi_conformance.sending.generator import Generation, Generator
from llmapi_conformance.sending.plan import make_plan
from llmapi_conformance.sending.scenario import Cost, Instance, Scenario
from llmapi_conformance.sending.sender import Setting
from llmapi_conformance.target.keyring import Keyring
from llmapi_conformance.tree import tree
from tests.generating.ordering import order
from tests.sending.gateways import KEY, PROFILE, ROLE, target_at

if TYPE_CHECKING:
    from pathlib import Path

    from llmapi_conformance.generating.cases import Case
    from llmapi_conformance.sending.session import Session

ORDER = order("listModels")


def played(code: str) -> tuple[str, ...]:
    """A generator that does this."""
    return (sys.executable, "-c", code)


async def asked(generator: Generator, times: int = 1) -> list[tuple[Case, ...]]:
    try:
        return [await generator.cases(ORDER) for _ in range(times)]
    finally:
        await generator.stop()


def reason_of(generator: Generator) -> str:
    with pytest.raises(ScenarioStopped) as stopped:
        asyncio.run(asked(generator))
    assert stopped.value.status is ResultStatus.ERROR
    return str(stopped.value)


def test_it_gives_the_same_cases_each_time() -> None:
    first, again = asyncio.run(asked(Generator(), 2))
    assert first
    assert first == again


def test_a_generator_that_dies_is_an_error() -> None:
    assert reason_of(Generator(played("raise SystemExit(3)"))).endswith("it went away: it ended with status 3")


def test_a_generator_that_stalls_is_an_error_and_is_ended() -> None:
    generator = Generator(played("import time; time.sleep(60)"), patience=0.3)
    assert "no cases of listModels within" in reason_of(generator)


def test_a_generator_that_can_not_be_started_is_an_error() -> None:
    assert "it can't be started" in reason_of(Generator(("/nowhere/at/all",)))


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ('{"error": "no idea"}', "at listModels: no idea"),
        ("nonsense", "no cases in its answer"),
        ('{"cases": [{}]}', "no cases in its answer"),
    ],
)
def test_an_answer_without_cases_is_an_error(answer: str, words: str) -> None:
    assert words in reason_of(Generator(played(f"input(); print('{answer}')")))


def test_after_a_failure_it_is_not_asked_again() -> None:
    async def twice() -> list[str]:
        generator = Generator(played("raise SystemExit(3)"))
        reasons = []
        for _ in range(2):
            try:
                await generator.cases(ORDER)
            except ScenarioStopped as stopped:
                reasons.append(str(stopped))
        await generator.stop()
        return reasons

    first, second = asyncio.run(twice())
    assert first == second


def test_a_scenario_asks_with_the_seed_of_the_run(tmp_path: Path) -> None:
    async def asks(session: Session) -> list[str]:
        sample = replace(ORDER.sample, operation="listModels")
        return [case.id for case in await session.cases(sample, 5)]

    def result_with(seed: int, name: str) -> list[str]:
        scenario = Scenario("asks", "tasks", asks, role=ROLE, generated=lambda _, cases: Cost(cases))
        target = target_at("http://127.0.0.1:9")
        setting = Setting(
            target, Keyring({ROLE: KEY}), PROFILE, load_operations(tree() / "specs"), {}, Generation(9, seed)
        )
        opening = {"target": {}, "profile": "gate", "selection": {}}
        with Journal(tmp_path / name, tool_version="0", contract_digest="0", **opening) as journal:  # type: ignore[arg-type]
            conductor = Conductor(setting, journal)
            try:
                conductor.begin(make_plan(target, [Instance(scenario, {})], 9))
                result = conductor.result(Instance(scenario, {}))
            finally:
                conductor.close()
        assert result.status is ResultStatus.DONE, result.reason
        ids: list[str] = result.value
        return ids

    first = result_with(1, "first")
    assert len(first) == 5
    assert first == result_with(1, "again") != result_with(2, "other")
