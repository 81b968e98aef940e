"""Responses exchanges that keep every rule, for tests that break one at a time."""

from __future__ import annotations

import base64
import copy
from typing import TYPE_CHECKING, Any

import llmapi_conformance.judging.oracles.responses
import llmapi_conformance.judging.oracles.responses_content
import llmapi_conformance.judging.oracles.responses_refusals
import llmapi_conformance.judging.oracles.responses_stored
import llmapi_conformance.judging.oracles.responses_stream
import llmapi_conformance.judging.oracles.responses_upstream  # noqa: F401 - all six register their oracles
from llmapi_conformance.evidence.exchange import Ending, Exchange
from llmapi_conformance.judging.oracle import ORACLES, Deviation, Examined, Oracle
from tests.judging.build import exchange

if TYPE_CHECKING:
    from collections.abc import Iterable

PATH = "/v1/responses"
CREATED = 1_790_000_000
ARGUMENTS = '{"b": 1.0, "a": 12345678901234567890}'
USAGE = {
    "input_tokens": 17,
    "input_tokens_details": {"cached_tokens": 4},
    "output_tokens": 5,
    "output_tokens_details": {"reasoning_tokens": 0},
    "total_tokens": 22,
}
TOOLS: list[dict[str, Any]] = [{"type": "function", "name": name} for name in ("get_weather", "get_time")]
Json = dict[str, Any]
Events = list[tuple[str | None, Any]]


def scripted(words: str, payload: str = "") -> str:
    """A prompt with a directive."""
    return f"@upstream {words} nonce=n1\n{payload}"


def question(given: Any = "Hello", **extra: Any) -> Json:
    """A request body."""
    return {"model": "gpt-5.1", "input": given, **extra}


def message(*texts: str, **changes: Any) -> Json:
    """A message item with a part for each text."""
    parts = [{"type": "output_text", "text": text, "annotations": []} for text in texts or ("Hello there",)]
    return {"id": "msg_1", "type": "message", "status": "completed", "role": "assistant", "content": parts} | changes


def refusal(text: str = "I will not.") -> Json:
    """A message item that refuses."""
    return message() | {"content": [{"type": "refusal", "refusal": text}]}


def call(number: int = 0, arguments: str = ARGUMENTS, **changes: Any) -> Json:
    """A function_call item, of the two tools in turn."""
    return {
        "id": f"fc_{number}",
        "type": "function_call",
        "status": "completed",
        "call_id": f"call_{number}",
        "name": TOOLS[number % 2]["name"],
        "arguments": arguments,
    } | changes


def reasoning(text: str = "It may rain.", **changes: Any) -> Json:
    """A reasoning item."""
    return {"id": "rs_1", "type": "reasoning", "summary": [{"type": "summary_text", "text": text}]} | changes


def response(*items: Json, **changes: Any) -> Json:
    """A response object with these items, one message when there are none."""
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": CREATED,
        "status": "completed",
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "metadata": {},
        "model": "gpt-5.1",
        "output": list(items) or [message()],
        "parallel_tool_calls": True,
        "temperature": 1.0,
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "usage": copy.deepcopy(USAGE),
    } | changes


def cut_response(reason: str = "max_output_tokens") -> Json:
    """A response that is incomplete, like its only item."""
    return response(message(status="incomplete"), status="incomplete", incomplete_details={"reason": reason})


def streamed(final: Json | None = None) -> Events:
    """The events that bring a response."""
    whole = response() if final is None else final
    begun = whole | {"status": "in_progress", "output": [], "usage": None, "incomplete_details": None, "error": None}
    told: list[tuple[str, Json]] = [("created", {"response": begun}), ("in_progress", {"response": begun})]
    for index, item in enumerate(whole["output"]):
        told += _item_events(index, item)
    told.append((whole["status"], {"response": whole}))
    return numbered([(f"response.{name}", copy.deepcopy(fields)) for name, fields in told])


def numbered(told: list[tuple[str, Json]]) -> Events:
    """Events with their type and their sequence number."""
    return [(name, {"type": name, "sequence_number": number, **fields}) for number, (name, fields) in enumerate(told)]


def renumbered(events: Events) -> Events:
    """The same events, counted anew."""
    bare = [
        (name or "", {key: value for key, value in data.items() if key not in {"type", "sequence_number"}})
        for name, data in events
    ]
    return numbered(bare)


def _item_events(index: int, item: Json) -> list[tuple[str, Json]]:
    at = {"output_index": index}
    inside = at | {"item_id": item["id"]}
    begun = item | {"status": "in_progress"}
    told: list[tuple[str, Json]] = []
    if item["type"] == "message":
        begun["content"] = []
        for number, part in enumerate(item["content"]):
            here = inside | {"content_index": number}
            kind, name = ("output_text", "text") if part["type"] == "output_text" else ("refusal", "refusal")
            told.append(("content_part.added", here | {"part": part | {name: ""}}))
            told += [(f"{kind}.delta", here | {"delta": piece}) for piece in _pieces(part[name])]
            told.append((f"{kind}.done", here | {name: part[name]}))
            told.append(("content_part.done", here | {"part": part}))
    elif item["type"] == "function_call":
        begun["arguments"] = ""
        told += [("function_call_arguments.delta", inside | {"delta": piece}) for piece in _pieces(item["arguments"])]
        done = {"name": item["name"], "arguments": item["arguments"]}
        told.append(("function_call_arguments.done", inside | done))
    else:
        begun["summary"] = []
        for number, part in enumerate(item["summary"]):
            here = inside | {"summary_index": number}
            told.append(("reasoning_summary_part.added", here | {"part": part | {"text": ""}}))
            told += [("reasoning_summary_text.delta", here | {"delta": piece}) for piece in _pieces(part["text"])]
            told.append(("reasoning_summary_text.done", here | {"text": part["text"]}))
            told.append(("reasoning_summary_part.done", here | {"part": part}))
    return [
        ("output_item.added", at | {"item": begun}),
        *told,
        ("output_item.done", at | {"item": item}),
    ]


def _pieces(text: str) -> list[str]:
    half = len(text) // 2
    return [piece for piece in (text[:half], text[half:]) if piece]


def told_arguments(text: str = ARGUMENTS) -> str:
    """A directive for two tool calls with these arguments."""
    encoded = base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")
    return scripted(f"tool_calls=2 arguments={encoded}")


def plain(body: Any = None, asked: Any = None, **extra: Any) -> Exchange:
    """A plain exchange."""
    given = {"role": "general:openai", "operation": "createResponse", "path": PATH} | extra
    answer = response() if body is None else body
    return exchange(body=answer, request_json=asked or question(), **given)


def stream(events: Events | None = None, asked: Any = None, **extra: Any) -> Exchange:
    """A streamed exchange."""
    given = {"role": "general:openai", "operation": "createResponse", "path": PATH} | extra
    request = (asked or question()) | {"stream": True}
    shown = streamed() if events is None and "body" not in extra and "chunks" not in extra else events
    return exchange(mode="stream", events=shown, request_json=request, **given)


def cut(events: Events, **extra: Any) -> Exchange:
    """A stream whose connection was cut after these events."""
    return stream(events, ending=Ending.CUT, **extra)


def log(*bodies: Any, **entry: Any) -> Exchange:
    """The upstream's record of requests with these bodies."""
    headers = [["authorization", "Bearer [[upstream-key]]"]]
    rows = [
        {"id": number, "nonce": "n1", "protocol": "responses", "headers": headers, "body": body} | entry
        for number, body in enumerate(bodies)
    ]
    return exchange(operation="upstream:log", method="GET", path="/log", body={"requests": rows}, step=2)


def everywhere() -> Iterable[Oracle]:
    """The Responses oracles that run on every exchange."""
    return [one for one in ORACLES.values() if one.clause.startswith("RSP-") and one.on is not None]


def judged(oracle: Oracle, *subjects: object) -> tuple[int, list[Deviation]]:
    """How many subjects an oracle examined, and what it found."""
    items = list(oracle(*subjects))
    examined = sum(item.count for item in items if isinstance(item, Examined))
    return examined, [item for item in items if isinstance(item, Deviation)]


def found(oracle: Oracle, *subjects: object) -> int:
    """How many deviations an oracle found; what deviates was examined."""
    examined, deviations = judged(oracle, *subjects)
    assert examined or not deviations
    return len(deviations)


def broken_clauses(one: Exchange) -> set[str]:
    """The clauses whose oracles find something in an exchange."""
    return {oracle.clause for oracle in everywhere() if oracle.on and oracle.on.covers(one) and judged(oracle, one)[1]}


def examined_clauses(one: Exchange) -> set[str]:
    """The clauses whose oracles look at something in an exchange."""
    return {oracle.clause for oracle in everywhere() if oracle.on and oracle.on.covers(one) and judged(oracle, one)[0]}
