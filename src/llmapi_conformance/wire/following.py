"""An answer that has no end of its own: handed on while it arrives, until whoever follows it leaves."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, Protocol

from llmapi_conformance.evidence.exchange import Ending

if TYPE_CHECKING:
    from llmapi_conformance.wire.deadline import PhaseTimer
    from llmapi_conformance.wire.message import WireAnswer
    from llmapi_conformance.wire.reading import ResponseReader
    from llmapi_conformance.wire.reception import Reception

_LEFT: Final = "we left a stream that has no end of its own"


class Follower(Protocol):
    """Follows one answer.

    Attributes:
        left: Set when no more of it is wanted; the read ends at once then.
        idle: Seconds between two pieces of a successful answer, at most.
        total: Seconds after which a successful answer is left.
    """

    left: asyncio.Event
    idle: float
    total: float

    def begins(self, status: int) -> None:
        """The head of the response is there."""

    def arrives(self, at: float, data: bytes) -> None:
        """Decoded bytes have arrived, ``at`` seconds after the request was sent."""


async def read_body(reader: ResponseReader, reception: Reception, timer: PhaseTimer, started_at: float) -> WireAnswer:
    """Take in a body until it ends or its follower, if it has one, leaves; what came before that counts.

    A success that is followed gets the follower's limits, any other answer keeps the usual ones.
    """
    follower = reception.follower
    if follower is None:
        timer.arrived()
        return await reader.body(reception, timer, started_at)
    follower.begins(reception.status)
    if reception.succeeded:
        timer.follow(follower.idle, follower.total)
    timer.arrived()
    body = asyncio.ensure_future(reader.body(reception, timer, started_at))
    leaving = asyncio.ensure_future(follower.left.wait())
    try:
        await asyncio.wait((body, leaving), return_when=asyncio.FIRST_COMPLETED)
        if body.done():
            return body.result()
        return reception.answer(Ending.LEFT, _LEFT, reader.now(), started_at)
    finally:
        for task in (body, leaving):
            task.cancel()
        await asyncio.gather(body, leaving, return_exceptions=True)


def overdue(reception: Reception, timer: PhaseTimer, now: float, started_at: float) -> WireAnswer:
    """The answer when a deadline passed in its body."""
    if reception.follower is not None and reception.succeeded and timer.all_spent:
        # Only we wanted it to end: that it has not is no fault.
        limit = f"{_LEFT}, after our limit of {reception.follower.total:g} s"
        return reception.answer(Ending.LEFT, limit, now, started_at)
    return reception.answer(Ending.TIMEOUT, timer.sentence, now, started_at)
