"""Messages exchanges that keep every rule, for tests that break one at a time."""

from __future__ import annotations

import base64
import copy
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import llmapi_conformance.judging.oracles.count_tokens
import llmapi_conformance.judging.oracles.messages
import llmapi_conformance.judging.oracles.messages_fidelity
import llmapi_conformance.judging.oracles.messages_gateway
import llmapi_conformance.judging.oracles.messages_stream
import llmapi_conformance.judging.oracles.messages_usage  # noqa: F401 - all six register their oracles
from llmapi_conformance.judging.oracle import ORACLES, Deviation, Examined, Oracle
from tests.judging.build import exchange

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from llmapi_conformance.evidence.exchange import Exchange

Json = dict[str, Any]
Events = list[tuple[str | None, Any]]

TEXT = "Hello, Welt \U0001f600"
ARGUMENTS = '{"place": "K\\u00f6ln", "big": 9007199254740993}'
ENCODED = base64.urlsafe_b64encode(ARGUMENTS.encode()).decode().rstrip("=")
NOTHING = base64.urlsafe_b64encode(b"{}").decode().rstrip("=")
TOOLS = [{"name": name, "input_schema": {"type": "object"}} for name in ("get_weather", "get_time")]
USAGE = {"input_tokens": 14, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 3, "output_tokens": 5}
HEADERS = (("content-type", "application/json"), ("request-id", "req_1"))
STREAM_HEADERS = (("content-type", "text/event-stream; charset=utf-8"), ("request-id", "req_1"))


def scripted(words: str = "echo usage=17,5,3", payload: str = TEXT) -> str:
    """A prompt with a directive."""
    return f"@upstream {words} nonce=n1\n{payload}"


def question(content: Any = None, **extra: Any) -> Json:
    """A request body."""
    turn = {"role": "user", "content": scripted() if content is None else content}
    return {"model": "claude-sonnet-4-5", "max_tokens": 64, "messages": [turn], **extra}


def text_block(text: str = TEXT) -> Json:
    return {"type": "text", "text": text}


def call_block(number: int = 0, arguments: Any = None) -> Json:
    value = json.loads(ARGUMENTS) if arguments is None else arguments
    return {"type": "tool_use", "id": f"toolu_{number}", "name": TOOLS[number % 2]["name"], "input": value}


def thinking_block() -> Json:
    return {"type": "thinking", "thinking": "Let me think.", "signature": "c2lnbmF0dXJl"}


def message(*content: Json, reason: Any = "end_turn", **changes: Any) -> Json:
    """A whole message."""
    head = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-sonnet-4-5"}
    blocks = copy.deepcopy(list(content)) or [text_block()]
    return head | {"content": blocks, "stop_reason": reason, "stop_sequence": None, "usage": dict(USAGE)} | changes


def events_of(whole: Json, identifier: str = "msg_2") -> Events:
    """The events that a message is streamed as."""
    usage = whole["usage"]
    start = whole | {"id": identifier, "content": [], "stop_reason": None, "stop_sequence": None}
    start["usage"] = usage | {"output_tokens": 1}
    found: Events = [("message_start", {"type": "message_start", "message": start}), ("ping", {"type": "ping"})]
    for index, block in enumerate(whole["content"]):
        found += _block_events(index, block)
    delta = {"stop_reason": whole["stop_reason"], "stop_sequence": whole["stop_sequence"]}
    found.append(
        ("message_delta", {"type": "message_delta", "delta": delta, "usage": {"output_tokens": usage["output_tokens"]}})
    )
    found.append(("message_stop", {"type": "message_stop"}))
    return found


def _block_events(index: int, block: Json) -> Events:
    deltas: list[Json] = []
    match block["type"]:
        case "text":
            zero = {"type": "text", "text": ""}
            half = len(block["text"]) // 2
            deltas = [{"type": "text_delta", "text": part} for part in (block["text"][:half], block["text"][half:])]
        case "tool_use":
            zero = block | {"input": {}}
            text = json.dumps(block["input"]) if block["input"] else ""
            deltas = [{"type": "input_json_delta", "partial_json": part} for part in (text[:5], text[5:])]
        case _:
            zero = {"type": "thinking", "thinking": "", "signature": ""}
            deltas = [
                {"type": "thinking_delta", "thinking": block["thinking"]},
                {"type": "signature_delta", "signature": block["signature"]},
            ]
    place = {"index": index}
    return [
        ("content_block_start", {"type": "content_block_start", **place, "content_block": zero}),
        *(("content_block_delta", {"type": "content_block_delta", **place, "delta": delta}) for delta in deltas),
        ("content_block_stop", {"type": "content_block_stop", **place}),
    ]


def plain(body: Any = None, request: Json | None = None, **changes: Any) -> Exchange:
    """A plain answer."""
    options: Json = {"body": message() if body is None else body, "headers": HEADERS}
    options["request_json"] = question() if request is None else request
    return exchange(**options | changes)


def stream(
    events: Iterable[tuple[str | None, Any]] | None = None, request: Json | None = None, **changes: Any
) -> Exchange:
    """A streamed answer."""
    options: Json = {"events": events_of(message()) if events is None else events, "mode": "stream"}
    options["request_json"] = (question() if request is None else request) | {"stream": True}
    return exchange(**options | {"headers": STREAM_HEADERS} | changes)


def streamed(whole: Json, request: Json | None = None, **changes: Any) -> Exchange:
    """A message as a stream."""
    return stream(events_of(whole), request, **changes)


def edited(
    edit: Callable[[Events], Any], whole: Json | None = None, request: Json | None = None, **changes: Any
) -> Exchange:
    """A stream whose events were changed in place."""
    events = copy.deepcopy(events_of(whole or message()))
    edit(events)
    return stream(events, request, **changes)


def disturbed(one: Exchange) -> Exchange:
    """The same exchange, its upstream having been made to fail."""
    return replace(one, disturbed=True)


def log(*requests: Json) -> Exchange:
    """What the upstream's control port tells."""
    return exchange(operation="upstream:log", method="GET", path="/log", body={"requests": list(requests)})


def entry(body: Any = None, **changes: Any) -> Json:
    """One request in the upstream's log."""
    headers = [["x-api-key", "[[upstream-key]]"], ["anthropic-version", "2023-06-01"]]
    return {
        "nonce": "n1",
        "headers": headers,
        "body": body,
        "deltas_sent": 3,
        "finished": True,
        "disconnected": False,
    } | changes


def judged(oracle: Oracle, *subjects: object) -> tuple[int, list[Deviation]]:
    """How much an oracle examined, and what deviates."""
    found = list(oracle(*subjects))
    examined = sum(item.count for item in found if isinstance(item, Examined))
    return examined, [item for item in found if isinstance(item, Deviation)]


def everywhere() -> list[Oracle]:
    """The oracles of this surface that run on every exchange."""
    return [one for one in ORACLES.values() if one.on and one.clause.startswith("MSG-")]


def broken_clauses(one: Exchange) -> set[str]:
    """Clauses that an exchange breaks, of those judged everywhere."""
    covering = [oracle for oracle in everywhere() if oracle.on and oracle.on.covers(one)]
    return {oracle.clause for oracle in covering if judged(oracle, one)[1]}


def examined_clauses(one: Exchange) -> set[str]:
    """Clauses that an exchange has something to say about, of those judged everywhere."""
    covering = [oracle for oracle in everywhere() if oracle.on and oracle.on.covers(one)]
    return {oracle.clause for oracle in covering if judged(oracle, one)[0]}
