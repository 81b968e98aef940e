"""When our own process stands still, the times that it saw accuse no gateway."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from typing import TYPE_CHECKING

from llmapi_conformance.evidence.recording import read_recording
from llmapi_conformance.judging.oracle import Deviation, Examined
from llmapi_conformance.judging.oracles.messages_stream import CLOSING_TIME, the_response_ends_soon_after_message_stop
from llmapi_conformance.sending.plan import Plan, Step
from llmapi_conformance.sending.watch import OVERRUN, TICK
from llmapi_conformance.target.target import Timeouts
from tests.sending.gateways import EVENTS, STREAM_HEAD, conducting, instance_of, running, target_at

if TYPE_CHECKING:
    from pathlib import Path

    from llmapi_conformance.evidence.exchange import Exchange
    from llmapi_conformance.sending.session import Session
    from tests.sending.gateways import Asked

STOP = {"type": "message_stop"}
PATIENT = Timeouts(30, 30, 30, 60)
TOO_LONG = CLOSING_TIME + 0.4


class Gateway:
    """Tells that a message has stopped, and ends its answer some seconds later."""

    def __init__(self, open_for: float) -> None:
        self.open_for = open_for
        self.told = threading.Event()

    async def handle(self, _: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(STREAM_HEAD + f"event: message_stop\ndata: {json.dumps(STOP)}\n\n".encode())
        await writer.drain()
        self.told.set()
        await asyncio.sleep(self.open_for)


def exchanged(path: Path, gateway: Gateway, *, blocked: float) -> Exchange:
    """One streamed answer, as its recording keeps it, while something blocks our loop behind its last event."""

    async def block() -> None:
        await asyncio.to_thread(gateway.told.wait)
        await asyncio.sleep(0.1)
        time.sleep(blocked)  # noqa: ASYNC251 - that is what is told of

    async def asks(session: Session) -> None:
        async with asyncio.TaskGroup() as both:
            both.create_task(block())
            both.create_task(session.get(EVENTS, headers={"Accept": "text/event-stream"}, expect="any", operation=""))

    with running(gateway.handle) as url, conducting(path, target_at(url, timeouts=PATIENT)) as conductor:
        conductor.begin(Plan((Step(instance_of(asks), ""),)))
        conductor.wait()
        (exchange,) = conductor.exchanges
    (kept,) = read_recording(path).exchanges.values()
    assert [(round(one.begin, 6), round(one.end, 6)) for one in exchange.stalls] == list(kept.stalls)
    return kept


def judged(exchange: Exchange) -> tuple[int, int]:
    """How many subjects MSG-S17 examined, and how many deviations it found."""
    said = list(the_response_ends_soon_after_message_stop(exchange))
    return sum(isinstance(one, Examined) for one in said), sum(isinstance(one, Deviation) for one in said)


def test_a_stall_of_ours_is_marked_and_accuses_nobody(tmp_path: Path) -> None:
    exchange = exchanged(tmp_path / "recording.jsonl", Gateway(open_for=0.3), blocked=TOO_LONG)
    (event,) = exchange.events.events
    assert exchange.response is not None
    assert exchange.response.ended_at - event.at > CLOSING_TIME  # it looks as if the gateway had kept it open
    (stall,) = exchange.stalls
    assert event.at - TICK - 0.2 < stall.begin
    assert stall.end - stall.begin >= TOO_LONG
    assert judged(exchange) == (0, 0)


def test_a_gateway_that_stays_open_is_accused_as_ever(tmp_path: Path) -> None:
    exchange = exchanged(tmp_path / "recording.jsonl", Gateway(open_for=TOO_LONG), blocked=0.0)
    assert judged(exchange) == ((0, 0) if exchange.stalled(exchange.events.events[0].at) else (1, 1))  # as seen by us


def test_a_short_stop_is_no_stall(tmp_path: Path) -> None:
    exchange = exchanged(tmp_path / "recording.jsonl", Gateway(open_for=0.3), blocked=OVERRUN / 5)
    assert all(one.end - one.begin > TICK + OVERRUN for one in exchange.stalls)
    assert judged(exchange) == (1, 0)
