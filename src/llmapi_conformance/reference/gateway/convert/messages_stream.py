"""A Messages stream as a Chat stream (rules C-S1 to C-S6)."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from llmapi_conformance.reference.gateway.convert.common import call_id, chat_usage, finish_reason, new_id
from llmapi_conformance.reference.gateway.documents import compact
from llmapi_conformance.reference.gateway.relay import DONE, event_document
from llmapi_conformance.reference.gateway.sse import KEEP_ALIVE, Comment, Frame, ServerEvent
from llmapi_conformance.reference.gateway.upstream_errors import ended_early, failure_of_event, not_understood

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator, Mapping

    from llmapi_conformance.reference.gateway.tally import Tally


async def messages_to_chat_stream(
    frames: AsyncGenerator[Frame], model: str, tally: Tally, *, with_usage: bool
) -> AsyncGenerator[Frame]:
    """Convert a Messages stream event by event; pings become comments, thinking is left out.

    Raises:
        UpstreamFailure: The upstream sent an error event, broke its protocol, or stopped before `message_stop`.
    """
    converter = _Converter(model, with_usage=with_usage)
    async for frame in frames:
        if isinstance(frame, Comment):
            yield KEEP_ALIVE
            continue
        document = event_document(frame)
        kind = document.get("type")
        if kind == "error":
            raise failure_of_event(document)
        if kind == "ping":
            yield KEEP_ALIVE
            continue
        for chunk in converter.convert(document):
            yield ServerEvent(compact(chunk))
        if kind in ("message_start", "message_delta"):
            tally.see_messages(converter.usage)
        if kind == "message_stop":
            tally.book()
            yield ServerEvent(DONE)
            return
    raise ended_early()


class _Converter:
    """What has to be remembered between the events of one stream."""

    def __init__(self, model: str, *, with_usage: bool) -> None:
        self.usage: dict[str, Any] = {}
        self._head: dict[str, Any] = {
            "id": new_id("chatcmpl-"),
            "object": "chat.completion.chunk",
            "created": int(time.time()),
            "model": model,
        }
        self._with_usage = with_usage
        self._calls = 0
        self._open_input: dict[str, Any] | None = None
        self._stop_reason: Any = None

    def convert(self, event: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """Yield the chunks that one event becomes."""
        kind = event.get("type")
        if kind == "message_start":
            message = _part(event, "message")
            self.usage |= message.get("usage") or {}
            self._head["model"] = message.get("model") or self._head["model"]
            yield self._chunk({"role": "assistant", "content": ""})
        elif kind == "content_block_start":
            yield from self._start(_part(event, "content_block"))
        elif kind == "content_block_delta":
            yield from self._delta(_part(event, "delta"))
        elif kind == "content_block_stop":
            yield from self._stop()
        elif kind == "message_delta":
            self._stop_reason = _part(event, "delta").get("stop_reason") or self._stop_reason
            self.usage |= {name: value for name, value in (event.get("usage") or {}).items() if value is not None}
        elif kind == "message_stop":
            yield self._chunk({}, finish_reason(self._stop_reason, has_calls=self._calls > 0))
            if self._with_usage:
                yield {**self._head, "choices": [], "usage": chat_usage(self.usage)}

    def _start(self, block: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        if block.get("type") == "text" and block.get("text"):
            yield self._chunk({"content": block["text"]})
        if block.get("type") == "tool_use":
            # The input of the start is kept for the case that no delta follows (rule A-S3).
            self._open_input = block.get("input") or {}
            function = {"name": block.get("name"), "arguments": ""}
            call = {"id": call_id(str(block.get("id"))), "type": "function", "function": function}
            self._calls += 1
            yield self._fragment(call)

    def _delta(self, delta: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        if delta.get("type") == "text_delta" and delta.get("text"):
            yield self._chunk({"content": delta["text"]})
        if delta.get("type") == "input_json_delta" and delta.get("partial_json"):
            self._open_input = None
            yield self._fragment({"function": {"arguments": delta["partial_json"]}})

    def _stop(self) -> Iterator[dict[str, Any]]:
        # Arguments are JSON text in Chat: nothing at all would not be (rule C-S4).
        if self._open_input is not None:
            yield self._fragment({"function": {"arguments": compact(self._open_input)}})
        self._open_input = None

    def _fragment(self, call: Mapping[str, Any]) -> dict[str, Any]:
        return self._chunk({"tool_calls": [{"index": self._calls - 1, **call}]})

    def _chunk(self, delta: Mapping[str, Any], finish: str | None = None) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return {**self._head, "choices": [choice]} | ({"usage": None} if self._with_usage else {})


def _part(event: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = event.get(name)
    if not isinstance(part, dict):
        raise not_understood()
    return part
