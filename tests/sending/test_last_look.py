"""At the end of a run a gateway that seems to have gone away is asked once more."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from llmapi_conformance.evidence.results import ResultStatus
from llmapi_conformance.evidence.silence import LAST_LOOK, broken_at_the_end, stopped_answering
from llmapi_conformance.evidence.tasks import CLEANUP
from llmapi_conformance.sending.plan import Plan, Step
from llmapi_conformance.sending.presence import SILENCES
from tests.sending.gateways import EVENTS, STREAM_HEAD, answer, conducting, instance_of, running, target_at

if TYPE_CHECKING:
    import asyncio
    from pathlib import Path

    from llmapi_conformance.evidence.exchange import Exchange
    from llmapi_conformance.evidence.results import ScenarioResult
    from llmapi_conformance.sending.conductor import Conductor
    from llmapi_conformance.sending.session import Session
    from tests.sending.gateways import Asked

CUT = STREAM_HEAD.replace(b"Connection: close", b"Connection: close\r\nContent-Length: 99")


class Gateway:
    """Breaks off its answers of events, and then answers the models a number of times."""

    def __init__(self, *, breaks: bool, models: tuple[bool, ...]) -> None:
        self.breaks = breaks
        self.models = list(models)

    async def handle(self, asked: Asked, writer: asyncio.StreamWriter) -> None:
        if asked.path == EVENTS:
            writer.write(CUT + b"data: 1\n\n" if self.breaks else answer(200, {}))
        elif self.models and self.models.pop(0):
            writer.write(answer(200, {"data": []}))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "recording.jsonl"


def looked(path: Path, gateway: Gateway) -> tuple[Conductor, list[Exchange]]:
    """A run of one request, and the looks behind it."""

    async def asks(session: Session) -> None:
        await session.get(EVENTS, expect="any", operation="")

    with running(gateway.handle) as url, conducting(path, target_at(url)) as conductor:
        conductor.begin(Plan((Step(instance_of(asks), ""),)))
        conductor.wait()
        conductor.wait()
    looks = [one for one in conductor.exchanges if one.scenario == CLEANUP]
    assert all(one.label == LAST_LOOK for one in looks)
    return conductor, looks


def test_a_run_that_ends_well_needs_no_look(path: Path) -> None:
    conductor, looks = looked(path, Gateway(breaks=False, models=(True,)))
    assert (looks, stopped_answering(conductor.exchanges)) == ([], "")


@pytest.mark.parametrize("models", [(True,), (False, True), (False, False, True)])
def test_a_gateway_that_is_still_there_broke_off_by_its_own_fault(path: Path, models: tuple[bool, ...]) -> None:
    conductor, looks = looked(path, Gateway(breaks=True, models=models))
    assert len(looks) == len(models)
    assert stopped_answering(conductor.exchanges) == ""


def test_a_gateway_that_went_away_is_given_up_after_three_looks(path: Path) -> None:
    at = time.monotonic()
    conductor, looks = looked(path, Gateway(breaks=True, models=()))
    assert time.monotonic() - at < 20
    assert [one.attempt for one in looks] == [1, 2, 3]
    assert stopped_answering(conductor.exchanges).startswith("the gateway went away: its latest answers broke off")
    assert broken_at_the_end(conductor.exchanges) == {"listens#1"}
    assert "key-0123456789abcdef" not in path.read_text("utf-8")


def asking(path: Path, models: tuple[bool, ...], count: int) -> tuple[Conductor, ScenarioResult, int]:
    """A scenario that asks again and again what is never answered; how many of its requests were sent."""
    sent = 0
    gateway = Gateway(breaks=False, models=models)

    async def handle(asked: Asked, writer: asyncio.StreamWriter) -> None:
        if asked.path != EVENTS:
            await gateway.handle(asked, writer)

    async def asks(session: Session) -> None:
        nonlocal sent
        for _ in range(count):
            await session.get(EVENTS, expect="any", operation="")
            sent += 1

    with running(handle) as url, conducting(path, target_at(url)) as conductor:
        instance = instance_of(asks)
        conductor.begin(Plan((Step(instance, ""),)))
        conductor.wait()
        return conductor, conductor.result(instance), sent


def test_a_gateway_that_is_silent_for_long_is_given_up_and_asked_no_more(path: Path) -> None:
    conductor, result, sent = asking(path, (), 10 * SILENCES)
    assert (result.status, sent) == (ResultStatus.INCONCLUSIVE, SILENCES)
    assert result.reason.startswith("the gateway stopped answering (the connection was closed")
    assert stopped_answering(conductor.exchanges).startswith(
        f"the gateway stopped answering: none of the last {SILENCES + 3}"
    )


def test_a_gateway_that_is_silent_only_about_what_it_is_asked_is_asked_on(path: Path) -> None:
    conductor, result, sent = asking(path, (True,) * 4, 3 * SILENCES)
    assert (result.status, sent) == (ResultStatus.DONE, 3 * SILENCES)
    looks = [one.id for one in conductor.exchanges if one.scenario == CLEANUP]
    assert looks == ["cleanup#0", "cleanup#0.2", "cleanup#0.3"]
    assert stopped_answering(conductor.exchanges) == ""
