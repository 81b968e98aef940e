"""Metrics: a textfile that Prometheus reads, and OTLP that a collector reads."""

from __future__ import annotations

import gzip
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from prometheus_client.parser import text_string_to_metric_families

from llmapi_conformance.errors import HistoryError
from llmapi_conformance.history.metrics import Metric, metrics_of, prometheus_text, write_textfile
from llmapi_conformance.history.otlp import export
from tests.history.receiver import receiver
from tests.history.weeks import FIRST, pace_week, week
from tests.reporting.runs import HOSTILE

if TYPE_CHECKING:
    from pathlib import Path

    from llmapi_conformance.history.nights import Series

NOW = FIRST + timedelta(days=8)


def renamed(series: Series, target: str, keyword: str = "") -> Series:
    return type(series)(target, series.profile, keyword, series.nights)


def samples(text: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    return {
        (sample.name, frozenset((name, value) for name, value in sample.labels.items() if value)): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_the_textfile_says_what_the_newest_run_said() -> None:
    read = samples(prometheus_text(metrics_of([week("..F.F")], NOW)))
    base = {("target", "staging"), ("profile", "probe")}
    prefix = "llmapi_conformance_"
    assert (
        read[prefix + "run_timestamp_seconds", frozenset(base)] == (FIRST + timedelta(days=4, seconds=60)).timestamp()
    )
    assert read[prefix + "run_exit_status", frozenset(base)] == 1
    assert read[prefix + "run_duration_seconds", frozenset(base)] == 60
    assert read[prefix + "clauses", frozenset(base | {("verdict", "failed")})] == 1
    assert read[prefix + "clauses", frozenset(base | {("verdict", "passed")})] == 0
    assert read[prefix + "surface_findings", frozenset(base | {("surface", "chat")})] == 1
    assert read[prefix + "flipped_clauses", frozenset(base)] == 1


def test_times_are_given_where_there_are_enough_answers() -> None:
    few = samples(prometheus_text(metrics_of([pace_week([0.2], count=5)], NOW)))
    many = samples(prometheus_text(metrics_of([pace_week([0.2], count=100)], NOW)))
    percentiles = [
        {dict(labels)["percentile"] for name, labels in read if name == "llmapi_conformance_response_seconds"}
        for read in (few, many)
    ]
    assert percentiles == [{"50"}, {"50", "95", "99"}]


def test_labels_do_not_grow_without_bound() -> None:
    old = renamed(week("."), "old")
    many = [renamed(week("."), f"t{number}") for number in range(300)]
    made = metrics_of([old, *many], NOW)
    assert max(len(metric.values) for metric in made) <= 200 * 9
    assert metrics_of([old], NOW + timedelta(days=60)) == []


def test_whatever_a_target_is_called_the_textfile_can_be_read() -> None:
    read = samples(prometheus_text(metrics_of([renamed(week("F"), HOSTILE, 'a\nb\\"')], NOW)))
    selections = {dict(labels).get("selection") for _, labels in read}
    assert selections == {'a\nb\\"'}


def test_the_textfile_is_put_there_whole_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "made" / "conformance.prom"
    write_textfile(path, metrics_of([week(".")], NOW))
    write_textfile(path, metrics_of([week("F")], NOW))
    assert samples(path.read_text("utf-8"))
    assert [one.name for one in path.parent.iterdir()] == ["conformance.prom"]
    (tmp_path / "file").write_text("")
    with pytest.raises(HistoryError, match="can't be written"):
        write_textfile(tmp_path / "file" / "x.prom", [Metric("a", "b")])


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "OTEL_EXPORTER_OTLP_COMPRESSION", "OTEL_RESOURCE_ATTRIBUTES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "3")
    return monkeypatch


@pytest.mark.parametrize("compression", ["none", "gzip"])
def test_otlp_brings_the_same_values_as_the_textfile(endpoint: pytest.MonkeyPatch, compression: str) -> None:
    made = metrics_of([week("..F.F"), pace_week([0.2])], NOW)
    with receiver() as received:
        endpoint.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", received.url)
        endpoint.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-tenant=night")
        endpoint.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", compression)
        endpoint.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment=nightly")
        assert export(made) == sum(len(metric.values) for metric in made)
    ((path, headers, body),) = received.requests
    assert path == "/v1/metrics"
    assert headers["x-tenant"] == "night"
    request = ExportMetricsServiceRequest.FromString(gzip.decompress(body) if compression == "gzip" else body)
    (resource,) = request.resource_metrics
    attributes = {one.key: one.value.string_value for one in resource.resource.attributes}
    assert attributes["service.name"] == "llmapi-conformance"
    assert attributes["deployment.environment"] == "nightly"
    sent = {
        (
            metric.name.replace(".", "_", 1),
            frozenset((one.key, one.value.string_value) for one in point.attributes),
        ): point.as_double
        for scope in resource.scope_metrics
        for metric in scope.metrics
        for point in metric.gauge.data_points
    }
    assert sent == samples(prometheus_text(made))


def test_a_collector_that_refuses_or_is_not_there_is_said(endpoint: pytest.MonkeyPatch) -> None:
    made = metrics_of([week("F")], NOW)
    with receiver(400) as received:
        endpoint.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", received.url)
        with pytest.raises(HistoryError, match="Nobody took the metrics"):
            export(made)
    with pytest.raises(HistoryError, match="Nobody took the metrics"):
        export(made)  # nobody listens there any more
