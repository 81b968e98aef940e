"""Objectives: what a vendor states of its gateway's speed and reliability, as its target file says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

Statistic = Literal[
    "first_token_ms",
    "total_ms",
    "tokens_per_second",
    "error_rate",
    "tool_call_validity",
    "stream_terminal_rate",
    "turn_total_ms",
    "image_total_ms",
    "image_error_rate",
    "task_submission_ms",
    "task_end_ms",
    "task_end_rate",
    "task_error_rate",
]


class Meaning(NamedTuple):
    """What an objective speaks of.

    Attributes:
        statistic: That it bounds.
        part: Which quantile of it; ``None`` where it is a share.
        at_most: Whether the bound is one from above.
    """

    statistic: Statistic
    part: float | None
    at_most: bool


_TIMES: Final[tuple[tuple[str, Statistic], ...]] = (("first_token", "first_token_ms"), ("total", "total_ms"))
MEANINGS: Final[Mapping[str, Meaning]] = {
    **{
        f"{what}_p{percent}_ms": Meaning(statistic, percent / 100, at_most=True)
        for what, statistic in _TIMES
        for percent in (50, 95, 99)
    },
    "tokens_per_second_p50": Meaning("tokens_per_second", 0.5, at_most=False),
    "error_rate": Meaning("error_rate", None, at_most=True),
    "tool_call_validity": Meaning("tool_call_validity", None, at_most=False),
    "stream_terminal_rate": Meaning("stream_terminal_rate", None, at_most=False),
    **{f"turn_total_p{percent}_ms": Meaning("turn_total_ms", percent / 100, at_most=True) for percent in (50, 95, 99)},
    "image_total_p50_ms": Meaning("image_total_ms", 0.5, at_most=True),
    "image_error_rate": Meaning("image_error_rate", None, at_most=True),
    "task_submission_p50_ms": Meaning("task_submission_ms", 0.5, at_most=True),
    "task_end_p50_ms": Meaning("task_end_ms", 0.5, at_most=True),
    "task_end_rate": Meaning("task_end_rate", None, at_most=False),
    "task_error_rate": Meaning("task_error_rate", None, at_most=True),
}
"""Every objective by its name in a target file."""


@dataclass(frozen=True, slots=True)
class Objective:
    """A bound for a statistic.

    Attributes:
        name: One of ``MEANINGS``.
        bound: In milliseconds, tokens per second, or a share.
        operation: The one that it speaks of; empty for all that it may speak of together.
    """

    name: str
    bound: float
    operation: str = ""

    @property
    def meaning(self) -> Meaning:
        """What it speaks of."""
        return MEANINGS[self.name]


def objectives_of(tables: Mapping[str, Mapping[str, float | None]]) -> tuple[Objective, ...]:
    """The objectives in tables by operation, the empty name for all of them; in a stable order."""
    return tuple(
        Objective(name, bound, operation)
        for operation, table in sorted(tables.items())
        for name in MEANINGS
        if (bound := table.get(name)) is not None
    )


def objectives_document(objectives: tuple[Objective, ...]) -> dict[str, Any]:
    """The same tables as plain JSON."""
    tables: dict[str, dict[str, float]] = {}
    for one in objectives:
        tables.setdefault(one.operation, {})[one.name] = one.bound
    return tables
