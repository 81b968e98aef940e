"""Send an answer over ASGI at its pace, and notice when the client goes away."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from llmapi_conformance.reference.upstream.frames import Part

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.types import Receive, Send

    from llmapi_conformance.reference.upstream.answers import Answer, Pace
    from llmapi_conformance.reference.upstream.frames import Frame
    from llmapi_conformance.reference.upstream.log import LogEntry
    from llmapi_conformance.reference.upstream.releases import Releases


async def deliver(answer: Answer, entry: LogEntry, releases: Releases, receive: Receive, send: Send) -> None:
    """Send an answer and keep its log entry up to date.

    Args:
        answer: What is sent.
        entry: The request's entry in the log.
        releases: The tokens that may hold the answer back.
        receive: ASGI; the request's body has been read.
        send: ASGI.
    """
    sending = asyncio.create_task(_send(answer, entry, releases, send))
    watching = asyncio.create_task(_gone(receive))
    try:
        await asyncio.wait((sending, watching), return_when=asyncio.FIRST_COMPLETED)
        if sending.done():
            sending.result()
        else:
            entry.disconnected = True
    finally:
        sending.cancel()
        watching.cancel()
        await asyncio.gather(sending, watching, return_exceptions=True)


async def _send(answer: Answer, entry: LogEntry, releases: Releases, send: Send) -> None:
    pace = answer.pace
    if pace.delay:
        await asyncio.sleep(pace.delay)
    if pace.hold_until is not None and not answer.streamed:
        await releases.wait(pace.hold_until, 1)
    await send({"type": "http.response.start", "status": answer.status, "headers": answer.fields()})
    async for frame in paced(answer, entry, releases):
        await send({"type": "http.response.body", "body": frame.data, "more_body": True})
    await send({"type": "http.response.body", "body": b"", "more_body": False})
    entry.finished = True


async def paced(answer: Answer, entry: LogEntry, releases: Releases) -> AsyncIterator[Frame]:
    """Yield the frames of an answer, each when its time has come, and count the deltas that were taken.

    Args:
        answer: What is sent.
        entry: The request's entry in the log.
        releases: The tokens that may hold the answer back.
    """
    pace = answer.pace
    for frame in answer.frames:
        if frame.part is Part.DELTA and entry.deltas_sent:
            await _before_further_delta(pace, entry.deltas_sent, releases)
        yield frame
        if frame.part is Part.DELTA:
            entry.deltas_sent += 1
            if entry.deltas_sent == 1 and pace.hold_until is not None:
                await releases.wait(pace.hold_until, 1)


async def _before_further_delta(pace: Pace, sent: int, releases: Releases) -> None:
    if pace.every:
        await asyncio.sleep(pace.every)
    if pace.step is not None:
        await releases.wait(pace.step, sent)


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
