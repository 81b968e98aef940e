"""What a listener must have heard of tasks that other answers tell of: snapshots, changes, heartbeats (F7.23 to F7.28).

The answers that prove what became of a task are submissions, readings and cancellings, in the order in which they were
sent. A stream that ended before something was due proves nothing about it; that it ended is a finding of TASK-E17.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from llmapi_conformance.contract.tasks import task_contract
from llmapi_conformance.judging.chat_answer import shown
from llmapi_conformance.judging.oracle import Deviation, Examined, Judgement, oracle
from llmapi_conformance.judging.task_answer import CANCELLING, heard_view
from llmapi_conformance.judging.task_events import (
    AT_ONCE,
    GRACE,
    active_at_opening,
    answered_at,
    finished_before,
    first_heard,
    follows,
    opened_at,
    seconds_open,
    sights_by_task,
    states_of,
    submissions,
    submitted_after_opening,
    was_open,
)
from llmapi_conformance.judging.upstream_log import log_entries

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llmapi_conformance.evidence.exchange import Exchange
    from llmapi_conformance.judging.task_answer import Sight, View

BEAT_LATE: Final = 3.0
"""Seconds that a heartbeat may be late beside the time it may take: gateways and machines are busy."""
JUST_OPENED: Final = 0.5
"""Seconds after its opening within which a stream without an event may have missed what another one told."""


@oracle("TASK-E03")
def a_stream_follows_tasks_submitted_later(listener: Exchange, answers: Sequence[Exchange]) -> Judgement:
    """A task that is submitted while somebody listens is heard of (F7.23)."""
    if not follows(listener):
        return
    heard = first_heard(listener)
    for task_id, one in submitted_after_opening(listener, answers):
        if task_id in heard:
            yield Examined("task submitted while somebody listened")
        elif was_open(listener, answered_at(one)):
            yield Examined("task submitted while somebody listened")
            later = one.started_at - opened_at(listener)
            wanted = f"an event of task {shown(task_id)}, submitted {later:.1f} s after the stream began"
            yield Deviation(wanted, f"{_events_in_words(listener)}, none of that task", None, listener)


@oracle("TASK-E05")
def active_tasks_are_told_first(listener: Exchange, answers: Sequence[Exchange]) -> Judgement:
    """Snapshots of the active tasks come at once, and before events of others (F7.25)."""
    yield from _snapshots(listener, answers)


@oracle("TASK-E06")
def finished_tasks_are_not_told(listener: Exchange, answers: Sequence[Exchange]) -> Judgement:
    """What had ended before the stream was asked for is not in it (F7.26): what it begins with is meant.

    The event of an end may come later than the end itself, so later ones prove nothing.
    """
    yield from _nothing_finished(listener, answers)


@oracle("TASK-E13")
def who_comes_back_hears_of_active_tasks_only(listener: Exchange, answers: Sequence[Exchange]) -> Judgement:
    """A later stream of one who has listened before begins like any other (F7.25, F7.26)."""
    yield from _snapshots(listener, answers)
    yield from _nothing_finished(listener, answers)


@oracle("TASK-E08")
def each_change_of_a_task_is_told(
    listener: Exchange, answers: Sequence[Exchange], logs: Sequence[Exchange] = ()
) -> Judgement:
    """An event on creation, at the start of running and at the end (F7.27).

    The event on creation is the first one, whatever state it tells: a gateway with a free place may have no queue. A
    task of which nothing at all was heard belongs to TASK-E03.

    Args:
        listener: The stream.
        answers: See the module.
        logs: What our upstream received under the nonces of the tasks, where it is there.
    """
    if not follows(listener):
        return
    began = _seen_by_the_upstream(logs, answers)
    for task_id, one in submitted_after_opening(listener, answers):
        sights = heard_view(listener, task_id)
        if not sights:
            continue
        late = sights[0].at - answered_at(one)
        if not (late > GRACE and _stalled(listener, answered_at(one), sights[0].at)):
            yield Examined("creation of a task")
            if late > GRACE:
                found = f"nothing for {late:.1f} s, then {shown(sights[0].status)}"
                yield Deviation(f"an event when task {shown(task_id)} was created", found, sights[0].span, listener)
        yield from _start(listener, task_id, sights, answers, ran=task_id in began)
        yield from _end(listener, task_id, sights, answers)


@oracle("TASK-E09")
def a_heartbeat_keeps_coming(listener: Exchange, every: float) -> Judgement:
    """The comment ``: heartbeat`` comes about every 15 s, or as often as the target states (F7.28).

    "About" is taken to be at most twice as long, and some seconds; oftener is legal, and so are other comments. An
    event keeps a connection alive as well, so a heartbeat may be counted from there.
    """
    if not follows(listener):
        return
    wanted, longest = task_contract().heartbeat, 2 * every + BEAT_LATE
    beats = {one.start for one in listener.events.comments if one.text.removeprefix(" ") == wanted}
    signs = [(one.at, one.start) for one in listener.events.comments if one.start in beats]
    signs += [(one.at, one.start) for one in listener.events.events]
    opened = opened_at(listener) - listener.started_at
    last, place = opened, 0
    for at, start in sorted(signs, key=lambda one: one[1]):
        late = at - last > longest
        if not (late and listener.stalled(last, at)):
            if start in beats:
                yield Examined("pause before a heartbeat")
            if late:
                found = f"nothing for {at - last:.1f} s"
                yield Deviation(f"': {wanted}' within {longest:g} s", found, (place, start + 1), listener)
        last, place = at, start
    if (rest := opened + seconds_open(listener) - last) > longest and not listener.stalled(last):
        yield Examined("pause without a heartbeat")
        others = sorted({shown(f":{one.text}", 40) for one in listener.events.comments} - {shown(f": {wanted}")})
        found = f"none in the last {rest:.1f} s" + (f", but comments {', '.join(others[:3])}" if others else "")
        yield Deviation(f"': {wanted}' within {longest:g} s", found, None, listener)


@oracle("TASK-E12")
def each_stream_brings_all_events(listeners: Sequence[Exchange]) -> Judgement:
    """What one stream of a key tells while another is open, the other tells as well (F7.23).

    Two streams may be told at different times and may say the same state twice, so tasks and their ends are compared.
    """
    for one in listeners:
        for other in listeners:
            if one is not other and follows(one) and follows(other):
                yield from _brings_what(sights_by_task(one), other)


@oracle("TASK-E14")
def a_listener_that_leaves_changes_no_task(listener: Exchange, answers: Sequence[Exchange]) -> Judgement:
    """A task goes on when one who heard of it hangs up (F7.23).

    It is looked at where another task of the same script succeeded, so that only the leaving tells the two apart.
    """
    cancelled = {
        one.request.path.removesuffix("/cancel").rpartition("/")[2] for one in answers if one.operation in CANCELLING
    }
    final = task_contract().final
    for task_id, _ in submissions(answers):
        sights = heard_view(listener, task_id)
        if not sights or sights[-1].final or task_id in cancelled:
            continue
        later = [
            (status, one) for status, one in states_of(answers, task_id) if one.started_at >= answered_at(listener)
        ]
        if not later or not _another_succeeded(answers, task_id):
            continue
        yield Examined("task that went on without its listener")
        for status, one in later:
            if status in final and status not in ("succeeded", "timeout"):
                wanted = f"task {shown(task_id)} as it was, {shown(sights[-1].status)}, or succeeded"
                yield Deviation(wanted, f"{shown(status)} after its listener had left", None, one)
                break


def _snapshots(listener: Exchange, answers: Sequence[Exchange]) -> Judgement:
    if not follows(listener):
        return
    sights, heard = heard_view(listener), first_heard(listener)
    active = active_at_opening(listener, answers)
    others = [task_id for task_id, _ in submitted_after_opening(listener, answers)]
    ahead = min((heard[task_id] for task_id in others if task_id in heard), default=len(sights))
    for task_id in active:
        number = heard.get(task_id)
        if number is None and not was_open(listener, opened_at(listener), AT_ONCE):
            continue
        late = 0.0 if number is None else sights[number].at - opened_at(listener)
        if late > AT_ONCE and _stalled(listener, opened_at(listener), opened_at(listener) + late):
            continue
        yield Examined("task that was active when the stream began")
        wanted = f"a snapshot of task {shown(task_id)} at once"
        if number is None:
            yield Deviation(wanted, f"{_events_in_words(listener)}, none of that task", None, listener)
        elif late > AT_ONCE:
            found = f"first heard of after {late:.1f} s, as {shown(sights[number].status)}"
            yield Deviation(wanted, found, sights[number].span, listener)
        elif number > ahead:
            found = f"an event of task {shown(sights[ahead].task.get('id'))} first, which was not active then"
            yield Deviation(
                f"a snapshot of task {shown(task_id)} before anything else", found, sights[ahead].span, listener
            )


def _stalled(listener: Exchange, begin: float, end: float) -> bool:
    """Whether we ourselves stood still between two Unix times (seconds), so that what came was seen late."""
    return listener.stalled(begin - listener.started_at, end - listener.started_at)


def _nothing_finished(listener: Exchange, answers: Sequence[Exchange]) -> Judgement:
    if not follows(listener):
        return
    sights, heard = heard_view(listener), first_heard(listener)
    finished = finished_before(listener, answers)
    others = heard.keys() - set(finished)  # an event of another task: the snapshots are over, or have begun
    if not others and not was_open(listener, opened_at(listener), AT_ONCE):
        return
    for task_id in finished:
        yield Examined("task that had finished before the stream began")
        if task_id in heard and (sight := sights[heard[task_id]]).at <= opened_at(listener) + AT_ONCE:
            wanted = f"no event of task {shown(task_id)}, which had finished before"
            yield Deviation(wanted, f"an event that says {shown(sight.status)}", sight.span, listener)


def _start(listener: Exchange, task_id: str, sights: View, answers: Sequence[Exchange], *, ran: bool) -> Judgement:
    """Judge that the start of running was told, of a task that is known to have run: it succeeded, or we saw it.

    That a reading says running shows nothing: another view may tell a task so that still waits.
    """
    read = next((one for status, one in states_of(answers, task_id) if status == "succeeded"), None)
    told = any(sight.status == "running" for sight in sights)
    over = next((sight for sight in sights if sight.final), None)
    ran = ran or told or read is not None or any(sight.status == "succeeded" for sight in sights)
    due = over is not None or (read is not None and was_open(listener, answered_at(read)))
    if not ran or not (told or due):
        return
    yield Examined("start of a task")
    if not told:
        found = ", ".join(shown(sight.status) for sight in sights)
        yield Deviation(f"an event when task {shown(task_id)} began to run", found, (over or sights[-1]).span, listener)


def _end(listener: Exchange, task_id: str, sights: View, answers: Sequence[Exchange]) -> Judgement:
    """Judge that the end was told, of a task that is known to have ended."""
    final = task_contract().final
    if any(sight.final for sight in sights):
        yield Examined("end of a task")
        return
    read = next(((status, one) for status, one in states_of(answers, task_id) if status in final), None)
    if read is not None and was_open(listener, answered_at(read[1])):
        yield Examined("end of a task")
        found = f"{', '.join(shown(sight.status) for sight in sights)}, and nothing more"
        yield Deviation(f"an event when task {shown(task_id)} ended as {read[0]}", found, sights[-1].span, listener)


def _brings_what(told: dict[str, list[Sight]], other: Exchange) -> Judgement:
    """Judge that a stream brings the tasks, and their ends, that another told of while it was open."""
    heard = sights_by_task(other)
    begun = min((sights[0].at for sights in heard.values()), default=opened_at(other) + JUST_OPENED)
    begun = min(begun, opened_at(other) + JUST_OPENED)
    for task_id, sights in told.items():
        own = heard.get(task_id, [])
        due = [sight for sight in sights if begun < sight.at and was_open(other, sight.at)]
        ended = any(sight.final for sight in due)
        if own and (any(sight.final for sight in own) or not ended):
            yield Examined("task that two streams told of")
        elif due:
            yield Examined("task that another stream told of")
            found = ", ".join(shown(sight.status) for sight in own)
            what = "the end" if own else "an event"
            yield Deviation(
                f"{what} of task {shown(task_id)}, which another stream of the key told",
                f"{found}, and nothing more" if own else f"{_events_in_words(other)}, none of that task",
                own[-1].span if own else None,
                other,
            )


def _another_succeeded(answers: Sequence[Exchange], task_id: str) -> bool:
    return any(
        status == "succeeded"
        for other, _ in submissions(answers)
        if other != task_id
        for status, _ in states_of(answers, other)
    )


def _seen_by_the_upstream(logs: Sequence[Exchange], answers: Sequence[Exchange]) -> set[str]:
    """Tasks whose nonce the upstream received: the log's address names the nonce, the task's prompt holds it."""
    nonces = [log.request.target.rpartition("nonce=")[2] for log in logs if log_entries(log)]
    return {
        task_id
        for task_id, one in submissions(answers)
        if any(nonce and f"nonce={nonce}".encode() in one.request.body for nonce in nonces)
    }


def _events_in_words(listener: Exchange) -> str:
    count = len(listener.events.events)
    return f"{count} event{'' if count == 1 else 's'} in {seconds_open(listener):.1f} s"
