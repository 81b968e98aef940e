"""What the measuring scenarios of a run came to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from llmapi_conformance.evidence.results import ResultStatus
from llmapi_conformance.measuring.samples import Series, series_of
from llmapi_conformance.sending.plan import measuring_instances

if TYPE_CHECKING:
    from collections.abc import Callable

    from llmapi_conformance.evidence.results import ScenarioResult
    from llmapi_conformance.sending.scenario import Instance


@dataclass(frozen=True, slots=True)
class Taken:
    """Samples, and what there are none of.

    Attributes:
        series: With samples, in the order of the scenarios.
        unmeasured: What was not measured, and why, one sentence each.
        errors: Where the suite itself failed.
    """

    series: tuple[Series, ...] = ()
    unmeasured: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()


def taken(result: Callable[[Instance], ScenarioResult]) -> Taken:
    """The samples of a run, live or replayed.

    Args:
        result: Of an instance.
    """
    series: list[Series] = []
    missing: dict[tuple[str, str], list[str]] = {}
    errors: list[str] = []
    for instance in measuring_instances():
        one = result(instance)
        found = series_of(one.value) if one.status is ResultStatus.DONE else None
        if found and found.samples:
            series.append(found)
        elif one.status is ResultStatus.ERROR:
            errors.append(one.reason)
        else:
            what = (instance.scenario.summary.rstrip("."), one.reason or "nothing was sent")
            missing.setdefault(what, []).append(instance.parameters)
    unmeasured = tuple(f"{name} ({', '.join(parts)}): {reason}" for (name, reason), parts in missing.items())
    return Taken(tuple(series), unmeasured, tuple(errors))
