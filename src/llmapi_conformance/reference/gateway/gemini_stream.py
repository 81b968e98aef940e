"""Gemini's streams, passed on piece by piece (rules G-S1 to G-S7)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llmapi_conformance.reference.gateway.relay import event_document, one_line
from llmapi_conformance.reference.gateway.sse import Comment, Frame, ServerEvent
from llmapi_conformance.reference.gateway.upstream_client import UpstreamFailure
from llmapi_conformance.reference.gateway.upstream_errors import ended_early, failure_of_event

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

    from llmapi_conformance.reference.gateway.tally import Tally


async def relay_gemini(frames: AsyncGenerator[Frame], tally: Tally) -> AsyncGenerator[Frame]:
    """Pass a Gemini stream on; what is no piece of it, a comment for one, stays behind (rule G-S7).

    Raises:
        UpstreamFailure: The upstream sent an error, or something that is no piece, or stopped early.
    """
    async for data, document in pieces(frames, tally):
        yield ServerEvent(one_line(data, document))
    tally.book()


async def pieces(frames: AsyncGenerator[Frame], tally: Tally) -> AsyncGenerator[tuple[str, dict[str, Any]]]:
    """Yield the pieces of a Gemini stream as text and document.

    The stream has no terminal: it is complete when each of its candidates has a finish reason, or the prompt was
    blocked.

    Raises:
        UpstreamFailure: The upstream sent an error, or something that is no piece, or stopped early.
    """
    ending = _Ending()
    try:
        async for frame in frames:
            if isinstance(frame, Comment):
                continue
            document = event_document(frame)
            if "error" in document:
                raise failure_of_event(document)
            tally.see_gemini(document.get("usageMetadata"))
            ending.see(document)
            yield frame.data, document
    except UpstreamFailure:
        # Behind the last finish reason nothing is missing.
        if not ending.complete:
            raise
    if not ending.complete:
        raise ended_early()


class _Ending:
    """Which candidates have begun, and which have finished."""

    def __init__(self) -> None:
        self._open: set[int] = set()
        self._finished: set[int] = set()
        self._blocked = False

    @property
    def complete(self) -> bool:
        """Whether nothing more has to come."""
        return self._blocked or bool(self._finished and not self._open)

    def see(self, piece: Mapping[str, Any]) -> None:
        """Notice a piece."""
        feedback = piece.get("promptFeedback")
        self._blocked = self._blocked or (isinstance(feedback, dict) and bool(feedback.get("blockReason")))
        for candidate in piece.get("candidates") or []:
            index = candidate.get("index", 0)
            if candidate.get("finishReason"):
                self._finished.add(index)
            self._open = (self._open | {index}) - self._finished
