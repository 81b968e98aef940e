"""Samples: answers that were asked for to measure, and what is read off each."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

from llmapi_conformance.contract.tasks import task_contract
from llmapi_conformance.evidence.exchange import Ending
from llmapi_conformance.judging import chat_answer, gemini_answer, image_answer, message_answer, response_answer
from llmapi_conformance.judging.any_answer import any_answer
from llmapi_conformance.judging.chat_answer import string
from llmapi_conformance.judging.message_answer import object_of
from llmapi_conformance.judging.task_answer import SUBMITTING, state_of, submitted_id
from llmapi_conformance.judging.websocket_turns import as_stream, creates_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from llmapi_conformance.evidence.exchange import Exchange
    from llmapi_conformance.evidence.sse import ServerSentEvent
    from llmapi_conformance.judging.websocket_turns import Turn

Purpose = Literal["plain", "stream", "tools", "load", "turns", "images", "tasks"]
"""Why an answer was asked for: one at a time, whole or as a stream; for its tool call; many at once; as a turn of a
WebSocket; as an image; as an image task."""

MESSAGES: Final = ("createMessage", "createAntigravityMessage")
SUCCEEDED: Final = "succeeded"
_SERVER_ERROR: Final = 500
_NO_RESPONSE: Final = {"failed": "failed", "cancelled": "was cancelled"}
"""Status of a response that is no answer, though it came whole with 200 (rule R-S7)."""
_SILENCE: Final = re.compile(r"no complete response head arrived within|no response head was complete after")
"""How wire/deadline.py says that an answer had not begun in time."""
LAG: Final = 0.01
"""Seconds that our own event loop may have been late during a sample, at least."""
LAG_SHARE: Final = 0.05
"""And as a part of what was measured."""


@dataclass(frozen=True, slots=True)
class Sample:
    """An answer.

    Attributes:
        purpose: Why it was asked for.
        exchange: With its request; of a turn of a WebSocket the stream that it stands for; of a task its submission.
        at_once: Requests, or tasks, that were kept under way meanwhile.
        lag: Seconds that our own event loop was late meanwhile, at worst.
        opened_by: Of a turn, the operation that opened its WebSocket.
        readings: Of a task, in order, before anybody cancelled it.
        later_lag: Of a task, like ``lag`` but until it was last read.
    """

    purpose: Purpose
    exchange: Exchange
    at_once: int = 1
    lag: float = 0.0
    opened_by: str = ""
    readings: tuple[Exchange, ...] = ()
    later_lag: float = 0.0

    @property
    def operation(self) -> str:
        """The operation that was asked."""
        return self.opened_by or self.exchange.operation


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
        sample
        for level in value["levels"]
        for taken in level["samples"]
        for sample in _samples(purpose, taken, level["at_once"])
    )
    operation = samples[0].operation if samples else ""
    stopped = next((level["stopped"] for level in value["levels"] if level["stopped"]), "")
    return Series(operation, purpose, samples, stopped)


def _samples(purpose: Purpose, taken: Mapping[str, Any], at_once: int) -> Iterator[Sample]:
    """The samples of an exchange: one for each turn of a WebSocket, else one."""
    exchange: Exchange = taken["exchange"]
    if purpose == "turns":
        turns = creates_of(exchange)
        for turn, lag in zip(turns, taken["lags"], strict=False):
            yield Sample(purpose, turn_alone(exchange, turn), at_once, lag, exchange.operation)
        if not turns:  # refused, closed at once, or unreadable
            yield Sample(purpose, exchange, at_once)
    elif purpose == "tasks":
        readings = tuple(taken["readings"])
        yield Sample(purpose, exchange, at_once, taken["lag"], readings=readings, later_lag=taken["later_lag"])
    else:
        yield Sample(purpose, exchange, at_once, taken["lag"])


def turn_alone(exchange: Exchange, turn: Turn) -> Exchange:
    """A turn of a WebSocket as the stream that it stands for, its times counted from when it was asked for.

    One that an error message refused is an answer with the status that the message tells, 500 where it tells none.
    """
    view, begun = as_stream(exchange, turn), turn.asked.at
    if view.response is None:
        return view
    chunks = tuple(replace(chunk, at=round(chunk.at - begun, 6)) for chunk in view.response.chunks)
    answer = replace(
        view.response, headers_at=0.0, chunks=chunks, ended_at=round(max(0.0, view.response.ended_at - begun), 6)
    )
    if turn.refused and not turn.begun and turn.end is not None:
        told = object_of(turn.end.json).get("status")
        status = told if isinstance(told, int) and told >= 400 else _SERVER_ERROR
        answer = replace(answer, status=status, ending=Ending.COMPLETE)
    elif turn.end is None and exchange.close is not None and exchange.close.by == "client":
        answer = replace(answer, ending=Ending.TIMEOUT)  # the gateway fell silent, and we closed
    return replace(view, started_at=view.started_at + begun, response=answer)


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
    return _lacking(exchange)


def waited_in_vain(exchange: Exchange) -> bool:
    """Whether a deadline of ours passed before all of an answer had come: how long it takes is unknown, but long."""
    return exchange.ending is Ending.TIMEOUT or bool(_SILENCE.match(exchange.failure))


def _lacking(exchange: Exchange) -> str:
    """What a whole answer lacks that its operation is asked for; empty when nothing."""
    if exchange.operation == "generateImage":
        return "" if _bears_picture(exchange) else "no picture that could be read"
    if exchange.operation in SUBMITTING:
        return "" if submitted_id(exchange) else "no id of a task"
    if any_answer(exchange) is None:
        return "the answer could not be read"
    answer = response_answer.answer_of(exchange) if exchange.operation == "createResponse" else None
    ended = _NO_RESPONSE.get(answer.status, "") if answer else ""
    return f"the response {ended}" if ended else ""


def task_end(submission: Exchange, readings: Iterable[Exchange]) -> tuple[str, float, float] | None:
    """How a task was first seen to have ended.

    Returns:
        The final state, seconds from the submission until it was seen, and how many of these had passed since the task
        was last seen not to have ended; ``None`` when no reading shows a final state.
    """
    before = 0.0
    for one in readings:
        at = one.started_at + total(one) - submission.started_at
        if (state := state_of(one)) in task_contract().final:
            return state, at, at - before
        if state:  # a refused reading shows nothing; what another shows was so when it was asked for, at the earliest
            before = one.started_at - submission.started_at
    return None


def task_failure(submission: Exchange, readings: Iterable[Exchange]) -> str:
    """Why a task made nothing: refused, never seen to end, or ended otherwise than by success; empty when it did."""
    if why := failure(submission):
        return f"not accepted: {why}"
    found = task_end(submission, readings)
    if found is None:
        return "it did not end"
    return "" if found[0] == SUCCEEDED else f"it ended as {found[0]}"


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


def _bears_picture(exchange: Exchange) -> bool:
    """Whether a plain answer brings a picture: data that decodes, or an address."""
    return any(
        image_answer.decoded(data) is not None if (data := string(one.get("b64_json"))) else string(one.get("url"))
        for one in image_answer.entries_of(exchange)
    )


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
