"""A whole Chat completion as a message."""

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

if TYPE_CHECKING:
    from collections.abc import Mapping


def chat_to_message(document: Mapping[str, Any], request: Mapping[str, Any]) -> dict[str, Any] | None:
    """Convert a completion that answers a Messages request; None if it is not a completion.

    A call whose argument text the length limit has cut is left out: half of an object is none.
    """
    choices = document.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    answer = choice.get("message") if isinstance(choice, dict) else None
    if not isinstance(choice, dict) or not isinstance(answer, dict):
        return None
    texts = [answer.get("content"), answer.get("refusal")]
    content: list[dict[str, Any]] = [{"type": "text", "text": text} for text in texts if isinstance(text, str) and text]
    finish = "content_filter" if answer.get("refusal") else choice.get("finish_reason")
    calls = answer.get("tool_calls") or []
    for call in calls:
        block = _tool_use(call)
        if block is not None:
            content.append(block)
        elif finish != "length":
            return None
    matched = matched_stop(choice, request.get("stop_sequences"))
    reason = stop_reason(finish, has_calls=bool(calls), matched=matched)
    return {
        "id": new_id("msg_"),
        "type": "message",
        "role": "assistant",
        "model": document.get("model") or request["model"],
        "content": content,
        "stop_reason": reason,
        "stop_sequence": matched if reason == "stop_sequence" else None,
        "usage": messages_usage(document.get("usage")),
    }


def _tool_use(call: Any) -> dict[str, Any] | None:
    function = call.get("function") if isinstance(call, dict) else None
    if not isinstance(function, dict):
        return None
    arguments = arguments_object(function.get("arguments") or "")
    if arguments is None:
        return None
    return {"type": "tool_use", "id": toolu_id(str(call.get("id"))), "name": function.get("name"), "input": arguments}
