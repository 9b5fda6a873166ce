"""Logs runs to the logger "carbon_advisor": begin and end, and each sample if asked for."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from carbon_advisor.measurement.outputs.needs import need_none
from carbon_advisor.measurement.outputs.output import Output
from carbon_advisor.measurement.outputs.sums import method

if TYPE_CHECKING:
    from carbon_advisor.measurement.run_result import RunResult

logger = logging.getLogger("carbon_advisor")


class Log(Output):
    """INFO at begin and end, DEBUG for each sample; the figures are also fields of the record."""

    def __init__(self, target: str = "") -> None:
        need_none(target, "logging")

    def started(self, run: RunResult) -> None:
        """Log that the run has begun."""
        _log(logging.INFO, "run %s (%s/%s) started", run)

    def sampled(self, run: RunResult) -> None:
        """Log how far it is."""
        if logger.isEnabledFor(logging.DEBUG):
            _log(logging.DEBUG, "run %s (%s/%s) sampled: %s", run, _figures(run))

    def ended(self, run: RunResult) -> None:
        """Log what it took."""
        _log(logging.INFO, "run %s (%s/%s) %s: %s", run, run.state, _figures(run))


def _log(level: int, message: str, run: RunResult, *rest: str) -> None:
    fields = {
        "run_id": run.id,
        "energy_kwh": run.energy_kwh if run.energy else None,
        "emissions_g": run.emissions_g if run.energy else None,
        "duration_s": run.duration_s,
    }
    logger.log(level, message, run.id[:8], run.project, run.run_name, *rest, extra=fields)


def _figures(run: RunResult) -> str:
    parts = [f"{run.duration_s:.1f} s"]
    if run.energy:
        parts.append(f"{run.energy_kwh * 1e6:.4g} mWh {method(run)}")
        if run.emissions_g is not None:
            parts.append(f"{run.emissions_g:.4g} gCO2eq")
    return ", ".join(parts)
