"""The stream of one response, event by event, and how it ends when the upstream fails (rules R-S1 to R-S10)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from llmapi_conformance.reference.gateway.documents import compact
from llmapi_conformance.reference.gateway.envelopes import Family, openai_error
from llmapi_conformance.reference.gateway.relay import DONE, event_document, one_line
from llmapi_conformance.reference.gateway.sse import KEEP_ALIVE, Comment, Frame, ServerEvent
from llmapi_conformance.reference.gateway.streams import Dialect
from llmapi_conformance.reference.gateway.upstream_client import UpstreamFailure
from llmapi_conformance.reference.gateway.upstream_errors import (
    ended_early,
    failure_of_event,
    not_understood,
    refusal_of_failure,
)

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterator, Mapping

    from llmapi_conformance.reference.gateway.refusals import Refusal
    from llmapi_conformance.reference.gateway.tally import Tally

RESPONSES_DIALECT: Final = Dialect(Family.OPENAI, KEEP_ALIVE)
_ENDS: Final = ("response.completed", "response.incomplete")
_CODES: Final = {
    400: "invalid_request",
    401: "invalid_api_key",
    403: "permission_denied",
    404: "not_found",
    413: "request_too_large",
    429: "rate_limit_exceeded",
    503: "server_is_overloaded",
}


class ResponseStream:
    """One response on its way from the upstream to the client.

    Args:
        tally: What is booked when the response has ended.
        previous: The `previous_response_id` of the client, which the upstream does not know.
        ended: Is called with the Response object of a good end.
        tells_error: A failure is told by an `error` event too, before `response.failed` (rule R-S10). Over WebSocket
            an error ends the turn, so that there `response.failed` stands alone.
    """

    def __init__(
        self,
        tally: Tally,
        previous: str | None,
        ended: Callable[[dict[str, Any]], None],
        *,
        tells_error: bool = True,
    ) -> None:
        self._tally = tally
        self._previous = previous
        self._ended = ended
        self._tells_error = tells_error
        self._number = 0
        self._snapshot: dict[str, Any] | None = None
        self._output: list[dict[str, Any]] = []

    async def relay(self, frames: AsyncGenerator[Frame]) -> AsyncGenerator[Frame]:
        """Pass the events on, numbered without a gap, until the end of the response.

        Raises:
            UpstreamFailure: The upstream failed before its first event; what fails later is told in the stream.
        """
        try:
            async for frame in frames:
                if isinstance(frame, Comment):
                    yield KEEP_ALIVE
                elif frame.data.strip() != DONE:
                    event = self._passed_on(frame)
                    yield event
                    if event.event in _ENDS:
                        return
            raise ended_early()
        except UpstreamFailure as failure:
            if self._snapshot is None:
                raise
            for told in self._failed(refusal_of_failure(failure, Family.OPENAI)):
                yield told

    def _passed_on(self, frame: ServerEvent) -> ServerEvent:
        document = event_document(frame)
        kind = document.get("type")
        if not isinstance(kind, str):
            raise not_understood()
        response = document.get("response")
        if kind == "error":
            raise failure_of_event(document if "error" in document else {"error": document})
        if kind == "response.failed":
            raise failure_of_event(response if isinstance(response, dict) else {})
        data = one_line(frame.data, document)
        if isinstance(response, dict):
            self._snapshot = response
            if self._previous is not None:
                response["previous_response_id"] = self._previous
                data = compact(document)
        elif self._snapshot is None or kind in _ENDS:
            raise not_understood()
        if kind == "response.output_item.done" and isinstance(document.get("item"), dict):
            self._output.append(document["item"])
        if document.get("sequence_number") != self._number:
            document["sequence_number"] = self._number
            data = compact(document)
        self._number += 1
        if kind in _ENDS and isinstance(response, dict):
            self._tally.see_responses(response.get("usage"))
            self._tally.book()
            self._ended(response)
        return ServerEvent(data, kind)

    def _failed(self, refusal: Refusal) -> Iterator[ServerEvent]:
        error = coded_error(refusal)
        if self._tells_error:
            yield self._event("error", {"error": error})
        response = {
            **(self._snapshot or {}),
            "status": "failed",
            "error": {"code": error["code"], "message": error["message"]},
            "incomplete_details": None,
            "output": self._output,
        }
        yield self._event("response.failed", {"response": response})

    def _event(self, kind: str, fields: dict[str, Any]) -> ServerEvent:
        document = {"type": kind, "sequence_number": self._number, **fields}
        self._number += 1
        return ServerEvent(compact(document), kind)


def is_end(event: Mapping[str, Any]) -> bool:
    """Whether an event is the last one of its response."""
    return event.get("type") in (*_ENDS, "response.failed")


def coded_error(refusal: Refusal) -> dict[str, Any]:
    """Return OpenAI's error object with a code in any case: inside of a stream no HTTP status stands beside it."""
    error = openai_error(refusal)
    usual = _CODES.get(refusal.status, "invalid_request" if refusal.status < 500 else "server_error")
    return error | {"code": error["code"] or usual}
