"""Prometheus: what we write is read by its own parser, and pushed to a server that is there."""

from __future__ import annotations

import base64
import threading
import time
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import pytest
from optional_packages import need_installed
from runs_made_up import RUN

from carbon_advisor.measurement import Tracker
from carbon_advisor.measurement.outputs.prometheus_push import group_path, prometheus_push
from carbon_advisor.measurement.outputs.prometheus_text import prometheus_text
from carbon_advisor.measurement.outputs.prometheus_textfile import PrometheusTextfile
from carbon_advisor.measurement.ranks import Ranks

need_installed("prometheus_client", "Prometheus")
from prometheus_client.exposition import _escape_grouping_key  # noqa: E402
from prometheus_client.parser import text_string_to_metric_families  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from carbon_advisor.measurement.run_result import RunResult

WAITING_S = 3.0


def read(text: str) -> dict[tuple[str, ...], float]:
    """Samples by name, component and method, as Prometheus' parser reads them."""
    samples = [
        sample for family in text_string_to_metric_families(text) for sample in family.samples
    ]
    return {(each.name, *list(each.labels.values())[2:]): each.value for each in samples}


def test_the_parser_reads_base_units_and_one_series_per_component_and_method() -> None:
    families = {
        family.name: family for family in text_string_to_metric_families(prometheus_text(RUN))
    }
    energy = families["carbon_advisor_energy_joules"]
    assert (energy.type, energy.documentation) == ("counter", "Energy of the run, without PUE.")
    assert all(family.documentation and family.type for family in families.values())
    assert {tuple(sample.labels) for sample in energy.samples} == {
        ("project", "run_name", "component", "method")
    }
    assert read(prometheus_text(RUN)) == pytest.approx(
        {
            ("carbon_advisor_energy_joules_total", "cpu", "measured"): 3e-6 * 3.6e6,
            ("carbon_advisor_energy_joules_total", "memory", "modelled"): 1e-6 * 3.6e6,
            ("carbon_advisor_machine_energy_joules_total", "cpu", "measured"): 6e-6 * 3.6e6,
            ("carbon_advisor_machine_energy_joules_total", "memory", "modelled"): 5e-6 * 3.6e6,
            ("carbon_advisor_emissions_grams_total",): 4e-6 * 1.2 * 400,
            ("carbon_advisor_cpu_seconds_total",): 12.0,
            ("carbon_advisor_duration_seconds",): 10.0,
            ("carbon_advisor_memory_peak_bytes",): 5e8,
            ("carbon_advisor_start_time_seconds",): RUN.started_at.timestamp(),
            ("carbon_advisor_running",): 0.0,
        }
    )


def test_labels_are_escaped() -> None:
    strange = 'a "b"\\c\nd ü'
    run = replace(RUN, identity=replace(RUN.identity, project=strange, run_name="é{}="))
    for family in text_string_to_metric_families(prometheus_text(run)):
        for sample in family.samples:
            assert (sample.labels["project"], sample.labels["run_name"]) == (strange, "é{}=")


def test_the_textfile_is_whole_at_any_moment_and_tells_the_state(tmp_path: Path) -> None:
    path = tmp_path / "advisor.prom"
    with Tracker("bert", interval_s=0.02, outputs=[PrometheusTextfile(str(path))]):
        begun = read(path.read_text())
        time.sleep(0.1)
        between = read(path.read_text())
    ended = read(path.read_text())
    assert begun["carbon_advisor_running",] == between["carbon_advisor_running",] == 1
    assert ended["carbon_advisor_running",] == 0
    cpu = [key for key in ended if key[:2] == ("carbon_advisor_energy_joules_total", "cpu")]
    assert all(ended[key] >= between[key] for key in cpu)
    assert list(tmp_path.iterdir()) == [path]  # node_exporter reads every *.prom
    assert path.stat().st_mode & 0o444 == 0o444


class Gateway:
    """A server that keeps what is pushed to it."""

    def __init__(self, status: int = 202) -> None:
        self.pushed: list[tuple[str, str, str, str | None]] = []
        pushed = self.pushed

        class Handler(BaseHTTPRequestHandler):
            def do_PUT(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                kind = self.headers["Content-Type"]
                pushed.append((self.path, body, kind, self.headers["Authorization"]))
                self.send_response(status)
                self.end_headers()
                self.wfile.write(b"pushed metrics are invalid" if status == 400 else b"")

            def log_message(self, *arguments: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    server = Gateway()
    yield server
    server.close()


def test_pushes_arrive_during_the_run_and_at_its_end(
    gateway: Gateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ADVISOR_HOME", str(tmp_path))
    address = f"http://user:pass%40word@127.0.0.1:{gateway.port}/"
    with Tracker("bert", interval_s=0.02, outputs=[f"prometheus-push:{address}"]) as tracker:
        time.sleep(0.2)
    assert not any("prometheus" in note for note in tracker.result.notes)
    (path, first, kind, login), *_, (_, last, _, _) = gateway.pushed
    assert path == f"/metrics/job/bert/instance/{tracker.identity.host}"
    assert kind.startswith("text/plain; version=0.0.4")
    assert login == "Basic " + base64.b64encode(b"user:pass@word").decode()
    assert read(first)["carbon_advisor_running",] == 1
    assert read(last)["carbon_advisor_running",] == 0
    assert read(last)["carbon_advisor_duration_seconds",] == tracker.result.duration_s


def failure(run: RunResult, address: str) -> str:
    output = prometheus_push(address)
    output.started(run)
    begun_s = time.monotonic()
    with pytest.raises(OSError) as caught:  # noqa: PT011 - the text is what is looked at
        output.ended(run)
    assert time.monotonic() - begun_s < WAITING_S
    return str(caught.value)


def test_a_gateway_that_refuses_is_told_with_its_words() -> None:
    server = Gateway(status=400)
    try:
        told = failure(RUN, f"http://u:secret@127.0.0.1:{server.port}")
    finally:
        server.close()
    assert told == "the gateway answers 400: pushed metrics are invalid"


def test_a_gateway_that_is_not_there_keeps_nobody_waiting() -> None:
    assert "refused" in failure(RUN, "http://127.0.0.1:9")


def test_a_gateway_that_says_nothing_keeps_nobody_waiting() -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as silent:
        told = failure(RUN, f"http://127.0.0.1:{silent.getsockname()[1]}")
    assert told == "no answer within 1 s"


@pytest.mark.parametrize("project", ["bert", "a/b", "", "ü"])
def test_groups_are_written_as_prometheus_own_client_writes_them(project: str) -> None:
    run = replace(RUN, identity=replace(RUN.identity, project=project))
    job = "/".join(_escape_grouping_key("job", project))
    assert group_path(run) == f"/metrics/{job}/instance/here"


@pytest.mark.parametrize("project", ["with space", "a+b", "100%", "?#&"])
def test_what_is_special_in_a_path_is_escaped(project: str) -> None:
    run = replace(RUN, identity=replace(RUN.identity, project=project))
    assert unquote(urlsplit("http://host" + group_path(run)).path).split("/")[3] == project


def test_ranks_are_groups_of_their_own() -> None:
    run = replace(RUN, identity=replace(RUN.identity, ranks=Ranks("slurm:1", 3, 1, 8)))
    assert group_path(run) == "/metrics/job/bert/instance/here%3A3"
