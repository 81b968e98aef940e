"""Passing requests on: whole answers and streams, native protocol to native protocol."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from llmapi_conformance.reference.gateway.documents import compact, object_or_none
from llmapi_conformance.reference.gateway.sse import KEEP_ALIVE, Comment, Frame, ServerEvent
from llmapi_conformance.reference.gateway.streams import EventStream, begun
from llmapi_conformance.reference.gateway.upstream_client import UpstreamFailure
from llmapi_conformance.reference.gateway.upstream_errors import (
    ended_early,
    failure_of_event,
    not_understood,
    refusal_of_answer,
    refusal_of_failure,
)

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping

    from llmapi_conformance.reference.gateway.streams import Dialect
    from llmapi_conformance.reference.gateway.tally import Tally
    from llmapi_conformance.reference.gateway.upstream_client import UpstreamAnswer, UpstreamStream

DONE: Final = "[DONE]"
_DRAIN_SECONDS: Final = 0.5


@dataclass(frozen=True, slots=True)
class Pipe:
    """What becomes of an upstream's stream: the client's dialect, the tally to book, the change of its frames."""

    dialect: Dialect
    tally: Tally
    change: Callable[[AsyncGenerator[Frame]], AsyncGenerator[Frame]]


async def whole_answer(asked: Awaitable[UpstreamAnswer], dialect: Dialect) -> tuple[bytes, dict[str, Any]]:
    """Wait for the upstream's answer and return it as bytes and as a document.

    Raises:
        Refusal: The upstream refused or failed, or its answer is no JSON object, or is an error under a 200 (rule E2).
    """
    try:
        answer = await asked
    except UpstreamFailure as failure:
        raise refusal_of_failure(failure, dialect.family) from None
    if answer.status != 200:
        raise refusal_of_answer(answer.status, answer.headers, answer.body, dialect.family)
    document = object_or_none(answer.body)
    if document is None or document.get("error") is not None:
        raise refusal_of_failure(not_understood(), dialect.family)
    return answer.body, document


async def stream_answer(asked: Awaitable[UpstreamStream], pipe: Pipe, heartbeat_seconds: float) -> EventStream:
    """Wait for the upstream's stream to begin and return the answer that carries it on.

    Raises:
        Refusal: The upstream refused or failed before its first event.
    """
    return EventStream(await stream_frames(asked, pipe), pipe.dialect, heartbeat_seconds)


async def stream_frames(asked: Awaitable[UpstreamStream], pipe: Pipe) -> AsyncGenerator[Frame]:
    """Wait for the upstream's stream to begin and return the frames for the client.

    Raises:
        Refusal: The upstream refused or failed before its first event.
    """
    try:
        stream = await asked
        frames = await begun(_piped(stream, pipe))
    except UpstreamFailure as failure:
        raise refusal_of_failure(failure, pipe.dialect.family) from None
    return _booked(frames, pipe.tally)


async def _piped(stream: UpstreamStream, pipe: Pipe) -> AsyncGenerator[Frame]:
    async with (
        contextlib.aclosing(_owned(stream, pipe.dialect)) as source,
        contextlib.aclosing(pipe.change(source)) as frames,
    ):
        async for frame in frames:
            yield frame
        # Read to its end, the connection can serve again; closed before, the stream would look cancelled upstream.
        with contextlib.suppress(TimeoutError, UpstreamFailure):
            async with asyncio.timeout(_DRAIN_SECONDS):
                async for _ in source:
                    pass


async def _owned(stream: UpstreamStream, dialect: Dialect) -> AsyncGenerator[Frame]:
    """Yield the frames of a stream and close it, however that ends."""
    try:
        if stream.status != 200:
            raise refusal_of_answer(stream.status, stream.headers, await stream.read(), dialect.family)
        if not stream.is_stream:
            raise not_understood()
        async with contextlib.aclosing(stream.frames()) as frames:
            async for frame in frames:
                yield frame
    finally:
        await stream.aclose()


async def _booked(frames: AsyncGenerator[Frame], tally: Tally) -> AsyncGenerator[Frame]:
    """Book what is known of a stream that its client leaves before the end (rule H5)."""
    async with contextlib.aclosing(frames):
        try:
            async for frame in frames:
                yield frame
        except (GeneratorExit, asyncio.CancelledError):
            tally.book()
            raise


async def relay_messages(frames: AsyncGenerator[Frame], tally: Tally) -> AsyncGenerator[Frame]:
    """Pass a Messages stream on, event by event, until `message_stop`.

    Raises:
        UpstreamFailure: The upstream sent an error event, or something that is no event, or stopped early.
    """
    async for frame in frames:
        if isinstance(frame, Comment):
            yield KEEP_ALIVE
            continue
        document = event_document(frame)
        kind = str(document.get("type"))
        if kind == "error":
            raise failure_of_event(document)
        if kind == "message_start":
            message = document.get("message")
            tally.see_messages(message.get("usage") if isinstance(message, dict) else None)
        tally.see_messages(document.get("usage"))
        if kind == "message_stop":
            tally.book()
        yield ServerEvent(one_line(frame.data, document), frame.event or kind)
        if kind == "message_stop":
            return
    raise ended_early()


async def relay_chat(frames: AsyncGenerator[Frame], tally: Tally, *, with_usage: bool) -> AsyncGenerator[Frame]:
    """Pass a Chat stream on, chunk by chunk, until `[DONE]`.

    The upstream is always asked for usage, which the ledger needs; the client sees it only if it asked too (rule C-S5).

    Raises:
        UpstreamFailure: The upstream sent an error, or something that is no chunk, or stopped early.
    """
    async for frame in frames:
        if isinstance(frame, Comment):
            yield KEEP_ALIVE
            continue
        if frame.data.strip() == DONE:
            tally.book()
            yield ServerEvent(DONE)
            return
        document = event_document(frame)
        if "error" in document:
            raise failure_of_event(document)
        tally.see_chat(document.get("usage"))
        if with_usage or "usage" not in document:
            yield ServerEvent(one_line(frame.data, document))
        elif document.get("choices"):
            del document["usage"]
            yield ServerEvent(compact(document))
    raise ended_early()


def event_document(frame: ServerEvent) -> dict[str, Any]:
    """Return the JSON object that an event carries.

    Raises:
        UpstreamFailure: It carries something else.
    """
    document = object_or_none(frame.data)
    if document is None:
        raise not_understood()
    return document


def one_line(data: str, document: Mapping[str, Any]) -> str:
    """Return the data of an event on a single line, to the character where it already is."""
    return compact(document) if "\n" in data else data
