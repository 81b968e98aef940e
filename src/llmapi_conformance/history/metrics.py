"""The newest run of each series as metrics: a Prometheus textfile, or OTLP."""

from __future__ import annotations

import os
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily

from llmapi_conformance.errors import HistoryError
from llmapi_conformance.history.flips import count_flips
from llmapi_conformance.judging.verdicts import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from llmapi_conformance.history.nights import Series

PREFIX: Final = "llmapi_conformance_"
LATEST: Final = timedelta(days=30)
"""A series whose newest run is older has no metrics any more: a label must not live for ever."""
MOST: Final = 200
"""Series at most, the newest; each has about a hundred values."""
LONGEST: Final = 120
"""Characters of a label."""
WEEK: Final = 7
"""Runs over which flips are counted."""
_PERCENTILES: Final = ("p50", "p95", "p99")


@dataclass(frozen=True, slots=True)
class Metric:
    """A gauge.

    Attributes:
        name: Without the prefix, the unit at its end.
        help: What it says.
        values: By labels.
    """

    name: str
    help: str
    values: dict[tuple[tuple[str, str], ...], float] = field(default_factory=dict)


_HELP: Final = {
    "run_timestamp_seconds": "When the newest run ended, as Unix time.",
    "run_duration_seconds": "How long the newest run took.",
    "run_exit_status": "Exit status of the newest run: 0 conformant, 1 findings, 2 untrusted, 3 inconclusive.",
    "run_requests": "Requests that the newest run sent.",
    "run_tokens": "Tokens that the answers of the newest run reported.",
    "run_money": "What the newest run cost by the prices of the target file.",
    "clauses": "Clauses of the newest run by verdict.",
    "surface_findings": "Failed and warned clauses of the newest run by surface.",
    "flipped_clauses": "Clauses that changed between kept and broken in the last seven runs.",
    "response_answers": "Answers of the newest run that were timed.",
    "response_seconds": "Percentiles of the times of the newest run, where there are enough answers.",
}


def metrics_of(found: Iterable[Series], now: datetime | None = None) -> list[Metric]:
    """What the newest run of each series comes to.

    Args:
        found: What the history holds.
        now: When; runs that are long ago are left out.
    """
    made = {name: Metric(name, text) for name, text in _HELP.items()}
    since = (now or datetime.now(UTC)) - LATEST
    fresh = sorted((one for one in found if one.newest.ended_at >= since), key=lambda one: one.newest.ended_at)
    for one in fresh[-MOST:]:
        base = {"target": one.target[:LONGEST], "profile": one.profile}
        if one.keyword:
            base["selection"] = one.keyword[:LONGEST]
        _of_run(made, base, one)
        _of_clauses(made, base, one)
        _of_times(made, base, one)
    return [metric for metric in made.values() if metric.values]


def _of_run(made: Mapping[str, Metric], base: dict[str, str], series: Series) -> None:
    night = series.newest
    _put(made["run_timestamp_seconds"], base, night.ended_at.timestamp())
    _put(made["run_duration_seconds"], base, (night.ended_at - night.started_at).total_seconds())
    _put(made["run_exit_status"], base, night.exit_status)
    _put(made["run_requests"], base, night.requests)
    for direction, tokens in (("input", night.input_tokens), ("output", night.output_tokens)):
        if tokens is not None:
            _put(made["run_tokens"], base | {"direction": direction}, tokens)
    if night.money is not None:
        _put(made["run_money"], base | {"currency": str(night.currency)}, float(night.money))


def _of_clauses(made: Mapping[str, Metric], base: dict[str, str], series: Series) -> None:
    said = series.newest.clauses
    counts = Counter(one.verdict for one in said.values())
    for verdict in Verdict:
        _put(made["clauses"], base | {"verdict": verdict.value}, counts[verdict])
    surfaces = Counter(one.surface for one in said.values() if one.is_broken)
    for surface in {one.surface for one in said.values()}:
        _put(made["surface_findings"], base | {"surface": surface}, surfaces[surface])
    restless = sum(bool(count_flips(name, [one for _, one in series.said_of(name)][-WEEK:]).flips) for name in said)
    _put(made["flipped_clauses"], base, restless)


def _of_times(made: Mapping[str, Metric], base: dict[str, str], series: Series) -> None:
    for one in series.newest.latencies.values():
        labels = base | {"operation": one.operation, "mode": one.mode}
        if one.what == "total":
            _put(made["response_answers"], labels, one.count)
        for name in _PERCENTILES:
            if (seconds := one.known(name)) is not None:
                until = labels | {"until": one.what.replace("total", "end").replace(" ", "_"), "percentile": name[1:]}
                _put(made["response_seconds"], until, seconds)


def _put(metric: Metric, labels: Mapping[str, str], value: float) -> None:
    metric.values[tuple(sorted(labels.items()))] = float(value)


class _Collected:
    """Hands finished gauges to a registry."""

    def __init__(self, metrics: Sequence[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """As the registry wants them."""
        for metric in self._metrics:
            names = sorted({name for labels in metric.values for name, _ in labels})
            family = GaugeMetricFamily(PREFIX + metric.name, metric.help, labels=names)
            for labels, value in metric.values.items():
                known = dict(labels)
                family.add_metric([known.get(name, "") for name in names], value)
            yield family


def prometheus_text(metrics: Sequence[Metric]) -> str:
    """The text exposition format, version 0.0.4, as the textfile collector reads it."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collected(metrics))
    return generate_latest(registry).decode()


def write_textfile(path: Path, metrics: Sequence[Metric]) -> None:
    """Write it so that a reader sees the old file or the new one, never a part.

    Raises:
        HistoryError: It can't be written.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")  # a collector reads *.prom alone
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside.write_text(prometheus_text(metrics), "utf-8")
        beside.replace(path)
    except OSError as error:
        with suppress(OSError):
            beside.unlink()
        raise HistoryError(f"{path} can't be written: {error.strerror}.") from None
