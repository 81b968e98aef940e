"""The stream of task events, whoever listens: its media type, its events, and that it stays open (F7.22 to F7.29)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from llmapi_conformance.contract.tasks import task_contract
from llmapi_conformance.evidence.exchange import NOT_JSON, Ending, decode_json
from llmapi_conformance.judging.chat_answer import shown, string
from llmapi_conformance.judging.message_answer import object_of
from llmapi_conformance.judging.oracle import Deviation, Examined, Judgement, On, oracle
from llmapi_conformance.judging.oracles.envelopes import error_message
from llmapi_conformance.judging.oracles.images import answer_in_words
from llmapi_conformance.judging.task_answer import FOLLOWING, heard_view, ids_of
from llmapi_conformance.judging.task_events import ended_in_words, follows, is_of_an_image_key, seconds_open

if TYPE_CHECKING:
    from llmapi_conformance.evidence.exchange import Exchange
    from llmapi_conformance.evidence.sse import ServerSentEvent

LISTENING: Final = On(operations=FOLLOWING, mode="stream")
ASKING: Final = On(operations=FOLLOWING, mode="stream", outcome="any")
_ALIAS: Final = FOLLOWING[1]
_EVENT_STREAM: Final = "text/event-stream"
_LONG_ENOUGH: Final = 1.0
"""Seconds that a stream must have been open to show that it stays open, unless it told of a task's end."""


@oracle("TASK-E01", on=LISTENING)
def task_events_are_an_event_stream(exchange: Exchange) -> Judgement:
    """A listener gets ``text/event-stream`` (F7.22); one who asks for something else may get that (RFC 9110 12.5.1)."""
    if not _accepts_events(exchange):
        return
    yield Examined("stream of task events")
    if exchange.media_type != _EVENT_STREAM:
        found = exchange.header("content-type")
        yield Deviation(f"Content-Type: {_EVENT_STREAM}", f"Content-Type: {found[:80]}" if found else "no Content-Type")


@oracle("TASK-E07", on=LISTENING)
def every_task_event_has_the_one_name(exchange: Exchange) -> Judgement:
    """``event: image_task.updated`` is the only name (F7.27): a browser's listener for it hears no other."""
    wanted = task_contract().event
    for event in _events(exchange):
        yield Examined("event")
        if not event.named or event.name != wanted:
            found = f"event: {event.name[:80]}" if event.named else "an event without a name"
            yield Deviation(f"event: {wanted}", found, _span(event))


@oracle("TASK-E10", on=LISTENING)
def the_data_of_an_event_is_one_line_with_a_task(exchange: Exchange) -> Judgement:
    """One ``data`` line, one JSON object, with an id and a status (F7.29, F7.16).

    An event of another name whose data is no task belongs to TASK-E07.
    """
    for event in _events(exchange):
        task = object_of(decode_json(event.data.encode("utf-8", "surrogatepass")))
        if event.name != task_contract().event and not ids_of(task):
            continue
        yield Examined("data of an event")
        if "\n" in event.data:  # JSON itself has none: each came with a data line of its own
            found = f"{event.data.count(chr(10)) + 1} lines: {shown(event.data)}"
            yield Deviation("one line of JSON", found, _span(event))
        elif not ids_of(task) or not string(task.get("status")):
            yield Deviation("a JSON object with an id and a status", shown(event.data), _span(event))


@oracle("TASK-E11", on=LISTENING)
def task_events_have_neither_id_nor_retry(exchange: Exchange) -> Judgement:
    """The example shows neither ``id`` nor ``retry`` (F7.29); snapshots make up for what was missed."""
    if not follows(exchange):
        return
    yield Examined("stream of task events")
    with_id = next((event for event in exchange.events.events if event.id is not None), None)
    if with_id is not None:
        yield Deviation("no id field", f"id: {(with_id.id or '')[:40]}", _span(with_id))
    if exchange.events.retries:
        yield Deviation("no retry field", f"retry: {exchange.events.retries[0][:40]}")


@oracle("TASK-E15", on=ASKING)
def the_path_of_the_events_is_no_task_id(exchange: Exchange) -> Judgement:
    """``/images/tasks/events`` is a route of its own, whatever the route of a task would make of it (F4.6).

    With an image key a task route would say that there is no such task (404), that the id is bad (400, 422), or give
    the answer for a task as a JSON document. An alias that does not exist is a 404 too, but names no task (ALI-R05).
    """
    if exchange.request.method != "GET" or not is_of_an_image_key(exchange):
        return
    if exchange.status not in (400, 404, 422) and not exchange.succeeded:
        return  # no key, no place, no stream for this Accept: nothing that a task route has to do with
    if exchange.status == 404 and exchange.operation == _ALIAS and not _names_a_task(exchange):
        return
    if exchange.status in (400, 422) and not _accepts_events(exchange) and not _names_a_task(exchange):
        return  # so may one be told who asks for something else than events
    yield Examined("GET of the events' path")
    if not exchange.succeeded:
        yield Deviation("a stream of events", f"{answer_in_words(exchange)}, as for an unknown task id")
    elif exchange.json is not NOT_JSON and not _is_a_list(exchange.json):
        yield Deviation("a stream of events", f"a JSON document: {shown(exchange.json)}", (0, len(exchange.body)))


@oracle("TASK-E16", on=LISTENING)
def the_events_of_a_task_come_in_order(exchange: Exchange) -> Judgement:
    """No event tells of a state that lies before the one told last; the same one again is legal (F7.27)."""
    states = task_contract().states
    last: dict[str, str] = {}
    for sight in heard_view(exchange):
        if sight.status not in states:
            continue  # TASK-L03
        task_id = min(ids_of(sight.task))
        earlier = last.get(task_id)
        last[task_id] = sight.status
        if earlier is None:
            continue
        yield Examined("event after another of the same task")
        if not task_contract().may_follow(earlier, sight.status):
            later = ", ".join(sorted(states[earlier].later))
            wanted = f"after {earlier}: {earlier} again{f', or {later}' if later else ''}"
            yield Deviation(wanted, f"{sight.status} of task {shown(task_id)}", sight.span)


@oracle("TASK-E17", on=LISTENING)
def a_stream_of_events_stays_open(exchange: Exchange) -> Judgement:
    """The listener ends the connection, not the gateway, and not the end of a task (F7.23)."""
    if not follows(exchange) or not is_of_an_image_key(exchange):
        return
    told_an_end = any(sight.final for sight in heard_view(exchange))
    if exchange.ending is Ending.LEFT and (told_an_end or seconds_open(exchange) >= _LONG_ENOUGH):
        yield Examined("stream of task events")
    elif found := ended_in_words(exchange):
        yield Examined("stream of task events")
        last = next((f", after {shown(one.status)}" for one in reversed(heard_view(exchange))), "")
        size = len(exchange.body)
        yield Deviation(
            "a stream that stays open until its listener leaves",
            f"{found} after {seconds_open(exchange):.1f} s{last}",
            (max(0, size - 200), size) if size else None,
        )


def _events(exchange: Exchange) -> tuple[ServerSentEvent, ...]:
    return exchange.events.events if follows(exchange) else ()


def _accepts_events(exchange: Exchange) -> bool:
    accepted = ",".join(value for name, value in exchange.request.headers if name.lower() == "accept").lower()
    return not accepted or any(kind in accepted for kind in (_EVENT_STREAM, "text/*", "*/*"))


def _names_a_task(exchange: Exchange) -> bool:
    """Whether an error speaks of a task, its path aside."""
    return "task" in error_message(exchange.json).replace(exchange.request.path, "").lower()


def _is_a_list(document: object) -> bool:
    """Whether it may be the list of tasks, for a listener that asks for JSON."""
    body = object_of(document)
    return isinstance(document, list) or (not ids_of(body) and any(isinstance(one, list) for one in body.values()))


def _span(event: ServerSentEvent) -> tuple[int, int]:
    return event.start, event.end
