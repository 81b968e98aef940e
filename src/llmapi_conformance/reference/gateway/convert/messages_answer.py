"""A whole message as a Chat completion."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from llmapi_conformance.reference.gateway.convert.common import call_id, chat_usage, finish_reason, new_id
from llmapi_conformance.reference.gateway.documents import compact

if TYPE_CHECKING:
    from collections.abc import Mapping


def message_to_chat(document: Mapping[str, Any], model: str) -> dict[str, Any] | None:
    """Convert a message that answers a Chat request for a model; None if it is not a message. Thinking is left out."""
    blocks = document.get("content")
    if document.get("type") != "message" or not isinstance(blocks, list):
        return None
    blocks = [block for block in blocks if isinstance(block, dict)]
    text = "".join(str(block.get("text")) for block in blocks if block.get("type") == "text")
    calls = [_call(block) for block in blocks if block.get("type") == "tool_use"]
    message: dict[str, Any] = {"role": "assistant", "content": text if text or not calls else None, "refusal": None}
    if calls:
        message["tool_calls"] = calls
    return {
        "id": new_id("chatcmpl-"),
        "object": "chat.completion",
        "created": int(time.time()),
        "model": document.get("model") or model,
        "choices": [
            {
                "index": 0,
                "message": message,
                "logprobs": None,
                "finish_reason": finish_reason(document.get("stop_reason"), has_calls=bool(calls)),
            }
        ],
        "usage": chat_usage(document.get("usage")),
    }


def _call(block: Mapping[str, Any]) -> dict[str, Any]:
    function = {"name": block.get("name"), "arguments": compact(block.get("input") or {})}
    return {"id": call_id(str(block.get("id"))), "type": "function", "function": function}
