"""A chat completion as a client ends up with it, whether it came whole or in chunks."""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from llmapi_conformance.evidence.exchange import NOT_JSON, Exchange, decode_json

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llmapi_conformance.evidence.sse import ServerSentEvent

_DIRECTIVE = "@upstream"
_OF_STREAMING = ("stream", "stream_options")


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One call that the model asks for.

    Attributes:
        id: The call's id, empty when none was given.
        name: Name of the function, empty when none was given.
        arguments: The argument text, as the fragments add up.
    """

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class ChatAnswer:
    """The first choice of a chat completion.

    Attributes:
        text: The content, empty when it is null or absent.
        tool_calls: In the order of their index.
        finish_reason: ``None`` when there is none.
        usage: The usage object, empty when there is none.
    """

    text: str
    tool_calls: tuple[ToolCall, ...]
    finish_reason: str | None
    usage: dict[str, Any]


def answer_of(exchange: Exchange) -> ChatAnswer | None:
    """The answer of a plain or a streamed exchange.

    ``None`` where there is nothing that a client could use: another body than was asked for, a stream that broke off.
    """
    return folded_answer(exchange) if exchange.mode == "stream" else plain_answer(exchange)


def plain_answer(exchange: Exchange) -> ChatAnswer | None:
    """The answer of a ``chat.completion`` object; ``None`` when the body holds no choice with a message."""
    choice = next(iter(plain_choices(exchange)), {})
    message = choice.get("message")
    if not isinstance(message, dict):
        return None
    calls = [_object(call) for call in array(message, "tool_calls")]
    reason = choice.get("finish_reason")
    return ChatAnswer(
        text=string(message.get("content")),
        tool_calls=tuple(_tool_call(call) for call in calls),
        finish_reason=reason if isinstance(reason, str) else None,
        usage=_object(completion(exchange).get("usage")),
    )


def folded_answer(exchange: Exchange) -> ChatAnswer | None:
    """The answer that the chunks of choice 0 add up to (rule C-S7); ``None`` when the stream broke off."""
    if not exchange.complete or any(has_error(event) for event in exchange.events.events):
        return None
    text: list[str] = []
    calls: dict[int, _Fragments] = {}
    reason: str | None = None
    seen = False
    for _, choice in stream_choices(exchange):
        if choice.get("index") != 0:
            continue
        seen = True
        delta = _object(choice.get("delta"))
        text.append(string(delta.get("content")))
        for fragment in map(_object, array(delta, "tool_calls")):
            index = fragment.get("index")
            if isinstance(index, int):
                calls.setdefault(index, _Fragments()).add(fragment)
        if isinstance(choice.get("finish_reason"), str) and choice["finish_reason"]:
            reason = choice["finish_reason"]
    if not seen:
        return None
    usages = [usage for event in exchange.events.events if isinstance(usage := event.payload().get("usage"), dict)]
    return ChatAnswer(
        text="".join(text),
        tool_calls=tuple(fragments.joined() for _, fragments in sorted(calls.items())),
        finish_reason=reason,
        usage=usages[-1] if usages else {},
    )


class _Fragments:
    """Fragments of one tool call, as they come."""

    __slots__ = ("arguments", "id", "name")

    def __init__(self) -> None:
        self.id = ""
        self.name = ""
        self.arguments: list[str] = []

    def add(self, fragment: dict[str, Any]) -> None:
        function = _object(fragment.get("function"))
        self.id = self.id or string(fragment.get("id"))
        self.name = self.name or string(function.get("name"))
        self.arguments.append(string(function.get("arguments")))

    def joined(self) -> ToolCall:
        return ToolCall(self.id, self.name, "".join(self.arguments))


def completion(exchange: Exchange) -> dict[str, Any]:
    """The body of a plain answer as an object; an empty one when it is anything else."""
    return _object(exchange.json)


def plain_choices(exchange: Exchange) -> Iterator[dict[str, Any]]:
    """The choices of a plain answer that are objects."""
    return (choice for choice in array(completion(exchange), "choices") if isinstance(choice, dict))


def stream_choices(exchange: Exchange) -> Iterator[tuple[ServerSentEvent, dict[str, Any]]]:
    """Every choice of every chunk that is an object, with the event that brought it."""
    for event in exchange.events.events:
        for choice in array(event.payload(), "choices"):
            if isinstance(choice, dict):
                yield event, choice


def has_error(event: ServerSentEvent) -> bool:
    """Whether the event tells an error instead of a chunk."""
    return bool(event.payload().get("error"))


def array(value: Any, name: str) -> list[Any]:
    """A member that is an array; an empty one when it is anything else."""
    found = value.get(name) if isinstance(value, dict) else None
    return found if isinstance(found, list) else []


def string(value: Any) -> str:
    """A string; an empty one when it is anything else."""
    return value if isinstance(value, str) else ""


def is_whole_number(value: Any) -> bool:
    """Whether a JSON value is an integer of at least 0, of a size that programs can hold (64 bits)."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 63


def sent(exchange: Exchange) -> dict[str, Any]:
    """The request body as an object; an empty one when it is anything else."""
    return _object(exchange.request.json)


def asks_the_same(one: Exchange, other: Exchange) -> bool:
    """Whether two requests differ in nothing but streaming, so that a cache may have one answer for both."""
    left, right = ({k: v for k, v in sent(each).items() if k not in _OF_STREAMING} for each in (one, other))
    return bool(left) and left == right


def prompt_text(exchange: Exchange) -> str:
    """The last text of the request: what the upstream's directive may stand in."""
    messages = array(sent(exchange), "messages")
    content = _object(messages[-1]).get("content") if messages else None
    if isinstance(content, list):
        texts = [string(_object(part).get("text")) for part in content]
        return texts[-1] if texts else ""
    return string(content)


def directive(exchange: Exchange) -> dict[str, str]:
    """The words of the upstream's directive in the request, with their values; empty when the prompt carries none."""
    return words_in(prompt_text(exchange))


def words_in(text: str) -> dict[str, str]:
    """The words of the upstream's directive in a prompt, with their values; empty when it has none."""
    line = next((line for line in text.split("\n") if line.startswith(_DIRECTIVE)), "")
    words = (word.partition("=") for word in line.split()[1:])
    return {name: value for name, _, value in words}


def payload_in(text: str) -> str | None:
    """The text that the upstream was told to answer; ``None`` when it was not told to."""
    if "echo" not in words_in(text):
        return None
    lines = text.split("\n")
    first = next(index for index, line in enumerate(lines) if line.startswith(_DIRECTIVE))
    return "\n".join(lines[first + 1 :])


def arguments_in(text: str) -> str | None:
    """The argument text that the upstream was told to call its tools with; ``None`` when it was not told."""
    encoded = words_in(text).get("arguments")
    if encoded is None:
        return None
    try:
        return base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode()
    except (binascii.Error, ValueError):
        return None


def usage_in(text: str) -> tuple[int, int, int] | None:
    """Input, output and cached tokens that the upstream was told to report; ``None`` when it was not told."""
    numbers = re.fullmatch(r"(\d+),(\d+)(?:,(\d+))?", words_in(text).get("usage", ""))
    return (int(numbers[1]), int(numbers[2]), int(numbers[3] or 0)) if numbers else None


def payload_of(exchange: Exchange) -> str | None:
    """The text that the upstream was told to answer; ``None`` when it was not told to."""
    return payload_in(prompt_text(exchange))


def told_arguments(exchange: Exchange) -> str | None:
    """The argument text that the upstream was told to call its tools with; ``None`` when it was not told."""
    return arguments_in(prompt_text(exchange))


def told_usage(exchange: Exchange) -> tuple[int, int, int] | None:
    """Input, output and cached tokens that the upstream was told to report; ``None`` when it was not told."""
    return usage_in(prompt_text(exchange))


def parsed_arguments(text: str) -> Any:
    """Argument text as JSON, or ``NOT_JSON``."""
    return decode_json(text.encode("utf-8", "surrogatepass"))


def is_argument_text(text: str) -> bool:
    """Whether the text is exactly one JSON document."""
    return parsed_arguments(text) is not NOT_JSON


def shown(value: Any, limit: int = 120) -> str:
    """A JSON value for a sentence in a report, cut to a bearable length."""
    text = json.dumps(value, ensure_ascii=True) if not isinstance(value, str) else ascii(value)
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def _tool_call(call: dict[str, Any]) -> ToolCall:
    function = _object(call.get("function"))
    return ToolCall(string(call.get("id")), string(function.get("name")), string(function.get("arguments")))


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
