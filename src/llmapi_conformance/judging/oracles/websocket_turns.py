"""Responses over WebSocket: the turns, one after the other, and how one continues another (wire-grammars 6)."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from llmapi_conformance.judging.chat_answer import shown, string
from llmapi_conformance.judging.oracle import Deviation, Examined, Judgement, On, oracle
from llmapi_conformance.judging.oracles import responses_stream as grammar
from llmapi_conformance.judging.oracles.websocket import how_it_ended
from llmapi_conformance.judging.response_answer import (
    ResponseAnswer,
    answer_of,
    event_type,
    object_of,
    without_opaque,
)
from llmapi_conformance.judging.upstream_log import log_entries
from llmapi_conformance.judging.websocket_turns import (
    OPERATIONS,
    Turn,
    as_stream,
    creates_of,
    spans_of,
    turns_of,
    type_of,
)

if TYPE_CHECKING:
    from llmapi_conformance.evidence.exchange import Exchange, Message
    from llmapi_conformance.judging.oracle import Oracle

SOCKET: Final = On(operations=OPERATIONS, mode="websocket")
"""Every WebSocket that was opened and whose upstream was left alone."""
_ORDER: Final = (
    grammar.sequence_numbers_grow_by_one,
    grammar.the_response_is_created_first,
    grammar.snapshots_have_one_id,
    grammar.snapshot_has_the_status_of_its_event,
    grammar.items_follow_each_other,
    grammar.items_keep_id_and_type,
    grammar.events_of_an_item_keep_their_order,
    grammar.events_have_the_members_of_their_type,
)
_CONTENT: Final = (
    grammar.text_deltas_add_up,
    grammar.other_deltas_add_up,
    grammar.the_final_output_is_the_finished_items,
)


@oracle("WS-T01", on=SOCKET)
def each_turn_has_one_end(exchange: Exchange) -> Judgement:
    """A response.create brings the events of one response, one end, and nothing of it behind that (rule W-turn)."""
    for turn in creates_of(exchange):
        yield Examined("turn")
        if turn.end is None:
            yield Deviation("a terminal event or an error for each response.create", _silence(exchange, turn))
            continue
        late = [message for message in turn.late if _belongs(message, turn)]
        if late:
            yield Deviation(
                f"nothing of a turn behind its {type_of(turn.end)}",
                type_of(late[0]),
                (late[0].start, late[0].end),
            )


@oracle("WS-T02", on=SOCKET)
def events_follow_the_grammar_of_the_stream(exchange: Exchange) -> Judgement:
    """The events of a turn are those of a stream: numbers, snapshots, items, parts (rules W-server-events, R-S1)."""
    yield from _as_streams(exchange, _ORDER)


@oracle("WS-T13", on=SOCKET)
def deltas_and_outputs_of_a_turn_agree(exchange: Exchange) -> Judgement:
    """Deltas, done events, finished items and the final output tell the same (rules R-S5, R-S6)."""
    yield from _as_streams(exchange, _CONTENT)


@oracle("WS-T03", on=SOCKET)
def several_turns_run_on_one_connection(exchange: Exchange) -> Judgement:
    """A second response.create is answered like the first one (rule W-turn)."""
    turns = creates_of(exchange)
    for turn in turns[1:]:
        yield Examined("further turn")
        if not turn.messages:
            yield Deviation("an answer to a further response.create", how_it_ended(exchange))


@oracle("WS-T04")
def the_connection_stays_open_behind_a_turn(exchange: Exchange) -> Judgement:
    """Neither a terminal event nor an error message closes it (rule W-turn)."""
    turns = turns_of(exchange)
    close = exchange.close
    shut = close is None or close.by == "gateway"
    for number, turn in enumerate(turns):
        if turn.end is None:
            return
        yield Examined(f"time behind {type_of(turn.end)}")
        following = turns[number + 1] if number + 1 < len(turns) else None
        if shut and (following is None or not following.messages):
            yield Deviation(
                f"an open connection behind {type_of(turn.end)}",
                how_it_ended(exchange),
                (turn.end.start, turn.end.end),
            )
            return


@oracle("WS-T05")
def the_same_turn_has_the_same_events(stream: Exchange, socket: Exchange, number: int) -> Judgement:
    """What SSE brings, WebSocket brings (oracle M18).

    Args:
        stream: The request as a stream of server-sent events.
        socket: A WebSocket that carried the same request.
        number: Which of its turns did, from 0.
    """
    turns = creates_of(socket)
    if number >= len(turns) or turns[number].end is None or turns[number].refused or turns[number].gaps:
        return
    turn = turns[number]
    view = as_stream(socket, turn)
    one, other = answer_of(stream), answer_of(view)
    if one is None or other is None:
        return
    yield Examined("turn over both")
    if "@upstream" in string(_prompt(turn)):
        told, heard = _run_of_types(stream), _run_of_types(view)
        if told != heard:
            where = next((k for k, pair in enumerate(zip(told, heard, strict=False)) if pair[0] != pair[1]), None)
            at = min(len(told), len(heard)) if where is None else where
            yield Deviation(
                f"the events of the SSE stream: {_at(told, at)} as number {at}", _at(heard, at), exchange=socket
            )
        for what, first, second in _told(one, other):
            if first != second:
                yield Deviation(f"{what} as over SSE: {shown(first, 200)}", shown(second, 200), exchange=socket)
    elif (one.status, one.reason) != (other.status, other.reason):
        yield Deviation(f"status {one.status} as over SSE", f"status {other.status}", exchange=socket)


@oracle("WS-T06", on=SOCKET)
def stream_id_stands_in_every_event(exchange: Exchange) -> Judgement:
    """What the client named its turn is told by each event of it (rule W-server-events)."""
    for turn in creates_of(exchange):
        if not turn.lane:
            continue
        for message in turn.messages:
            yield Examined("event of a turn with a stream_id")
            told = object_of(message.json).get("stream_id")
            if told != turn.lane:
                yield Deviation(
                    f"stream_id {shown(turn.lane)} in {type_of(message) or 'the message'}",
                    f"stream_id {shown(told)}" if told is not None else "no stream_id",
                    (message.start, message.end),
                )
                break


@oracle("WS-T07")
def responses_do_not_mix(exchange: Exchange) -> Judgement:
    """Without stream_ids, no event of a second response comes before the first has ended (rule W-concurrency)."""
    for first, second in _together(exchange):
        if first.end is None or not second.begun:
            continue
        yield Examined("two turns asked for at once")
        begun = next(message for message in second.messages if type_of(message).startswith("response."))
        if begun.start < first.end.start:
            yield Deviation(
                "the first response whole, and then the second",
                f"{type_of(begun)} of the second before {type_of(first.end)} of the first",
                (begun.start, begun.end),
            )


@oracle("WS-T12")
def second_turn_is_queued(exchange: Exchange) -> Judgement:
    """A response.create that comes in a turn is answered when that has ended (rule W-concurrency)."""
    for first, second in _together(exchange):
        if first.end is None:
            continue
        yield Examined("response.create in a turn")
        if not second.begun:
            end = second.end
            yield Deviation(
                "a response to a response.create that came during another turn",
                shown(end.data.decode("utf-8", "replace"), 200) if end else how_it_ended(exchange),
                (end.start, end.end) if end else None,
            )


@oracle("WS-T08")
def stream_and_background_change_nothing(exchange: Exchange) -> Judgement:
    """They have no meaning here: they are ignored, or refused by an error message (rule W-client-events)."""
    for turn in creates_of(exchange):
        if not {"stream", "background"} & turn.request.keys():
            continue
        yield Examined("response.create with stream or background")
        types = [type_of(message) for message in turn.messages]
        if turn.end is None:
            yield Deviation("the events of a response, or an error message", _silence(exchange, turn))
        elif not turn.refused and types[0] != "response.created":
            yield Deviation(
                "response.created first, as without these members",
                types[0] or shown(turn.messages[0].data[:80].decode("utf-8", "replace")),
                (turn.messages[0].start, turn.messages[0].end),
            )


@oracle("WS-T09")
def nothing_is_generated_where_nothing_is_asked_for(exchange: Exchange) -> Judgement:
    """``generate: false`` warms up: a response with an id and without output (rule W-client-events)."""
    for turn in creates_of(exchange):
        if turn.request.get("generate") is not False:
            continue
        yield Examined("response.create with generate false")
        end = turn.end
        if end is None or turn.refused:
            told = shown(end.data.decode("utf-8", "replace"), 200) if end else _silence(exchange, turn)
            yield Deviation("a response without output", told, (end.start, end.end) if end else None)
        elif turn.response.get("output") != [] or not string(turn.response.get("id")):
            yield Deviation(
                "a response with an id and with output []",
                f"id {shown(turn.response.get('id'))}, output {shown(turn.response.get('output'))}",
                (end.start, end.end),
            )


@oracle("WS-T10")
def what_makes_no_sense_is_answered_with_an_error(exchange: Exchange) -> Judgement:
    """No JSON, or an unknown type: the client is told (rule W-client-events)."""
    for turn in turns_of(exchange):
        if turn.creates:
            continue
        yield Examined("message that asks for nothing")
        first = turn.messages[0] if turn.messages else None
        if not turn.refused:
            yield Deviation(
                f"an error message for {shown(turn.asked.data[:60].decode('utf-8', 'replace'))}",
                type_of(first) or "another message" if first else how_it_ended(exchange),
                (first.start, first.end) if first else None,
            )


@oracle("WS-T11")
def events_are_passed_on_at_once(exchange: Exchange, held: int) -> Judgement:
    """The gateway hands over each delta before it has the next one (H3, defect M17).

    Args:
        exchange: A turn whose upstream sent a delta only after an earlier event had arrived here.
        held: How many events had arrived when nothing more came and the upstream was let go; -1 when that never was.
    """
    turns = creates_of(exchange)
    if not any(turn.begun for turn in turns) or any(turn.gaps for turn in turns):
        return
    yield Examined("event", len(exchange.messages))
    if held >= 0:
        yield Deviation(
            "each delta as soon as the upstream has sent it",
            f"{held} events, and no further one while the upstream waited for it to arrive",
        )


@oracle("WS-C01")
def a_turn_continues_an_earlier_one(exchange: Exchange, log: Exchange, canary: str) -> Judgement:
    """previous_response_id of this connection works, though nothing was stored (rule W-continuation).

    Args:
        exchange: A WebSocket whose last turn continues an earlier one.
        log: What the upstream received for that turn.
        canary: A text of the earlier turn.
    """
    turns = [turn for turn in creates_of(exchange) if turn.request.get("previous_response_id")]
    if not turns:
        return
    turn = turns[-1]
    yield Examined("turn that continues another")
    if turn.end is None or not turn.served:
        told = shown(turn.end.data.decode("utf-8", "replace"), 200) if turn.end else _silence(exchange, turn)
        yield Deviation("a response to the turn that continues another", told)
        return
    entries = log_entries(log)
    if entries and not any(canary in shown(entry, 1_000_000) or _names_a_response(entry) for entry in entries):
        yield Deviation("the earlier turn in what the upstream is asked", "a request without it", exchange=log)


@oracle("WS-C02", on=SOCKET)
def unknown_previous_response_is_told_as_such(exchange: Exchange) -> Judgement:
    """The code previous_response_not_found (rule W-continuation)."""
    for turn in creates_of(exchange):
        identifier = turn.request.get("previous_response_id")
        if not isinstance(identifier, str) or "unknown" not in identifier or turn.end is None:
            continue
        yield Examined("unknown previous_response_id")
        code = object_of(object_of(turn.end.json).get("error")).get("code")
        if code != "previous_response_not_found":
            yield Deviation(
                "an error with code previous_response_not_found",
                f"{type_of(turn.end)} with code {shown(code)}" if turn.refused else type_of(turn.end),
                (turn.end.start, turn.end.end),
            )


@oracle("WS-C03")
def a_foreign_response_is_like_an_unknown_one(exchange: Exchange, log: Exchange, canary: str) -> Judgement:
    """Another tenant's id gets the answer of an unknown one, and nothing of its text is used (OWASP API 1, D033).

    Args:
        exchange: A WebSocket with two turns: one continues a response of another tenant, one an unknown response.
        log: What the upstream received for the first.
        canary: A text of the other tenant's turn.
    """
    turns = creates_of(exchange)
    if len(turns) < 2 or turns[0].end is None or turns[1].end is None or turns[1].served:
        return
    yield Examined("previous_response_id of another tenant")
    foreign, unknown = (_refusal(turn) for turn in turns[:2])
    if foreign != unknown:
        yield Deviation(
            f"the answer that an unknown id gets: {shown(unknown, 200)}",
            shown(foreign, 200),
            (turns[0].end.start, turns[0].end.end),
        )
    elif any(canary in shown(entry, 1_000_000) for entry in log_entries(log)):
        yield Deviation("nothing of the other tenant's turn at the upstream", "its text", exchange=log)


def _as_streams(exchange: Exchange, oracles: tuple[Oracle, ...]) -> Judgement:
    """Judge each turn by oracles of the SSE stream."""
    for turn in creates_of(exchange):
        if not turn.begun or turn.gaps:
            continue  # what can't be read is another clause's finding
        view = as_stream(exchange, turn)
        places = spans_of(view, turn)
        for one in oracles:
            for item in one(view):
                if isinstance(item, Deviation):
                    yield replace(item, span=places.get(item.span) if item.span else None, exchange=None)
                else:
                    yield item


def _belongs(message: Message, turn: Turn) -> bool:
    """Whether a message behind the end of a turn is one too many; ``response.failed`` may follow an error (R-S10)."""
    kind = type_of(message)
    if turn.refused and kind == "response.failed":
        return False
    return kind.startswith("response.") or kind == "error"


def _silence(exchange: Exchange, turn: Turn) -> str:
    last = type_of(turn.messages[-1]) if turn.messages else "nothing"
    return f"{last}, and then {how_it_ended(exchange)}"


def _together(exchange: Exchange) -> list[tuple[Turn, Turn]]:
    """Pairs of turns of the default lane, the second asked for before the first had begun to end."""
    turns = [turn for turn in turns_of(exchange) if turn.creates and not turn.lane]
    return [
        (first, second)
        for first, second in itertools.pairwise(turns)
        if first.end is None or second.asked.at < first.end.at
    ]


def _run_of_types(exchange: Exchange) -> list[str]:
    """The types of the events, deltas of one kind in a row taken together, keepalive and [DONE] left out."""
    found: list[str] = []
    for event in exchange.events.events:
        kind = event_type(event)
        if not kind.startswith("response.") or (kind.endswith(".delta") and found and found[-1] == kind):
            continue
        found.append(kind)
    return found


def _told(one: ResponseAnswer, other: ResponseAnswer) -> list[tuple[str, Any, Any]]:
    """What two answers say, ids left out."""
    return [
        ("status", one.status, other.status),
        ("text", one.text, other.text),
        ("refusal", one.refusal, other.refusal),
        ("calls", [(call.name, call.arguments) for call in one.calls], [(c.name, c.arguments) for c in other.calls]),
        ("usage", without_opaque(one.usage), without_opaque(other.usage)),
    ]


def _prompt(turn: Turn) -> str:
    return shown(turn.request.get("input"), 1_000_000)


def _at(types: list[str], number: int) -> str:
    return types[number] if number < len(types) else "the end"


def _names_a_response(entry: dict[str, Any]) -> bool:
    return bool(string(object_of(entry.get("body")).get("previous_response_id")))


def _refusal(turn: Turn) -> dict[str, Any]:
    """What the end of a turn tells, the id that was asked for left out."""
    told = object_of(turn.end.json) if turn.end is not None else {}
    error = object_of(told.get("error"))
    asked = string(turn.request.get("previous_response_id"))
    message = string(error.get("message"))
    return {
        "type": told.get("type"),
        "status": told.get("status"),
        "code": error.get("code"),
        "kind": error.get("type"),
        "message": message.replace(asked, "") if asked else message,
    }
