"""What the contract's life cycle says to a trace of tasks, step by step, and where the two part.

The same model judges a trace while it is made, which lets it be made shorter, and again from the recording.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from llmapi_conformance.contract.tasks import task_contract
from llmapi_conformance.judging.chat_answer import string
from llmapi_conformance.judging.message_answer import object_of
from llmapi_conformance.judging.task_answer import Task, ids_of, listed_tasks, submitted_id, task_of
from llmapi_conformance.judging.task_traces import Span, Step, Told, answer_in_words

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from llmapi_conformance.evidence.exchange import Exchange

_READER: Final = "reader"
_LIST: Final = "list"
_MORE: Final = ("has_more", "next", "next_cursor", "next_page", "next_page_token")
"""Members of a list that say, when they are true, that it goes on elsewhere."""


@dataclass(frozen=True, slots=True)
class Parting:
    """Where a trace and the model part.

    Attributes:
        final: Whether a state was none of the named ones, or a final one changed: that is documented. Else an answer
            was another one than the state of the task asks for.
        step: Number of the step, from 1.
        expected: What the model says.
        observed: What was there instead.
        exchange: What shows it; ``None`` as long as a listener listens.
        span: Offsets of it in the body of that.
    """

    final: bool
    step: int
    expected: str
    observed: str
    exchange: Exchange | None = None
    span: Span | None = None


@dataclass(slots=True)
class _Known:
    """A task of the trace.

    Attributes:
        name: In the trace.
        id: As the gateway gave it.
        since: Unix time at which it was submitted: it can't have begun earlier.
        held: Whether its upstream waits for us.
        asked: Whether cancelling it was accepted.
        over: Whether it must have ended: the gateway said that it can't be cancelled, or that it was.
        last: View -> the state that it showed last.
        final: The final state that anybody saw first, empty when nobody did.
    """

    name: str
    id: str
    since: float
    held: bool = True
    asked: bool = False
    over: bool = False
    last: dict[str, str] = field(default_factory=dict)
    final: str = ""

    @property
    def ended(self) -> bool:
        """Whether a reader saw it in a final state."""
        return self.last.get(_READER, "") in task_contract().final


class Model:
    """What the contract's life cycle says of the tasks of a trace, step by step.

    Time goes on by itself, so what a task may be is a set of states. A task whose upstream waits for us can't get to an
    end by itself, though, unless the gateway gives it up, which takes ``sure`` seconds at least. Each reader and each
    listener has a view of its own: two views may be told at different times, but not of two ends.

    Attributes:
        statuses: How many states were looked at.
        answers: How many answers were.
    """

    def __init__(self, sure: float) -> None:
        """Begin with no task.

        Args:
            sure: Seconds after its submission in which a task that is held surely is active.
        """
        self.statuses = 0
        self.answers = 0
        self._sure = sure
        self._tasks: dict[str, _Known] = {}
        self._number = 0
        self._heard: dict[str, int] = {}

    def surely_active(self, at: float) -> list[str]:
        """Ids of the tasks that can't have ended at this time."""
        return [known.id for known in self._tasks.values() if self._is_sure(known, at)]

    def names(self, *, active: bool) -> list[str]:
        """Names of the tasks that a reader saw at their end, or of all others."""
        return [known.name for known in self._tasks.values() if known.ended is not active]

    def take(self, step: Step, told: Mapping[str, Sequence[Told]]) -> list[Parting]:
        """Go on by a step.

        Args:
            step: What was asked, and what came.
            told: Listener -> all events that it heard so far, or later too.

        Returns:
            Where the step parts from the model, the most telling place first.
        """
        self._number += 1
        found = list(self._judged(step, told))
        for listener, count in step.heard.items():
            fresh = list(told.get(listener, ()))[self._heard.get(listener, 0) : count]
            self._heard[listener] = count
            for one in fresh:
                found += self._told(step, listener, one)
        return sorted(found, key=lambda one: not one.final)

    def _judged(self, step: Step, told: Mapping[str, Sequence[Told]]) -> Iterator[Parting]:
        match step.action:
            case "submit":
                yield from self._submitted(step)
            case "read" | "release":
                if step.action == "release" and step.task in self._tasks:
                    self._tasks[step.task].held = False
                yield from self._readings(step, step.answers)
            case "cancel":
                yield from self._canceled(step)
            case "list":
                yield from self._listed(step)
            case "listen":
                yield from self._snapshots(step, told.get(step.listener, ()))
            case "disconnect":
                pass

    def _submitted(self, step: Step) -> Iterator[Parting]:
        for answer in step.answers[:1]:
            if task_id := submitted_id(answer):
                self.answers += 1
                known = self._tasks[step.task] = _Known(step.task, task_id, answer.started_at)
                yield from self._answered(step, known, answer)

    def _readings(self, step: Step, answers: Sequence[Exchange]) -> Iterator[Parting]:
        known = self._tasks.get(step.task)
        if known is None:
            return
        for answer in answers:
            self.answers += 1
            if answer.status == 200:
                yield from self._answered(step, known, answer)
            else:
                yield self._parting(f"{known.name} with 200", f"status {answer.status}", answer)

    def _canceled(self, step: Step) -> Iterator[Parting]:
        known = self._tasks.get(step.task)
        if known is None or not step.answers:
            return
        answer, *readings = step.answers
        sure, ended = self._is_sure(known, step.ended), known.ended
        self.answers += 1
        wanted = "a success, since it is active" if sure else "409, since it has ended" if ended else "a success or 409"
        # That a task which is canceled already can be cancelled once more is not ruled out: 409 is for finished ones.
        again = known.last.get(_READER) == "canceled"
        if answer.succeeded if sure else answer.status == 409 if ended and not again else _may_cancel(answer):
            known.over |= not sure and answer.status == 409
        else:
            yield self._parting(f"for {known.name}: {wanted}", f"status {answer.status}", answer)
        known.asked |= answer.succeeded
        if answer.succeeded:
            yield from self._answered(step, known, answer)
        yield from self._readings(step, readings)
        if answer.succeeded and not known.ended and known.last.get(_READER):
            yield self._parting(f"{known.name} canceled", f"{known.last[_READER]} after all", step.answers[-1])
        known.over |= answer.succeeded

    def _listed(self, step: Step) -> Iterator[Parting]:
        for answer in step.answers[:1]:
            tasks = listed_tasks(answer)
            if tasks is None:
                continue  # which path it has is not said (tension C5); whether there is one has a clause of its own
            self.answers += 1
            for known in self._tasks.values():
                shown = next((one for one in tasks if known.id in ids_of(one)), None)
                if shown is not None:
                    yield from self._seen(step, _LIST, known, Told(shown, None, answer))
                elif _is_whole(answer, tasks):
                    yield self._parting(f"{known.name} in the list", f"{len(tasks)} others", answer)

    def _snapshots(self, step: Step, told: Sequence[Told]) -> Iterator[Parting]:
        """A new connection is told of every active task and of no ended one (F7.25, F7.26)."""
        if not all(answer.succeeded for answer in step.answers):
            return
        first = told[: step.heard.get(step.listener, 0)]
        self.answers += 1
        for known in self._tasks.values():
            mine = [one for one in first if known.id in ids_of(one.task)]
            if known.ended and mine:
                what = f"{step.listener} was told that it is {string(mine[0].task.get('status')) or 'there'}"
                yield self._parting(f"nothing of {known.name}, which has ended", what, mine[0].exchange, mine[0].span)
            elif not mine and self._is_sure(known, step.ended):
                stream = next(iter(step.answers), None)
                yield self._parting(f"a snapshot of {known.name}", f"{step.listener} was told nothing of it", stream)

    def _told(self, step: Step, listener: str, one: Told) -> Iterator[Parting]:
        ids = ids_of(one.task)
        for known in self._tasks.values():
            if known.id in ids and "status" in one.task:
                yield from self._seen(step, listener, known, one)

    def _answered(self, step: Step, known: _Known, answer: Exchange) -> Iterator[Parting]:
        """An answer that is the task, when it is; which answer a submission and a cancelling have is not said."""
        task = task_of(answer)
        if known.id in ids_of(task):
            yield from self._seen(step, _READER, known, Told(task, None, answer))
        elif step.action not in ("submit", "cancel") or task:
            yield self._parting(f"the task {known.name}", answer_in_words(answer), answer)

    def _seen(self, step: Step, view: str, known: _Known, sight: Told) -> Iterator[Parting]:
        """Somebody saw a task in a state."""
        task, span, exchange = sight
        self.statuses += 1
        contract = task_contract()
        status = string(task.get("status"))
        who = "" if view == _READER else f"{view}: "
        if status not in contract.states:
            expected = f"{known.name} in one of the states {', '.join(contract.states)}"
            yield self._parting(expected, f"{who}{task.get('status')!r:.60}", exchange, span, final=True)
            return
        last, known.last[view] = known.last.get(view, ""), status
        if (last in contract.final and status != last) or (known.final and status in contract.final - {known.final}):
            was = last if last in contract.final else known.final
            yield self._parting(f"{known.name} {was} for good", f"{who}{status}", exchange, span, final=True)
        elif view == _LIST and known.ended and status not in contract.final:
            yield self._parting(f"{known.name} {known.last[_READER]}", f"{who}{status}", exchange, span)
        elif status not in (possible := self._possible(known, view, last, step.ended)):
            names = [name for name in contract.states if name in possible]
            yield self._parting(f"{known.name} {' or '.join(names)}", f"{who}{status}", exchange, span)
        if status in contract.final:
            known.final = known.final or status

    def _possible(self, known: _Known, view: str, last: str, at: float) -> frozenset[str]:
        """The states that a task may be in at a time, by what this view saw of it last."""
        contract = task_contract()
        possible = frozenset(name for name in contract.states if not last or contract.may_follow(last, name))
        if view == _READER and known.over and last not in contract.final:
            possible &= contract.final
        if self._is_held(known, at):
            possible -= contract.final - ({"canceled"} if known.asked else set())
        return possible

    def _is_held(self, known: _Known, at: float) -> bool:
        """Whether nothing but a cancelling can have ended a task."""
        return known.held and at - known.since < self._sure

    def _is_sure(self, known: _Known, at: float) -> bool:
        """Whether a task must be active at a time."""
        return self._is_held(known, at) and not known.asked and not known.final

    def _parting(
        self,
        expected: str,
        observed: str,
        exchange: Exchange | None,
        span: Span | None = None,
        *,
        final: bool = False,
    ) -> Parting:
        return Parting(final, self._number, expected, observed, exchange, span)


def _may_cancel(answer: Exchange) -> bool:
    return answer.succeeded or answer.status == 409


def _is_whole(answer: Exchange, tasks: Sequence[Task]) -> bool:
    """Whether a list says nothing of more tasks elsewhere."""
    body = object_of(answer.json)
    total = body.get("total")
    more = any(body.get(name) for name in _MORE) or (isinstance(total, int) and total > len(tasks))
    return not more
