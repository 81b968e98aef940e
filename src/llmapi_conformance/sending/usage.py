"""What an answer says that it used: tokens and images, as far as that can be believed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from llmapi_conformance.evidence.tasks import CLEANUP, SUBMITTING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llmapi_conformance.evidence.exchange import Exchange, Message

MOST: Final = 2_000_000
"""Tokens of one answer beyond which a report is not believed: no model reads or writes as much."""
_READING: Final = frozenset({"GET", "HEAD", "OPTIONS", "DELETE"})
_FREE: Final = frozenset(
    {"countMessageTokens", "countGeminiTokens", "countAntigravityTokens", "cancelImageTask", "cancelImageTaskAlias"}
)
"""Operations that are asked with a body and make nothing."""
_IMAGES: Final = frozenset({"generateImage", "editImage", "generateImageAlias", "editImageAlias"})
_REFUSED: Final = 400
_WRAPS: Final = ("message", "response")
"""Where Messages and Responses put the object of an answer into an event."""
_INPUT: Final = (
    ("prompt_tokens",),
    ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens"),
    ("promptTokenCount",),
)
_OUTPUT: Final = (("completion_tokens",), ("output_tokens",), ("candidatesTokenCount", "thoughtsTokenCount"))
"""Members of a usage that are added up: Chat; Messages, Responses and Images; Gemini."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What one answer used; ``None`` where it does not say, or nothing that can be believed."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    images: int | None = None


def may_be_charged(exchange: Exchange) -> bool:
    """Whether a request may have cost something: it asked a model, and was not refused."""
    if exchange.of_our_upstream or exchange.scenario == CLEANUP or exchange.operation in _FREE:
        return False
    if exchange.mode == "websocket":
        return exchange.upgraded or not exchange.answered
    return exchange.request.method not in _READING and exchange.status < _REFUSED


def usage_of(exchange: Exchange) -> Usage:
    """What the answer to a request that may be charged says that it used.

    A turn of a WebSocket counts on its own; within an answer the highest number counts, since streams tell it again
    and again while it grows. One that broke off may have used more than it could tell.
    """
    if not exchange.complete or exchange.operation in SUBMITTING:
        return Usage()
    if exchange.mode == "websocket":
        return _of_turns(exchange)
    usages = [usage for document in _documents(exchange) for usage in _usages(document)]
    images = _images(exchange) if exchange.operation in _IMAGES else 0
    return Usage(_most(usages, _INPUT), _most(usages, _OUTPUT), images)


def _of_turns(exchange: Exchange) -> Usage:
    asked = sum(_asks(message) for message in exchange.conversation)
    told = [usages for message in exchange.messages if (usages := list(_usages(message.json)))]
    if len(told) < asked:
        return Usage()
    inputs, outputs = ([_most(usages, spellings) for usages in told] for spellings in (_INPUT, _OUTPUT))
    return Usage(_sum(inputs), _sum(outputs), 0)


def _asks(message: Message) -> bool:
    return message.sent and isinstance(message.json, dict) and message.json.get("type") == "response.create"


def _documents(exchange: Exchange) -> Iterator[Any]:
    if exchange.mode == "stream":
        yield from (event.payload() for event in exchange.events.events)
    elif isinstance(exchange.json, list):  # Gemini's stream without alt=sse
        yield from exchange.json
    else:
        yield exchange.json


def _usages(document: Any) -> Iterator[dict[str, Any]]:
    if not isinstance(document, dict):
        return
    for holder in (document, *(document.get(name) for name in _WRAPS)):
        if isinstance(holder, dict):
            for name in ("usage", "usageMetadata"):
                if isinstance(usage := holder.get(name), dict):
                    yield usage


def _most(usages: list[dict[str, Any]], spellings: tuple[tuple[str, ...], ...]) -> int | None:
    found = []
    for usage in usages:
        for first, *more in spellings:
            if first not in usage:
                continue
            counts = [usage[name] for name in (first, *more) if usage.get(name) is not None]
            if not counts or not all(_is_count(count) for count in counts):
                return None  # whoever counts like this is not believed in anything
            found.append(sum(counts))
    most = max(found, default=0)
    # Nothing is generated from nothing: a zero is a number that somebody forgot to fill in.
    return most if 0 < most <= MOST else None


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _images(exchange: Exchange) -> int | None:
    if exchange.mode == "stream":
        types = [str(event.payload().get("type")) for event in exchange.events.events]
        return sum(name.endswith(".completed") for name in types) or None
    data = exchange.json.get("data") if isinstance(exchange.json, dict) else None
    return len(data) if isinstance(data, list) and data else None


def _sum(numbers: list[int | None]) -> int | None:
    known = [one for one in numbers if one is not None]
    return sum(known) if len(known) == len(numbers) else None
