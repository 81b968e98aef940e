"""A response of OpenAI's Responses protocol as a client ends up with it, whether it came whole or as events."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from llmapi_conformance.judging.chat_answer import (
    ToolCall,
    arguments_in,
    array,
    payload_in,
    sent,
    string,
    usage_in,
    words_in,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llmapi_conformance.evidence.exchange import Exchange
    from llmapi_conformance.evidence.sse import EventStream, ServerSentEvent

Json = dict[str, Any]

TERMINALS: Final = ("response.completed", "response.incomplete", "response.failed", "response.cancelled")
"""Events that end a response (rule R-S7)."""

OPAQUE: Final = frozenset({"encrypted_content", "fingerprint"})
"""Members that are made anew at each telling (rule R-S6)."""


@dataclass(frozen=True, slots=True)
class ResponseAnswer:
    """What a response says.

    Attributes:
        response: The response object: the body, or what the terminal event holds.
        items: The output items, as the body or the events of a stream tell them; of a stream with the deltas added up.
    """

    response: Json
    items: tuple[Json, ...]

    @property
    def status(self) -> str:
        """The status, empty when there is none."""
        return string(self.response.get("status"))

    @property
    def reason(self) -> str:
        """Why the response is incomplete, empty when it says nothing of the sort."""
        return string(object_of(self.response.get("incomplete_details")).get("reason"))

    @property
    def usage(self) -> Json:
        """The usage object, an empty one when there is none."""
        return object_of(self.response.get("usage"))

    @property
    def text(self) -> str:
        """The text of all messages, joined."""
        return "".join(string(part.get("text")) for part in self.parts("output_text"))

    @property
    def refusal(self) -> str:
        """All refusals, joined."""
        return "".join(string(part.get("refusal")) for part in self.parts("refusal"))

    @property
    def summary(self) -> str:
        """The summaries of all reasoning, joined."""
        parts = [part for item in self.of_type("reasoning") for part in objects(item, "summary")]
        return "".join(string(part.get("text")) for part in parts)

    @property
    def calls(self) -> tuple[ToolCall, ...]:
        """The function calls, in order."""
        return tuple(
            ToolCall(string(item.get("call_id")), string(item.get("name")), string(item.get("arguments")))
            for item in self.of_type("function_call")
        )

    def of_type(self, kind: str) -> list[Json]:
        """The items of a type."""
        return [item for item in self.items if item.get("type") == kind]

    def parts(self, kind: str) -> list[Json]:
        """The content parts of a type, of all messages."""
        found = [part for item in self.of_type("message") for part in objects(item, "content")]
        return [part for part in found if part.get("type") == kind]


def answer_of(exchange: Exchange) -> ResponseAnswer | None:
    """The answer of a plain or a streamed exchange.

    ``None`` where there is none that a client could use: another body than was asked for, a stream that broke off.
    """
    return folded_answer(exchange.events) if exchange.mode == "stream" else plain_answer(exchange)


def plain_answer(exchange: Exchange) -> ResponseAnswer | None:
    """The answer of a body that is a response object with an output, else ``None``."""
    body = exchange.json
    if not isinstance(body, dict) or body.get("object") != "response" or not isinstance(body.get("output"), list):
        return None
    return ResponseAnswer(body, tuple(objects(body, "output")))


def folded_answer(stream: EventStream) -> ResponseAnswer | None:
    """The answer that the events of one response add up to; ``None`` without a terminal event.

    The head is that of the terminal's snapshot, the items are those that the events tell: texts, arguments and
    summaries are the sums of their deltas where there are any.
    """
    end = terminal_of(stream)
    if end is None:
        return None
    sums = added_up(stream)
    items = tuple(_with_sums(index, item, sums) for index, item in finished_items(stream))
    return ResponseAnswer(object_of(end.payload().get("response")), items)


def event_type(event: ServerSentEvent) -> str:
    """What the data says its type is, else the event's name."""
    return string(event.payload().get("type")) or event.name


def events_of(stream: EventStream, *types: str) -> Iterator[tuple[ServerSentEvent, Json]]:
    """Every event of these types with its data, in order."""
    for event in stream.events:
        if event_type(event) in types:
            yield event, event.payload()


def terminal_of(stream: EventStream) -> ServerSentEvent | None:
    """The first terminal event, ``None`` when there is none."""
    return next((event for event, _ in events_of(stream, *TERMINALS)), None)


def snapshots(stream: EventStream) -> Iterator[tuple[ServerSentEvent, Json]]:
    """Every event that holds the response as it stands, with that response."""
    for event in stream.events:
        held = event.payload().get("response")
        if isinstance(held, dict) and event_type(event).startswith("response."):
            yield event, held


def added_items(stream: EventStream) -> Iterator[tuple[ServerSentEvent, Any, Json]]:
    """Every ``output_item.added`` with its index and its item."""
    for event, payload in events_of(stream, "response.output_item.added"):
        yield event, payload.get("output_index"), object_of(payload.get("item"))


def finished_items(stream: EventStream) -> list[tuple[Any, Json]]:
    """Index and item of every ``output_item.done``, in order."""
    return [
        (payload.get("output_index"), object_of(payload.get("item")))
        for _, payload in events_of(stream, "response.output_item.done")
    ]


Place = tuple[str, str, str]
"""Where a text grows: its kind, and the indices of its item and of its part as they are spelled."""

_GROWING: Final = {
    "response.output_text.delta": ("text", "content_index"),
    "response.refusal.delta": ("refusal", "content_index"),
    "response.function_call_arguments.delta": ("arguments", ""),
    "response.reasoning_summary_text.delta": ("summary", "summary_index"),
}


def added_up(stream: EventStream) -> dict[Place, str]:
    """The sums of all deltas."""
    grown: dict[Place, list[str]] = {}
    for event in stream.events:
        kind = event_type(event)
        if kind in _GROWING:
            payload = event.payload()
            name, index = _GROWING[kind]
            grown.setdefault(place(name, payload, index), []).append(string(payload.get("delta")))
    return {where: "".join(pieces) for where, pieces in grown.items()}


def place(kind: str, payload: Json, index: str) -> Place:
    """Where the text that an event is about grows."""
    return kind, repr(payload.get("output_index")), repr(payload.get(index)) if index else ""


def prompt_text(exchange: Exchange) -> str:
    """The last text of the request's input: what the upstream's directive may stand in."""
    told = sent(exchange).get("input")
    if not isinstance(told, list):
        return string(told)
    last = object_of(told[-1]) if told else {}
    content = last.get("content", last.get("output"))
    if isinstance(content, list):
        texts = [string(object_of(part).get("text")) for part in content]
        return texts[-1] if texts else ""
    return string(content)


def directive(exchange: Exchange) -> dict[str, str]:
    """The words of the upstream's directive in the request, with their values; empty when the prompt carries none."""
    return words_in(prompt_text(exchange))


def payload_of(exchange: Exchange) -> str | None:
    """The text that the upstream was told to answer; ``None`` when it was not told to."""
    return payload_in(prompt_text(exchange))


def told_arguments(exchange: Exchange) -> str | None:
    """The argument text that the upstream was told to call its tools with; ``None`` when it was not told."""
    return arguments_in(prompt_text(exchange))


def told_usage(exchange: Exchange) -> tuple[int, int, int] | None:
    """Input, output and cached tokens that the upstream was told to report; ``None`` when it was not told."""
    return usage_in(prompt_text(exchange))


def without_opaque(value: Any) -> Any:
    """A JSON value without members that are null or opaque: what two tellings of one thing have in common."""
    if isinstance(value, dict):
        return {name: without_opaque(one) for name, one in value.items() if one is not None and name not in OPAQUE}
    return [without_opaque(one) for one in value] if isinstance(value, list) else value


def objects(value: Any, name: str) -> list[Json]:
    """The elements of an array member that are objects."""
    return [one for one in array(value, name) if isinstance(one, dict)]


def object_of(value: Any) -> Json:
    """An object; an empty one when it is anything else."""
    return value if isinstance(value, dict) else {}


def _with_sums(index: Any, item: Json, sums: dict[Place, str]) -> Json:
    """An item whose texts are the sums of their deltas, where there were any."""
    at = repr(index)
    changed = dict(item)
    if ("arguments", at, "") in sums:
        changed["arguments"] = sums["arguments", at, ""]
    for name, kinds in (("content", ("text", "refusal")), ("summary", ("summary",))):
        if isinstance(item.get(name), list):
            changed[name] = [
                _part_with_sums(part, kinds, at, repr(number), sums) for number, part in enumerate(item[name])
            ]
    return changed


def _part_with_sums(part: Any, kinds: tuple[str, ...], item: str, number: str, sums: dict[Place, str]) -> Any:
    found = {kind: sums[kind, item, number] for kind in kinds if (kind, item, number) in sums}
    if not isinstance(part, dict) or not found:
        return part
    return part | {("text" if kind == "summary" else kind): text for kind, text in found.items()}
