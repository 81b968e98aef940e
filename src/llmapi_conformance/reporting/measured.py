"""What a run measured and how it stands to the stated objectives: as data, and in words for every report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from llmapi_conformance.measuring.intervals import CONFIDENCE
from llmapi_conformance.measuring.objectives import Held, status_with
from llmapi_conformance.measuring.statistics import PARTS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from llmapi_conformance.measuring.intervals import Interval
    from llmapi_conformance.measuring.objectives import HeldObjective
    from llmapi_conformance.measuring.statistics import Level, Measured

ALL: Final = "all text operations"
METHOD_OF_SHARES: Final = "Clopper-Pearson (exact binomial)"
METHOD_OF_QUANTILES: Final = "order statistics (binomial)"
WORDS: Final = {
    "first_token_ms": "time to the first token",
    "total_ms": "time to the whole answer",
    "tokens_per_second": "output tokens per second",
    "error_rate": "failed requests under load",
    "tool_call_validity": "valid tool calls",
    "stream_terminal_rate": "streams that end with their terminal event",
    "turn_total_ms": "time to the end of a WebSocket turn",
    "image_total_ms": "time to the whole image",
    "image_error_rate": "failed requests of an image",
    "task_submission_ms": "time until an image task is accepted",
    "task_end_ms": "time to the success of an image task",
    "task_end_rate": "image tasks that end",
    "task_error_rate": "failed image tasks",
}
_UNITS: Final[Mapping[str, str]] = {name: "ms" if name.endswith("_ms") else "tokens/s" for name in PARTS}


def with_measured(
    document: dict[str, Any], measured: Sequence[Measured], held: Sequence[HeldObjective], unmeasured: Sequence[str]
) -> dict[str, Any]:
    """What ``verdicts.json`` says, with what was measured; a missed or undecided objective counts in the exit status.

    Args:
        document: What it says of the clauses.
        measured: By statistic and operation.
        held: The objectives, where the target states some.
        unmeasured: What was not measured, and why.
    """
    status = status_with(document["exit_status"], held)
    headline = document["headline"] if status == document["exit_status"] else {1: "findings", 3: "inconclusive"}[status]
    added = {
        "measured": [_measured(one) for one in measured],
        "unmeasured": list(unmeasured),
        "objectives": [_objective(one) for one in held],
    }
    clauses = document["clauses"]
    before = {name: value for name, value in document.items() if name != "clauses"}
    return {**before, "exit_status": status, "headline": headline, **added, "clauses": clauses}


def _measured(one: Measured) -> dict[str, Any]:
    points = [
        {
            "point": point_name(part),
            **_limits(interval),
            "ranks": None if part is None else list(interval.ranks),
            "note": one.too_few(part),
        }
        for part in PARTS.get(one.statistic, (None,))
        if (interval := one.interval(part)) is not None
    ]
    return {
        "statistic": one.statistic,
        "operation": one.operation or None,
        "unit": _UNITS.get(one.statistic),
        "n": one.samples,
        "successes": one.successes if one.is_share else None,
        "dropped": one.dropped,
        "method": METHOD_OF_SHARES if one.is_share else METHOD_OF_QUANTILES,
        "confidence": CONFIDENCE,
        "points": points,
        "levels": [_level(level) for level in one.levels],
        "note": one.note,
    }


def point_name(part: float | None) -> str:
    """What a quantile is called; a share has no quantile."""
    return "share" if part is None else f"p{part * 100:.0f}"


def _limits(interval: Interval) -> dict[str, float | None]:
    return {name: _rounded(getattr(interval, name)) for name in ("value", "low", "high")}


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)


def _level(level: Level) -> dict[str, Any]:
    return {
        "at_once": level.at_once,
        "n": level.samples,
        "errors": level.errors,
        "first_token_ms": _rounded(level.first_token_ms),
    }


def _objective(one: HeldObjective) -> dict[str, Any]:
    meaning = one.objective.meaning
    return {
        "objective": one.objective.name,
        "operation": one.objective.operation or None,
        "statistic": meaning.statistic,
        "bound": one.objective.bound,
        "relation": "at most" if meaning.at_most else "at least",
        "verdict": one.held.value,
        **(_limits(one.interval) if one.interval else {"value": None, "low": None, "high": None}),
        "n": one.samples,
        "reason": one.reason,
    }


def shown(statistic: str, value: float) -> str:
    """A value for people, with its unit."""
    return f"{_number(statistic, value)} {_UNITS.get(statistic, '%')}"


def shown_interval(statistic: str, entry: Mapping[str, Any]) -> str:
    """The limits of an estimate for people."""
    low, high = entry["low"], entry["high"]
    if low is None and high is None:
        return "no limits"
    if high is None:
        return f"{shown(statistic, low)} or more"
    if low is None:
        return f"{shown(statistic, high)} or less"
    return f"{_number(statistic, low)} to {shown(statistic, high)}"


def _number(statistic: str, value: float) -> str:
    if statistic not in _UNITS:
        return f"{value * 100:.4g}"
    return f"{value:,.0f}" if value >= 100 or value == 0 else f"{value:.1f}"


def objective_sentence(entry: Mapping[str, Any]) -> str:
    """An objective and what was seen of it, in one sentence."""
    statistic = entry["statistic"]
    of = f" of {entry['operation']}" if entry["operation"] else ""
    words = f"{entry['objective']}{of} {entry['relation']} {shown(statistic, entry['bound'])}"
    if entry["value"] is not None:
        words += f": {shown(statistic, entry['value'])} ({shown_interval(statistic, entry)}, n {entry['n']})"
    return words + (f"; {entry['reason']}" if entry["reason"] else "")


def rows_together(document: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Statistic, point, estimate, interval and samples, for people: of all operations together, or of the only one."""
    entries: dict[str, Mapping[str, Any]] = {}
    for entry in document.get("measured") or ():
        if entry["operation"] is None or entry["statistic"] not in entries:
            entries[entry["statistic"]] = entry
    return [
        (
            WORDS[statistic],
            "" if point["point"] == "share" else point["point"],
            shown(statistic, point["value"]),
            point["note"] or shown_interval(statistic, point),
            str(entry["n"]),
        )
        for statistic, entry in entries.items()
        for point in entry["points"]
    ]


def objectives_by_weight(document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The objectives of a run: missed ones first, then undecided ones."""
    order = (Held.MISSED, Held.UNDECIDED, Held.MET)
    return sorted(document.get("objectives") or (), key=lambda entry: order.index(Held(entry["verdict"])))
