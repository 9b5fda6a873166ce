"""Runs as metrics of OpenTelemetry: observable instruments of the program's MeterProvider.

Where the program has none and the variables OTEL_EXPORTER_OTLP_* say where to, we export by OTLP.
"""

from __future__ import annotations

import os
import threading
from importlib import import_module
from typing import TYPE_CHECKING, Any

from carbon_advisor.measurement.outputs.needs import need_none, need_package
from carbon_advisor.measurement.outputs.otel_totals import INSTRUMENTS, OtelTotals
from carbon_advisor.measurement.outputs.output import Output

if TYPE_CHECKING:
    from carbon_advisor.measurement.run_result import RunResult

_METER = "carbon_advisor"
_ENDPOINTS = ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_lock = threading.Lock()
_totals: dict[int, OtelTotals] = {}  # by provider: an instrument can be made only once
_own: list[Any] = []  # our provider, once there is one


class OpenTelemetry(Output):
    """Reports the runs of this process; counters go on rising from one run to the next."""

    def __init__(self, target: str = "") -> None:
        need_none(target, "otel")
        need_package("opentelemetry.metrics", "otel", "opentelemetry-api")
        if _export_is_ours():
            module, distribution = _exporter_place()
            need_package(module, "otel", distribution)
        self._totals: OtelTotals | None = None

    def started(self, run: RunResult) -> None:
        """Begin to report the run."""
        self._totals = _totals_of(_provider())
        self._totals.update(run)

    def sampled(self, run: RunResult) -> None:
        """Let the next collection see how far it is."""
        if self._totals is not None:
            self._totals.update(run)

    def ended(self, run: RunResult) -> None:
        """Add its last figures to what stays."""
        if self._totals is not None:
            self._totals.update(run)


def _totals_of(provider: Any) -> OtelTotals:
    with _lock:
        if id(provider) not in _totals:
            _totals[id(provider)] = _observed(provider)
        return _totals[id(provider)]


def _observed(provider: Any) -> OtelTotals:
    from opentelemetry.metrics import Observation

    totals = OtelTotals(provider, Observation)
    meter = provider.get_meter(_METER)
    for name, unit, kind, description in INSTRUMENTS:
        make = getattr(meter, f"create_observable_{kind}")
        make(name, callbacks=[totals.callback(name)], unit=unit, description=description)
    return totals


def _provider() -> Any:
    """Return the program's provider; ours where it has none and an endpoint is set."""
    from opentelemetry.metrics import get_meter_provider

    return _otlp_provider() if _export_is_ours() else get_meter_provider()


def _export_is_ours() -> bool:
    from opentelemetry.metrics import get_meter_provider

    of_sdk = hasattr(get_meter_provider(), "force_flush")  # the API's own, which do nothing: no
    return not of_sdk and any(os.environ.get(name) for name in _ENDPOINTS)


def _exporter_place() -> tuple[str, str]:
    """Return the exporter's module and what to install for it."""
    names = ("OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
    protocol = next((value for name in names if (value := os.environ.get(name))), "http/protobuf")
    kind = "grpc" if protocol == "grpc" else "http"
    module = f"opentelemetry.exporter.otlp.proto.{kind}.metric_exporter"
    return module, f"opentelemetry-exporter-otlp-proto-{kind}"


def _otlp_provider() -> Any:
    with _lock:
        if not _own:
            from opentelemetry.sdk.metrics import MeterProvider
            from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader

            exporter = import_module(_exporter_place()[0]).OTLPMetricExporter()
            _own.append(MeterProvider([PeriodicExportingMetricReader(exporter)]))
        return _own[0]
