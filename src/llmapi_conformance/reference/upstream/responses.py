"""OpenAI Responses: what a response is (wire-grammars.md sections 3.2 and 3.3)."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from llmapi_conformance.reference.upstream.documents import write_document
from llmapi_conformance.reference.upstream.errors import ApiError, openai_envelope
from llmapi_conformance.reference.upstream.frames import Frame, Part, event
from llmapi_conformance.reference.upstream.generation import Dialect
from llmapi_conformance.reference.upstream.messages_request import sign
from llmapi_conformance.reference.upstream.script import EndReason, cut_text
from llmapi_conformance.reference.upstream.vendors import new_id

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from typing import TypeAlias

    from llmapi_conformance.reference.upstream.responses_request import Turn
    from llmapi_conformance.reference.upstream.script import Question, Script

    Event: TypeAlias = tuple[Part, str, dict[str, Any]]

_INCOMPLETE_REASONS = {EndReason.LENGTH: "max_output_tokens", EndReason.FILTERED: "content_filter"}
_FAILURE_CODES = {429: "rate_limit_exceeded"}
FINAL_EVENTS = frozenset({"response.completed", "response.incomplete"})
"""The events that end a response which others may continue."""


def whole_response(question: Question, script: Script) -> dict[str, Any]:
    """Write the response that is not streamed."""
    return _ended(_started(question.details), script, _items(question.details, script))


def response_events(question: Question, script: Script) -> Iterator[Frame]:
    """Write the stream of events."""
    return _numbered(_events(question, script))


def response_failure(error: ApiError, request_id: str, sent: Sequence[Frame]) -> Iterator[Frame]:
    """Write an error into a stream: the nested event as OpenAI sends it, and the failed response (rule R-S10)."""
    detail = openai_envelope(error, request_id)["error"]
    events: list[Event] = [(Part.CLOSING, "error", {"error": detail})]
    if sent and sent[0].document is not None:
        code = _FAILURE_CODES.get(error.status, "server_error")
        failed = {**sent[0].document["response"], "status": "failed", "error": {"code": code, "message": error.message}}
        events.append((Part.CLOSING, "response.failed", {"response": failed}))
    yield from _numbered(events, _next_number(sent))


def kept_alive(frames: Iterable[Frame]) -> Iterator[Frame]:
    """Put a keepalive event after each event that does not end the response, and number them anew (rule R-S11)."""
    yield from _numbered(_with_keepalives(frames))


def socket_messages(question: Question, script: Script) -> Iterator[Frame]:
    """Write the events as messages of a WebSocket: the same objects without SSE around them (section 6)."""
    return _bare(response_events(question, script))


def socket_failure(error: ApiError, request_id: str, sent: Sequence[Frame]) -> Iterator[Frame]:
    """Write an error into a turn of a WebSocket, which it ends."""
    document = {**socket_error(error, request_id), "sequence_number": _next_number(sent)}
    yield Frame(Part.CLOSING, write_document(document), document)


def socket_error(error: ApiError, request_id: str) -> dict[str, Any]:
    """Return the error message of a WebSocket, which must have a status."""
    return {"type": "error", "status": error.status, **openai_envelope(error, request_id)}


def socket_kept_alive(frames: Iterable[Frame]) -> Iterator[Frame]:
    """Do the same to the messages of a WebSocket."""
    return _bare(kept_alive(frames))


def _with_keepalives(frames: Iterable[Frame]) -> Iterator[Event]:
    for frame in frames:
        fields = dict(frame.document or {})
        del fields["sequence_number"]
        yield frame.part, fields.pop("type"), fields
        if frame.part is not Part.CLOSING:
            yield Part.OTHER, "keepalive", {}


def _bare(frames: Iterable[Frame]) -> Iterator[Frame]:
    for frame in frames:
        yield Frame(frame.part, write_document(frame.document), frame.document)


def _numbered(events: Iterable[Event], first: int = 0) -> Iterator[Frame]:
    """Write events with their sequence numbers (rule R-S1)."""
    for number, (part, name, fields) in enumerate(events, start=first):
        document = {"type": name, "sequence_number": number, **fields}
        frame = event(part, write_document(document), name)
        yield Frame(frame.part, frame.data, document)


def _next_number(sent: Sequence[Frame]) -> int:
    numbers = [frame.document["sequence_number"] for frame in sent if frame.document is not None]
    return int(numbers[-1]) + 1 if numbers else 0


def _events(question: Question, script: Script) -> Iterator[Event]:
    turn: Turn = question.details
    response = _started(turn)
    yield Part.OPENING, "response.created", {"response": response}
    yield Part.OTHER, "response.in_progress", {"response": response}
    items = _items(turn, script)
    for index, item in enumerate(items):
        match item["type"]:
            case "reasoning":
                yield from _reasoning_events(index, item)
            case "message":
                yield from _message_events(index, item, script.pieces)
            case _:
                yield from _call_events(index, item)
    ended = _ended(response, script, items)
    yield Part.CLOSING, f"response.{ended['status']}", {"response": ended}


def _reasoning_events(index: int, item: dict[str, Any]) -> Iterator[Event]:
    """Other protocols show no reasoning, so none of it counts as a delta of the answer."""
    yield Part.OTHER, "response.output_item.added", {"output_index": index, "item": {**item, "summary": []}}
    for number, part in enumerate(item["summary"]):
        at = {"item_id": item["id"], "output_index": index, "summary_index": number}
        yield Part.OTHER, "response.reasoning_summary_part.added", {**at, "part": {**part, "text": ""}}
        for piece in cut_text(part["text"]):
            yield Part.OTHER, "response.reasoning_summary_text.delta", {**at, "delta": piece}
        yield Part.OTHER, "response.reasoning_summary_text.done", {**at, "text": part["text"]}
        yield Part.OTHER, "response.reasoning_summary_part.done", {**at, "part": part}
    yield Part.OTHER, "response.output_item.done", {"output_index": index, "item": item}


def _message_events(index: int, item: dict[str, Any], pieces: Sequence[str]) -> Iterator[Event]:
    started = {**item, "status": "in_progress", "content": []}
    yield Part.OTHER, "response.output_item.added", {"output_index": index, "item": started}
    for number, part in enumerate(item["content"]):
        at = {"item_id": item["id"], "output_index": index, "content_index": number}
        yield Part.OTHER, "response.content_part.added", {**at, "part": {**part, "text": ""}}
        for piece in pieces:
            yield Part.DELTA, "response.output_text.delta", {**at, "delta": piece, "logprobs": []}
        yield Part.OTHER, "response.output_text.done", {**at, "text": part["text"], "logprobs": []}
        yield Part.OTHER, "response.content_part.done", {**at, "part": part}
    yield Part.OTHER, "response.output_item.done", {"output_index": index, "item": item}


def _call_events(index: int, item: dict[str, Any]) -> Iterator[Event]:
    started = {**item, "status": "in_progress", "arguments": ""}
    yield Part.OTHER, "response.output_item.added", {"output_index": index, "item": started}
    at = {"item_id": item["id"], "output_index": index}
    for piece in cut_text(item["arguments"]):
        yield Part.DELTA, "response.function_call_arguments.delta", {**at, "delta": piece}
    whole = {**at, "name": item["name"], "arguments": item["arguments"]}
    yield Part.OTHER, "response.function_call_arguments.done", whole
    yield Part.OTHER, "response.output_item.done", {"output_index": index, "item": item}


def _items(turn: Turn, script: Script) -> list[dict[str, Any]]:
    """Return the output; the last item of an incomplete response is incomplete itself (rule R-N4)."""
    if turn.asked.generate is False:
        return []
    items: list[dict[str, Any]] = []
    if script.thinking is not None:
        items.append(_reasoning(turn, script.thinking))
    if script.pieces or not script.calls:
        status = "incomplete" if script.reason in _INCOMPLETE_REASONS else "completed"
        text = {"type": "output_text", "text": script.text, "annotations": [], "logprobs": []}
        items.append(
            {"id": new_id("msg_"), "type": "message", "status": status, "role": "assistant", "content": [text]}
        )
    items += [
        {
            "id": new_id("fc_"),
            "type": "function_call",
            "status": "completed",
            "call_id": new_id("call_"),
            "name": call.name,
            "arguments": call.arguments,
        }
        for call in script.calls
    ]
    return items


def _reasoning(turn: Turn, thinking: str) -> dict[str, Any]:
    item: dict[str, Any] = {
        "id": new_id("rs_"),
        "type": "reasoning",
        "summary": [{"type": "summary_text", "text": thinking}],
    }
    if "reasoning.encrypted_content" in (turn.asked.include or ()):
        item["encrypted_content"] = sign(thinking)
    return item


def _started(turn: Turn) -> dict[str, Any]:
    """Write a response before anything is in it (rule R-S2): what was asked for, and the defaults of the rest."""
    asked, given = turn.asked, turn.document
    reasoning = given.get("reasoning") or {}
    text = given.get("text") or {}
    return {
        "id": new_id("resp_"),
        "object": "response",
        "created_at": int(time.time()),
        "status": "in_progress",
        "background": False,
        "completed_at": None,
        "error": None,
        "frequency_penalty": 0.0,
        "incomplete_details": None,
        "instructions": asked.instructions,
        "max_output_tokens": asked.max_output_tokens,
        "max_tool_calls": asked.max_tool_calls,
        "metadata": dict(asked.metadata or {}),
        "model": asked.model,
        "output": [],
        "parallel_tool_calls": _or(asked.parallel_tool_calls, default=True),
        "presence_penalty": 0.0,
        "previous_response_id": asked.previous_response_id,
        "prompt_cache_key": asked.prompt_cache_key,
        "reasoning": {"effort": None, "summary": None, **reasoning},
        "safety_identifier": asked.safety_identifier,
        "service_tier": "default",
        "store": _or(asked.store, default=True),
        "temperature": _or(asked.temperature, default=1.0),
        "text": {"format": {"type": "text"}, "verbosity": "medium", **text},
        "tool_choice": _or(given.get("tool_choice"), default="auto"),
        "tools": list(given.get("tools") or ()),
        "top_logprobs": _or(asked.top_logprobs, default=0),
        "top_p": _or(asked.top_p, default=1.0),
        "truncation": _or(asked.truncation, default="disabled"),
        "usage": None,
        "user": asked.user,
    }


def _ended(response: Mapping[str, Any], script: Script, items: list[dict[str, Any]]) -> dict[str, Any]:
    reason = _INCOMPLETE_REASONS.get(script.reason)
    return {
        **response,
        "status": "completed" if reason is None else "incomplete",
        "completed_at": int(time.time()) if reason is None else None,
        "incomplete_details": None if reason is None else {"reason": reason},
        "output": items,
        "usage": _usage(script, said=bool(items)),
    }


def _usage(script: Script, *, said: bool) -> dict[str, Any]:
    usage = script.usage
    output = usage.output if said else 0
    return {
        "input_tokens": usage.input,
        "input_tokens_details": {"cached_tokens": usage.cached},
        "output_tokens": output,
        "output_tokens_details": {"reasoning_tokens": usage.thoughts if said else 0},
        "total_tokens": usage.input + output,
    }


def _or(value: Any, *, default: Any) -> Any:
    return default if value is None else value


RESPONSES = Dialect(whole=whole_response, frames=response_events, error_frames=response_failure, pinged=kept_alive)
RESPONSES_SOCKET = Dialect(
    whole=whole_response,
    frames=socket_messages,
    error_frames=socket_failure,
    pinged=socket_kept_alive,
    comments=False,
)
