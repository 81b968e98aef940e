"""A Chat stream as a Messages stream (rules A-S1 to A-S7)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llmapi_conformance.reference.gateway.convert.common import (
    arguments_object,
    matched_stop,
    messages_usage,
    new_id,
    stop_reason,
    toolu_id,
)
from llmapi_conformance.reference.gateway.documents import compact
from llmapi_conformance.reference.gateway.relay import DONE, event_document
from llmapi_conformance.reference.gateway.sse import KEEP_ALIVE, Comment, Frame, ServerEvent
from llmapi_conformance.reference.gateway.upstream_errors import ended_early, failure_of_event, not_understood

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator, Mapping

    from llmapi_conformance.reference.gateway.tally import Tally


async def chat_to_messages_stream(
    frames: AsyncGenerator[Frame], request: Mapping[str, Any], input_estimate: int, tally: Tally
) -> AsyncGenerator[Frame]:
    """Convert a Chat stream that answers a Messages request, chunk by chunk.

    Chat tells usage at its end only: `message_start` carries an estimate of the input, `message_delta` the truth.

    Raises:
        UpstreamFailure: The upstream sent an error, broke its protocol, or stopped before `[DONE]`.
    """
    converter = _Converter(request, input_estimate)
    async for frame in frames:
        if isinstance(frame, Comment):
            yield KEEP_ALIVE
            continue
        if frame.data.strip() == DONE:
            ending = list(converter.end())
            tally.see_messages(converter.usage)
            tally.book()
            for event in ending:
                yield _named(event)
            return
        document = event_document(frame)
        if "error" in document:
            raise failure_of_event(document)
        for event in converter.convert(document):
            yield _named(event)
    raise ended_early()


def _named(event: Mapping[str, Any]) -> ServerEvent:
    return ServerEvent(compact(event), str(event["type"]))


class _Converter:
    """What has to be remembered between the chunks of one stream: the open block, the calls, the end."""

    def __init__(self, request: Mapping[str, Any], input_estimate: int) -> None:
        self.usage: dict[str, Any] = {}
        self._request = request
        self._input_estimate = input_estimate
        self._started = False
        self._index = -1
        self._open: str | None = None
        self._call: int | None = None
        self._seen_calls: set[int] = set()
        self._arguments = ""
        self._finish: Any = None
        self._matched: str | None = None

    def convert(self, chunk: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """Yield the events that one chunk becomes."""
        if not self._started:
            self._started = True
            yield self._message_start(chunk)
        if isinstance(chunk.get("usage"), dict):
            self.usage = messages_usage(chunk["usage"])
        choices = chunk.get("choices")
        if not choices:
            return
        choice = choices[0] if isinstance(choices, list) else None
        if not isinstance(choice, dict):
            raise not_understood()
        delta = choice.get("delta") or {}
        for name in ("content", "refusal"):
            if delta.get(name):
                yield from self._text(delta[name])
                self._finish = "content_filter" if name == "refusal" else self._finish
        for fragment in delta.get("tool_calls") or []:
            yield from self._fragment(fragment)
        if choice.get("finish_reason"):
            self._finish = self._finish or choice["finish_reason"]
            self._matched = matched_stop(choice, self._request.get("stop_sequences"))

    def end(self) -> Iterator[dict[str, Any]]:
        """Yield what closes the message; the upstream must have given its reason.

        Raises:
            UpstreamFailure: It gave none.
        """
        if not self._started or not self._finish:
            raise ended_early()
        yield from self._close()
        reason = stop_reason(self._finish, has_calls=bool(self._seen_calls), matched=self._matched)
        matched = self._matched if reason == "stop_sequence" else None
        self.usage = self.usage or messages_usage(None)
        yield {
            "type": "message_delta",
            "delta": {"stop_reason": reason, "stop_sequence": matched},
            "usage": self.usage,
        }
        yield {"type": "message_stop"}

    def _message_start(self, chunk: Mapping[str, Any]) -> dict[str, Any]:
        usage = messages_usage(None) | {"input_tokens": self._input_estimate}
        message = {
            "id": new_id("msg_"),
            "type": "message",
            "role": "assistant",
            "model": chunk.get("model") or self._request["model"],
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": usage,
        }
        return {"type": "message_start", "message": message}

    def _text(self, text: str) -> Iterator[dict[str, Any]]:
        if self._open != "text":
            yield from self._close()
            yield self._begin("text", {"type": "text", "text": ""})
        yield self._delta({"type": "text_delta", "text": text})

    def _fragment(self, fragment: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        index = fragment.get("index")
        function = fragment.get("function") or {}
        if not isinstance(index, int):
            raise not_understood()
        if index != self._call or self._open != "tool_use":
            # Blocks never overlap: a call that is taken up again after another has begun can't be told.
            if index in self._seen_calls:
                raise not_understood()
            yield from self._close()
            self._call = index
            self._seen_calls.add(index)
            block = {"type": "tool_use", "id": toolu_id(str(fragment.get("id"))), "name": function.get("name")}
            yield self._begin("tool_use", block | {"input": {}})
        if function.get("arguments"):
            self._arguments += function["arguments"]
            yield self._delta({"type": "input_json_delta", "partial_json": function["arguments"]})

    def _begin(self, kind: str, block: Mapping[str, Any]) -> dict[str, Any]:
        self._open, self._arguments = kind, ""
        self._index += 1
        return {"type": "content_block_start", "index": self._index, "content_block": block}

    def _delta(self, delta: Mapping[str, Any]) -> dict[str, Any]:
        return {"type": "content_block_delta", "index": self._index, "delta": delta}

    def _close(self) -> Iterator[dict[str, Any]]:
        if self._open is None:
            return
        cut = self._finish == "length"
        if self._open == "tool_use" and arguments_object(self._arguments) is None and not cut:
            raise not_understood()
        self._open = None
        yield {"type": "content_block_stop", "index": self._index}
