"""OpenTelemetry: the real SDK collects what runs took, and exports it to a collector."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any

import pytest
from optional_packages import need_installed
from runs_made_up import RUN

from carbon_advisor.measurement.outputs.open_telemetry import OpenTelemetry

need_installed("opentelemetry", "OpenTelemetry")
need_installed("opentelemetry.sdk", "OpenTelemetry")
from opentelemetry import metrics  # noqa: E402
from opentelemetry.sdk.metrics import MeterProvider  # noqa: E402
from opentelemetry.sdk.metrics.export import InMemoryMetricReader  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ENERGY = "carbon_advisor.energy"


@pytest.fixture
def reader(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemoryMetricReader]:
    """Of a program that has set up a provider."""
    in_memory = InMemoryMetricReader()
    provider = MeterProvider([in_memory])
    monkeypatch.setattr(metrics, "get_meter_provider", lambda: provider)
    yield in_memory
    provider.shutdown()


def collected(reader: InMemoryMetricReader) -> dict[str, dict[tuple[str, ...], float]]:
    """Values by metric and by what the attributes say beside the project."""
    data = reader.get_metrics_data()
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for resource in data.resource_metrics if data else ():
        for scope in resource.scope_metrics:
            assert scope.scope.name == "carbon_advisor"
            for metric in scope.metrics:
                found[metric.name] = {
                    tuple(map(str, list((point.attributes or {}).values())[1:])): point.value
                    for point in metric.data.data_points
                }
    return found


def test_a_run_is_seen_while_it_goes_on_and_stays_in_the_counter(
    reader: InMemoryMetricReader,
) -> None:
    output = OpenTelemetry()
    running = replace(RUN, state="running")
    output.started(replace(running, energy=(), duration_s=0.0))
    assert ENERGY not in collected(reader)
    output.sampled(running)
    half = collected(reader)
    assert half[ENERGY]["lr-3e-4", "cpu", "measured"] == pytest.approx(3e-6 * 3.6e6)
    output.ended(RUN)
    assert collected(reader) == half
    second = OpenTelemetry()
    second.started(running)
    assert collected(reader)[ENERGY]["lr-3e-4", "cpu", "measured"] == pytest.approx(6e-6 * 3.6e6)
    second.ended(RUN)
    whole = collected(reader)
    assert whole["carbon_advisor.emissions"]["lr-3e-4",] == pytest.approx(2 * 4e-6 * 1.2 * 400)
    assert whole["carbon_advisor.cpu.time"]["lr-3e-4",] == pytest.approx(24)
    assert whole["carbon_advisor.memory.peak"]["lr-3e-4",] == pytest.approx(5e8)


def test_kinds_and_units(reader: InMemoryMetricReader) -> None:
    OpenTelemetry().started(RUN)
    data = reader.get_metrics_data()
    assert data is not None
    (scope,) = data.resource_metrics[0].scope_metrics
    units = {metric.name: metric.unit for metric in scope.metrics}
    assert units == {
        ENERGY: "J",
        "carbon_advisor.machine.energy": "J",
        "carbon_advisor.emissions": "g",
        "carbon_advisor.cpu.time": "s",
        "carbon_advisor.duration": "s",
        "carbon_advisor.memory.peak": "By",
    }
    by_name: dict[str, Any] = {metric.name: metric.data for metric in scope.metrics}
    assert by_name[ENERGY].is_monotonic
    assert not hasattr(by_name["carbon_advisor.memory.peak"], "is_monotonic")
    (point, _) = by_name[ENERGY].data_points
    assert dict(point.attributes) == {
        "carbon_advisor.project": "bert",
        "carbon_advisor.run.name": "lr-3e-4",
        "carbon_advisor.component": "cpu",
        "carbon_advisor.method": "measured",
    }


def test_a_run_that_nobody_named_makes_no_series_of_its_own(reader: InMemoryMetricReader) -> None:
    for number in range(3):
        run_id = f"{number}" * 32
        unnamed = replace(RUN, identity=replace(RUN.identity, id=run_id, run_name=run_id[:8]))
        OpenTelemetry().started(unnamed)
    assert list(collected(reader)[ENERGY]) == [("cpu", "measured"), ("memory", "modelled")]


def test_a_program_without_a_provider_is_not_disturbed() -> None:
    output = OpenTelemetry()
    output.started(RUN)
    output.ended(RUN)


class Collector:
    """A server for OTLP over HTTP that keeps the bodies of requests."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        bodies = self.bodies

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *arguments: object) -> None:
                pass

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


SCRIPT = """
import time
from carbon_advisor.measurement import Tracker
with Tracker("bert", "lr", interval_s=0.05, outputs=["otel"]) as tracker:
    time.sleep(0.2)
print([note for note in tracker.result.notes if "otel" in note])
"""


@pytest.mark.slow
def test_without_a_provider_the_standard_variables_say_where_to_export(tmp_path: Path) -> None:
    need_installed("opentelemetry.exporter.otlp.proto.http", "export by OTLP")
    from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
        ExportMetricsServiceRequest,
    )

    server = Collector()
    environment = {
        **os.environ,
        "ADVISOR_HOME": str(tmp_path),
        "OTEL_EXPORTER_OTLP_ENDPOINT": server.address,
        "OTEL_EXPORTER_OTLP_COMPRESSION": "none",
    }
    try:
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT],
            env=environment, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
    finally:
        server.close()
    assert (done.stdout, done.stderr) == ("[]\n", "")
    last = ExportMetricsServiceRequest.FromString(server.bodies[-1])
    exported = last.resource_metrics[0].scope_metrics[0].metrics
    energy = next(metric for metric in exported if metric.name == ENERGY)
    assert all(point.as_double > 0 for point in energy.sum.data_points)
