"""What became of a scenario."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


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
