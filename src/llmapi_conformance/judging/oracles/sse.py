"""Framing of server-sent event streams, whatever the protocol (WHATWG HTML section 9.2, wire rules S1-S10)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from llmapi_conformance.evidence.exchange import NOT_JSON, Ending, Exchange, decode_json
from llmapi_conformance.judging.oracle import Deviation, Examined, Judgement, On, oracle
from llmapi_conformance.judging.task_answer import FOLLOWING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llmapi_conformance.evidence.sse import EventStream

STREAMS: Final = On(mode="stream", outcome="success")
DONE: Final = "[DONE]"
_LONGER: Final = 10
"""Events of a longer stream, at least: a few words with what frames them may be made in one go."""
_BLANK_LINE = re.compile(rb"(?:\r\n|\n|\r(?!\n))(?:\r\n|\n|\r)")
_EVENT_LINE = re.compile(rb"(?:^|[\r\n])event(?::|[\r\n]|$)")


def stream_of(exchange: Exchange) -> EventStream | None:
    """The events of an answer, or ``None`` where something else came: a JSON document, a page, nothing.

    That something else came is a finding of the clauses on media types; those on framing have nothing to look at then.
    """
    if not exchange.body or exchange.json is not NOT_JSON:
        return None
    if exchange.media_type == "text/event-stream":
        return exchange.events
    return exchange.events if exchange.events.events else None


@oracle("HTTP-F01", on=STREAMS)
def a_stream_is_utf8(exchange: Exchange) -> Judgement:
    """Every byte of a stream is UTF-8 (WHATWG-SSE 9.2.5)."""
    events = stream_of(exchange)
    if events is None:
        return
    yield Examined("stream")
    offset = events.invalid_utf8
    if offset is None or _only_cut_at_the_end(exchange, offset):
        return
    yield Deviation("UTF-8 throughout", f"a byte 0x{exchange.body[offset]:02x} that is no UTF-8", (offset, offset + 1))


@oracle("HTTP-F02", on=STREAMS)
def a_stream_starts_without_a_byte_order_mark(exchange: Exchange) -> Judgement:
    """No byte order mark: legal, but clients lose the first event over it (wire section 8)."""
    events = stream_of(exchange)
    if events is None:
        return
    yield Examined("stream")
    if events.bom:
        yield Deviation("a stream that starts with its first event", "a byte order mark before it", (0, 3))


@oracle("HTTP-F03", on=STREAMS)
def a_blank_line_follows_the_last_event(exchange: Exchange) -> Judgement:
    """An event without its blank line is thrown away by every client (WHATWG-SSE 9.2.6, S7)."""
    events = stream_of(exchange)
    if events is None or not exchange.complete:
        return
    yield Examined("stream end")
    if any(line.strip() and not line.startswith(b":") for line in re.split(rb"\r\n|\n|\r", events.incomplete)):
        end = len(exchange.body)
        yield Deviation(
            "a blank line after the last event",
            f"{len(events.incomplete)} bytes of an event that no blank line ends",
            (end - len(events.incomplete), end),
        )


@oracle("HTTP-F04", on=STREAMS)
def every_data_payload_is_json_or_done(exchange: Exchange) -> Judgement:
    """Each event's data is one JSON document, or the literal ``[DONE]`` (defect M18)."""
    events = stream_of(exchange)
    if events is None:
        return
    if events.events:
        yield Examined("event data", len(events.events))
    for event in events.events:
        if event.data.strip() == DONE:
            continue
        if decode_json(event.data.encode("utf-8", "surrogatepass")) is NOT_JSON:
            yield Deviation(
                "JSON or [DONE] as data", f"data that is neither: {event.data[:80]!r}", (event.start, event.end)
            )


@oracle("HTTP-F05", on=STREAMS)
def no_named_event_goes_without_data(exchange: Exchange) -> Judgement:
    """A block with ``event:`` and no data is no event, yet OpenAI's clients crash on it (wire section 8)."""
    events = stream_of(exchange)
    if events is None:
        return
    yield Examined("stream")
    for start in events.dataless:
        block = _block(exchange.body, start)
        if _EVENT_LINE.search(block):
            yield Deviation(
                "data in every event", f"a block without data: {_quoted(block)}", (start, start + len(block))
            )


@oracle("HTTP-F06", on=STREAMS)
def a_stream_has_no_id_or_retry_fields(exchange: Exchange) -> Judgement:
    """``id`` and ``retry`` belong to reconnecting, which these APIs do not do (S9); some clients stumble over them.

    A listener of task events does reconnect: TASK-E11 speaks of those.
    """
    events = stream_of(exchange)
    if events is None or exchange.operation in FOLLOWING:
        return
    yield Examined("stream")
    if events.retries:
        yield Deviation("no retry field", f"retry: {events.retries[0][:40]}")
    with_id = next((event for event in events.events if event.id is not None), None)
    if with_id is not None:
        yield Deviation("no id field", f"id: {(with_id.id or '')[:40]}", (with_id.start, with_id.end))


@oracle("HTTP-F07", on=STREAMS)
def a_stream_has_no_unknown_fields(exchange: Exchange) -> Judgement:
    """Fields that the standard does not know are ignored by clients, and so are of no use."""
    events = stream_of(exchange)
    if events is None:
        return
    yield Examined("stream")
    if events.unknown_fields:
        name, start = events.unknown_fields[0]
        yield Deviation("the fields event and data only", f"a field {name[:40]!r}", (start, start + len(name.encode())))


@oracle("HTTP-F08", on=STREAMS)
def a_stream_brings_an_event(exchange: Exchange) -> Judgement:
    """A stream that ends as told has at least one event: clients take an empty one for a success without content.

    A stream of task events has none as long as no task is active; that it ends at all is judged by TASK-E17.
    """
    if exchange.media_type != "text/event-stream" or not exchange.complete or exchange.operation in FOLLOWING:
        return
    yield Examined("stream")
    if exchange.json is NOT_JSON and not exchange.events.events:
        yield Deviation("at least one event", f"{len(exchange.body)} bytes without an event")


@oracle("HTTP-P01")
def a_paced_stream_arrives_as_it_is_made(answers: Sequence[Exchange], paced: Sequence[float]) -> Judgement:
    """Events of an upstream that pauses between them arrive one after another (H3, defect M17).

    One answer that does so is enough: a stall of the machine can push a good stream together once, and a gateway that
    holds streams back does it every time.

    Args:
        answers: The same stream, asked for once or several times.
        paced: Seconds between the upstream's first and last delta, for each answer.
    """
    shown = [(arrival(answer), seconds, answer) for answer, seconds in zip(answers, paced, strict=False) if seconds > 0]
    judged = [(seen, seconds, answer) for seen, seconds, answer in shown if seen is not None and seen.events >= 3]
    if not judged:
        return
    if any(seen.instants >= 3 and seen.spread >= 0.4 * seconds for seen, seconds, _ in judged):
        yield Examined("paced stream", len(judged))
        return
    undisturbed = [one for one in judged if not one[2].stalled()]
    if not undisturbed:
        return
    yield Examined("paced stream", len(undisturbed))
    seen, seconds, answer = undisturbed[-1]
    yield Deviation(
        f"events spread over about {seconds:.2f} s, as the upstream made them",
        f"{seen.events} events at {seen.instants} distinct times within {seen.spread:.3f} s",
        exchange=answer,
    )


@oracle("HTTP-P02")
def a_stream_arrives_in_pieces(answers: Sequence[Exchange]) -> Judgement:
    """A longer streamed answer arrives at three distinct times at least (H3); one of several is enough."""
    shown = [(arrival(answer), answer) for answer in answers]
    judged = [(seen, answer) for seen, answer in shown if seen is not None and seen.events >= _LONGER]
    if not judged:
        return
    if any(seen.instants >= 3 for seen, _ in judged):
        yield Examined("longer stream", len(judged))
        return
    undisturbed = [one for one in judged if not one[1].stalled()]
    if not undisturbed:
        return
    yield Examined("longer stream", len(undisturbed))
    seen, answer = undisturbed[-1]
    yield Deviation(
        "events at three distinct times at least", f"{seen.events} events at {seen.instants}", exchange=answer
    )


@dataclass(frozen=True, slots=True)
class Arrival:
    """When the events of a stream arrived.

    Attributes:
        events: How many there were.
        instants: How many of their arrival times lie apart from the one before.
        spread: Seconds between the first and the last.
    """

    events: int
    instants: int
    spread: float


def arrival(exchange: Exchange, apart: float = 0.004) -> Arrival | None:
    """When the events of an answer arrived; ``None`` where it is no event stream.

    Args:
        exchange: An answer.
        apart: Seconds that two times must lie apart to count as two.
    """
    stream = stream_of(exchange)
    if stream is None or not stream.events:
        return None
    instants, last = 0, float("-inf")
    for event in stream.events:
        if event.at - last >= apart:
            instants, last = instants + 1, event.at
    return Arrival(len(stream.events), instants, stream.events[-1].at - stream.events[0].at)


def _only_cut_at_the_end(exchange: Exchange, offset: int) -> bool:
    """Whether the bad byte begins a character that the end of an incomplete body cut off."""
    return (
        exchange.response is not None
        and exchange.response.ending is not Ending.COMPLETE
        and len(exchange.body) - offset < 4
    )


def _block(body: bytes, start: int) -> bytes:
    end = _BLANK_LINE.search(body, start)
    return body[start : end.end() if end else len(body)]


def _quoted(block: bytes) -> str:
    return repr(block[:80].decode("utf-8", "replace").strip())
