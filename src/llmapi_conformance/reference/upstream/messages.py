"""Anthropic Messages: what an answer is (wire-grammars.md sections 1.3 and 1.4)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from llmapi_conformance.reference.upstream.documents import write_document
from llmapi_conformance.reference.upstream.errors import ApiError, anthropic_envelope
from llmapi_conformance.reference.upstream.frames import Frame, Part, event, sprinkled
from llmapi_conformance.reference.upstream.generation import Dialect
from llmapi_conformance.reference.upstream.messages_request import sign
from llmapi_conformance.reference.upstream.script import EndReason, cut_text
from llmapi_conformance.reference.upstream.vendors import new_id

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from llmapi_conformance.reference.upstream.script import Question, Script

_STOP_REASONS = {
    EndReason.NATURAL: "end_turn",
    EndReason.STOP_STRING: "stop_sequence",
    EndReason.LENGTH: "max_tokens",
    EndReason.CALLS: "tool_use",
    EndReason.FILTERED: "refusal",
}


def whole_message(question: Question, script: Script) -> dict[str, Any]:
    """Write the answer that is not streamed.

    Raises:
        ApiError: 400, the directive's arguments are no JSON object.
    """
    content: list[dict[str, Any]] = []
    if script.thinking is not None:
        content.append({"type": "thinking", "thinking": script.thinking, "signature": sign(script.thinking)})
    if script.text:
        content.append({"type": "text", "text": script.text})
    content += [
        {"type": "tool_use", "id": new_id("toolu_"), "name": call.name, "input": call.as_object("Messages")}
        for call in script.calls
    ]
    return {
        **_message(question, script, script.usage.output),
        "content": content,
        "stop_reason": _STOP_REASONS[script.reason],
        "stop_sequence": script.stop_string,
    }


def message_frames(question: Question, script: Script) -> Iterator[Frame]:
    """Write the stream.

    Raises:
        ApiError: 400, the directive's arguments are no JSON object.
    """
    for call in script.calls:
        call.as_object("Messages")
    # At the start Anthropic counts the first output token or none; the last message_delta has the sum (rule A-S6).
    yield _event(Part.OPENING, "message_start", message=_message(question, script, min(1, script.usage.output)))
    for index, block in enumerate(_blocks(script)):
        yield from _block_frames(index, *block)
        if index == 0:
            yield _PING
    delta = {"stop_reason": _STOP_REASONS[script.reason], "stop_sequence": script.stop_string}
    usage = {name: count for name, count in _usage(script, script.usage.output).items() if isinstance(count, int)}
    yield _event(Part.CLOSING, "message_delta", delta=delta, usage=usage)
    yield _event(Part.CLOSING, "message_stop")


def message_error(error: ApiError, request_id: str, _sent: Sequence[Frame] = ()) -> Iterator[Frame]:
    """Write an error into a stream (rule A-S11)."""
    yield event(Part.CLOSING, write_document(anthropic_envelope(error, request_id)), "error")


def token_count(question: Question, script: Script) -> dict[str, Any]:  # noqa: ARG001 - the dialects share a signature
    """Write the answer of count_tokens: the whole input, cached or not."""
    return {"input_tokens": script.usage.input}


def _event(part: Part, name: str, **fields: Any) -> Frame:
    return event(part, write_document({"type": name, **fields}), name)


_PING = _event(Part.OTHER, "ping")


def _message(question: Question, script: Script, output: int) -> dict[str, Any]:
    """Write a message before its content is known (rule A-S1)."""
    return {
        "id": new_id("msg_"),
        "type": "message",
        "role": "assistant",
        "model": question.model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": _usage(script, output),
    }


def _usage(script: Script, output: int) -> dict[str, Any]:
    return {
        "input_tokens": script.usage.input - script.usage.cached,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": script.usage.cached,
        "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
        "output_tokens": output,
        "service_tier": "standard",
    }


def _blocks(script: Script) -> Iterator[tuple[dict[str, Any], list[tuple[Part, dict[str, str]]]]]:
    """Return each block's zero value and its deltas."""
    if script.thinking is not None:
        thoughts = [{"type": "thinking_delta", "thinking": piece} for piece in cut_text(script.thinking)]
        thoughts.append({"type": "signature_delta", "signature": sign(script.thinking)})
        zero = {"type": "thinking", "thinking": "", "signature": ""}
        # Other protocols have no thinking, so it does not count as a delta of the answer.
        yield zero, [(Part.OTHER, delta) for delta in thoughts]
    if script.pieces:
        yield (
            {"type": "text", "text": ""},
            [(Part.DELTA, {"type": "text_delta", "text": piece}) for piece in script.pieces],
        )
    for call in script.calls:
        # Anthropic's first fragment is empty; that of a call without arguments is the only one (rule A-S4).
        fragments = [(Part.OTHER, ""), *((Part.DELTA, piece) for piece in cut_text(call.arguments))]
        yield (
            {"type": "tool_use", "id": new_id("toolu_"), "name": call.name, "input": {}},
            [(part, {"type": "input_json_delta", "partial_json": fragment}) for part, fragment in fragments],
        )


def _block_frames(index: int, zero: dict[str, Any], deltas: list[tuple[Part, dict[str, str]]]) -> Iterator[Frame]:
    yield _event(Part.OTHER, "content_block_start", index=index, content_block=zero)
    for part, delta in deltas:
        yield _event(part, "content_block_delta", index=index, delta=delta)
    yield _event(Part.OTHER, "content_block_stop", index=index)


MESSAGES = Dialect(
    whole=whole_message,
    frames=message_frames,
    error_frames=message_error,
    pinged=partial(sprinkled, between=_PING.data),
)
COUNT_TOKENS = Dialect(whole=token_count, frames=message_frames, error_frames=message_error)
