"""An Anthropic message as a client ends up with it, whether it came whole or as events."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeGuard

from llmapi_conformance.evidence.exchange import NOT_JSON, Exchange, decode_json

if TYPE_CHECKING:
    from collections.abc import Callable

    from llmapi_conformance.evidence.sse import EventStream, ServerSentEvent

Json = dict[str, Any]


def message_of(exchange: Exchange) -> Json | None:
    """The message of a plain answer, or the one that a whole stream adds up to.

    ``None`` where there is none: a body of another kind, a stream that broke off, told an error or makes no sense.
    """
    return folded_message(exchange.events) if exchange.mode == "stream" else plain_message(exchange)


def plain_message(exchange: Exchange) -> Json | None:
    """The body of a plain answer when it is a JSON object of type ``message``, else ``None``."""
    body = exchange.json
    return body if isinstance(body, dict) and body.get("type") == "message" else None


def folded_message(stream: EventStream) -> Json | None:
    """The message that the events add up to (rule A-S10), ``None`` unless they end it without an error."""
    folding = _Folding()
    for event in stream.events:
        if not folding.add(event):
            return None
        if folding.finished:
            return folding.message
    return None


def event_name(event: ServerSentEvent) -> str:
    """What the data says its type is, else the event's name."""
    told = event.payload().get("type")
    return told if isinstance(told, str) else event.name


def events_of(stream: EventStream, name: str) -> list[tuple[ServerSentEvent, Json]]:
    """Every event of a type, with its data."""
    return [(event, event.payload()) for event in stream.events if event_name(event) == name]


def told_error(stream: EventStream) -> bool:
    """Whether the stream holds an error event."""
    return any(event_name(event) == "error" for event in stream.events)


def blocks(message: Json | None, kind: str = "") -> list[Json]:
    """The content blocks that are objects, of one type or of all."""
    content = object_of(message).get("content")
    found = [block for block in content if isinstance(block, dict)] if isinstance(content, list) else []
    return [block for block in found if not kind or block.get("type") == kind]


def text_of(message: Json | None) -> str:
    """The text of all text blocks, joined."""
    return "".join(text for block in blocks(message, "text") if isinstance(text := block.get("text"), str))


def usage_of(message: Json | None) -> Json:
    """The usage object, an empty one when there is none."""
    return object_of(object_of(message).get("usage"))


def total_input(usage: Json) -> int | None:
    """All input tokens, cached ones included (rule A-N4); ``None`` when ``input_tokens`` is no count."""
    told = [usage.get("input_tokens"), usage.get("cache_creation_input_tokens"), usage.get("cache_read_input_tokens")]
    if not is_count(told[0]):
        return None
    return sum(number for number in told if is_count(number))


def is_count(value: Any) -> TypeGuard[int]:
    """Whether a JSON value is an integer of at least 0, of a size that programs can hold (64 bits)."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 63


def object_of(value: Any) -> Json:
    """The value when it is a JSON object, else an empty one."""
    return value if isinstance(value, dict) else {}


def same_json(one: Any, other: Any) -> bool:
    """Whether two JSON values are the same: ``true`` is not 1, numbers are exact, the order of members is free."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same_json(one[name], other[name]) for name in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same_json, one, other))
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)


@dataclass(slots=True)
class _Folding:
    """A message under construction."""

    message: Json = field(default_factory=dict)
    content: dict[int, Json] = field(default_factory=dict)
    arguments: dict[int, list[str]] = field(default_factory=dict)
    finished: bool = False

    def add(self, event: ServerSentEvent) -> bool:
        """Add an event; ``False`` when no message can come of it."""
        name, data = event_name(event), event.payload()
        steps: dict[str, Callable[[Json], bool]] = {
            "message_start": self._start,
            "content_block_start": self._open,
            "content_block_delta": self._extend,
            "content_block_stop": self._close,
            "message_delta": self._amend,
            "message_stop": self._finish,
        }
        return name != "error" and (name not in steps or steps[name](data))

    def _start(self, data: Json) -> bool:
        if self.message or not isinstance(data.get("message"), dict):
            return False
        self.message = copy.deepcopy(data["message"])
        return True

    def _open(self, data: Json) -> bool:
        index, block = data.get("index"), data.get("content_block")
        if not is_count(index) or not isinstance(block, dict) or index in self.content:
            return False
        self.content[index] = copy.deepcopy(block)
        return True

    def _extend(self, data: Json) -> bool:
        index, delta = data.get("index"), object_of(data.get("delta"))
        if not isinstance(index, int) or index not in self.content:
            return False
        block = self.content[index]
        match delta.get("type"):
            case "text_delta":
                return _append(block, "text", delta.get("text"))
            case "thinking_delta":
                return _append(block, "thinking", delta.get("thinking"))
            case "signature_delta":
                return _append(block, "signature", delta.get("signature"))
            case "citations_delta":
                so_far = block.get("citations")
                block["citations"] = [*(so_far if isinstance(so_far, list) else ()), delta.get("citation")]
            case "input_json_delta":
                if not isinstance(delta.get("partial_json"), str):
                    return False
                self.arguments.setdefault(index, []).append(delta["partial_json"])
        return True

    def _close(self, data: Json) -> bool:
        index = data.get("index")
        if not isinstance(index, int) or index not in self.content:
            return False
        text = "".join(self.arguments.get(index, ()))
        if text:
            self.content[index]["input"] = parsed(text)
        return True

    def _amend(self, data: Json) -> bool:
        self.message.update(object_of(data.get("delta")))
        usage = {name: value for name, value in object_of(data.get("usage")).items() if value is not None}
        self.message["usage"] = {**usage_of(self.message), **usage}
        return True

    def _finish(self, _: Json) -> bool:
        self.finished = bool(self.message)
        self.message["content"] = [self.content[index] for index in sorted(self.content)]
        return self.finished


def parsed(text: str) -> Any:
    """A JSON text's value, or the text itself when it is no JSON: then it is no object either."""
    value = decode_json(text.encode("utf-8", "surrogatepass"))
    return text if value is NOT_JSON else value


def _append(block: Json, name: str, part: Any) -> bool:
    so_far = block.get(name) or ""
    if not isinstance(so_far, str) or not isinstance(part, str):
        return False
    block[name] = so_far + part
    return True
