"""Tasks driven in any order: each answer against a model of the life cycle."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from llmapi_conformance.judging.oracle import Deviation, Examined, Judgement, oracle
from llmapi_conformance.judging.task_model import Model, Parting
from llmapi_conformance.judging.task_traces import in_one_line, steps_of, told_of

if TYPE_CHECKING:
    from collections.abc import Iterator

RecordedTrace = Mapping[str, Any]
"""A trace as ``fixtures.task_machine`` returns it."""


@oracle("TASK-L19")
def states_are_named_and_final_ones_stay(trace: RecordedTrace, sure: float) -> Judgement:
    """In whatever order things are asked, states are the named ones, and a final one never changes (F7.17, F7.18).

    Args:
        trace: What was asked, and what came.
        sure: Seconds in which a task that is held at the upstream surely is active.
    """
    model, partings = _walked(trace, sure)
    if model.statuses:
        yield Examined("state of a task", model.statuses)
    yield from _first(trace, (one for one in partings if one.final))


@oracle("TASK-L20")
def each_answer_is_the_one_that_the_state_asks_for(trace: RecordedTrace, sure: float) -> Judgement:
    """In whatever order things are asked, answers fit the states that the tasks can be in (F7.17, F7.20, F7.21).

    Args:
        trace: What was asked, and what came.
        sure: Seconds in which a task that is held at the upstream surely is active.
    """
    model, partings = _walked(trace, sure)
    if model.answers:
        yield Examined("answer in a trace", model.answers)
    yield from _first(trace, (one for one in partings if not one.final))


def _walked(trace: RecordedTrace, sure: float) -> tuple[Model, list[Parting]]:
    model, told = Model(sure), told_of(trace)
    return model, [parting for step in steps_of(trace) for parting in model.take(step, told)]


def _first(trace: RecordedTrace, partings: Iterator[Parting]) -> Judgement:
    """The first place where trace and model part: what comes later may be a consequence."""
    for parting in partings:
        shown = in_one_line(steps_of(trace), told_of(trace), parting.step)
        yield Deviation(
            f"at step {parting.step}: {parting.expected}",
            f"{parting.observed}: {shown}",
            parting.span,
            parting.exchange,
        )
        return
