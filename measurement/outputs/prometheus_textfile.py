"""Keeps a file for node_exporter's textfile collector up to date, in one step each time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from carbon_advisor.measurement.outputs.append import replace_file
from carbon_advisor.measurement.outputs.output import Output
from carbon_advisor.measurement.outputs.places import file_of, file_target
from carbon_advisor.measurement.outputs.prometheus_text import prometheus_text

if TYPE_CHECKING:
    from carbon_advisor.measurement.run_result import RunResult


class PrometheusTextfile(Output):
    """Writes the run's figures from its begin to its end; the last ones stay.

    Args:
        target: the file, its name ending in .prom; "{id}" and "{rank}" stand for the run's.
    """

    every_s = 5.0  # Prometheus comes every 15 s or more seldom

    def __init__(self, target: str) -> None:
        self._target = file_target(target, "prometheus-textfile", "FOLDER/NAME.prom")

    def started(self, run: RunResult) -> None:
        """Write the file."""
        self._write(run)

    def sampled(self, run: RunResult) -> None:
        """Write the file."""
        self._write(run)

    def ended(self, run: RunResult) -> None:
        """Write the file."""
        self._write(run)

    def _write(self, run: RunResult) -> None:
        replace_file(file_of(self._target, run), prometheus_text(run))
