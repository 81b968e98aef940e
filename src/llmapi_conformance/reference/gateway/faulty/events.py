"""Faults of streams: what the events say and in which order they come."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any, Final

from llmapi_conformance.reference.gateway.edge import changing_streams, each_document, is_chat, is_messages, object_in
from llmapi_conformance.reference.gateway.faulty.answers import wrong_totals
from llmapi_conformance.reference.gateway.sse import Frame, ServerEvent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from starlette.types import ASGIApp

    from llmapi_conformance.reference.gateway.core import Core
    from llmapi_conformance.reference.gateway.edge import Seen

    Change = Callable[[Frame], Iterable[Frame]]
    Wrapper = Callable[[ASGIApp, Core], ASGIApp]

_DONE: Final = ServerEvent("[DONE]")


def _stream(when: Callable[[Seen], bool], new_change: Callable[[], Change]) -> Wrapper:
    return lambda app, _core: changing_streams(app, when, new_change)


def _documents(when: Callable[[Seen], bool], change: Callable[[dict[str, Any]], None]) -> Wrapper:
    return _stream(when, lambda: each_document(change))


def _done_twice(frame: Frame) -> Iterable[Frame]:
    """M15."""
    return (frame, frame) if frame == _DONE else (frame,)


def _empty_finish(chunk: dict[str, Any]) -> None:
    """M16."""
    for choice in chunk.get("choices") or []:
        choice["finish_reason"] = choice.get("finish_reason") or ""


def _end_turn_after_tools() -> Change:
    """M23."""
    kinds: list[str] = []

    def change(event: dict[str, Any]) -> None:
        if event.get("type") == "content_block_start":
            kinds.append(str(event["content_block"].get("type")))
        spoke_first = "text" in kinds and "tool_use" in kinds[kinds.index("text") :]
        if event.get("type") == "message_delta" and spoke_first and event["delta"].get("stop_reason") == "tool_use":
            event["delta"]["stop_reason"] = "end_turn"

    return each_document(change)


def _index_zero(chunk: dict[str, Any]) -> None:
    """M24."""
    for choice in chunk.get("choices") or []:
        for call in choice["delta"].get("tool_calls") or []:
            call["index"] = 0


def _no_input_at_start(event: dict[str, Any]) -> None:
    """M25."""
    if event.get("type") == "message_start":
        event["message"]["usage"]["input_tokens"] = 0


def _no_usage_chunk(frame: Frame) -> Iterable[Frame]:
    """M26."""
    document = object_in(frame.data) if isinstance(frame, ServerEvent) else {}
    return () if document.get("choices") == [] and document.get("usage") else (frame,)


def _input_summed() -> Change:
    """M28."""
    started = 0

    def change(event: dict[str, Any]) -> None:
        nonlocal started
        if event.get("type") == "message_start":
            started = event["message"]["usage"].get("input_tokens", 0)
        if event.get("type") == "message_delta":
            usage = event.setdefault("usage", {})
            usage["input_tokens"] = started + (usage.get("input_tokens") or started)

    return each_document(change)


def _role_everywhere(chunk: dict[str, Any]) -> None:
    """C01."""
    for choice in chunk.get("choices") or []:
        choice["delta"] = {"role": "assistant", **choice["delta"]}


def _id_changes(chunk: dict[str, Any]) -> None:
    """C02."""
    chunk["id"] = f"chatcmpl-{secrets.token_hex(12)}"


def _wrong_totals(app: ASGIApp, _core: Core) -> ASGIApp:
    """C03, in both modes."""

    def change(chunk: dict[str, Any]) -> None:
        if isinstance(chunk.get("usage"), dict):
            chunk["usage"]["total_tokens"] = chunk["usage"].get("completion_tokens", 0)

    return changing_streams(wrong_totals(app), is_chat, lambda: each_document(change))


def _misnamed() -> Change:
    """S01."""
    done = False

    def change(frame: Frame) -> Iterable[Frame]:
        nonlocal done
        if done or not isinstance(frame, ServerEvent) or frame.event != "content_block_delta":
            return (frame,)
        done = True
        return (ServerEvent(frame.data, "content_block"),)

    return change


def _done_on_messages(frame: Frame) -> Iterable[Frame]:
    """S02."""
    stopped = isinstance(frame, ServerEvent) and frame.event == "message_stop"
    return (frame, _DONE) if stopped else (frame,)


def _from_one(event: dict[str, Any]) -> None:
    """S03."""
    if str(event.get("type")).startswith("content_block_"):
        event["index"] += 1


def _overlapping() -> Change:
    """S04."""
    held: list[Frame] = []

    def change(frame: Frame) -> Iterable[Frame]:
        name = frame.event if isinstance(frame, ServerEvent) else None
        if name == "content_block_stop":
            held.append(frame)
            return ()
        if not held or name not in ("content_block_start", "message_delta"):
            return (frame,)
        late = held.pop()
        return (frame, late) if name == "content_block_start" else (late, frame)

    return change


FAULTS: Final[dict[str, Wrapper]] = {
    "M15": _stream(is_chat, lambda: _done_twice),
    "M16": _documents(is_chat, _empty_finish),
    "M23": _stream(is_messages, _end_turn_after_tools),
    "M24": _documents(is_chat, _index_zero),
    "M25": _documents(is_messages, _no_input_at_start),
    "M26": _stream(is_chat, lambda: _no_usage_chunk),
    "M28": _stream(is_messages, _input_summed),
    "C01": _documents(is_chat, _role_everywhere),
    "C02": _documents(is_chat, _id_changes),
    "C03": _wrong_totals,
    "S01": _stream(is_messages, _misnamed),
    "S02": _stream(is_messages, lambda: _done_on_messages),
    "S03": _documents(is_messages, _from_one),
    "S04": _stream(is_messages, _overlapping),
}
