"""Logs a run's figures to the active run of Weights & Biases, and to its summary at the end."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from carbon_advisor.measurement.integrations.figures import EVERY_S, PATIENCE_S, Figures, logs_here
from carbon_advisor.measurement.outputs.background import Background
from carbon_advisor.measurement.outputs.needs import need_none, need_package
from carbon_advisor.measurement.outputs.output import Output

if TYPE_CHECKING:
    from carbon_advisor.measurement.run_result import RunResult


def wandb(target: str = "") -> Output:
    """Return the output for one run."""
    need_none(target, "wandb")
    need_package("wandb", "wandb", "wandb")
    return Background(_WandbMetrics(), every_s=EVERY_S, patience_s=PATIENCE_S)


class _WandbMetrics(Output):
    """Figures go into the program's next step: a step of our own would shift its steps."""

    def __init__(self) -> None:
        self._figures = Figures()

    def sampled(self, run: RunResult) -> None:
        """Log how far the run is."""
        active = _active()
        if active is not None and logs_here(run):
            active.log(self._figures.of(run), commit=False)

    def ended(self, run: RunResult) -> None:
        """Write what it took into the summary."""
        if logs_here(run):
            active = _active()
            if active is None:
                raise LookupError("no run of Weights & Biases is active: the end was not logged")
            figures = self._figures.of(run)
            active.log(figures, commit=False)  # else the pending step overwrites the summary
            active.summary.update(figures)


def _active() -> Any:
    return getattr(sys.modules.get("wandb"), "run", None)
