"""What the conversions share: call ids, stop reasons, usage, a token estimate."""

from __future__ import annotations

import re
import secrets
from typing import TYPE_CHECKING, Any, Final

from llmapi_conformance.reference.gateway.documents import compact, object_or_none
from llmapi_conformance.reference.gateway.tally import count, total_input

if TYPE_CHECKING:
    from collections.abc import Mapping

_CALL: Final = "call_"
_TOOLU: Final = "toolu_"
_CHARACTERS_PER_TOKEN: Final = 4
_TOKENS_PER_MESSAGE: Final = 3
_DATA_URL = re.compile(r"data:(?P<type>[\w.+-]+/[\w.+-]+)(?:;[\w=.+-]+)*?;base64,(?P<data>.*)", re.ASCII | re.DOTALL)

_FINISH_OF_STOP: Final = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}
_STOP_OF_FINISH: Final = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "function_call": "tool_use",
    "content_filter": "refusal",
}


def new_id(prefix: str) -> str:
    """Return an id of our own: an upstream's is never handed on."""
    return prefix + secrets.token_hex(12)


def toolu_id(call_id: str) -> str:
    """Return the Messages form of a call id; `call_id` undoes it, so that a result finds its call again."""
    return _TOOLU + call_id.removeprefix(_CALL) if call_id.startswith(_CALL) else call_id


def call_id(toolu: str) -> str:
    """Return the Chat form of a tool use id."""
    return _CALL + toolu.removeprefix(_TOOLU) if toolu.startswith(_TOOLU) else toolu


def finish_reason(stop_reason: Any, *, has_calls: bool) -> str:
    """Return Chat's end reason for a Messages one (oracle M20).

    An answer with tool calls that ended by itself says so, whatever the upstream wrote.
    """
    reason = _FINISH_OF_STOP.get(str(stop_reason), "stop")
    return "tool_calls" if has_calls and reason == "stop" else reason


def stop_reason(finish: Any, *, has_calls: bool, matched: str | None = None) -> str:
    """Return the Messages end reason for a Chat one (oracle M20).

    Chat does not tell a stop string from a natural end: only `matched`, where the upstream names it, does.
    """
    reason = _STOP_OF_FINISH.get(str(finish), "end_turn")
    if reason == "end_turn" and has_calls:
        return "tool_use"
    return "stop_sequence" if reason == "end_turn" and matched is not None else reason


def matched_stop(choice: Mapping[str, Any], stops: Any) -> str | None:
    """Return the stop string that ended a Chat answer, where the upstream names it as some servers do."""
    for name in ("stop_reason", "matched_stop"):
        value = choice.get(name)
        if isinstance(value, str) and value in (stops or ()):
            return value
    return None


def chat_usage(usage: Any) -> dict[str, Any]:
    """Return Chat's usage for a Messages one: `prompt_tokens` includes what was cached (oracle M20)."""
    usage = usage if isinstance(usage, dict) else {}
    prompt, completion = total_input(usage), count(usage, "output_tokens")
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": count(usage, "cache_read_input_tokens")},
        "completion_tokens_details": {
            "reasoning_tokens": count(usage.get("output_tokens_details"), "thinking_tokens"),
        },
    }


def messages_usage(usage: Any) -> dict[str, Any]:
    """Return the Messages usage for a Chat one: `input_tokens` leaves the cached ones out (rule A-N4)."""
    usage = usage if isinstance(usage, dict) else {}
    prompt = count(usage, "prompt_tokens")
    cached = min(prompt, count(usage.get("prompt_tokens_details"), "cached_tokens"))
    return {
        "input_tokens": prompt - cached,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": cached,
        "output_tokens": count(usage, "completion_tokens"),
    }


def arguments_object(text: str) -> dict[str, Any] | None:
    """Return the object that a call's argument text stands for, {} for no text, None for text that isn't an object."""
    if not text.strip():
        return {}
    return object_or_none(text)


def data_url(url: str) -> tuple[str, str] | None:
    """Split a base64 `data:` URL into its media type and its data; None for any other URL."""
    match = _DATA_URL.fullmatch(url)
    return (match["type"], match["data"]) if match else None


def estimated_input(chat: Mapping[str, Any]) -> int:
    """Estimate the input tokens of a Chat request: a few for each message, one for about four characters."""
    characters = len(compact(chat["tools"])) if chat.get("tools") else 0
    for message in chat["messages"]:
        content = message.get("content") or ""
        texts = [content] if isinstance(content, str) else [part.get("text") or compact(part) for part in content]
        characters += sum(map(len, texts)) + sum(len(compact(call)) for call in message.get("tool_calls") or ())
    return _TOKENS_PER_MESSAGE * len(chat["messages"]) + -(-characters // _CHARACTERS_PER_TOKEN)
