"""Samples: answers that were asked for to measure, and what is read off each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

from llmapi_conformance.judging import chat_answer, gemini_answer, message_answer, response_answer
from llmapi_conformance.judging.any_answer import any_answer
from llmapi_conformance.judging.chat_answer import string
from llmapi_conformance.judging.message_answer import object_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llmapi_conformance.evidence.exchange import Exchange
    from llmapi_conformance.evidence.sse import ServerSentEvent

Purpose = Literal["plain", "stream", "tools", "load"]
"""Why an answer was asked for: one at a time, whole or as a stream; for its tool call; or many at once."""

MESSAGES: Final = ("createMessage", "createAntigravityMessage")
LAG: Final = 0.01
"""Seconds that our own event loop may have been late during a sample, at least."""
LAG_SHARE: Final = 0.05
"""And as a part of what was measured."""


@dataclass(frozen=True, slots=True)
class Sample:
    """An answer.

    Attributes:
        purpose: Why it was asked for.
        exchange: With its request.
        at_once: Requests that were kept under way meanwhile.
        lag: Seconds that our own event loop was late meanwhile, at worst.
    """

    purpose: Purpose
    exchange: Exchange
    at_once: int = 1
    lag: float = 0.0

    @property
    def operation(self) -> str:
        """The operation that was asked."""
        return self.exchange.operation


@dataclass(frozen=True, slots=True)
class Series:
    """What one scenario has taken.

    Attributes:
        operation: That was asked; empty where nothing was sent.
        purpose: Why.
        samples: In the order in which they were begun.
        stopped: Why it ended before it had all that were wanted; empty when it did not.
    """

    operation: str
    purpose: Purpose
    samples: tuple[Sample, ...] = ()
    stopped: str = ""


def series_of(value: Any) -> Series | None:
    """What the result of a measuring scenario holds; ``None`` where it is no such result."""
    if not isinstance(value, Mapping) or value.get("purpose") not in get_args(Purpose):
        return None
    purpose: Purpose = value["purpose"]
    samples = tuple(
        Sample(purpose, taken["exchange"], level["at_once"], taken["lag"])
        for level in value["levels"]
        for taken in level["samples"]
    )
    operation = samples[0].operation if samples else ""
    stopped = next((level["stopped"] for level in value["levels"] if level["stopped"]), "")
    return Series(operation, purpose, samples, stopped)


def first_token(exchange: Exchange) -> float | None:
    """Seconds until the first event of a stream that bears content: text, thoughts or arguments of a call."""
    return next((event.at for event in exchange.events.events if any(_content(exchange, event))), None)


def total(exchange: Exchange) -> float:
    """Seconds until the answer had ended."""
    return exchange.response.ended_at if exchange.response else 0.0


def tokens_per_second(exchange: Exchange) -> float | None:
    """Output tokens by the answer's own usage, in each second from the request to the end.

    The wait for the first token is in it: a gateway that holds a stream back and lets it go at once is no faster by
    that, nor one whose model thinks unseen.
    """
    answer = any_answer(exchange)
    seconds = total(exchange)
    return answer.counts.output / seconds if answer and answer.counts.output and seconds else None


def failure(exchange: Exchange) -> str:
    """Why an answer is none that a client could use; empty when it is."""
    if not exchange.answered:
        return "no answer"
    if not exchange.succeeded:
        return f"status {exchange.status}"
    if not exchange.complete:
        return f"the answer was not whole: {exchange.ending}"
    if any_answer(exchange) is None:
        return "the answer could not be read"
    return ""


def begun_stream(exchange: Exchange) -> bool:
    """Whether a stream was asked for and granted, so that it owes its end."""
    return exchange.mode == "stream" and exchange.succeeded


def ended_by_its_terminal(exchange: Exchange) -> bool:
    """Whether the last event of a stream is the one that ends it in its protocol, and its framing is complete."""
    events = exchange.events.events
    if not events or not exchange.complete:
        return False
    last = events[-1]
    match exchange.operation:
        case operation if operation in MESSAGES:
            return message_answer.event_name(last) == "message_stop"
        case "createChatCompletion":
            finished = any(choice.get("finish_reason") for _, choice in chat_answer.stream_choices(exchange))
            return finished and last.data == "[DONE]"
        case "createResponse":
            # One [DONE] may follow the terminal.
            told = [event for event in events if event.data != "[DONE]"]
            return bool(told) and response_answer.terminal_of(exchange.events) is told[-1]
        case operation if operation in gemini_answer.STREAM:
            candidates = (
                one for _, piece in gemini_answer.pieces(exchange) for one in gemini_answer.candidates_of(piece)
            )
            return any(string(one.get("finishReason")) for one in candidates)
    return False


def _content(exchange: Exchange, event: ServerSentEvent) -> Iterator[str]:
    """What an event bears for the reader."""
    data = event.payload()
    match exchange.operation:
        case operation if operation in MESSAGES:
            for part in (object_of(data.get("delta")), object_of(data.get("content_block"))):
                yield from (string(part.get(name)) for name in ("text", "thinking", "partial_json"))
        case "createChatCompletion":
            for choice in chat_answer.array(data, "choices"):
                delta = object_of(object_of(choice).get("delta"))
                yield from (string(delta.get(name)) for name in ("content", "reasoning_content", "refusal"))
                yield from ("call" for _ in chat_answer.array(delta, "tool_calls"))
        case "createResponse":
            if response_answer.event_type(event).endswith(".delta"):
                yield string(data.get("delta"))
        case operation if operation in gemini_answer.STREAM:
            for candidate in gemini_answer.candidates_of(data):
                for part in gemini_answer.parts_of(candidate):
                    yield string(part.get("text"))
                    yield "call" if part.get("functionCall") else ""
