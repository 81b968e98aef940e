"""An open WebSocket as a script uses it: frames of both sides with their times, caps and deadlines."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections import deque
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, Literal

from websockets.exceptions import PayloadTooBig, ProtocolError
from websockets.frames import Frame as LibraryFrame
from websockets.frames import Opcode
from websockets.protocol import OPEN

from llmapi_conformance.evidence.exchange import Ending, Frame

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from websockets.client import ClientProtocol

    from llmapi_conformance.evidence.exchange import FrameKind
    from llmapi_conformance.wire.message import WireAnswer
    from llmapi_conformance.wire.raw import Upgraded

FRAME_LIMIT: Final = 50_000
"""Frames of both sides that are kept; after the last one we close."""
CLOSE_DEADLINE: Final = 5.0
"""Seconds that the gateway may take to answer a close with a close."""

_KINDS: dict[int, FrameKind] = {
    Opcode.TEXT: "text",
    Opcode.BINARY: "binary",
    Opcode.CLOSE: "close",
    Opcode.PING: "ping",
    Opcode.PONG: "pong",
}
# A client waits until the server has closed the connection (RFC 6455 section 7.1.1), but not for ever.
_LINGER = 0.25
_NO_STATUS = 1005  # stands for a close frame without a code, and never on the wire (RFC 6455 section 7.4.1)


@dataclass(frozen=True, slots=True)
class Received:
    """One whole message of the gateway, not yet redacted.

    Attributes:
        at: Seconds after the handshake was sent.
        kind: Text or binary.
        data: The payload.
    """

    at: float
    kind: Literal["text", "binary"]
    data: bytes = field(repr=False)


class Socket:
    """An open WebSocket, as a script uses it.

    The gateway's frames are taken in while the script does other things; pings are answered, closes too.

    Attributes:
        frames: Of both sides so far.
    """

    def __init__(self, upgraded: Upgraded, protocol: ClientProtocol, *, idle: float, limit: int) -> None:
        """Take a connection over.

        Args:
            upgraded: The connection.
            protocol: The library's side of it.
            idle: Seconds that a wait may take.
            limit: Bytes that are read, at most.
        """
        self._transport = upgraded.transport
        self._pipe = upgraded.pipe
        self._sent = upgraded.sent
        self._protocol = protocol
        self._idle = idle
        self._limit = limit
        self.frames: list[Frame] = []
        self._fragments: list[bytes] = []
        self._messages: deque[Received] = deque()
        self._length = 0
        self._digest = hashlib.sha256()
        self._ending: tuple[Ending, str, float] | None = None
        self._changed = asyncio.Event()
        self._closed: set[bool] = set()
        self._continued: FrameKind = "text"

    @property
    def open(self) -> bool:
        """Whether messages can still be sent."""
        return self._ending is None and self._protocol.state is OPEN

    @property
    def ended(self) -> bool:
        """Whether nothing more will arrive."""
        return self._ending is not None

    async def send(self, kind: Literal["text", "binary"], *fragments: bytes) -> bool:
        """Send a message, in as many frames as there are fragments; ``False`` when the WebSocket is no longer open."""
        for number, data in enumerate(fragments or (b"",), start=1):
            final = number >= len(fragments)
            if not self.open:
                return False
            if number > 1:
                self._protocol.send_continuation(data, final)
            elif kind == "text":
                self._protocol.send_text(data, final)
            else:
                self._protocol.send_binary(data, final)
            self._keep(Frame(self._now(), sent=True, kind=kind, data=data, final=final))
            await self._flush()
        return True

    async def ping(self, data: bytes = b"") -> bool:
        """Send a ping; ``False`` when the WebSocket is no longer open."""
        if not self.open:
            return False
        self._protocol.send_ping(data)
        self._keep(Frame(self._now(), sent=True, kind="ping", data=data))
        await self._flush()
        return True

    async def receive(self, timeout: float | None = None) -> Received | None:  # noqa: ASYNC109 - a quiet gateway is no error
        """The next whole message; ``None`` when none came in time or none will come.

        Args:
            timeout: Seconds; the target's idle time when omitted.
        """
        await self._until(lambda: bool(self._messages) or self.ended, timeout)
        return self._messages.popleft() if self._messages else None

    async def received(
        self,
        found: Callable[[list[Frame]], bool],
        timeout: float | None = None,  # noqa: ASYNC109 - a quiet gateway is no error
    ) -> bool:
        """Wait until something holds for the frames so far, such as that a pong is among them; whether it does."""
        await self._until(lambda: found(self.frames) or self.ended, timeout)
        return found(self.frames)

    async def close(self, code: int | None = 1000, reason: str = "") -> None:
        """Send a close and wait for the gateway's, at most ``CLOSE_DEADLINE`` seconds."""
        if self.open:
            self._protocol.send_close(code, reason)
            self._keep_closes(self._now())
            await self._flush()
        limit = min(self._idle, CLOSE_DEADLINE)
        if not await self._until(lambda: self.ended, limit):
            self.end(Ending.TIMEOUT, f"the gateway did not answer a close within {limit:g} s")

    def abort(self) -> None:
        """Hang up without a close."""
        self.end(Ending.ABORTED, "we hung up without a close frame")
        self._transport.abort()

    def end(self, ending: Ending, detail: str) -> None:
        """Nothing more is sent or taken in; the first end counts."""
        if self._ending is None:
            self._ending = (ending, detail, self._now())
        self._changed.set()

    async def run(self, script: Callable[[Socket], Awaitable[None]], upgraded: Upgraded) -> Exception | None:
        """Run a script to its end, close, and say what it raised."""
        error: Exception | None = None
        taking = asyncio.create_task(self._take_in(upgraded.arrived, upgraded.first))
        try:
            try:
                await script(self)
            except Exception as raised:  # noqa: BLE001 - whoever records the conversation raises it again
                error = raised
            if not self.ended:
                await self.close()
            if self._ending and self._ending[0] in (Ending.COMPLETE, Ending.RESET):
                await asyncio.wait({taking}, timeout=_LINGER)
        finally:
            taking.cancel()
            await asyncio.gather(taking, return_exceptions=True)
        return error

    def completed(self, answer: WireAnswer) -> WireAnswer:
        """The answer to the handshake with the end of the WebSocket; its own end where that came first."""
        self.end(answer.ending, answer.detail)
        ending, detail, at = self._ending or (answer.ending, answer.detail, answer.ended_at)
        digest = self._digest.hexdigest()
        return replace(answer, ending=ending, detail=detail, ended_at=at, wire_length=self._length, wire_digest=digest)

    def _now(self) -> float:
        return time.perf_counter() - self._sent

    async def _until(self, holds: Callable[[], bool], timeout: float | None) -> bool:  # noqa: ASYNC109 - see receive
        try:
            async with asyncio.timeout(self._idle if timeout is None else timeout):
                while not holds():
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            return holds()
        return True

    async def _take_in(self, at: float, data: bytes) -> None:
        """Take in what arrives until the connection ends; behind the end of the WebSocket nothing is looked at."""
        try:
            while True:
                if data and not self.ended:
                    self._feed(at - self._sent, data)
                    await self._flush()
                at, data = await self._pipe.receive()
                if not data:
                    break
        except OSError:
            self.end(Ending.RESET, "the connection was reset")
            return
        asked = self._protocol.close_sent is not None
        how = "without an answer to our close" if asked else "without a close frame"
        self.end(Ending.CUT, f"the connection was closed {how}")

    def _feed(self, at: float, data: bytes) -> None:
        """Take bytes that arrived at ``at`` seconds."""
        room = self._limit - self._length
        capped = len(data) > room
        data = data[:room]
        self._length += len(data)
        self._digest.update(data)
        self._protocol.receive_data(data)
        for event in self._protocol.events_received():
            if isinstance(event, LibraryFrame):
                self._arrived(at, event)
        self._keep_closes(at)
        match self._protocol.parser_exc:
            case None:
                if self._closed == {True, False}:
                    self.end(Ending.COMPLETE, "")
                elif capped:
                    self.end(
                        Ending.CAPPED, f"more than the limit of {self._limit} bytes arrived: the rest was not read"
                    )
            case PayloadTooBig():
                self.end(Ending.CAPPED, "a message is longer than the limit: it was not read")
            case ProtocolError() as problem:
                self.end(Ending.RESET, f"the gateway broke the WebSocket protocol: {problem}")
            case UnicodeDecodeError():
                self.end(Ending.RESET, "the gateway broke the WebSocket protocol: the reason of a close is no UTF-8")
            case _:
                self.end(Ending.RESET, "the gateway broke the WebSocket protocol: a frame can't be read")
        self._changed.set()

    def _arrived(self, at: float, frame: LibraryFrame) -> None:
        """Keep a received frame, and the pong that the library answers a ping with."""
        data = bytes(frame.data)
        kind = _KINDS.get(frame.opcode, self._continued)
        if kind == "close":
            return
        self._keep(Frame(at, sent=False, kind=kind, data=data, final=frame.fin))
        if kind == "ping":
            self._keep(Frame(self._now(), sent=True, kind="pong", data=data))
        elif kind != "pong":
            self._continued = kind
            self._fragments.append(data)
            if frame.fin:
                self._messages.append(Received(at, kind, b"".join(self._fragments)))
                self._fragments.clear()

    def _keep_closes(self, at: float) -> None:
        """Keep the close frames that were received and sent since the last time."""
        both = ((False, self._protocol.close_rcvd), (True, self._protocol.close_sent))
        # Who was the first to close stands first.
        for sent, close in both if self._protocol.close_rcvd_then_sent is not False else both[::-1]:
            if close is not None and sent not in self._closed:
                self._closed.add(sent)
                code = None if close.code == _NO_STATUS else int(close.code)
                when = self._now() if sent else at
                self._keep(Frame(when, sent=sent, kind="close", data=close.reason.encode(), code=code))

    def _keep(self, frame: Frame) -> None:
        if len(self.frames) < FRAME_LIMIT:
            self.frames.append(frame)
        else:
            self.end(Ending.CAPPED, f"more than the limit of {FRAME_LIMIT} frames were sent and received")

    async def _flush(self) -> None:
        """Write what the library has for the gateway, and wait until the gateway has taken most of it."""
        for data in self._protocol.data_to_send():
            if data and not self._transport.is_closing():  # no data means that TCP may be closed: that is ours to do
                self._transport.write(data)
        try:
            async with asyncio.timeout(self._idle):
                await self._pipe.drained()
        except TimeoutError:
            self.end(Ending.TIMEOUT, f"the gateway took nothing of what was sent for {self._idle:g} s")
