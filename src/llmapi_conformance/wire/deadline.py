"""One timer for the phases of an exchange."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Literal

from llmapi_conformance.wire.message import Deadlines, FailureKind

Phase = Literal["connect", "head", "body", "socket"]

# Senders give connecting and the TLS handshake a limit each; ours is the net below theirs.
_GRACE = 0.5
_MISSING: dict[Phase, str] = {
    "connect": "no connection stood",
    "head": "no response head was complete",
    "body": "the body had not ended",
    "socket": "the WebSocket was still open",
}


class PhaseTimer:
    """Moves an ``asyncio.timeout`` along as the exchange proceeds.

    Attributes:
        phase: What is being waited for.
    """

    __slots__ = ("_deadlines", "_end", "_loop", "_timeout", "phase")

    def __init__(self, timeout: asyncio.Timeout, deadlines: Deadlines) -> None:
        """Start the clock of the whole and of the first phase, ``connect``; ``timeout`` has been entered."""
        self._loop = asyncio.get_running_loop()
        self._timeout = timeout
        self._deadlines = deadlines
        self._end = self._loop.time() + deadlines.total
        self.phase: Phase = "connect"
        self._set(2 * deadlines.connect + _GRACE)

    def connected(self) -> None:
        """The connection stands: the head of the response is waited for."""
        self.phase = "head"
        self._set(self._deadlines.first_byte)

    def arrived(self) -> None:
        """Something of the response arrived: more of its body is waited for."""
        self.phase = "body"
        self._set(self._deadlines.idle)

    def upgraded(self) -> None:
        """A WebSocket stands: whoever uses it bounds each wait, and only the limit of the whole is left here."""
        self.phase = "socket"
        self._set(self._deadlines.total)

    def follow(self, idle: float, total: float) -> None:
        """A stream without an end of its own begins: other limits hold for the rest, in seconds."""
        self._deadlines = replace(self._deadlines, idle=idle, total=total)
        self._end = self._loop.time() + total

    @property
    def all_spent(self) -> bool:
        """Whether the limit of the whole has passed, rather than that of a phase."""
        return self._loop.time() >= self._end

    def _set(self, seconds: float) -> None:
        if not self._timeout.expired():
            self._timeout.reschedule(min(self._loop.time() + seconds, self._end))

    @property
    def sentence(self) -> str:
        """What the passed deadline means."""
        limits = self._deadlines
        if self.all_spent:
            return f"{_MISSING[self.phase]} after {limits.total:g} s, the limit for the whole exchange"
        match self.phase:
            case "connect":
                return f"no connection stood after {limits.connect:g} s"
            case "head":
                return f"no complete response head arrived within {limits.first_byte:g} s"
            case _:
                return f"nothing of the body arrived for {limits.idle:g} s"

    @property
    def failure(self) -> FailureKind:
        """The kind of failure when a deadline passed before the head was complete."""
        return FailureKind.CONNECT_TIMEOUT if self.phase == "connect" else FailureKind.FIRST_BYTE_TIMEOUT
