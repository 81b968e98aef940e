"""A whole Gemini answer as a message; a Chat completion is made of that."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from llmapi_conformance.reference.gateway.convert.common import new_id
from llmapi_conformance.reference.gateway.tally import count

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_REFUSED: Final = frozenset(
    {
        "SAFETY",
        "RECITATION",
        "LANGUAGE",
        "BLOCKLIST",
        "PROHIBITED_CONTENT",
        "SPII",
        "IMAGE_SAFETY",
        "IMAGE_PROHIBITED_CONTENT",
        "IMAGE_RECITATION",
    }
)
_BROKEN: Final = frozenset(
    {
        "MALFORMED_FUNCTION_CALL",
        "UNEXPECTED_TOOL_CALL",
        "TOO_MANY_TOOL_CALLS",
        "MISSING_THOUGHT_SIGNATURE",
        "MALFORMED_RESPONSE",
    }
)


def gemini_to_message(document: Mapping[str, Any], model: str) -> dict[str, Any] | None:
    """Convert an answer to a request for a model; None if it can't be one."""
    candidates = document.get("candidates") or []
    if not candidates and not blocked(document):
        return None
    candidate = candidates[0] if candidates else {}
    finish = candidate.get("finishReason") if candidates else "SAFETY"
    if not isinstance(finish, str) or finish in _BROKEN:
        return None
    content: list[dict[str, Any]] = []
    for part in parts_of(candidate):
        for block in blocks(part):
            previous = content[-1] if content else {}
            if block["type"] == "text" == previous.get("type"):
                previous["text"] += block["text"]
            elif block["type"] == "thinking" == previous.get("type") and not previous["signature"]:
                previous["thinking"] += block["thinking"]
                previous["signature"] = block["signature"]
            else:
                content.append(block)
    has_calls = any(block["type"] == "tool_use" for block in content)
    return {
        "id": new_id("msg_"),
        "type": "message",
        "role": "assistant",
        "model": document.get("modelVersion") or model,
        "content": content,
        "stop_reason": stop_reason_of(finish, has_calls=has_calls),
        "stop_sequence": None,
        "usage": messages_usage_of(document.get("usageMetadata")),
    }


def blocked(document: Mapping[str, Any]) -> bool:
    """Whether Gemini answered nothing because of the prompt (rule G-N1)."""
    feedback = document.get("promptFeedback")
    return isinstance(feedback, dict) and bool(feedback.get("blockReason"))


def broken(finish: Any) -> bool:
    """Whether an end reason says that the answer itself came to nothing."""
    return finish in _BROKEN


def stop_reason_of(finish: Any, *, has_calls: bool) -> str:
    """Return the Messages end reason for Gemini's, which has none for calls (oracle M20)."""
    if finish == "MAX_TOKENS":
        return "max_tokens"
    if finish in _REFUSED:
        return "refusal"
    return "tool_use" if has_calls else "end_turn"


def messages_usage_of(usage: Any) -> dict[str, Any]:
    """Return the Messages usage for Gemini's: cached input apart, thoughts among the output (oracle M20)."""
    usage = usage if isinstance(usage, dict) else {}
    prompt = count(usage, "promptTokenCount") + count(usage, "toolUsePromptTokenCount")
    cached = min(prompt, count(usage, "cachedContentTokenCount"))
    thoughts = count(usage, "thoughtsTokenCount")
    return {
        "input_tokens": prompt - cached,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": cached,
        "output_tokens": count(usage, "candidatesTokenCount") + thoughts,
        "output_tokens_details": {"thinking_tokens": thoughts},
    }


def parts_of(candidate: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the parts of a candidate, none where Gemini left them out (rule G-N4)."""
    content = candidate.get("content")
    parts = content.get("parts") if isinstance(content, dict) else None
    return [part for part in parts or [] if isinstance(part, dict)]


def blocks(part: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the content blocks that one part becomes.

    A signature on a part that is no thought has no place in Messages: it travels in a redacted block before it, and
    comes back with it (rule G-N6). Calls get ids of ours, because Gemini mostly has none.
    """
    signature = part.get("thoughtSignature")
    text = part.get("text")
    if part.get("thought"):
        yield {"type": "thinking", "thinking": str(text or ""), "signature": signature or ""}
        return
    if isinstance(signature, str) and signature:
        yield {"type": "redacted_thinking", "data": signature}
    if isinstance(text, str) and text:
        yield {"type": "text", "text": text}
    call = part.get("functionCall")
    if isinstance(call, dict):
        arguments = call.get("args") or {}
        yield {"type": "tool_use", "id": new_id("toolu_"), "name": call.get("name"), "input": arguments}
    media = part.get("inlineData")
    if isinstance(media, dict):
        # Neither Messages nor Chat has a block for a picture in an answer: Markdown can show one.
        yield {"type": "text", "text": f"![image](data:{media.get('mimeType')};base64,{media.get('data')})"}
