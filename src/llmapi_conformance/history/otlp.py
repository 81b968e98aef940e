"""The metrics by OTLP over HTTP, to where the standard ``OTEL_EXPORTER_OTLP_*`` variables say."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader, MetricExportResult
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource

from llmapi_conformance import __version__
from llmapi_conformance.errors import HistoryError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llmapi_conformance.history.metrics import Metric

_UNITS: Final = {"seconds": "s", "tokens": "{token}", "requests": "{request}", "clauses": "{clause}"}
SERVICE: Final = "llmapi-conformance"


def export(metrics: Sequence[Metric]) -> int:
    """Send the metrics once.

    Returns:
        How many values were sent.

    Raises:
        HistoryError: Nobody took them.
    """
    # The exporter tells of its failures in the log, with addresses; we say it in a sentence.
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
    reader = InMemoryMetricReader()
    provider = MeterProvider(metric_readers=[reader], resource=_resource(), shutdown_on_exit=False)
    meter = provider.get_meter(SERVICE, __version__)
    for metric in metrics:
        gauge = meter.create_gauge(f"llmapi_conformance.{metric.name}", _unit(metric.name), metric.help)
        for labels, value in metric.values.items():
            gauge.set(value, dict(labels))
    data = reader.get_metrics_data()
    try:
        exporter = OTLPMetricExporter()
        try:
            taken = data is None or exporter.export(data) is MetricExportResult.SUCCESS
        finally:
            exporter.shutdown()
    except Exception as error:  # noqa: BLE001  a setting that the exporter can't read, or a transport that breaks
        raise HistoryError(
            f"Metrics can't be sent by OTLP ({type(error).__name__}): see OTEL_EXPORTER_OTLP_*."
        ) from None
    finally:
        provider.shutdown()
    if not taken:
        raise HistoryError(
            "Nobody took the metrics: see OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_EXPORTER_OTLP_HEADERS and "
            "OTEL_EXPORTER_OTLP_TIMEOUT."
        )
    return sum(len(metric.values) for metric in metrics)


def _resource() -> Resource:
    """Who we are; the standard variables may say otherwise."""
    found = Resource.create()
    if str(found.attributes[SERVICE_NAME]).startswith("unknown_service"):
        found = found.merge(Resource({SERVICE_NAME: SERVICE, SERVICE_VERSION: __version__}))
    return found


def _unit(name: str) -> str:
    return _UNITS.get(name.rpartition("_")[2], "1")
