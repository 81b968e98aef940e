"""Chat exchanges that keep every rule, for tests that break one at a time."""

from __future__ import annotations

import base64
import copy
from typing import TYPE_CHECKING, Any

import llmapi_conformance.judging.oracles.chat
import llmapi_conformance.judging.oracles.chat_content
import llmapi_conformance.judging.oracles.chat_stream
import llmapi_conformance.judging.oracles.chat_tools
import llmapi_conformance.judging.oracles.chat_upstream
import llmapi_conformance.judging.oracles.chat_usage  # noqa: F401 - all six register their oracles
from llmapi_conformance.evidence.exchange import Ending, Exchange
from llmapi_conformance.judging.oracle import ORACLES, Deviation, Examined, Oracle
from tests.judging.build import exchange

if TYPE_CHECKING:
    from collections.abc import Iterable

PATH = "/v1/chat/completions"
CREATED = 1_790_000_000
USAGE = {
    "prompt_tokens": 17,
    "completion_tokens": 5,
    "total_tokens": 22,
    "prompt_tokens_details": {"cached_tokens": 4},
    "completion_tokens_details": {"reasoning_tokens": 0},
}
WITH_USAGE: dict[str, Any] = {"stream_options": {"include_usage": True}}
ARGUMENTS = '{"b": 1.0, "a": 12345678901234567890}'
TOOLS: list[dict[str, Any]] = [{"type": "function", "function": {"name": name}} for name in ("get_weather", "get_time")]
Events = list[tuple[str | None, Any]]


def scripted(words: str, payload: str = "") -> str:
    """A prompt with a directive."""
    return f"@upstream {words} nonce=n1\n{payload}"


def question(content: str = "Hello", **extra: Any) -> dict[str, Any]:
    """A request body."""
    return {"model": "gpt-5.1", "messages": [{"role": "user", "content": content}], **extra}


def message(**changes: Any) -> dict[str, Any]:
    """A message of the assistant."""
    return {"role": "assistant", "content": "Hello there", "refusal": None} | changes


def completion(reason: Any = "stop", **changes: Any) -> dict[str, Any]:
    """A whole answer; ``message`` and ``usage`` among the changes replace those."""
    said = changes.pop("message", None) or message()
    choice = {"index": 0, "message": said, "logprobs": None, "finish_reason": reason}
    head = {"id": "chatcmpl-1", "object": "chat.completion", "created": CREATED, "model": "gpt-5.1"}
    return head | {"choices": [choice], "usage": copy.deepcopy(USAGE)} | changes


def calls(*arguments: str) -> list[dict[str, Any]]:
    """Tool calls of a whole answer, of the two tools in turn."""
    return [
        {
            "id": f"call_{number}",
            "type": "function",
            "function": {"name": TOOLS[number % 2]["function"]["name"], "arguments": text},
        }
        for number, text in enumerate(arguments)
    ]


def chunk(delta: Any, reason: Any = None, **changes: Any) -> dict[str, Any]:
    """A chunk with one choice."""
    head = {"id": "chatcmpl-2", "object": "chat.completion.chunk", "created": CREATED, "model": "gpt-5.1"}
    return head | {"choices": [{"index": 0, "delta": delta, "finish_reason": reason}]} | changes


def usage_chunk(**changes: Any) -> dict[str, Any]:
    """The usage chunk."""
    return chunk({}) | {"choices": [], "usage": copy.deepcopy(USAGE)} | changes


def fragment(index: int, text: str, *, first: bool = False) -> dict[str, Any]:
    """A delta with one fragment of a tool call."""
    named = {"id": f"call_{index}", "type": "function"} if first else {}
    function = {"name": TOOLS[index % 2]["function"]["name"]} if first else {}
    return {"tool_calls": [{"index": index, **named, "function": function | {"arguments": text}}]}


def text_events(*texts: str, usage: bool = False) -> Events:
    """The events of a streamed text."""
    events: Events = [(None, chunk({"role": "assistant", "content": ""}))]
    events += [(None, chunk({"content": text})) for text in texts or ("Hello", " there")]
    events.append((None, chunk({}, "stop")))
    if usage:
        events.append((None, usage_chunk()))
    return [*events, (None, "[DONE]")]


def tool_events() -> Events:
    """The events of two streamed tool calls."""
    events: Events = [(None, chunk({"role": "assistant", "content": None}))]
    for index in range(2):
        deltas = [fragment(index, ARGUMENTS[:9], first=True), fragment(index, ARGUMENTS[9:])]
        events += [(None, chunk(delta)) for delta in deltas]
    return [*events, (None, chunk({}, "tool_calls")), (None, "[DONE]")]


def told_arguments(text: str = ARGUMENTS) -> str:
    """A directive for two tool calls with these arguments."""
    encoded = base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")
    return scripted(f"tool_calls=2 arguments={encoded}")


def plain(body: Any = None, asked: Any = None, **extra: Any) -> Exchange:
    """A plain exchange."""
    given = {"role": "general:openai"} | extra
    answer = completion() if body is None else body
    return exchange(operation="createChatCompletion", path=PATH, body=answer, request_json=asked or question(), **given)


def stream(events: Events | None = None, asked: Any = None, **extra: Any) -> Exchange:
    """A streamed exchange."""
    given = {"role": "general:openai"} | extra
    request = (asked or question()) | {"stream": True}
    shown = text_events() if events is None and "body" not in extra and "chunks" not in extra else events
    return exchange(
        operation="createChatCompletion", path=PATH, mode="stream", events=shown, request_json=request, **given
    )


def cut(events: Events, **extra: Any) -> Exchange:
    """A stream whose connection was cut after these events."""
    return stream(events, ending=Ending.CUT, **extra)


def everywhere() -> Iterable[Oracle]:
    """The chat oracles that run on every exchange."""
    return [one for one in ORACLES.values() if one.clause.startswith("CHAT-") and one.on is not None]


def judged(oracle: Oracle, *subjects: object) -> tuple[int, list[Deviation]]:
    """How many subjects an oracle examined, and what it found."""
    items = list(oracle(*subjects))
    examined = sum(item.count for item in items if isinstance(item, Examined))
    return examined, [item for item in items if isinstance(item, Deviation)]


def broken_clauses(one: Exchange) -> set[str]:
    """The clauses whose oracles find something in an exchange."""
    return {oracle.clause for oracle in everywhere() if oracle.on and oracle.on.covers(one) and judged(oracle, one)[1]}


def examined_clauses(one: Exchange) -> set[str]:
    """The clauses whose oracles look at something in an exchange."""
    return {oracle.clause for oracle in everywhere() if oracle.on and oracle.on.covers(one) and judged(oracle, one)[0]}
