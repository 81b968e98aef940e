"""Traces of tasks: what was asked in which order, and what came; as values, as a record, and as a line."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from llmapi_conformance.evidence.exchange import Exchange, decode_json
from llmapi_conformance.judging.message_answer import object_of
from llmapi_conformance.judging.task_answer import Task, ids_of, listed_tasks, submitted_id, task_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Action = Literal["submit", "read", "list", "cancel", "release", "listen", "disconnect"]
Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a trace.

    Attributes:
        action: What was asked.
        task: ``t1``, ``t2`` and so on by the order of their submission; empty where none is meant.
        listener: ``l1``, ``l2`` and so on by the order in which they were opened; empty where none is meant.
        answers: Exchanges in order: the answer, and readings that belong to the step. The stream of a listener is there
            when it has left.
        heard: Listener -> how many events it had heard when the step ended.
        began: Unix time in seconds.
        ended: Unix time in seconds.
    """

    action: Action
    task: str = ""
    listener: str = ""
    answers: tuple[Exchange, ...] = ()
    heard: Mapping[str, int] = field(default_factory=dict)
    began: float = 0.0
    ended: float = 0.0


class Told(NamedTuple):
    """What one event told: the object in it, and where that stands when it is recorded already."""

    task: Task
    span: Span | None = None
    exchange: Exchange | None = None


def steps_of(trace: Mapping[str, Any]) -> list[Step]:
    """The steps of a trace as a scenario returns it (see ``encode_step``)."""
    return [
        Step(
            one["action"],
            one["task"],
            one["listener"],
            tuple(one["answers"]),
            dict(one["heard"]),
            one["began"],
            one["ended"],
        )
        for one in trace["steps"]
    ]


def told_of(trace: Mapping[str, Any]) -> dict[str, tuple[Told, ...]]:
    """What each listener of a trace was told, as the exchange of its stream has it."""
    return {
        step.listener: tuple(
            Told(object_of(decode_json(event.data.encode())), (event.start, event.end), stream)
            for event in stream.events.events
        )
        for step in steps_of(trace)
        if step.action == "listen"
        for stream in step.answers
    }


def encode_step(step: Step) -> dict[str, Any]:
    """A step as plain values and exchanges."""
    return {
        "action": step.action,
        "task": step.task,
        "listener": step.listener,
        "answers": list(step.answers),
        "heard": dict(step.heard),
        "began": step.began,
        "ended": step.ended,
    }


def in_one_line(steps: Sequence[Step], told: Mapping[str, Sequence[Told]], upto: int = 0) -> str:
    """A trace as people read it: ``1 submit t1: queued; 2 cancel t1: canceled``.

    Args:
        steps: The trace.
        told: What its listeners were told.
        upto: Number of the last step to show; all of them when 0.
    """
    names: dict[str, str] = {}
    lines = []
    for number, step in enumerate(steps[: upto or None], 1):
        for answer in step.answers[:1] if step.action == "submit" else ():
            names[submitted_id(answer)] = step.task
        subject = step.task or step.listener
        came = _came(step, names, told)
        lines.append(f"{number} {step.action}{f' {subject}' if subject else ''}{f': {came}' if came else ''}")
    return "; ".join(lines)


def _came(step: Step, names: Mapping[str, str], told: Mapping[str, Sequence[Told]]) -> str:
    """What came of a step, in words."""
    if step.action == "listen":
        first = list(told.get(step.listener, ()))[: step.heard.get(step.listener, 0)]
        return _tasks_in_words([one.task for one in first], names) or "nothing"
    if step.action == "list":
        tasks = next((listed_tasks(answer) for answer in step.answers), None)
        if tasks is not None:
            return _tasks_in_words(tasks, names) or "none of them"
    words = [answer_in_words(answer) for answer in step.answers]
    return ", then ".join(word for place, word in enumerate(words) if place == 0 or word != words[place - 1])


def answer_in_words(answer: Exchange) -> str:
    """The state that an answer tells, or its status when it tells none."""
    task = task_of(answer)
    return f"{task['status']!s:.60}" if task else str(answer.status)


def _tasks_in_words(tasks: Sequence[Task], names: Mapping[str, str]) -> str:
    """The tasks of the trace among these, by their names."""
    shown = [
        (name, f"{name} {task.get('status')!s:.60}")
        for task in tasks
        for one in ids_of(task)
        if (name := names.get(one))
    ]
    return ", ".join(dict.fromkeys(words for _, words in sorted(shown, key=lambda pair: (len(pair[0]), pair))))
