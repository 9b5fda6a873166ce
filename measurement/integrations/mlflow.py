"""Logs a run's figures as metrics of the active MLflow run, or the one MLFLOW_RUN_ID names."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING

from carbon_advisor.measurement.integrations.figures import EVERY_S, PATIENCE_S, Figures, logs_here
from carbon_advisor.measurement.outputs.background import Background
from carbon_advisor.measurement.outputs.needs import need_none, need_package
from carbon_advisor.measurement.outputs.output import Output

if TYPE_CHECKING:
    from carbon_advisor.measurement.run_result import RunResult


def mlflow(target: str = "") -> Output:
    """Return the output for one run."""
    need_none(target, "mlflow")
    need_package("mlflow", "mlflow", "mlflow-skinny")
    return _Mlflow(_Metrics())


class _Mlflow(Background):
    """Looks for the active run in the program's thread, as each thread has its own."""

    def __init__(self, metrics: _Metrics) -> None:
        super().__init__(metrics, every_s=EVERY_S, patience_s=PATIENCE_S)
        self._metrics = metrics

    def ended(self, run: RunResult) -> None:
        """Look once more: it may have been begun after the tracker."""
        self._metrics.look()
        super().ended(run)


class _Metrics(Output):
    """Steps are seconds since the begin; a server that is slow is waited for in the background."""

    def __init__(self) -> None:
        self._figures = Figures()
        self._run_id: str | None = None

    def started(self, run: RunResult) -> None:  # noqa: ARG002 - the Protocol's
        """Look for the active run."""
        self.look()

    def sampled(self, run: RunResult) -> None:
        """Log how far the run is."""
        if logs_here(run) and self._run_id is not None:
            self._log(run, self._run_id)

    def ended(self, run: RunResult) -> None:
        """Log what it took."""
        if logs_here(run):
            if self._run_id is None:
                raise LookupError("no MLflow run is active in this thread: nothing was logged")
            self._log(run, self._run_id)

    def look(self) -> None:
        """Note the active run of this thread, unless one is known; asks no server."""
        package = sys.modules.get("mlflow")  # without it there is no active run
        if self._run_id is None:
            active = package.active_run() if package else None
            self._run_id = active.info.run_id if active else os.environ.get("MLFLOW_RUN_ID")

    def _log(self, run: RunResult, run_id: str) -> None:
        from mlflow import MlflowClient
        from mlflow.entities import Metric

        now_ms, step = int(time.time() * 1000), int(run.duration_s)
        figures = self._figures.of(run)
        metrics = [Metric(name, value, now_ms, step) for name, value in figures.items()]
        MlflowClient().log_batch(run_id, metrics=metrics)
