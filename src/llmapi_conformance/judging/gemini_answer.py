"""A Gemini answer as a client ends up with it, whether it came whole, as server-sent events or as a JSON array."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from llmapi_conformance.evidence.sse import EventStream, ServerSentEvent
from llmapi_conformance.judging.chat_answer import array, sent, string, words_in
from llmapi_conformance.judging.message_answer import object_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llmapi_conformance.evidence.exchange import Exchange

LIST: Final = ("listGeminiModels", "listAntigravityModels")
GENERATE: Final = ("generateGeminiContent", "generateAntigravityContent")
STREAM: Final = ("streamGeminiContent", "streamAntigravityContent")
GEMINI_OPERATIONS: Final = (
    "listGeminiModels",
    "getGeminiModel",
    "generateGeminiContent",
    "streamGeminiContent",
    "countGeminiTokens",
)
COUNTS: Final = (
    "promptTokenCount",
    "candidatesTokenCount",
    "thoughtsTokenCount",
    "toolUsePromptTokenCount",
    "cachedContentTokenCount",
    "totalTokenCount",
)
_SEPARATORS = re.compile(r"[ \t\r\n,]*")
_MODEL = re.compile(r"/v1beta/models/([^/:]+)")


@dataclass(frozen=True, slots=True)
class Call:
    """A function call: its name and its arguments as JSON."""

    name: str
    args: Any


@dataclass(frozen=True, slots=True)
class GeminiAnswer:
    """The first candidate.

    Attributes:
        text: All text that is no thought.
        thoughts: All text of thoughts.
        calls: Function calls in order.
        signatures: Thought signatures in order.
        finish_reason: ``None`` when there is none.
        usage: The usage metadata, the last one of a stream; empty when there is none.
    """

    text: str
    thoughts: str
    calls: tuple[Call, ...]
    signatures: tuple[str, ...]
    finish_reason: str | None
    usage: dict[str, Any]


def pieces_of(exchange: Exchange) -> EventStream | None:
    """The pieces of an answer, as events: those of the stream, the elements of the array, or the one object.

    ``None`` where the body is none of these.
    """
    if exchange.mode == "stream":
        return exchange.events if exchange.media_type == "text/event-stream" or exchange.events.events else None
    body = exchange.json
    if isinstance(body, list):
        return EventStream(events=tuple(_elements(exchange)))
    if isinstance(body, dict):
        whole = exchange.body.decode("utf-8-sig", "replace")
        return EventStream(events=(_piece(whole, 0, len(exchange.body), _ended(exchange)),))
    return None


def pieces(exchange: Exchange) -> list[tuple[ServerSentEvent, dict[str, Any]]]:
    """Every piece that is an object and no error, with its place."""
    stream = pieces_of(exchange)
    found = [(event, event.payload()) for event in stream.events] if stream else []
    return [(event, piece) for event, piece in found if piece and "error" not in piece]


def error_pieces(exchange: Exchange) -> list[tuple[ServerSentEvent, dict[str, Any]]]:
    """Every piece that tells an error."""
    stream = pieces_of(exchange)
    found = [(event, event.payload()) for event in stream.events] if stream else []
    return [(event, piece) for event, piece in found if "error" in piece]


def error_body(exchange: Exchange) -> Any:
    """The error body; that of a one-element array too, as a stream without ``alt=sse`` wraps it (G-S6)."""
    body = exchange.json
    return body[0] if isinstance(body, list) and len(body) == 1 else body


def candidates_of(piece: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The candidates of a piece that are objects."""
    return (candidate for candidate in array(piece, "candidates") if isinstance(candidate, dict))


def parts_of(candidate: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The parts of a candidate that are objects."""
    return (part for part in array(object_of(candidate.get("content")), "parts") if isinstance(part, dict))


def answer_of(exchange: Exchange) -> GeminiAnswer | None:
    """What the pieces add up to (rule G-S4); ``None`` where they broke off or told an error."""
    if not exchange.complete or error_pieces(exchange):
        return None
    text: list[str] = []
    thoughts: list[str] = []
    calls: list[Call] = []
    signatures: list[str] = []
    reason: str | None = None
    usage: dict[str, Any] = {}
    seen = False
    for _, piece in pieces(exchange):
        usage = object_of(piece.get("usageMetadata")) or usage
        for candidate in candidates_of(piece):
            if candidate.get("index", 0) != 0:
                continue
            seen = True
            reason = string(candidate.get("finishReason")) or reason
            for part in parts_of(candidate):
                (thoughts if part.get("thought") is True else text).append(string(part.get("text")))
                if isinstance(part.get("functionCall"), dict):
                    calls.append(Call(string(part["functionCall"].get("name")), part["functionCall"].get("args", {})))
                if string(part.get("thoughtSignature")):
                    signatures.append(part["thoughtSignature"])
    if not seen:
        return None
    return GeminiAnswer("".join(text), "".join(thoughts), tuple(calls), tuple(signatures), reason, usage)


def count(usage: dict[str, Any], name: str) -> int:
    """A count of the usage metadata; 0 where it is missing, as proto3 JSON leaves zeros out."""
    value = usage.get(name, 0)
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def model_in_path(exchange: Exchange) -> str:
    """The model that the path names, empty when it names none."""
    found = _MODEL.search(exchange.request.path)
    return found[1] if found else ""


def prompt_of(exchange: Exchange) -> str:
    """The last text of the request: what the upstream's directive may stand in."""
    contents = array(sent(exchange), "contents")
    parts = array(object_of(contents[-1]), "parts") if contents else []
    texts = [string(object_of(part).get("text")) for part in parts]
    return texts[-1] if texts else ""


def scripted(exchange: Exchange) -> dict[str, str]:
    """The words of the upstream's directive in the request; empty when there is none."""
    return words_in(prompt_of(exchange))


def _elements(exchange: Exchange) -> Iterator[ServerSentEvent]:
    """The elements of a body that is a JSON array, each with the bytes that it stands in."""
    text = exchange.body.decode("utf-8-sig", "replace")
    decoder = json.JSONDecoder()
    position = text.find("[") + 1
    before = len(text[:position].encode("utf-8", "replace"))
    while True:
        separated = _SEPARATORS.match(text, position)
        start = separated.end() if separated else position
        if start >= len(text) or text[start] == "]":
            return
        try:
            _, end = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            return
        begin = before + (start - position)  # what separates elements is ASCII
        length = len(text[start:end].encode("utf-8", "replace"))
        yield _piece(text[start:end], begin, begin + length, _at(exchange, begin + length))
        position, before = end, begin + length


def _piece(data: str, start: int, end: int, at: float) -> ServerSentEvent:
    return ServerSentEvent(name="message", named=False, data=data, start=start, end=end, at=at)


def _at(exchange: Exchange, offset: int) -> float:
    """When the byte before an offset arrived, in seconds after the request."""
    passed = 0
    for chunk in exchange.response.chunks if exchange.response else ():
        passed += len(chunk.data)
        if passed >= offset:
            return chunk.at
    return _ended(exchange)


def _ended(exchange: Exchange) -> float:
    return exchange.response.ended_at if exchange.response else 0.0
