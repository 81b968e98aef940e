"""What a Responses stream has to look like (wire-grammars 3.3); the order is in specs/streams/responses.yaml."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from llmapi_conformance.contract.grammar import stream_grammar
from llmapi_conformance.judging.chat_answer import shown, string
from llmapi_conformance.judging.oracle import Deviation, Examined, Judgement, On, oracle
from llmapi_conformance.judging.oracles.grammar import (
    ABSENT,
    classified,
    ended_by_itself,
    judge_machine,
    member,
    reads_as_stream,
)
from llmapi_conformance.judging.response_answer import (
    TERMINALS,
    added_items,
    added_up,
    event_type,
    events_of,
    finished_items,
    object_of,
    objects,
    place,
    snapshots,
    terminal_of,
    without_opaque,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llmapi_conformance.evidence.exchange import Exchange
    from llmapi_conformance.evidence.sse import EventStream, ServerSentEvent

STREAM: Final = On(operations=("createResponse",), mode="stream")

_STATUS_OF: Final = {
    "response.created": ("in_progress", "queued"),
    "response.queued": ("queued",),
    "response.in_progress": ("in_progress",),
    "response.completed": ("completed",),
    "response.incomplete": ("incomplete",),
    "response.failed": ("failed",),
    "response.cancelled": ("cancelled",),
}


@oracle("RSP-S02", on=STREAM)
def events_are_named_after_their_type(exchange: Exchange) -> Judgement:
    """An event line, and the same name in the data's type (R-stream)."""
    framing = stream_grammar("responses").framing
    for event in events_with_data(exchange):
        yield Examined("event")
        told = event.payload().get(framing.type_member)
        if (framing.named == "required" and not event.named) or told != event.name:
            yield Deviation(
                f"an event line with the {framing.type_member} of the data, {shown(told)}",
                f"event: {event.name}" if event.named else "no event line",
                span(event),
            )
            return


@oracle("RSP-S03", on=STREAM)
def sequence_numbers_grow_by_one(exchange: Exchange) -> Judgement:
    """From 0, by exactly 1 over all events, keepalive among them (R-S1, R-S11)."""
    for wanted, event in enumerate(events_with_data(exchange)):
        number = event.payload().get("sequence_number", ABSENT)
        yield Examined("sequence_number")
        if number != wanted or isinstance(number, bool):
            yield Deviation(
                f"sequence_number {wanted}",
                "no sequence_number" if number is ABSENT else f"sequence_number {shown(number)}",
                span(event),
            )
            return


@oracle("RSP-S04", on=STREAM)
def the_response_is_created_first(exchange: Exchange) -> Judgement:
    """``response.created`` comes first and once, its output empty (R-S2)."""
    if is_error_in_a_stream(exchange):
        return
    yield from judge_machine(stream_grammar("responses"), "start", exchange)
    for event, payload in events_of(exchange.events, "response.created"):
        output = object_of(payload.get("response")).get("output")
        if output != []:
            yield Deviation("output [] in response.created", f"output {shown(output)}", span(event))
            return


@oracle("RSP-S05", on=STREAM)
def snapshots_have_one_id(exchange: Exchange) -> Judgement:
    """All snapshots of a stream are of one response (R-S2)."""
    first = ABSENT
    for event, response in snapshots(exchange.events):
        yield Examined("snapshot")
        identifier = response.get("id")
        if first is ABSENT and string(identifier):
            first = identifier
        elif identifier != first or not string(identifier):
            wanted = "a response id" if first is ABSENT else f"response id {shown(first)}, as before"
            yield Deviation(wanted, f"id {shown(identifier)}", span(event))
            return


@oracle("RSP-S06", on=STREAM)
def snapshot_has_the_status_of_its_event(exchange: Exchange) -> Judgement:
    """The response in ``response.completed`` is completed, and so on (R-S3)."""
    for event, response in snapshots(exchange.events):
        wanted = _STATUS_OF.get(event_type(event))
        if wanted is None:
            continue
        yield Examined("snapshot")
        if response.get("status") not in wanted:
            yield Deviation(
                f"status {' or '.join(wanted)} in {event_type(event)}",
                f"status {shown(response.get('status'))}",
                span(event),
            )


@oracle("RSP-S07", on=STREAM)
def items_follow_each_other(exchange: Exchange) -> Judgement:
    """Numbered from 0 without a gap, none begun before the last one is done (R-stream)."""
    yield from _judge_order("items", exchange)
    added = [(event, index) for event, index, _ in added_items(exchange.events)]
    for wanted, (event, index) in enumerate(added):
        yield Examined("output_index")
        if index != wanted or isinstance(index, bool):
            yield Deviation(f"output_index {wanted}", f"output_index {shown(index)}", span(event))
            return


@oracle("RSP-S08", on=STREAM)
def items_keep_id_and_type(exchange: Exchange) -> Judgement:
    """``item_id`` is the id of the item at that index, and done brings the same id and type (R-S4, defect M22)."""
    begun = {repr(index): item for _, index, item in added_items(exchange.events)}
    for event in exchange.events.events:
        payload = event.payload()
        item = begun.get(repr(payload.get("output_index")))
        if item is None:
            continue
        if event_type(event) == "response.output_item.done":
            yield Examined("finished item")
            done = object_of(payload.get("item"))
            changed = [name for name in ("id", "type") if name in item and done.get(name) != item[name]]
            if changed:
                name = changed[0]
                yield Deviation(
                    f"{name} {shown(item[name])}, as when the item was added",
                    f"{name} {shown(done.get(name))}",
                    span(event),
                )
                return
        elif string(item.get("id")) and payload.get("item_id") is not None:
            yield Examined("item_id")
            if payload["item_id"] != item["id"]:
                yield Deviation(
                    f"item_id {shown(item['id'])}, as when the item was added",
                    f"item_id {shown(payload['item_id'])} in {event_type(event)}",
                    span(event),
                )
                return


@oracle("RSP-S09", on=STREAM)
def events_of_an_item_keep_their_order(exchange: Exchange) -> Judgement:
    """Added, deltas, done, part by part within its item (R-S13, R-stream)."""
    for machine in ("item", "part", "call", "summary"):
        yield from _judge_order(machine, exchange)
    for kind, name in (
        ("response.content_part.added", "content_index"),
        ("response.reasoning_summary_part.added", "summary_index"),
    ):
        counted: dict[str, int] = {}
        for event, payload in events_of(exchange.events, kind):
            yield Examined(name)
            item = repr(payload.get("output_index"))
            wanted = counted.get(item, 0)
            if payload.get(name) != wanted or isinstance(payload.get(name), bool):
                yield Deviation(f"{name} {wanted}", f"{name} {shown(payload.get(name))}", span(event))
                return
            counted[item] = wanted + 1


@oracle("RSP-S10", on=STREAM)
def text_deltas_add_up(exchange: Exchange) -> Judgement:
    """The sum of the deltas is the done text, the text of the done part and of the finished item (R-S5)."""
    yield from _adds_up(exchange, "text", "response.output_text.done", "text", ("content", "content_index"))


@oracle("RSP-S11", on=STREAM)
def other_deltas_add_up(exchange: Exchange) -> Judgement:
    """The same holds for arguments, refusals and summaries (R-S5)."""
    yield from _adds_up(exchange, "arguments", "response.function_call_arguments.done", "arguments", ("", ""))
    yield from _adds_up(exchange, "refusal", "response.refusal.done", "refusal", ("content", "content_index"))
    yield from _adds_up(
        exchange, "summary", "response.reasoning_summary_text.done", "text", ("summary", "summary_index")
    )


@oracle("RSP-S12", on=STREAM)
def the_final_output_is_the_finished_items(exchange: Exchange) -> Judgement:
    """The terminal's output holds the items as they were done, in their order; opaque members may differ (R-S6)."""
    end = terminal_of(exchange.events)
    if end is None or event_type(end) not in {"response.completed", "response.incomplete"}:
        return
    yield Examined("output")
    output = object_of(end.payload().get("response")).get("output")
    told = output if isinstance(output, list) else []
    finished = [item for _, item in finished_items(exchange.events)]
    if len(told) != len(finished):
        yield Deviation(
            f"the {len(finished)} finished items in the output of {event_type(end)}", f"{len(told)} items", span(end)
        )
        return
    for number, (item, done) in enumerate(zip(told, finished, strict=True)):
        if without_opaque(item) != without_opaque(done):
            yield Deviation(f"item {number} as it was done: {shown(done, 300)}", shown(item, 300), span(end))
            return


@oracle("RSP-S13", on=STREAM)
def one_terminal_ends_the_stream(exchange: Exchange) -> Judgement:
    """One terminal event, and at most one ``[DONE]`` behind it (R-S7, defect M21)."""
    if is_error_in_a_stream(exchange):
        return
    yield from judge_machine(stream_grammar("responses"), "end", exchange)


@oracle("RSP-S14", on=STREAM)
def no_done_mark_follows_the_response(exchange: Exchange) -> Judgement:
    """OpenAI sends no ``[DONE]`` here; Open Responses asks for one (R-S7, variation C16)."""
    if not reads_as_stream(exchange) or is_error_in_a_stream(exchange):
        return
    yield Examined("stream end")
    for name, event in classified(stream_grammar("responses"), exchange.events):
        if name == "done_mark":
            yield Deviation("a stream that ends with its terminal event", "data: [DONE]", span(event))
            return


@oracle("RSP-S15", on=STREAM)
def finished_arguments_name_the_function(exchange: Exchange) -> Judgement:
    """``function_call_arguments.done`` has the name of the function (R-S8)."""
    names = {repr(index): item.get("name") for _, index, item in added_items(exchange.events)}
    for event, payload in events_of(exchange.events, "response.function_call_arguments.done"):
        yield Examined("function_call_arguments.done")
        wanted = names.get(repr(payload.get("output_index")))
        if payload.get("name") != wanted:
            yield Deviation(f"name {shown(wanted)}", f"name {shown(payload.get('name'))}", span(event))
            return


@oracle("RSP-S17", on=On(operations=("createResponse",), mode="stream", disturbed=True))
def error_event_says_what_went_wrong(exchange: Exchange) -> Judgement:
    """A code and a message, flat or under error (R-S10)."""
    for event, payload in events_of(exchange.events, "error"):
        yield Examined("error event")
        nested = payload.get("error")
        error = nested if isinstance(nested, dict) else payload
        if not string(error.get("message")) or "code" not in error:
            yield Deviation("an error event with code and message", shown(payload), span(event))


@oracle("RSP-S18", on=On(operations=("createResponse",), mode="stream", disturbed=True))
def error_event_has_its_usual_form(exchange: Exchange) -> Judgement:
    """The members under error, and ``response.failed`` behind it (R-S10)."""
    for event, payload in events_of(exchange.events, "error"):
        yield Examined("error event")
        if not isinstance(payload.get("error"), dict):
            yield Deviation("code and message under error", shown(payload), span(event))
        end = terminal_of(exchange.events)
        if end is None or event_type(end) != "response.failed":
            yield Deviation(
                "response.failed behind the error event", event_type(end) if end else "no terminal event", span(event)
            )
        return


@oracle("RSP-S24", on=STREAM)
def usage_is_null_before_the_end(exchange: Exchange) -> Judgement:
    """No snapshot but the terminal one tells usage (R-N2, R-S2)."""
    for event, response in snapshots(exchange.events):
        if event_type(event) in TERMINALS:
            continue
        yield Examined("snapshot")
        if response.get("usage") is not None:
            yield Deviation(f"usage null in {event_type(event)}", f"usage {shown(response['usage'])}", span(event))


@oracle("RSP-S25", on=STREAM)
def in_progress_follows_created(exchange: Exchange) -> Judgement:
    """``response.in_progress`` is told before the first item (R-stream)."""
    yield from _judge_order("opening", exchange)


@oracle("RSP-S26", on=STREAM)
def events_have_the_members_of_their_type(exchange: Exchange) -> Judgement:
    """What the grammar lists for a type is there (R-stream)."""
    grammar = stream_grammar("responses")
    for event in events_with_data(exchange):
        wanted = grammar.members.get(event_type(event))
        if wanted is None:
            continue
        yield Examined("event")
        payload = event.payload()
        missing = [name for name in wanted if member(payload, name) in (ABSENT, None)]
        if missing:
            yield Deviation(f"{', '.join(missing)} in {event_type(event)}", shown(payload, 200), span(event))
            return


def events_with_data(exchange: Exchange) -> list[ServerSentEvent]:
    """Every event that holds a JSON object, which ``[DONE]`` is not; none where there is an error and no stream."""
    return [] if is_error_in_a_stream(exchange) else [event for event in exchange.events.events if event.payload()]


def is_error_in_a_stream(exchange: Exchange) -> bool:
    """Whether the events are the error body of another protocol: a refusal that should have been a status (E1)."""
    payloads = [payload for event in exchange.events.events if (payload := event.payload())]
    return bool(payloads) and all(payload.get("error") and not payload.get("type") for payload in payloads)


def span(event: ServerSentEvent) -> tuple[int, int]:
    """Where an event stands in the body."""
    return event.start, event.end


def _judge_order(machine: str, exchange: Exchange) -> Judgement:
    """Judge by a machine; where the terminal event is missing, only that is a finding, not what it leaves open."""
    whole = ended_by_itself(exchange) and terminal_of(exchange.events) is not None
    yield from judge_machine(stream_grammar("responses"), machine, exchange, ended=whole)


def _adds_up(exchange: Exchange, kind: str, done: str, name: str, within: tuple[str, str]) -> Judgement:
    """Compare the sum of deltas with each place where the whole is told.

    Args:
        exchange: A streamed answer.
        kind: What grows.
        done: The event that tells the whole.
        name: The member that holds it, in that event, in the done part and in the finished item.
        within: The array of the item that its part stands in, and the index of the part; empty for the item itself.
    """
    array_name, index_name = within
    sums = added_up(exchange.events)
    for event, payload in events_of(exchange.events, done):
        where = place(kind, payload, index_name)
        if where not in sums and payload.get(name) == "":
            continue
        yield Examined(f"{kind} of a part" if index_name else kind)
        for found, at, teller in _tellings(exchange.events, event, name, array_name, index_name):
            wanted = sums.get(where, "")
            if found != wanted:
                yield Deviation(
                    f"{shown(wanted)}, the sum of the deltas", f"{shown(found)} in {teller}", (at.start, at.end)
                )
                return


def _tellings(
    stream: EventStream, event: ServerSentEvent, name: str, array_name: str, index_name: str
) -> Iterator[tuple[Any, ServerSentEvent, str]]:
    """Every place that tells the whole of what an event finishes: value, event and that event's type."""
    payload = event.payload()
    yield payload.get(name), event, event_type(event)
    item_index, part_index = repr(payload.get("output_index")), repr(payload.get(index_name))
    if array_name:
        closing = "response.content_part.done" if array_name == "content" else "response.reasoning_summary_part.done"
        for other, told in events_of(stream, closing):
            if (repr(told.get("output_index")), repr(told.get(index_name))) == (item_index, part_index):
                yield object_of(told.get("part")).get(name), other, closing
    for other, told in events_of(stream, "response.output_item.done"):
        if repr(told.get("output_index")) != item_index:
            continue
        item = object_of(told.get("item"))
        if not array_name:
            yield item.get(name), other, "response.output_item.done"
            continue
        parts = objects(item, array_name)
        position = payload.get(index_name)
        if isinstance(position, int) and 0 <= position < len(parts):
            yield parts[position].get(name), other, "response.output_item.done"
        else:
            yield None, other, "response.output_item.done"
