"""Logs a run's figures as metrics of the running Comet experiment."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from carbon_advisor.measurement.integrations.figures import EVERY_S, PATIENCE_S, Figures, logs_here
from carbon_advisor.measurement.outputs.background import Background
from carbon_advisor.measurement.outputs.needs import need_none, need_package
from carbon_advisor.measurement.outputs.output import Output

if TYPE_CHECKING:
    from carbon_advisor.measurement.run_result import RunResult


def comet(target: str = "") -> Output:
    """Return the output for one run."""
    need_none(target, "comet")
    need_package("comet_ml", "comet", "comet-ml")
    return Background(_CometMetrics(), every_s=EVERY_S, patience_s=PATIENCE_S)


class _CometMetrics(Output):
    """Figures are logged at the experiment's current step, which is left as it is."""

    def __init__(self) -> None:
        self._figures = Figures()

    def sampled(self, run: RunResult) -> None:
        """Log how far the run is."""
        running = _running()
        if running is not None and logs_here(run):
            running.log_metrics(self._figures.of(run))

    def ended(self, run: RunResult) -> None:
        """Log what it took."""
        if logs_here(run):
            running = _running()
            if running is None:
                raise LookupError("no Comet experiment is running: the end was not logged")
            running.log_metrics(self._figures.of(run))


def _running() -> Any:
    package = sys.modules.get("comet_ml")
    experiment = None if package is None else package.get_running_experiment()
    return experiment if getattr(experiment, "alive", False) else None  # it may have been ended
