"""What became of a scenario."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

BUDGET_SPENT: Final = "the budget is spent"
"""How the reason of a scenario begins that was not sent, or not to its end, because of that."""
RECORDED: Final = "recorded"
"""Name of the scenario that stands for what clients sent through a pass-through."""
NO_CASES: Final = "no generated cases are wanted; --generate N asks for N of each operation"
"""Why generated requests were not sent."""
NO_UPSTREAM: Final = "it needs our upstream behind the gateway"
"""Why a script was not sent."""


class ResultStatus(StrEnum):
    """Whether a scenario has a result, and if not, why."""

    DONE = "done"
    INCONCLUSIVE = "inconclusive"
    NOT_OBSERVED = "not_observed"
    NOT_OFFERED = "not_offered"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class ScenarioResult:
    """The result of one scenario instance.

    Attributes:
        status: ``done``, or why there is no value.
        reason: One sentence when it is not done, empty otherwise.
        value: Exchanges and plain JSON values, nested as the scenario returned them.
    """

    status: ResultStatus
    reason: str = ""
    value: Any = None


class ScenarioStopped(Exception):
    """Ends a scenario without a value."""

    def __init__(self, status: ResultStatus, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


def is_our_own_gap(reason: str) -> bool:
    """Whether nothing was seen because the run sent nothing for it, which says nothing of the gateway."""
    return reason in (NO_CASES, NO_UPSTREAM) or reason.startswith(BUDGET_SPENT)
