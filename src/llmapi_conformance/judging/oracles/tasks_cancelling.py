"""Cancelling a task in each of its states, twice, and while it ends (facts F7.20, F9.11)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from llmapi_conformance.contract.tasks import task_contract
from llmapi_conformance.judging.chat_answer import shown
from llmapi_conformance.judging.message_answer import object_of
from llmapi_conformance.judging.oracle import Deviation, Examined, Judgement, oracle
from llmapi_conformance.judging.oracles.chat import span_of
from llmapi_conformance.judging.oracles.images import answer_in_words
from llmapi_conformance.judging.task_answer import TRANSIENT, Sight, View, read_view, state_of
from llmapi_conformance.judging.task_events import answered_at
from llmapi_conformance.judging.upstream_log import log_entries

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llmapi_conformance.evidence.exchange import Exchange

_FINISHED: Final = 409
_UNKNOWN: Final = 404
_NO_ROUTE: Final = (405, 501)
_CANCELED: Final = "canceled"
_LAG: Final = 2.0
"""Seconds that a reading may lag behind a cancelling."""


@oracle("TASK-C01")
def a_task_can_be_cancelled(before: Sequence[Exchange], canceling: Exchange) -> Judgement:
    """The route exists: a task of the key is cancelled, or has finished (F7.20).

    Args:
        before: Readings before it. Where none has found the task, a 404 may mean that it is too new to be found.
        canceling: The cancelling.
    """
    missing = canceling.status == _UNKNOWN and bool(read_view(before))
    no_route = missing or canceling.status in _NO_ROUTE
    if not (no_route or canceling.succeeded or canceling.status == _FINISHED):
        return
    yield Examined("cancelling")
    if no_route:
        yield Deviation("2xx, or 409 when the task has finished", answer_in_words(canceling))


@oracle("TASK-C02")
def a_queued_task_is_canceled(before: Exchange, canceling: Exchange, readings: Sequence[Exchange]) -> Judgement:
    """A task that waits for its turn and is cancelled ends as canceled (F7.20).

    Args:
        before: The reading that shows it queued.
        canceling: The cancelling, which was accepted.
        readings: After it.
    """
    if state_of(before) == "queued":
        yield from _ends_canceled(canceling, readings, "queued task")


@oracle("TASK-C02")
def a_canceled_task_never_reaches_the_upstream(before: Exchange, canceling: Exchange, log: Exchange) -> Judgement:
    """A task that was cancelled while it waited is not carried out all the same when its turn comes (F7.20).

    Its turn may have come between the reading and the cancelling: what the upstream got by then proves nothing.
    """
    if state_of(before) != "queued" or not canceling.succeeded:
        return
    times = [entry.get("at") for entry in log_entries(log)]
    later = [at for at in times if not isinstance(at, int | float) or at >= answered_at(canceling)]
    if times and not later:
        return
    yield Examined("queued task that was cancelled")
    if later:
        yield Deviation("no request to the upstream", "its turn came, and the upstream was asked", exchange=canceling)


@oracle("TASK-C03")
def a_running_task_is_canceled(before: Exchange, canceling: Exchange, readings: Sequence[Exchange]) -> Judgement:
    """A task that is held at the upstream can't have ended: accepted means canceled (F7.20). Arguments as before."""
    if state_of(before) == "running":
        yield from _ends_canceled(canceling, readings, "running task")


@oracle("TASK-C03")
def an_accepted_cancelling_holds(canceling: Exchange, readings: Sequence[Exchange]) -> Judgement:
    """When cancelling and ending meet, either may win; a task that was said to be canceled is (F7.20)."""
    view = _known(readings)
    if not canceling.succeeded or not view:
        return
    yield Examined("cancelling of a task that may have ended")
    told = object_of(canceling.json).get("status")
    if told == _CANCELED and view[-1].status != _CANCELED:
        yield _other(view[-1], "canceled, as its cancelling was answered")
    elif not view[-1].final:
        yield _other(view[-1], "a final state")


@oracle("TASK-C04")
def a_finished_task_is_not_cancelled(before: Exchange, canceling: Exchange) -> Judgement:
    """Cancelling what a reading showed as succeeded, failed or timed out is 409 (F9.11, D289)."""
    status = state_of(before)
    if status not in task_contract().final - {_CANCELED} or canceling.status in TRANSIENT:
        return
    yield Examined("cancelling of a finished task")
    if canceling.status != _FINISHED:
        yield Deviation(f"409 for a task that has {status}", answer_in_words(canceling), exchange=canceling)


@oracle("TASK-C05")
def cancelling_twice_leaves_it_canceled(
    between: Sequence[Exchange], again: Exchange, readings: Sequence[Exchange]
) -> Judgement:
    """However the second cancelling is answered, the task stays canceled (F7.20).

    Args:
        between: Readings between both, the last of which shows the task canceled.
        again: The second one.
        readings: After that.
    """
    first, last = _known(between), _known(readings)
    if not first or first[-1].status != _CANCELED or not last:
        return
    yield Examined("task that was cancelled twice")
    if again.status >= 500 and again.status not in TRANSIENT:
        yield Deviation("2xx or 409 for the second cancelling", answer_in_words(again), exchange=again)
    elif last[-1].status != _CANCELED:
        yield _other(last[-1], _CANCELED)


@oracle("TASK-C08")
def cancelling_ends_the_upstream_request(before: Exchange, canceling: Exchange, log: Exchange) -> Judgement:
    """The upstream's work for a running task that is cancelled is broken off (unknown 10)."""
    entries = log_entries(log)
    if state_of(before) != "running" or not canceling.succeeded or not entries:
        return
    yield Examined("upstream request of a cancelled task")
    if any(entry.get("finished") is True or entry.get("disconnected") is not True for entry in entries):
        yield Deviation("the upstream request broken off", "the gateway went on with it", exchange=canceling)


@oracle("TASK-C09")
def a_conflict_means_finished(canceling: Exchange, after: Sequence[Exchange]) -> Judgement:
    """409 is for tasks that have finished: who reads a little later does not find it active (F9.11).

    A copy of the gateway that answers readings may lag behind the one that cancels.
    """
    view = _known(after)
    late = [one for one in view if one.exchange.started_at >= answered_at(canceling) + _LAG]
    active = next((one for one in late if not one.final), None)
    if canceling.succeeded or (canceling.status == _FINISHED and (active or any(one.final for one in view))):
        yield Examined("cancelling")
    if canceling.status == _FINISHED and active is not None:
        passed = active.exchange.started_at - answered_at(canceling)
        found = f"409, and {shown(active.status)} {passed:.1f} s later"
        yield Deviation("409 only for a finished task", found, exchange=canceling)


def _ends_canceled(canceling: Exchange, readings: Sequence[Exchange], what: str) -> Judgement:
    view = _known(readings)
    if not canceling.succeeded or not view:
        return
    yield Examined(f"{what} that was cancelled")
    if view[-1].status != _CANCELED:
        yield _other(view[-1], f"canceled for a {what} whose cancelling was answered with {canceling.status}")


def _known(readings: Sequence[Exchange]) -> View:
    """What a reader saw, without states that have no name: that is another clause's business."""
    return tuple(sight for sight in read_view(readings) if sight.status in task_contract().states)


def _other(last: Sight, wanted: str) -> Deviation:
    return Deviation(wanted, shown(last.status), span_of(last.exchange, "status"), last.exchange)
