"""What a Messages stream must be: framing, order and the shape of each event (wire-grammars 1.4)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from llmapi_conformance.contract.grammar import stream_grammar
from llmapi_conformance.evidence.exchange import NOT_JSON, Exchange, decode_json
from llmapi_conformance.judging.chat_answer import shown
from llmapi_conformance.judging.message_answer import (
    Json,
    event_name,
    events_of,
    is_count,
    object_of,
    same_json,
    told_error,
)
from llmapi_conformance.judging.oracle import Deviation, Examined, Judgement, On, oracle
from llmapi_conformance.judging.oracles.grammar import DONE, ended_by_itself, judge_machine

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llmapi_conformance.evidence.sse import ServerSentEvent

STREAM: Final = On(operations=("createMessage",), mode="stream")
BROKEN_TOO: Final = On(operations=("createMessage",), mode="stream", disturbed=True)
"""Also where the upstream was made to fail: how an answer goes on, and how its failure is told."""

CLOSING_TIME: Final = 2.0
"""Seconds that the response may stay open after its last event."""

ERROR_TYPES: Final = (
    "invalid_request_error",
    "authentication_error",
    "billing_error",
    "permission_error",
    "not_found_error",
    "conflict_error",
    "request_too_large",
    "rate_limit_error",
    "api_error",
    "timeout_error",
    "overloaded_error",
)
"""Error types of the protocol (wire-grammars section 7)."""


@oracle("MSG-S01", on=BROKEN_TOO)
def every_event_has_a_name(exchange: Exchange) -> Judgement:
    """Events carry an ``event`` line: SDKs hand out none without it (A-stream)."""
    for event in _data_events(exchange):
        yield Examined("event")
        if not event.named:
            yield Deviation("an event line in every event", "data only", _span(event))
            return


@oracle("MSG-S02", on=BROKEN_TOO)
def the_data_repeats_the_name_of_its_event(exchange: Exchange) -> Judgement:
    """``data.type`` equals the event's name (A-stream)."""
    member = stream_grammar("messages").framing.type_member
    for event in _data_events(exchange):
        data = decode_json(event.data.encode("utf-8", "surrogatepass"))
        if not event.named or not isinstance(data, dict):
            continue  # the clauses about names and about JSON in every event say so
        yield Examined("event")
        if data.get(member) != event.name:
            yield Deviation(f"{member} {shown(event.name)} in the data", shown(data.get(member)), _span(event))


@oracle("MSG-S03", on=BROKEN_TOO)
def no_done_marker_comes(exchange: Exchange) -> Judgement:
    """``data: [DONE]`` belongs to other protocols (A-stream)."""
    for event in exchange.events.events:
        yield Examined("event")
        if event.data.strip() == DONE:
            yield Deviation("no [DONE]", "data: [DONE]", _span(event))


@oracle("MSG-S04", on=BROKEN_TOO)
def events_come_in_the_order_of_the_grammar(exchange: Exchange) -> Judgement:
    """The machine ``message`` of specs/streams/messages.yaml accepts the stream (A-stream)."""
    yield from judge_machine(stream_grammar("messages"), "message", exchange)


@oracle("MSG-S05", on=STREAM)
def every_block_has_one_start_and_one_stop(exchange: Exchange) -> Judgement:
    """The machine ``block`` of specs/streams/messages.yaml accepts each block (A-stream)."""
    if any(events_of(exchange.events, name) for name in ("content_block_start", "content_block_delta")):
        yield from judge_machine(stream_grammar("messages"), "block", exchange)


@oracle("MSG-S06", on=STREAM)
def the_message_starts_empty(exchange: Exchange) -> Judgement:
    """message_start brings a message without content and without an end, but with usage (A-S1)."""
    for event, data in events_of(exchange.events, "message_start")[:1]:
        yield Examined("message_start")
        message = data.get("message")
        if not isinstance(message, dict):
            yield Deviation("a message in message_start", shown(message), _span(event))
            continue
        wrong = [
            f"{name} {shown(message.get(name))}"
            for name, wanted in (("type", "message"), ("role", "assistant"), ("content", []))
            if message.get(name) != wanted
        ]
        wrong += [
            f"{name} {shown(message[name])}"
            for name in ("stop_reason", "stop_sequence")
            if message.get(name) is not None
        ]
        wrong += [
            f"{name} {shown(message.get(name))}" for name in ("id", "model") if not isinstance(message.get(name), str)
        ]
        if not isinstance(message.get("usage"), dict):
            wrong.append(f"usage {shown(message.get('usage'))}")
        if wrong:
            yield Deviation(
                "an assistant message with id, model, usage, content [] and no stop_reason",
                ", ".join(wrong),
                _span(event),
            )


@oracle("MSG-S07", on=STREAM)
def message_stop_is_the_one_terminal(exchange: Exchange) -> Judgement:
    """A stream that tells no error ends with exactly one message_stop, and nothing follows it (A-S7)."""
    events = [event for event in exchange.events.events if event.data.strip() != DONE]
    names = [event_name(event) for event in events]
    if not names or told_error(exchange.events):
        return
    stops = names.count("message_stop")
    if stops:
        yield Examined("message_stop", stops)
    elif ended_by_itself(exchange):
        yield Examined("end of the stream")
        yield Deviation("message_stop at the end", f"{shown(names[-1])} as the last event", _span(events[-1]))
        return
    else:
        return  # we hung up, or the connection broke: there is no end to judge
    if stops > 1:
        yield Deviation("exactly one message_stop", f"{stops}")
    elif names[-1] != "message_stop":
        extra = events[names.index("message_stop") + 1]
        yield Deviation("nothing after message_stop", shown(event_name(extra)), _span(extra))


@oracle("MSG-S08", on=BROKEN_TOO)
def block_indices_count_up_from_nought(exchange: Exchange) -> Judgement:
    """Block k of the stream has index k, as in the final content (A-stream)."""
    for position, (event, data) in enumerate(events_of(exchange.events, "content_block_start")):
        yield Examined("content_block_start")
        if not is_count(data.get("index")) or data["index"] != position:
            yield Deviation(f"index {position}", f"index {shown(data.get('index'))}", _span(event))
            return


@oracle("MSG-S09", on=BROKEN_TOO)
def deltas_fit_their_block(exchange: Exchange) -> Judgement:
    """Each delta type has its block types; unknown ones are tolerated (A-S2)."""
    grammar = stream_grammar("messages")
    for block in _blocks(exchange):
        known = grammar.blocks.get(block.kind)
        for event, delta in block.deltas:
            kind = delta.get("type")
            if not isinstance(kind, str):
                yield Examined("delta")
                yield Deviation("a typed delta", shown(delta), _span(event))
            elif known is not None and kind in grammar.known_deltas:
                yield Examined("delta")
                if kind not in known.deltas:
                    wanted = " or ".join(sorted(known.deltas)) or "no delta"
                    yield Deviation(f"{wanted} in a {block.kind} block", kind, _span(event))


@oracle("MSG-S10", on=BROKEN_TOO)
def blocks_start_with_their_zero_value(exchange: Exchange) -> Judgement:
    """A text block starts with empty text, a tool call with empty input (A-S3)."""
    grammar = stream_grammar("messages")
    for block in _blocks(exchange):
        known = grammar.blocks.get(block.kind)
        if known is None or not known.zero:
            continue
        yield Examined("content_block_start")
        for name, zero in known.zero.items():
            if name in block.start and not same_json(block.start[name], zero):
                yield Deviation(
                    f"{name} {shown(zero)} at the start of a {block.kind} block",
                    shown(block.start[name]),
                    _span(block.event),
                )


@oracle("MSG-S11", on=STREAM)
def tool_arguments_parse_when_their_block_stops(exchange: Exchange) -> Judgement:
    """The joined partial_json is a JSON object, or empty; only a token limit may cut it (A-S4)."""
    limited = any(
        object_of(data.get("delta")).get("stop_reason") == "max_tokens"
        for _, data in events_of(exchange.events, "message_delta")
    )
    for block in _blocks(exchange):
        parts = [delta.get("partial_json") for _, delta in block.deltas if delta.get("type") == "input_json_delta"]
        if block.stop is None or not parts or limited:
            continue
        yield Examined("tool arguments")
        if not all(isinstance(part, str) for part in parts):
            yield Deviation("text in every partial_json", shown(parts), _span(block.event))
            continue
        text = "".join(str(part) for part in parts)
        value = decode_json(text.encode("utf-8", "surrogatepass")) if text else {}
        if not isinstance(value, dict):
            seen = "text that is no JSON" if value is NOT_JSON else "JSON of another type"
            yield Deviation("partial_json that adds up to a JSON object", f"{seen}: {shown(text)}", _span(block.event))


@oracle("MSG-S12", on=STREAM)
def thinking_ends_with_its_signature(exchange: Exchange) -> Judgement:
    """The delta that the grammar names comes once, right before the block stops (A-S5)."""
    grammar = stream_grammar("messages")
    for block in _blocks(exchange):
        known = grammar.blocks.get(block.kind)
        if known is None or not known.last or block.stop is None:
            continue
        yield Examined(f"{block.kind} block")
        kinds = [delta.get("type") for _, delta in block.deltas]
        if kinds.count(known.last) != 1 or kinds[-1] != known.last:
            yield Deviation(
                f"one {known.last}, right before a {block.kind} block stops",
                f"{kinds.count(known.last)}, the last delta being {shown(kinds[-1]) if kinds else 'none'}",
                _span(block.event),
            )


@oracle("MSG-S13", on=STREAM)
def the_last_message_delta_tells_the_end(exchange: Exchange) -> Judgement:
    """Before message_stop a message_delta says why the message ended and what it cost (A-S6)."""
    stops = events_of(exchange.events, "message_stop")
    if not stops:
        return
    yield Examined("end of the message")
    deltas = events_of(exchange.events, "message_delta")
    if not deltas:
        yield Deviation("a message_delta before message_stop", "none", _span(stops[0][0]))
        return
    event, data = deltas[-1]
    if object_of(data.get("delta")).get("stop_reason") is None:
        yield Deviation("a stop_reason in the last message_delta", "none", _span(event))
    if not is_count(object_of(data.get("usage")).get("output_tokens")):
        yield Deviation("usage.output_tokens in the last message_delta", shown(data.get("usage")), _span(event))


@oracle("MSG-S14", on=STREAM)
def output_tokens_never_fall(exchange: Exchange) -> Judgement:
    """Usage is cumulative: output_tokens does not fall from one message_delta to the next (A-S6)."""
    last = 0
    for event, data in events_of(exchange.events, "message_delta"):
        told = object_of(data.get("usage")).get("output_tokens")
        if not is_count(told):
            continue
        yield Examined("output_tokens")
        if told < last:
            yield Deviation(f"at least {last} output tokens", f"{told}", _span(event))
        last = told


@oracle("MSG-S15", on=BROKEN_TOO)
def an_error_event_is_an_error_of_the_protocol(exchange: Exchange) -> Judgement:
    """``{"type":"error","error":{"type","message"}}`` (A-S11)."""
    for event, data in events_of(exchange.events, "error"):
        yield Examined("error event")
        error = object_of(data.get("error"))
        if data.get("type") != "error" or not all(
            isinstance(error.get(name), str) and error[name] for name in ("type", "message")
        ):
            yield Deviation("type error with error.type and error.message", shown(data), _span(event))


@oracle("MSG-S16", on=BROKEN_TOO)
def an_error_event_uses_a_known_error_type(exchange: Exchange) -> Judgement:
    """error.type is one of the protocol's (E-table)."""
    for event, data in events_of(exchange.events, "error"):
        kind = object_of(data.get("error")).get("type")
        if isinstance(kind, str) and kind:
            yield Examined("error event")
            if kind not in ERROR_TYPES:
                yield Deviation(f"one of {', '.join(ERROR_TYPES)}", shown(kind), _span(event))


@oracle("MSG-S17", on=STREAM)
def the_response_ends_soon_after_message_stop(exchange: Exchange) -> Judgement:
    """The connection does not stay open after the last event (A-S7)."""
    stops = events_of(exchange.events, "message_stop")
    if not stops or exchange.response is None or exchange.response.ending == "aborted":
        return
    waited = exchange.response.ended_at - stops[-1][0].at
    if waited > CLOSING_TIME and exchange.stalled(stops[-1][0].at, exchange.response.ended_at):
        return
    yield Examined("end of the response")
    if waited > CLOSING_TIME:
        yield Deviation(
            f"the end of the response within {CLOSING_TIME:g} s of message_stop", f"it stayed open for {waited:.1f} s"
        )


@oracle("MSG-S18", on=STREAM)
def no_text_block_is_empty(exchange: Exchange) -> Judgement:
    """A text block brings text (A-S8: zero deltas are legal, yet odd)."""
    for block in _blocks(exchange):
        if block.kind == "text" and block.stop is not None:
            yield Examined("text block")
            if not any(delta.get("text") for _, delta in block.deltas):
                yield Deviation("text in a text block", "none", _span(block.event))


@dataclass(slots=True)
class _Block:
    """The events of one block."""

    event: ServerSentEvent
    start: Json
    deltas: list[tuple[ServerSentEvent, Json]] = field(default_factory=list)
    stop: ServerSentEvent | None = None

    @property
    def kind(self) -> str:
        told = self.start.get("type")
        return told if isinstance(told, str) else ""


def _blocks(exchange: Exchange) -> list[_Block]:
    """The blocks whose start is there, with the deltas that name their index while they are open."""
    found: list[_Block] = []
    opened: dict[int, _Block] = {}
    for event, data, index in _indexed(exchange):
        match event_name(event):
            case "content_block_start":
                opened[index] = _Block(event, object_of(data.get("content_block")))
                found.append(opened[index])
            case "content_block_delta" if index in opened:
                opened[index].deltas.append((event, object_of(data.get("delta"))))
            case "content_block_stop" if index in opened:
                opened.pop(index).stop = event
    return found


def _indexed(exchange: Exchange) -> Iterator[tuple[ServerSentEvent, Json, int]]:
    for event in exchange.events.events:
        data: Any = event.payload()
        if is_count(data.get("index")):
            yield event, data, data["index"]


def _data_events(exchange: Exchange) -> list[ServerSentEvent]:
    """Every event but the literal [DONE], about which one clause says enough."""
    return [event for event in exchange.events.events if event.data.strip() != DONE]


def _span(event: ServerSentEvent) -> tuple[int, int]:
    return event.start, event.end
