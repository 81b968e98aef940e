"""A WebSocket as a scenario talks over it: JSON objects one way, JSON objects the other way."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from llmapi_conformance.evidence.exchange import decode_json

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from llmapi_conformance.wire.talking import Socket

TERMINAL: Final = frozenset(
    {"response.completed", "response.failed", "response.incomplete", "response.cancelled", "error"}
)
"""Types of the messages that end a turn."""


class SocketSession:
    """Talks over one WebSocket.

    Whatever the gateway sends is kept in the exchange, also what no method here hands out. Nothing here raises because
    of the gateway: a WebSocket that has ended gives ``None`` and takes nothing.

    Attributes:
        messages: The JSON objects that were received by the methods so far, in order.
    """

    def __init__(self, socket: Socket, turn: Callable[[], Awaitable[None]]) -> None:
        """Talk over a socket; ``turn`` is called before each turn, since it counts as a request."""
        self._socket = socket
        self._turn = turn
        self.messages: list[dict[str, Any]] = []

    @property
    def open(self) -> bool:
        """Whether anything can still be sent."""
        return self._socket.open

    async def send(self, message: Any) -> bool:
        """Send a JSON value as one text message; ``False`` when the WebSocket is no longer open."""
        return await self.send_text(json.dumps(message, ensure_ascii=False, separators=(",", ":")))

    async def send_text(self, *fragments: str) -> bool:
        """Send one text message as it is, in as many frames as there are fragments.

        Raises:
            BudgetExceeded: It would start a turn that breaks a limit; it was not sent.
        """
        pieces = [fragment.encode("utf-8", "surrogatepass") for fragment in fragments]
        await self._count(b"".join(pieces))
        return await self._socket.send("text", *pieces)

    async def send_bytes(self, *fragments: bytes) -> bool:
        """Send one binary message, in as many frames as there are fragments.

        Raises:
            BudgetExceeded: It would start a turn that breaks a limit; it was not sent.
        """
        await self._count(b"".join(fragments))
        return await self._socket.send("binary", *fragments)

    async def receive(self, timeout: float | None = None) -> dict[str, Any] | None:  # noqa: ASYNC109 - silence is no error
        """The next JSON object; ``None`` when none came in time or the WebSocket has ended.

        Messages that are anything else are passed over: they are in the exchange for the oracles.

        Args:
            timeout: Seconds, also for what is passed over; the target's idle time when omitted.
        """
        while (received := await self._socket.receive(timeout)) is not None:
            message = decode_json(received.data)
            if isinstance(message, dict):
                self.messages.append(message)
                return message
        return None

    async def receive_until(
        self,
        *types: str,
        timeout: float | None = None,  # noqa: ASYNC109 - silence is no error
    ) -> dict[str, Any] | None:
        """The next JSON object of one of these types, or one that ends a turn (``TERMINAL``).

        Args:
            types: None for the end of the turn only.
            timeout: Seconds for each message; the target's idle time when omitted.

        Returns:
            The object, ``None`` when the gateway fell silent or the WebSocket has ended.
        """
        while (message := await self.receive(timeout)) is not None:
            kind = message.get("type")
            if isinstance(kind, str) and (kind in types or kind in TERMINAL):
                return message
        return None

    async def ping(self, data: bytes = b"", *, timeout: float | None = None) -> bool:  # noqa: ASYNC109 - silence is no error
        """Send a ping of at most 125 bytes and wait for its pong; whether it came."""
        before = sum(frame.kind == "pong" and not frame.sent for frame in self._socket.frames)
        if not await self._socket.ping(data):
            return False
        return await self._socket.received(
            lambda frames: sum(frame.kind == "pong" and not frame.sent for frame in frames) > before, timeout
        )

    async def close(self, code: int | None = 1000, reason: str = "") -> None:
        """Close and wait for the gateway's close; at the end of the script that happens by itself."""
        await self._socket.close(code, reason)

    def hang_up(self) -> None:
        """End the connection without a close; the exchange is then ``ABORTED``, and oracles pass it over."""
        self._socket.abort()

    async def ended(self, timeout: float | None = None) -> bool:  # noqa: ASYNC109 - silence is no error
        """Wait until the gateway closes; whether it did."""
        return await self._socket.received(lambda _: self._socket.ended, timeout)

    async def _count(self, data: bytes) -> None:
        message = decode_json(data)
        if self.open and isinstance(message, dict) and message.get("type") == "response.create":
            await self._turn()
