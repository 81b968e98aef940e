"""One exchange of a client with the gateway: bytes go both ways as they are, and what they say is read from a copy."""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import h11

from llmapi_conformance.evidence.exchange import Ending
from llmapi_conformance.passthrough.frames import Overheard
from llmapi_conformance.passthrough.heads import asks_for_websocket
from llmapi_conformance.wire.deadline import PhaseTimer
from llmapi_conformance.wire.failing import broken_body, failure_of
from llmapi_conformance.wire.message import FailureKind, WireFailure
from llmapi_conformance.wire.raw import head_of
from llmapi_conformance.wire.reading import ResponseReader

if TYPE_CHECKING:
    from llmapi_conformance.evidence.exchange import Frame
    from llmapi_conformance.passthrough.asking import ClientRequest
    from llmapi_conformance.wire.message import Outcome, WireRequest
    from llmapi_conformance.wire.reading import Pipe
    from llmapi_conformance.wire.reception import Reception

_LINGER: Final = 1.0
"""Seconds that a client may take for its close frame when the gateway has closed."""
AHEAD_LIMIT: Final = 64 * 1024
"""Bytes that a client may send ahead, behind the request that is being answered."""
STOPPED: Final = "the recording ended while this was under way"


@dataclass(frozen=True, slots=True)
class Line:
    """A connection.

    Attributes:
        transport: For writing.
        pipe: For reading.
    """

    transport: asyncio.Transport
    pipe: Pipe

    async def write(self, data: bytes, seconds: float) -> None:
        """Hand bytes on, and wait until the other side has taken most of what was written.

        Raises:
            StalledError: It took nothing for that long.
        """
        if not self.transport.is_closing():
            self.transport.write(data)
        try:
            async with asyncio.timeout(seconds):
                await self.pipe.drained()
        except TimeoutError:
            raise StalledError(f"nothing of what was sent was taken for {seconds:g} s") from None


class StalledError(Exception):
    """One side takes nothing in."""


@dataclass(frozen=True, slots=True)
class Relayed:
    """What came of an exchange, not yet redacted.

    Attributes:
        outcome: What came back.
        frames: Of a WebSocket.
        goes_on: Whether both connections are good for another exchange.
        overdue: One sentence when the gateway sent no head in time, so that the client still waits for one.
        reset: Whether the gateway reset the connection.
    """

    outcome: Outcome
    frames: tuple[Frame, ...] = ()
    goes_on: bool = False
    overdue: str = ""
    reset: bool = False


class _Copying:
    """Reads from the gateway; everything goes to the client before it is looked at."""

    def __init__(self, gateway: Pipe, client: Line, seconds: float) -> None:
        self._gateway = gateway
        self._client = client
        self._seconds = seconds
        self.writing = False
        self.reset = False

    async def receive(self) -> tuple[float, bytes]:
        try:
            at, data = await self._gateway.receive()
        except OSError:
            self.reset = True
            raise
        if data:
            self.writing = True
            await self._client.write(data, self._seconds)
            self.writing = False
        return at, data


class Relay:
    """Relays one exchange."""

    def __init__(self, request: ClientRequest, wire: WireRequest, client: Line, gateway: Line) -> None:
        """Prepare.

        Args:
            request: As it arrives.
            wire: As it is sent: the head and the limits; its body is not looked at.
            client: The connection of the client.
            gateway: A connection to the gateway for this client alone.
        """
        self._request = request
        self._wire = wire
        self._client = client
        self._gateway = gateway
        self._websocket = asks_for_websocket(wire.headers)
        self._started_at = time.time()
        self._sent = time.perf_counter()
        self._copy = _Copying(gateway.pipe, client, wire.deadlines.idle)
        self._reader = ResponseReader(self._copy, method=wire.method, upgrade=self._websocket)
        self._reception: Reception | None = None
        self._heard: Overheard | None = None
        self._outcome: Outcome | None = None
        self._closed = asyncio.Event()
        self._framed = False
        self._overdue = ""

    async def run(self) -> Relayed:
        """Relay to the end of the answer, or until one side goes away.

        When this is cancelled, ``stopped`` says what had come until then.
        """
        head = head_of(self._wire, self._wire.headers)
        if self._request.version == "1.0":
            head = head.replace(b" HTTP/1.1\r\n", b" HTTP/1.0\r\n", 1)
        self._gateway.transport.write(head)
        asking = asyncio.create_task(self._ask())
        answering = asyncio.create_task(self._answer())
        try:
            await asyncio.wait((asking, answering), return_when=asyncio.FIRST_COMPLETED)
            outcome = answering.result() if answering.done() else self._ended(Ending.ABORTED, asking.result())
        finally:
            for task in (asking, answering):
                task.cancel()
            await asyncio.gather(asking, answering, return_exceptions=True)
        goes_on = self._framed and self._request.finished and not self._reader.surplus
        return Relayed(outcome, self._frames, goes_on=goes_on, overdue=self._overdue, reset=self._copy.reset)

    def stopped(self) -> Relayed:
        """What had come when the exchange was cancelled."""
        return Relayed(self._ended(Ending.ABORTED, STOPPED), self._frames)

    @property
    def _frames(self) -> tuple[Frame, ...]:
        return tuple(sorted(self._heard.frames, key=lambda frame: frame.at)) if self._heard else ()

    def _now(self) -> float:
        return time.perf_counter() - self._sent

    def _ended(self, ending: Ending, detail: str) -> Outcome:
        """What had come when one side went away."""
        if self._outcome is not None:
            return self._outcome
        if self._reception is None:
            sentence = f"{detail}, and no response head had arrived"
            return WireFailure(FailureKind.RESET, sentence, self._now(), self._started_at)
        answer = self._reception.answer(ending, detail, self._now(), self._started_at)
        return self._heard.completed(answer) if self._heard else answer

    async def _ask(self) -> str:
        """Hand on what the client sends; returns why there will be no more."""
        try:
            await self._request.hand_on(self._to_gateway)
            if self._request.finished:
                await self._behind()
        except h11.RemoteProtocolError:
            return "the client sent a body that is no valid HTTP/1.1"
        except StalledError:
            return "the gateway took what was sent too slowly"
        except OSError:
            pass
        return "the client hung up"

    async def _behind(self) -> None:
        """Take what the client sends behind its request: frames, or its next request; returns when it hangs up.

        A client that sends the next request has seen the end of an answer that we see none of.
        """
        while len(self._request.ahead) < AHEAD_LIMIT:
            at, data = await self._client.pipe.receive()
            if not data:
                return
            if self._heard is not None:
                await self._say(self._heard, at, data)
                continue
            self._request.ahead += data
            if self._outcome is not None:
                return
        await asyncio.Event().wait()  # the answer comes first

    async def _say(self, heard: Overheard, at: float, data: bytes) -> None:
        heard.feed(at - self._sent, data, sent=True)
        if heard.closed(sent=True):
            self._closed.set()
        await self._to_gateway(data)

    async def _to_gateway(self, data: bytes) -> None:
        await self._gateway.write(data, self._wire.deadlines.idle)

    async def _answer(self) -> Outcome:
        self._outcome = await self._answered()
        return self._outcome

    async def _answered(self) -> Outcome:
        try:
            async with asyncio.timeout(None) as timeout:
                timer = PhaseTimer(timeout, self._wire.deadlines)
                timer.connected()
                return await self._take_in(timer)
        except StalledError:
            return self._ended(Ending.ABORTED, "the client took the answer too slowly")
        except TimeoutError:
            if self._copy.writing:
                return self._ended(Ending.ABORTED, "the client took the answer too slowly")
            if self._reception is None and self._outcome is None:
                self._overdue = timer.sentence
                return WireFailure(timer.failure, timer.sentence, self._now(), self._started_at)
            return self._ended(Ending.TIMEOUT, timer.sentence)

    async def _take_in(self, timer: PhaseTimer) -> Outcome:
        try:
            reception = self._reception = await self._reader.head(self._wire)
        except (OSError, h11.RemoteProtocolError) as error:
            kind, sentence = failure_of(error, connected=True)
            return await self._broken(WireFailure(kind, sentence, self._now(), self._started_at))
        timer.arrived()
        if reception.status == 101 and self._websocket:
            timer.upgraded()
            return await self._talk(reception)
        try:
            while isinstance(event := await self._reader.next(), h11.Data):
                if reception.stop is None:
                    await reception.feed(self._reader.arrived - self._sent, bytes(event.data))
                timer.arrived()
        except (OSError, h11.RemoteProtocolError) as error:
            return await self._broken(reception.answer(*broken_body(error), self._now(), self._started_at))
        self._framed = True
        if reception.stop is not None:
            return reception.stopped(self._now(), self._started_at)
        surplus = len(self._reader.surplus)
        detail = f"{surplus} bytes follow the end of the response" if surplus else ""
        return reception.answer(Ending.COMPLETE, detail, self._now(), self._started_at)

    async def _broken(self, outcome: Outcome) -> Outcome:
        """Hand on what the gateway still sends behind a fault: a client may bear more than the protocol allows."""
        self._outcome = outcome
        try:
            while (await self._copy.receive())[1]:
                pass
        except OSError:
            pass
        return outcome

    async def _talk(self, reception: Reception) -> Outcome:
        """Relay a WebSocket until a connection ends."""
        heard = self._heard = Overheard(self._wire, reception)
        heard.feed(self._reader.arrived - self._sent, self._reader.surplus, sent=False)
        if early := self._request.ahead:
            self._request.ahead = b""
            await self._say(heard, self._reader.arrived, early)
        try:
            while True:
                at, data = await self._copy.receive()
                if not data:
                    break
                heard.feed(at - self._sent, data, sent=False)
            if heard.closed(sent=False):
                with contextlib.suppress(TimeoutError):  # its own answer to the close may be on its way
                    await asyncio.wait_for(self._closed.wait(), _LINGER)
            heard.end(Ending.CUT, "the connection was closed before both sides had sent a close frame", self._now())
        except OSError:
            heard.end(Ending.RESET, "the connection was reset", self._now())
        return self._ended(Ending.COMPLETE, "")
