"""A Gemini stream as a Messages stream (rules A-S1 to A-S7); a Chat stream is made of that."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llmapi_conformance.reference.gateway.convert.common import new_id
from llmapi_conformance.reference.gateway.convert.gemini_answer import (
    blocked,
    blocks,
    broken,
    messages_usage_of,
    parts_of,
    stop_reason_of,
)
from llmapi_conformance.reference.gateway.documents import compact
from llmapi_conformance.reference.gateway.gemini_stream import pieces
from llmapi_conformance.reference.gateway.sse import Frame, ServerEvent
from llmapi_conformance.reference.gateway.upstream_errors import not_understood

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator, Mapping

    from llmapi_conformance.reference.gateway.tally import Tally

# What a delta of a block is called, and the member of the block that it adds to.
_DELTAS = {"text": ("text_delta", "text"), "thinking": ("thinking_delta", "thinking")}


async def gemini_to_messages_stream(frames: AsyncGenerator[Frame], model: str, tally: Tally) -> AsyncGenerator[Frame]:
    """Convert a Gemini stream that answers a Messages request, piece by piece.

    Raises:
        UpstreamFailure: The upstream sent an error, broke its protocol, or stopped before its finish reason.
    """
    converter = _Converter(model)
    async for _, document in pieces(frames, tally):
        for event in converter.convert(document):
            yield _named(event)
    tally.book()
    for event in converter.end():
        yield _named(event)


def _named(event: Mapping[str, Any]) -> ServerEvent:
    return ServerEvent(compact(event), str(event["type"]))


class _Converter:
    """What has to be remembered between the pieces of one stream: the open block, the calls, the end."""

    def __init__(self, model: str) -> None:
        self._model = model
        self._usage: dict[str, Any] = messages_usage_of(None)
        self._started = False
        self._index = -1
        self._open: str | None = None
        self._signature = ""
        self._has_calls = False
        self._finish: Any = None

    def convert(self, piece: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """Yield the events that one piece becomes.

        Raises:
            UpstreamFailure: The answer came to nothing.
        """
        if isinstance(piece.get("usageMetadata"), dict):
            self._usage = messages_usage_of(piece["usageMetadata"])
        if not self._started:
            self._started = True
            yield self._message_start(piece)
        if blocked(piece):
            self._finish = "SAFETY"
        candidates = piece.get("candidates") or []
        if not candidates:
            return
        for part in parts_of(candidates[0]):
            for block in blocks(part):
                yield from self._block(block)
        self._finish = candidates[0].get("finishReason") or self._finish
        if broken(self._finish):
            raise not_understood()

    def end(self) -> Iterator[dict[str, Any]]:
        """Yield what closes the message."""
        yield from self._close()
        reason = stop_reason_of(self._finish, has_calls=self._has_calls)
        delta = {"stop_reason": reason, "stop_sequence": None}
        yield {"type": "message_delta", "delta": delta, "usage": self._usage}
        yield {"type": "message_stop"}

    def _message_start(self, piece: Mapping[str, Any]) -> dict[str, Any]:
        message: dict[str, Any] = {
            "id": new_id("msg_"),
            "type": "message",
            "role": "assistant",
            "model": piece.get("modelVersion") or self._model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": self._usage | {"output_tokens": 0, "output_tokens_details": {"thinking_tokens": 0}},
        }
        return {"type": "message_start", "message": message}

    def _block(self, block: dict[str, Any]) -> Iterator[dict[str, Any]]:
        kind = block["type"]
        if kind == "tool_use":
            self._has_calls = True
            yield from self._close()
            yield self._begin(kind, block | {"input": {}})
            yield self._delta({"type": "input_json_delta", "partial_json": compact(block["input"])})
            yield from self._close()
        elif kind == "redacted_thinking":
            yield from self._close()
            yield self._begin(kind, block)
            yield from self._close()
        else:
            yield from self._words(kind, block)

    def _words(self, kind: str, block: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        delta, member = _DELTAS[kind]
        if self._open != kind:
            yield from self._close()
            zero = {"thinking": "", "signature": ""} if kind == "thinking" else {"text": ""}
            yield self._begin(kind, {"type": kind, **zero})
        if block[member]:
            yield self._delta({"type": delta, member: block[member]})
        if block.get("signature"):
            self._signature = block["signature"]
            yield from self._close()

    def _begin(self, kind: str, block: Mapping[str, Any]) -> dict[str, Any]:
        self._open, self._signature = kind, ""
        self._index += 1
        return {"type": "content_block_start", "index": self._index, "content_block": block}

    def _delta(self, delta: Mapping[str, Any]) -> dict[str, Any]:
        return {"type": "content_block_delta", "index": self._index, "delta": delta}

    def _close(self) -> Iterator[dict[str, Any]]:
        if self._open is None:
            return
        # A thinking block ends with its signature, and Gemini may give none (rule A-S5).
        if self._open == "thinking":
            yield self._delta({"type": "signature_delta", "signature": self._signature})
        self._open = None
        yield {"type": "content_block_stop", "index": self._index}
