"""What was measured as tables with interval plots, for pages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from llmapi_conformance.reporting.measured import ALL, WORDS, point_name, shown, shown_interval
from llmapi_conformance.target.objectives import MEANINGS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

WIDTH: Final = 1000
"""Of a plot, in units of its own."""
_MARGIN: Final = 1.06
_SHARES: Final = ("tool_call_validity", "stream_terminal_rate", "task_end_rate")
"""Which run up to 1; all else runs from 0."""


@dataclass(frozen=True, slots=True)
class Bound:
    """An objective in a plot: where it stands, in words, and how the gateway stands to it."""

    at: float
    words: str
    verdict: str
    reason: str


@dataclass(frozen=True, slots=True)
class Row:
    """An estimate of an operation.

    Attributes:
        operation: Or that it is of all of them.
        point: Such as p50; ``share`` for a share.
        n: Samples.
        value: The estimate, for people.
        interval: Its limits, for people.
        note: What else is to be said.
        start: Where the lower limit stands; the left edge where there is none.
        end: Where the upper limit stands.
        at: Where the estimate stands.
        open_end: Whether there is no upper limit.
        bounds: Objectives that speak of it.
    """

    operation: str
    point: str
    n: int
    value: str
    interval: str
    note: str
    start: float
    end: float
    at: float
    open_end: bool
    bounds: tuple[Bound, ...]


@dataclass(frozen=True, slots=True)
class Plot:
    """A statistic over operations.

    Attributes:
        statistic: Its name in ``verdicts.json``.
        title: What it is.
        method: Of the intervals.
        first: What the left edge stands for.
        last: What the right edge stands for.
        rows: Together first, then by operation.
        levels: Steps of the load, by operation.
    """

    statistic: str
    title: str
    method: str
    first: str
    last: str
    rows: tuple[Row, ...]
    levels: tuple[tuple[str, Sequence[Mapping[str, Any]]], ...]


def plots_of(document: Mapping[str, Any]) -> tuple[Plot, ...]:
    """A plot for each statistic that was measured; none where nothing was."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for entry in document.get("measured") or ():
        found.setdefault(entry["statistic"], []).append(entry)
    objectives = document.get("objectives") or ()
    return tuple(_plot(statistic, entries, objectives) for statistic, entries in found.items())


def _plot(statistic: str, entries: Sequence[Mapping[str, Any]], objectives: Iterable[Mapping[str, Any]]) -> Plot:
    bounds = [one for one in objectives if one["statistic"] == statistic]
    ordered = sorted(entries, key=lambda entry: entry["operation"] is not None)
    shown_points = [
        (entry, point, _of(bounds, entry, point, alone=len(entries) == 1))
        for entry in ordered
        for point in entry["points"]
    ]
    # A quantile without an upper limit is shown where something is stated of it.
    shown_points = [one for one in shown_points if one[1]["high"] is not None or one[2] or one[1]["point"] == "p50"]
    numbers = [point[name] for _, point, _ in shown_points for name in ("value", "low", "high")]
    numbers += [bound["bound"] for _, _, stated in shown_points for bound in stated]
    edges = _edges(statistic, [float(number) for number in numbers if number is not None])
    rows = tuple(_row(entry, point, stated, edges) for entry, point, stated in shown_points)
    levels = tuple((str(entry["operation"]), entry["levels"]) for entry in ordered if entry["levels"])
    method = f"{entries[0]['method']}, {entries[0]['confidence'] * 100:g} %"
    first, last = (shown(statistic, edge) for edge in edges)
    return Plot(statistic, WORDS[statistic], method, first, last, rows, levels)


def _of(
    bounds: Iterable[Mapping[str, Any]], entry: Mapping[str, Any], point: Mapping[str, Any], *, alone: bool
) -> list[Mapping[str, Any]]:
    """The objectives that speak of a point; those of all operations together speak of the only one, too."""
    return [
        one
        for one in bounds
        if point_name(MEANINGS[one["objective"]].part) == point["point"]
        and (one["operation"] == entry["operation"] or (alone and one["operation"] is None))
    ]


def _edges(statistic: str, numbers: Sequence[float]) -> tuple[float, float]:
    if statistic in _SHARES:
        low = min(numbers, default=0.0)
        return max(0.0, 1 - (1 - low) * _MARGIN), 1.0
    return 0.0, max(numbers, default=1.0) * _MARGIN or 1.0


def _row(
    entry: Mapping[str, Any],
    point: Mapping[str, Any],
    stated: Iterable[Mapping[str, Any]],
    edges: tuple[float, float],
) -> Row:
    statistic = entry["statistic"]
    first, last = edges

    def place(value: float) -> float:
        return round(WIDTH * (value - first) / ((last - first) or 1.0), 1)

    low, high = point["low"], point["high"]
    dropped = f"{entry['dropped']} dropped, our own loop was late" if entry["dropped"] else ""
    notes = [entry["note"], point["note"], dropped]
    bounds = tuple(
        Bound(place(one["bound"]), f"{one['relation']} {shown(statistic, one['bound'])}", one["verdict"], one["reason"])
        for one in stated
    )
    return Row(
        operation=entry["operation"] or ALL,
        point=point["point"],
        n=entry["n"],
        value=shown(statistic, point["value"]),
        interval=shown_interval(statistic, point),
        note="; ".join(note for note in notes if note),
        start=0.0 if low is None else place(low),
        end=float(WIDTH) if high is None else place(high),
        at=place(point["value"]),
        open_end=high is None,
        bounds=bounds,
    )
