"""Listening to a stream that has no end of its own, whatever the gateway does with it."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from llmapi_conformance.evidence.exchange import NOT_JSON, Ending, Exchange
from llmapi_conformance.evidence.recording import read_recording
from llmapi_conformance.evidence.results import ResultStatus
from llmapi_conformance.sending.plan import Plan, Step
from llmapi_conformance.target.target import TaskTerms, Timeouts
from tests.sending.gateways import (
    EVENTS,
    KEY,
    PROFILE,
    STREAM_HEAD,
    Asked,
    answer,
    conducted,
    conducting,
    instance_of,
    running,
    target_at,
)
from tests.wire.servers import reset

if TYPE_CHECKING:
    from pathlib import Path

    from llmapi_conformance.sending.listener import Listener
    from llmapi_conformance.sending.session import Session


def event(status: str, name: str = "image_task.updated") -> bytes:
    return f"event: {name}\ndata: {json.dumps({'id': 'a', 'status': status})}\n\n".encode()


class Talking:
    """Tells what was submitted, in pieces that end anywhere, with heartbeats between."""

    def __init__(self) -> None:
        self.requests: list[Asked] = []
        self.submitted = asyncio.Event()
        self.listening = 0

    async def handle(self, asked: Asked, writer: asyncio.StreamWriter) -> None:
        self.requests.append(asked)
        if asked.path != EVENTS:
            writer.write(answer(200, {"data": []}))
            self.submitted.set()
            return
        self.listening += 1
        writer.write(STREAM_HEAD + b": hello\n\n" + event("queued")[:20])
        await writer.drain()
        await asyncio.sleep(0.02)
        writer.write(event("queued")[20:])
        await self.submitted.wait()
        writer.write(event("running") + event("succeeded") + b"event: image_task.updated\ndata: {")
        while True:
            writer.write(b"")
            await asyncio.sleep(0.02)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "recording.jsonl"


def status_is(status: str) -> Any:
    return lambda heard: heard.data is not NOT_JSON and heard.data["status"] == status


def test_a_scenario_hears_events_while_it_sends_and_all_is_recorded_when_it_leaves(path: Path) -> None:
    gateway = Talking()

    async def scenario(session: Session) -> list[Any]:
        async with session.listen(EVENTS, label="ear") as listener:
            assert listener.opened
            first = await listener.until(status_is("queued"))
            assert await listener.until(status_is("running"), timeout=0.05) is None
            other = await session.get("/v1/images/tasks")
            last = await listener.until(status_is("succeeded"))
            again = await listener.until(status_is("queued"), timeout=0)
            assert first is not None
            assert last is not None
            assert again is first
            assert 0 < first.at < last.at
            assert listener.comments == [(listener.comments[0][0], " hello")]
            with pytest.raises(RuntimeError, match="block has been left"):
                _ = listener.exchange
        assert not listener.ended
        return [listener.exchange, other, [one.name for one in listener.events]]

    with running(gateway.handle) as url:
        # One place only: the listener must not hold it.
        result, conductor = conducted(path, target_at(url, concurrency=1), scenario)
    assert result.status is ResultStatus.DONE, result.reason
    exchange, other, names = result.value
    assert names == ["image_task.updated"] * 3
    assert (exchange.ending, exchange.mode, exchange.label) == (Ending.LEFT, "stream", "ear")
    assert [one.payload()["status"] for one in exchange.events.events] == ["queued", "running", "succeeded"]
    assert exchange.events.incomplete
    assert len({chunk.at for chunk in exchange.response.chunks}) >= 2
    assert exchange.operation == "streamImageTaskEvents"
    assert (exchange.step, other.step, conductor.budget.sent) == (1, 2, 2)
    asked = gateway.requests[0]
    assert (asked.method, asked.headers["accept"]) == ("GET", "text/event-stream")
    assert asked.headers["authorization"] == f"Bearer {KEY}"
    assert KEY.encode() not in path.read_bytes()
    recording = read_recording(path)
    assert recording.damaged == ()
    heard, asked_besides, named = recording.result("listens").value  # type: ignore[union-attr]
    assert (heard.response, asked_besides.response, named) == (exchange.response, other.response, names)


def test_leaving_does_not_wait_for_the_next_byte(path: Path) -> None:
    async def handle(_: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(STREAM_HEAD)
        await asyncio.sleep(300)

    async def scenario(session: Session) -> float:
        async with session.listen(EVENTS) as listener:
            assert not await listener.wait_for(lambda one: bool(one.events), timeout=0.1)
            left_at = time.monotonic()
        assert listener.exchange.ending is Ending.LEFT
        assert not listener.exchange.hollow
        return time.monotonic() - left_at

    with running(handle) as url:
        result, _ = conducted(path, target_at(url, timeouts=Timeouts(60, 60, 60, 60)), scenario)
    assert result.status is ResultStatus.DONE, result.reason
    assert result.value < 20


def test_many_listeners_starve_nobody(path: Path) -> None:
    gateway = Talking()

    async def scenario(session: Session) -> int:
        async def listen(number: int) -> bool:
            async with session.listen(EVENTS, label=f"{number}") as listener:
                return await listener.until(status_is("succeeded")) is not None

        async with asyncio.TaskGroup() as group:
            listeners = [group.create_task(listen(number)) for number in range(40)]
            while gateway.listening < 40:  # noqa: ASYNC110 - the gateway lives in another loop
                await asyncio.sleep(0.01)
            await session.get("/v1/images/tasks")
        return sum(one.result() for one in listeners)

    with running(gateway.handle) as url:
        result, _ = conducted(path, target_at(url, concurrency=2), scenario)
    assert (result.status, result.value) == (ResultStatus.DONE, 40), result.reason


def test_a_key_that_the_gateway_sends_back_is_never_heard(path: Path) -> None:
    async def handle(asked: Asked, writer: asyncio.StreamWriter) -> None:
        told = json.dumps({"key": asked.headers["authorization"]})
        writer.write(STREAM_HEAD + f": {KEY}\n\nevent: x{KEY}\ndata: {told}\n\n".encode())
        await asyncio.sleep(300)

    async def scenario(session: Session) -> list[Any]:
        async with session.listen(EVENTS) as listener:
            await listener.wait_for(lambda one: bool(one.events))
            return [listener.events[0].name, listener.events[0].data, listener.comments[0][1]]

    with running(handle) as url:
        result, _ = conducted(path, target_at(url), scenario)
    marker = "[[key:image:batch]]"
    assert result.value == [f"x{marker}", {"key": f"Bearer {marker}"}, f" {marker}"]
    assert KEY.encode() not in path.read_bytes()


async def listened(session: Session) -> Exchange:
    async with session.listen(EVENTS, expect="any") as listener:
        await listener.wait_for(lambda _: False, timeout=60)
    return listener.exchange


async def hang(_: Asked, __: asyncio.StreamWriter) -> None:
    await asyncio.sleep(300)


async def trickle(_: Asked, writer: asyncio.StreamWriter) -> None:
    writer.write(STREAM_HEAD)
    while True:
        writer.write(b"d")
        await asyncio.sleep(0.01)


async def flood(_: Asked, writer: asyncio.StreamWriter) -> None:
    writer.write(STREAM_HEAD)
    while True:
        writer.write(event("running") * 1000)
        await writer.drain()


async def trickle_refusal(_: Asked, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 403 No\r\nConnection: close\r\n\r\n")
    while True:
        writer.write(b" ")
        await asyncio.sleep(0.01)


def writing(*pieces: bytes, then: str = "close") -> Any:
    async def handle(_: Asked, writer: asyncio.StreamWriter) -> None:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0.05)
        if then == "reset":
            reset(writer)
        elif then == "hang":
            await asyncio.sleep(300)

    return handle


CHUNKED = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
PATIENT = Timeouts(20, 20, 20, 40)
BAD: list[tuple[str, Any, Ending | None, str]] = [
    ("never a head", hang, None, "no complete response head"),
    ("closes at once", writing(), None, "before a response head"),
    ("garbage", writing(b"\x00\x01garbage\r\n\r\n"), None, "no HTTP/1.1"),
    ("resets before the head", writing(b"HTTP/1.1 200", then="reset"), None, "reset"),
    ("ends at once", writing(STREAM_HEAD), Ending.COMPLETE, ""),
    ("resets", writing(STREAM_HEAD + event("queued"), then="reset"), Ending.RESET, "reset"),
    ("ends in a chunk", writing(CHUNKED + b"ff\r\ndata"), Ending.CUT, "closed before"),
    ("breaks the chunks", writing(CHUNKED + b"zz\r\n"), Ending.RESET, "size of a chunk"),
    ("falls silent", writing(STREAM_HEAD + event("queued"), then="hang"), Ending.TIMEOUT, "for 1 s"),
    ("trickles for ever", trickle, Ending.LEFT, "limit of 3.5 s"),
    ("floods", flood, Ending.CAPPED, "limit of 100000 bytes"),
    ("is a page", writing(answer(200, {"no": "stream"})), Ending.COMPLETE, ""),
    ("refuses for ever", trickle_refusal, Ending.TIMEOUT, "after 3 s, the limit"),
    ("no UTF-8, no JSON", writing(STREAM_HEAD + b"data: \xff{\n\n:\xff\n\n"), Ending.COMPLETE, ""),
]


HURRIED = {
    "no complete response head": dataclasses.replace(PATIENT, first_byte=0.5),
    "for 1 s": dataclasses.replace(PATIENT, idle=1),
    "limit of 3.5 s": dataclasses.replace(PATIENT, total=3),
    "after 3 s, the limit": dataclasses.replace(PATIENT, total=3),
}
"""The one deadline that a case is about; a busy machine may be silent for seconds, so the others have time."""


@pytest.mark.parametrize(("handle", "ending", "says"), [one[1:] for one in BAD], ids=[one[0] for one in BAD])
def test_a_bad_gateway_neither_hangs_nor_crashes_a_listener(
    path: Path, handle: Any, ending: Ending | None, says: str
) -> None:
    timeouts = HURRIED.get(says, PATIENT)
    with running(handle) as url:
        target = target_at(url, body_cap=100_000, timeouts=timeouts, tasks=TaskTerms(heartbeat=0.1, end=0.5))
        result, conductor = conducted(path, target, listened)
    assert result.status is ResultStatus.DONE, result.reason
    assert result.value.ending is ending
    assert says in (result.value.response.detail if result.value.response else result.value.failure)
    assert conductor.exchanges == [result.value]


def test_a_silent_stream_may_miss_some_heartbeats(path: Path) -> None:
    with running(writing(STREAM_HEAD, then="hang")) as url:
        target = target_at(url, timeouts=dataclasses.replace(PATIENT, idle=0.1), tasks=TaskTerms(heartbeat=0.4, end=5))
        result, _ = conducted(path, target, listened)
    assert result.value.ending is Ending.TIMEOUT
    assert 1.1 < result.value.response.ended_at < 20


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_gateway_that_can_not_answer_now_is_asked_again(path: Path, status: int) -> None:
    asked = []

    async def handle(_: Asked, writer: asyncio.StreamWriter) -> None:
        asked.append(status)
        writer.write(answer(status, {}) if len(asked) == 1 else STREAM_HEAD + event("queued"))
        await asyncio.sleep(300 if len(asked) > 1 else 0)

    async def scenario(session: Session) -> Exchange:
        async with session.listen(EVENTS) as listener:
            await listener.until(status_is("queued"))
        return listener.exchange

    with running(handle) as url:
        result, conductor = conducted(path, target_at(url), scenario)
    assert result.status is ResultStatus.DONE, result.reason
    assert [(one.status, one.attempt) for one in conductor.exchanges] == [(status, 1), (200, 2)]


@pytest.mark.parametrize("handle", [hang, writing(answer(503, {}))], ids=["silence", "503"])
def test_one_that_never_can_is_inconclusive(path: Path, handle: Any) -> None:
    async def scenario(session: Session) -> None:
        async with session.listen(EVENTS):
            raise AssertionError

    with running(handle) as url:
        result, conductor = conducted(
            path, target_at(url, timeouts=dataclasses.replace(PATIENT, first_byte=0.2)), scenario
        )
    assert result.status is ResultStatus.INCONCLUSIVE
    assert "(attempt 2)" in result.reason
    assert len(conductor.exchanges) == 2


def test_a_refusal_is_an_answer_and_the_block_runs(path: Path) -> None:
    async def scenario(session: Session) -> Exchange:
        async with session.listen(EVENTS, expect="refusal") as listener:
            assert not listener.opened
            assert listener.ended
            assert await listener.until(lambda _: True) is None
        return listener.exchange

    with running(writing(answer(403, {"error": {"message": "no"}}))) as url:
        result, _ = conducted(path, target_at(url), scenario)
    assert result.status is ResultStatus.DONE, result.reason
    assert (result.value.status, result.value.ending, result.value.mode) == (403, Ending.COMPLETE, "stream")
    assert result.value.json == {"error": {"message": "no"}}


def test_a_gateway_that_ends_the_stream_wakes_whoever_waits(path: Path) -> None:
    async def scenario(session: Session) -> list[Any]:
        async with session.listen(EVENTS) as listener:
            missing = await listener.until(status_is("succeeded"), timeout=60)
            return [missing, listener.ended, len(listener.events)]

    started = time.monotonic()
    with running(writing(STREAM_HEAD + event("queued"))) as url:
        result, _ = conducted(path, target_at(url), scenario)
    assert result.value == [None, True, 1]
    assert time.monotonic() - started < 20


async def _listens_for_ever(session: Session) -> None:
    async with session.listen(EVENTS) as listener:
        await listener.until(status_is("queued"))
        await asyncio.sleep(300)


def test_a_run_that_is_stopped_keeps_what_was_heard(path: Path) -> None:
    heard = []

    async def scenario(session: Session) -> None:
        async with session.listen(EVENTS) as listener:
            heard.append(await listener.until(status_is("queued")))
            await asyncio.sleep(300)

    instance = instance_of(scenario)
    started = time.monotonic()
    with running(Talking().handle) as url, conducting(path, target_at(url)) as conductor:
        conductor.begin(Plan((Step(instance, ""),)))
        while not heard:
            time.sleep(0.01)
        conductor.close()
        assert conductor.result(instance).status is ResultStatus.INCONCLUSIVE
    assert time.monotonic() - started < 30
    (exchange,) = read_recording(path).exchanges.values()
    assert exchange.ending is Ending.LEFT
    assert exchange.events.events[0].payload()["status"] == "queued"


def test_the_deadline_of_the_run_keeps_what_was_heard(path: Path) -> None:
    with running(Talking().handle) as url:
        profile = dataclasses.replace(PROFILE, deadline=3)
        result, conductor = conducted(path, target_at(url), _listens_for_ever, profile)
    assert result.status is ResultStatus.INCONCLUSIVE
    assert [one.ending for one in conductor.exchanges] == [Ending.LEFT]


def test_what_the_block_raises_is_raised_after_the_exchange_was_kept(path: Path) -> None:
    async def scenario(session: Session) -> None:
        async with session.listen(EVENTS) as listener:
            await listener.wait_for(_broken)

    def _broken(_: Listener) -> bool:
        raise LookupError("mine")

    with running(Talking().handle) as url:
        result, conductor = conducted(path, target_at(url), scenario)
    assert result.status is ResultStatus.ERROR
    assert "LookupError: mine" in result.reason
    assert [one.ending for one in conductor.exchanges] == [Ending.LEFT]
