"""The task object and its life: members, states, histories, ends (facts F7.16 to F7.18)."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from llmapi_conformance.contract.tasks import task_contract
from llmapi_conformance.evidence.exchange import Chunk, Exchange
from llmapi_conformance.judging.chat_answer import is_whole_number, shown, string
from llmapi_conformance.judging.message_answer import object_of
from llmapi_conformance.judging.oracle import Deviation, Examined, Judgement, On, oracle
from llmapi_conformance.judging.oracles.chat import span_of
from llmapi_conformance.judging.oracles.secrets import address_leaks, key_leaks
from llmapi_conformance.judging.task_answer import (
    CANCELLING,
    FOLLOWING,
    READING,
    SUBMITTING,
    Sight,
    Task,
    View,
    heard_view,
    ids_of,
    listed_tasks,
    read_view,
    submitted_id,
    task_of,
)
from llmapi_conformance.judging.upstream_log import log_entries

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SHOWN: Final = On(operations=(*READING, *FOLLOWING))
FOLLOWED: Final = On(operations=FOLLOWING, mode="stream")
READ: Final = On(operations=READING, mode="plain")
_TOLD: Final = On(operations=(*READING, *FOLLOWING, *SUBMITTING, *CANCELLING, "listImageTasks"))
_WITHOUT_SUCCESS: Final = ("failed", "timeout")
_SAYS_WHY: Final = re.compile(r"error|reason|fail|message|detail", re.IGNORECASE)

Span = tuple[int, int] | None


@oracle("TASK-L01", on=SHOWN)
def a_task_has_its_members(exchange: Exchange) -> Judgement:
    """``id``, ``task_id``, ``object``, ``status``, ``model`` and ``n``, in details and in events alike (F7.16)."""
    for task, span in _shown_tasks(exchange):
        yield Examined("task")
        wrong = [name for name in task_contract().members if not _is_right(task, name)]
        if wrong:
            told = ", ".join(f"{name} {shown(task.get(name), 60)}" for name in wrong)
            yield Deviation(
                f'a task with {", ".join(task_contract().members)}, object being "{task_contract().object_type}"',
                f"{told} in {shown(sorted(task))}",
                span or span_of(exchange, wrong[0]),
            )


@oracle("TASK-L02", on=SHOWN)
def both_ids_are_equal(exchange: Exchange) -> Judgement:
    """``id`` and ``task_id`` are the same (F7.16, example)."""
    for task, span in _shown_tasks(exchange):
        one, other = string(task.get("id")), string(task.get("task_id"))
        if not one or not other:
            continue
        yield Examined("pair of ids")
        if one != other:
            yield Deviation(f"task_id {shown(one)}, as id says", shown(other), span or span_of(exchange, "task_id"))


@oracle("TASK-L03", on=_TOLD)
def the_state_is_a_named_one(exchange: Exchange) -> Judgement:
    """queued, running, succeeded, failed, timeout or canceled, with one l (F7.17)."""
    for task, span in _told_tasks(exchange):
        yield Examined("state")
        if string(task.get("status")) not in task_contract().states:
            yield Deviation(
                f"one of {', '.join(task_contract().states)}",
                f"status {shown(task.get('status'))}",
                span or span_of(exchange, "status"),
            )


@oracle("TASK-L12", on=On(operations=SUBMITTING))
def an_id_looks_like_the_examples(exchange: Exchange) -> Judgement:
    """32 lowercase hexadecimal digits, as the example has it, which promises nothing (F7.16)."""
    found = submitted_id(exchange)
    if not found:
        return
    yield Examined("id")
    if not re.fullmatch(task_contract().id_pattern, found):
        yield Deviation("32 lowercase hexadecimal digits", shown(found), span_of(exchange, "task_id", "id"))


@oracle("TASK-L04")
def states_go_forward(readings: Sequence[Exchange]) -> Judgement:
    """What one reader sees goes from queued over running to an end; states in between may be missed (F7.17)."""
    yield from _forward(read_view(_of_tasks(readings)))


@oracle("TASK-L04", on=FOLLOWED)
def told_states_go_forward(exchange: Exchange) -> Judgement:
    """So does what one listener is told (F7.17)."""
    for view in _views(exchange):
        yield from _forward(view)


@oracle("TASK-L05")
def a_final_state_stays(readings: Sequence[Exchange]) -> Judgement:
    """A reader who saw the end sees the same end ever after (F7.17, F7.18, defect M35)."""
    yield from _staying(read_view(_of_tasks(readings)))


@oracle("TASK-L05", on=FOLLOWED)
def a_told_end_stays(exchange: Exchange) -> Judgement:
    """A listener who was told the end is told no other end of that task (F7.17, F7.18).

    An earlier state that is told once more, late, is a matter of order (TASK-E16).
    """
    for view in _views(exchange):
        yield from _staying(tuple(sight for sight in view if sight.final))


@oracle("TASK-L06")
def an_ended_task_is_not_tried_again(readings: Sequence[Exchange], asked: Exchange, still: Exchange) -> Judgement:
    """After failed or timeout the upstream is not asked again; to retry, a client submits anew (F7.18).

    Args:
        readings: Of the task until its end.
        asked: The upstream's log right after that end.
        still: The same some time later.
    """
    if _end_of(readings) not in _WITHOUT_SUCCESS:
        return
    yield Examined("task that ended without success")
    before, after = len(log_entries(asked)), len(log_entries(still))
    if after > before:
        yield Deviation(
            "no request to the upstream after the end", f"{after - before} more", exchange=_last_of(readings)
        )


@oracle("TASK-L21")
def a_failing_upstream_is_asked_once(readings: Sequence[Exchange], asked: Exchange) -> Judgement:
    """For a task whose upstream fails there is one request, no second try behind the client's back (F7.18)."""
    entries = log_entries(asked)
    if _end_of(readings) not in _WITHOUT_SUCCESS or not entries:
        return
    yield Examined("task whose upstream failed")
    if len(entries) > 1:
        yield Deviation("one request to the upstream", f"{len(entries)} of them", exchange=_last_of(readings))


@oracle("TASK-L07")
def a_failing_upstream_ends_as_failed(readings: Sequence[Exchange]) -> Judgement:
    """An upstream that answers with an error, or hangs up, makes the task ``failed`` (F7.18)."""
    yield from _ends_as(readings, "failed", "whose upstream fails")


@oracle("TASK-L08")
def a_slow_upstream_ends_as_timeout(readings: Sequence[Exchange]) -> Judgement:
    """An upstream that does not answer in time, or says 504, makes the task ``timeout`` (F7.18, F9.11)."""
    yield from _ends_as(readings, "timeout", "whose upstream takes too long")


@oracle("TASK-L11")
def every_task_ends(lives: Sequence[Sequence[Exchange]]) -> Judgement:
    """Of many tasks that were submitted at once none stays active for ever (defect M34)."""
    for readings in lives:
        view = read_view(_of_tasks(readings))
        if not view:
            continue
        yield Examined("task")
        if not view[-1].final:
            yield Deviation(
                "a final state in the time that a task may take",
                f"still {shown(view[-1].status)}",
                span_of(view[-1].exchange, "status"),
                view[-1].exchange,
            )


@oracle("TASK-L15", on=SHOWN)
def a_failed_task_names_nothing_inside(exchange: Exchange) -> Judgement:
    """Neither a key nor an address behind the gateway stands in a task that failed or timed out (CWE-209)."""
    for one, span in _failures(exchange):
        yield Examined("task that ended without success")
        leak = next(iter((*key_leaks(one), *address_leaks(one))), None)
        if leak is not None:
            found = f"{leak.what} in {leak.where}: {leak.text[:120]}"
            yield Deviation("a failed task without keys and inner addresses", found, span)


@oracle("TASK-L18", on=READ)
def a_failed_task_says_why(exchange: Exchange) -> Judgement:
    """The detail of a failed task has an error or a reason in words or a code; its member was not seen (unknown 10)."""
    task = task_of(exchange)
    if task.get("status") != "failed":
        return
    yield Examined("failed task")
    if not any(_SAYS_WHY.search(name) and _has_words(value) for name, value in task.items()):
        yield Deviation("an error, reason or message", f"{shown(sorted(task))}", span_of(exchange, "status"))


def _forward(view: View) -> Judgement:
    known = [sight for sight in view if sight.status in task_contract().states]
    if known:
        yield Examined("history of a task")
    for earlier, later in pairwise(known):
        # What follows an end is another clause's business.
        if not earlier.final and not task_contract().may_follow(earlier.status, later.status):
            yield _change(earlier, later, "a later state")


def _staying(view: View) -> Judgement:
    end: Sight | None = None
    for sight in view:
        if end is None:
            if sight.final:
                yield Examined("task that ended")
                end = sight
        elif sight.status != end.status:
            yield _change(end, sight, "the same state")
            return


def _change(earlier: Sight, later: Sight, wanted: str) -> Deviation:
    span = later.span if later.exchange.mode == "stream" else span_of(later.exchange, "status")
    passed = later.at - earlier.at
    return Deviation(
        f"{wanted} after {earlier.status}", f"{shown(later.status)} {passed:.1f} s later", span, later.exchange
    )


def _ends_as(readings: Sequence[Exchange], wanted: str, what: str) -> Judgement:
    found = _end_of(readings)
    if not found:
        return
    yield Examined(f"task {what}")
    if found != wanted:
        last = _last_of(readings)
        yield Deviation(f"{wanted} for a task {what}", found, span_of(last, "status") if last else None, last)


def _end_of(readings: Sequence[Exchange]) -> str:
    """The first final state that a reader saw, empty when there was none."""
    return next((sight.status for sight in read_view(_of_tasks(readings)) if sight.final), "")


def _last_of(readings: Sequence[Exchange]) -> Exchange | None:
    return next((sight.exchange for sight in reversed(read_view(_of_tasks(readings)))), None)


def _of_tasks(readings: Sequence[Exchange]) -> Iterator[Exchange]:
    """The answers that show the task; no page has what a cancelling answers, so it shows one only when it says so."""
    for one in readings:
        if one.operation in READING or object_of(one.json).get("object") == task_contract().object_type:
            yield one


def _views(stream: Exchange) -> Iterator[View]:
    """What a listener was told of each task."""
    views: dict[frozenset[str], list[Sight]] = {}
    for sight in heard_view(stream):
        views.setdefault(ids_of(sight.task), []).append(sight)
    yield from map(tuple, views.values())


def _shown_tasks(exchange: Exchange) -> Iterator[tuple[Task, Span]]:
    """The task objects of a detail or of events, with their place in the body."""
    if exchange.operation in FOLLOWING:
        for sight in heard_view(exchange):
            yield sight.task, sight.span
    elif isinstance(exchange.json, dict):
        yield exchange.json, None


def _told_tasks(exchange: Exchange) -> Iterator[tuple[Task, Span]]:
    """The same, and whatever else is plainly a task with a state: in lists, in answers to what was submitted."""
    if exchange.operation in (*READING, *FOLLOWING):
        yield from _shown_tasks(exchange)
    elif exchange.operation == "listImageTasks":
        for task in listed_tasks(exchange) or ():
            if ids_of(task) and "status" in task:
                yield task, None
    elif "status" in task_of(exchange) and task_of(exchange).get("object") == task_contract().object_type:
        yield task_of(exchange), None


def _failures(exchange: Exchange) -> Iterator[tuple[Exchange, Span]]:
    """An exchange for each failed task that is shown, with nothing else in its body, and the place of that task."""
    if exchange.response is None:
        return
    if exchange.operation in READING:
        if task_of(exchange).get("status") in _WITHOUT_SUCCESS:
            yield exchange, span_of(exchange, "error", "status")
        return
    for sight in heard_view(exchange):
        if sight.task.get("status") in _WITHOUT_SUCCESS:
            alone = Chunk(sight.at, json.dumps(sight.task).encode())
            yield replace(exchange, response=replace(exchange.response, chunks=(alone,))), sight.span


def _is_right(task: Task, name: str) -> bool:
    value = task.get(name)
    if name == "object":
        return bool(value == task_contract().object_type)
    if name == "n":
        return is_whole_number(value) and value != 0
    return bool(string(value))


def _has_words(value: Any, depth: int = 4) -> bool:
    """Whether a text stands in it."""
    if isinstance(value, str):
        return bool(value.strip())
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return depth > 0 and any(_has_words(one, depth - 1) for one in inner)
