"""Reading a task: at once, beside its events, in the list (facts F7.3, F7.19, F7.21)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from llmapi_conformance.contract.tasks import task_contract
from llmapi_conformance.judging.chat_answer import is_whole_number, shown, string
from llmapi_conformance.judging.message_answer import object_of, same_json
from llmapi_conformance.judging.oracle import Deviation, Examined, Judgement, oracle
from llmapi_conformance.judging.oracles.chat import span_of
from llmapi_conformance.judging.oracles.images import answer_in_words
from llmapi_conformance.judging.task_answer import (
    TRANSIENT,
    Sight,
    heard_view,
    ids_of,
    listed_tasks,
    read_view,
    submitted_id,
    task_of,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llmapi_conformance.evidence.exchange import Exchange

_GOES_ON: Final = re.compile(r"next|more|cursor", re.IGNORECASE)
_TOTALS: Final = ("total", "total_count", "count")
_PAGING: Final = ("pagination", "paging", "page", "meta", "links", "_links")


@oracle("TASK-L09")
def a_task_can_be_read_at_once(submitted: Exchange, first: Exchange) -> Judgement:
    """The first reading after the 202 finds the task (F7.3, D287, D291)."""
    yield from _can_be_read(submitted, [first], "as soon as its 202 has come")


@oracle("TASK-D09")
def what_an_event_names_can_be_read(submitted: Exchange, told: Sequence[Exchange]) -> Judgement:
    """A reading that follows at once upon the first event finds the task, also before its 202 (F7.19).

    Args:
        submitted: The submission.
        told: Readings of the tasks that events named, ours among them.
    """
    found = submitted_id(submitted)
    ours = [one for one in told if found and one.request.path.endswith(f"/{found}")]
    yield from _can_be_read(submitted, ours, "as soon as an event has named it")


@oracle("TASK-D01")
def the_detail_is_what_the_events_carry(
    stream: Exchange, submitted: Exchange, readings: Sequence[Exchange]
) -> Judgement:
    """Once it has ended, detail and last event are the same task in the same state, in all shown members (F7.19)."""
    yield from _alike(stream, submitted, readings, task_contract().members)


@oracle("TASK-D08")
def the_detail_holds_what_the_last_event_holds(
    stream: Exchange, submitted: Exchange, readings: Sequence[Exchange]
) -> Judgement:
    """Member by member, results and errors too; not the wording, nor the query of an address, a signature (F7.19)."""
    yield from _alike(stream, submitted, readings)


@oracle("TASK-D05")
def the_list_holds_a_submitted_task(submitted: Exchange, listed: Exchange) -> Judgement:
    """The list of the key's tasks has the one that was just submitted (F7.21, tension C5)."""
    found = submitted_id(submitted)
    if not found or listed.status in TRANSIENT:
        return
    tasks = listed_tasks(listed)
    if tasks is None:
        yield Examined("list")
        yield Deviation("a list of the key's tasks", _answer(listed), exchange=listed)
        return
    there = any(found in ids_of(task) for task in tasks)
    if not there and _goes_on(listed):
        return
    yield Examined("list")
    if not there:
        yield Deviation(f"task {found} in the list", f"{len(tasks)} others", exchange=listed)


@oracle("TASK-D10")
def the_list_shows_the_end(submitted: Exchange, readings: Sequence[Exchange], listed: Exchange) -> Judgement:
    """A list that is asked for after the end was seen shows the task in its final state (F7.21, tension C5)."""
    found = submitted_id(submitted)
    end = _end(readings)
    for task in listed_tasks(listed) or ():
        if end is None or not found or found not in ids_of(task) or "status" not in task:
            continue
        yield Examined("task in the list")
        if task["status"] != end.status:
            yield Deviation(
                f"{end.status}, as its detail said before",
                shown(task["status"]),
                span_of(listed, found) or span_of(listed, "status"),
                listed,
            )


def _can_be_read(submitted: Exchange, readings: Sequence[Exchange], when: str) -> Judgement:
    found = submitted_id(submitted)
    for one in readings:
        if not found or one.status in TRANSIENT:
            continue
        yield Examined("reading")
        if found not in ids_of(task_of(one)):
            yield Deviation(f"task {found} {when}", _answer(one), exchange=one)


def _alike(stream: Exchange, submitted: Exchange, readings: Sequence[Exchange], exact: Sequence[str] = ()) -> Judgement:
    """Judge that the first event and the first detail of the end agree: in these members exactly, or in all in essence.

    Null against absent is no difference.
    """
    found = submitted_id(submitted)
    told = heard_view(stream, found) if found else ()
    heard, read = next((sight for sight in told if sight.final), None), _end(readings)
    if heard is None or read is None:
        return
    yield Examined("task that ended, in both views")
    for name in exact or sorted(heard.task.keys() | read.task.keys()):
        pair = [sight.task.get(name) for sight in (heard, read)]
        if not same_json(*(pair if exact else map(_essence, pair))):
            yield _differs(name, heard, read)
            return


def _end(readings: Sequence[Exchange]) -> Sight | None:
    return next((sight for sight in read_view(readings) if sight.final), None)


def _differs(name: str, heard: Sight, read: Sight) -> Deviation:
    wanted, found = shown(heard.task.get(name), 80), shown(read.task.get(name), 80)
    return Deviation(
        f"{name} {wanted} in the detail, as in the last event", found, span_of(read.exchange, name), read.exchange
    )


def _answer(exchange: Exchange) -> str:
    """What came instead, in few words."""
    return shown(exchange.body[:80].decode("utf-8", "replace")) if exchange.succeeded else answer_in_words(exchange)


def _essence(value: Any) -> Any:
    """The value without members that are null, the queries of its addresses and the words of its messages."""
    if isinstance(value, dict):
        return {
            name: bool(member) if name == "message" else _essence(member)
            for name, member in value.items()
            if member is not None
        }
    if isinstance(value, list):
        return [_essence(one) for one in value]
    if string(value).startswith(("http://", "https://", "/")):
        return value.partition("?")[0]
    return value


def _goes_on(listed: Exchange) -> bool:
    """Whether the list says that it has more pages, or more tasks than it shows."""
    whole = object_of(listed.json)
    shown_here = len(listed_tasks(listed) or ())
    for body in (whole, *(object_of(whole.get(name)) for name in _PAGING)):
        if any(_GOES_ON.search(name) and value not in (None, False, "") for name, value in body.items()):
            return True
        totals: list[Any] = [body.get(name) for name in _TOTALS]
        if any(is_whole_number(total) and total > shown_here for total in totals):
            return True
    return "next" in (listed.header("link") or "")
