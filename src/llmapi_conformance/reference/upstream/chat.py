"""OpenAI Chat Completions: what an answer is (wire-grammars.md sections 2.2 and 2.3)."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from llmapi_conformance.reference.upstream.documents import write_document
from llmapi_conformance.reference.upstream.errors import ApiError, openai_envelope
from llmapi_conformance.reference.upstream.frames import Frame, Part, event
from llmapi_conformance.reference.upstream.generation import Dialect
from llmapi_conformance.reference.upstream.script import EndReason, cut_text
from llmapi_conformance.reference.upstream.vendors import new_id

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from llmapi_conformance.reference.upstream.script import Question, Script

_FINISH_REASONS = {
    EndReason.NATURAL: "stop",
    EndReason.STOP_STRING: "stop",
    EndReason.LENGTH: "length",
    EndReason.CALLS: "tool_calls",
    EndReason.FILTERED: "content_filter",
}
_DONE = event(Part.CLOSING, b"[DONE]")


def whole_completion(question: Question, script: Script) -> dict[str, Any]:
    """Write the answer that is not streamed."""
    return {
        **_head("chat.completion", question),
        "choices": [_choice(index, script) for index in range(question.choices)],
        "usage": _usage(script),
    }


def completion_frames(question: Question, script: Script) -> Iterator[Frame]:
    """Write the stream: one choice after the other, each of them with the same text."""
    head = _head("chat.completion.chunk", question)
    if question.usage_in_stream:
        head["usage"] = None

    def chunk(part: Part, index: int, delta: dict[str, Any], finish_reason: str | None = None) -> Frame:
        choice = {"index": index, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
        return event(part, write_document({**head, "choices": [choice]}))

    for index in range(question.choices):
        content = None if script.calls and not script.pieces else ""
        opening = Part.OPENING if index == 0 else Part.OTHER
        yield chunk(opening, index, {"role": "assistant", "content": content, "refusal": None})
        for part, delta in _deltas(script):
            yield chunk(part, index, delta)
        last = index == question.choices - 1
        yield chunk(Part.CLOSING if last else Part.OTHER, index, {}, _FINISH_REASONS[script.reason])
    if question.usage_in_stream:
        totals = {**head, "choices": [], "usage": _usage(script)}
        yield event(Part.CLOSING, write_document(totals))
    yield _DONE


def completion_error(error: ApiError, request_id: str, _sent: Sequence[Frame] = ()) -> Iterator[Frame]:
    """Write an error into a stream (rule C-S6)."""
    yield event(Part.CLOSING, write_document(openai_envelope(error, request_id)))


def _head(kind: str, question: Question) -> dict[str, Any]:
    return {
        "id": new_id("chatcmpl-"),
        "object": kind,
        "created": int(time.time()),
        "model": question.model,
        "service_tier": "default",
        "system_fingerprint": None,
    }


def _choice(index: int, script: Script) -> dict[str, Any]:
    message: dict[str, Any] = {
        "role": "assistant",
        "content": script.text if script.text or not script.calls else None,
        "refusal": None,
        "annotations": [],
    }
    if script.calls:
        message["tool_calls"] = [
            {
                "id": new_id("call_"),
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments},
            }
            for call in script.calls
        ]
    return {"index": index, "message": message, "logprobs": None, "finish_reason": _FINISH_REASONS[script.reason]}


def _deltas(script: Script) -> Iterator[tuple[Part, dict[str, Any]]]:
    for piece in script.pieces:
        yield Part.DELTA, {"content": piece}
    for index, call in enumerate(script.calls):
        # Id, type and name stand on the first fragment only (rule C-S4).
        function = {"name": call.name, "arguments": ""}
        first = {"index": index, "id": new_id("call_"), "type": "function", "function": function}
        yield Part.OTHER, {"tool_calls": [first]}
        for piece in cut_text(call.arguments):
            yield Part.DELTA, {"tool_calls": [{"index": index, "function": {"arguments": piece}}]}


def _usage(script: Script) -> dict[str, Any]:
    usage = script.usage
    return {
        "prompt_tokens": usage.input,
        "completion_tokens": usage.output,
        "total_tokens": usage.input + usage.output,
        "prompt_tokens_details": {"cached_tokens": usage.cached, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": usage.thoughts,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


CHAT = Dialect(whole=whole_completion, frames=completion_frames, error_frames=completion_error)
