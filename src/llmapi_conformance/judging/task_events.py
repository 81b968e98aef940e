"""Listeners of task events: since when they listened, until when, and what other answers prove about the same tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from llmapi_conformance.contract.tasks import task_contract
from llmapi_conformance.evidence.exchange import Ending
from llmapi_conformance.judging.chat_answer import string
from llmapi_conformance.judging.task_answer import SUBMITTING, heard_view, ids_of, submitted_id, task_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from llmapi_conformance.evidence.exchange import Exchange
    from llmapi_conformance.judging.task_answer import Sight

GRACE: Final = 6.0
"""Seconds after which an event that is due is missing, on a stream that is still open: another instance may tell it."""
AT_ONCE: Final = 3.0
"""Seconds after its opening within which a stream must have told its snapshots."""
_ENDED: Final = {
    Ending.COMPLETE: "the gateway ended the stream",
    Ending.CUT: "the connection was closed",
    Ending.RESET: "the connection was reset",
}


def follows(exchange: Exchange) -> bool:
    """Whether the answer is a stream of events; that another came is a finding of TASK-E01."""
    return exchange.succeeded and (exchange.media_type == "text/event-stream" or bool(exchange.events.events))


def is_of_an_image_key(exchange: Exchange) -> bool:
    """Whether it was asked with an image key that is good for something; keys with a condition may be refused."""
    name, *conditions = exchange.role.split("+")
    return name == "image:batch" and set(conditions) <= {"second_key", "other_tenant"}


def answered_at(exchange: Exchange) -> float:
    """Unix time in seconds at which the whole answer was there."""
    return exchange.started_at + (exchange.response.ended_at if exchange.response else 0.0)


def opened_at(listener: Exchange) -> float:
    """Unix time in seconds at which the stream began: what is submitted later, it follows."""
    return listener.started_at + (listener.response.headers_at if listener.response else 0.0)


def seconds_open(listener: Exchange) -> float:
    """How long the stream was open."""
    return max(0.0, answered_at(listener) - opened_at(listener))


def was_open(listener: Exchange, moment: float, grace: float = GRACE) -> bool:
    """Whether the stream was still open some grace after a moment, so that what was due then has come or is missing."""
    return answered_at(listener) >= moment + grace


def ended_in_words(listener: Exchange) -> str:
    """How a stream ended that its listener did not leave; empty when it did, or when a limit of ours passed."""
    return _ENDED.get(listener.ending, "") if listener.ending else ""


def submissions(answers: Iterable[Exchange]) -> Iterator[tuple[str, Exchange]]:
    """The accepted submissions among these answers, each with its task id."""
    for one in answers:
        if one.operation in SUBMITTING and (found := submitted_id(one)):
            yield found, one


def states_of(answers: Iterable[Exchange], task_id: str) -> Iterator[tuple[str, Exchange]]:
    """What these answers say of the state of a task, in order, whether they submit, read or cancel it."""
    for one in answers:
        task = task_of(one)
        if task_id in ids_of(task) and (status := string(task.get("status"))):
            yield status, one


def active_at_opening(listener: Exchange, answers: Sequence[Exchange]) -> list[str]:
    """Tasks that were active when the stream began: submitted before, and read as active afterwards."""
    active = task_contract().active
    return [
        task_id
        for task_id, one in submissions(answers)
        if answered_at(one) <= listener.started_at
        and any(
            status in active and reading.started_at >= opened_at(listener)
            for status, reading in states_of(answers, task_id)
        )
    ]


def finished_before(listener: Exchange, answers: Sequence[Exchange]) -> list[str]:
    """Tasks that were seen in a final state before the stream was asked for."""
    final = task_contract().final
    return [
        task_id
        for task_id, _ in submissions(answers)
        if any(
            status in final and answered_at(reading) <= listener.started_at
            for status, reading in states_of(answers, task_id)
        )
    ]


def submitted_after_opening(listener: Exchange, answers: Sequence[Exchange]) -> list[tuple[str, Exchange]]:
    """Tasks that were submitted when the stream had begun."""
    return [(task_id, one) for task_id, one in submissions(answers) if one.started_at >= opened_at(listener)]


def sights_by_task(listener: Exchange) -> dict[str, list[Sight]]:
    """Task id -> what was told of it, in order; an event with two different ids counts for both."""
    found: dict[str, list[Sight]] = {}
    for sight in heard_view(listener):
        for task_id in sorted(ids_of(sight.task)):
            found.setdefault(task_id, []).append(sight)
    return found


def first_heard(listener: Exchange) -> dict[str, int]:
    """Task id -> number of the first event that tells of it; an event with two different ids counts for both."""
    found: dict[str, int] = {}
    for number, sight in enumerate(heard_view(listener)):
        for task_id in ids_of(sight.task):
            found.setdefault(task_id, number)
    return found
