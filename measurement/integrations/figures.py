"""The figures of a run as other packages' loggers take them: a flat mapping of names to numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from carbon_advisor.measurement.outputs.sums import component_kwh, mean_power_w

if TYPE_CHECKING:
    from carbon_advisor.measurement.run_result import RunResult

PREFIX = "carbon_advisor/"  # loggers group by what is before the slash
EVERY_S = 10.0
PATIENCE_S = 5.0  # for the end, which such packages send to a server themselves


class Figures:
    """Figures of one run; its power is that since they were asked for last, or the mean."""

    def __init__(self) -> None:
        self._energy_kwh = self._duration_s = 0.0

    def of(self, run: RunResult) -> dict[str, float]:
        """Return what is known, each name with its unit."""
        energy_kwh = run.energy_kwh
        known = {
            "duration_s": run.duration_s,
            "cpu_time_s": run.cpu_time_s,
            "memory_peak_gb": run.memory_peak_gb,
            "power_w": self._power_w(run) if run.energy else None,
            "energy_kwh": energy_kwh if run.energy else None,
            "machine_energy_kwh": run.machine_energy_kwh if run.energy else None,
            "cpu_energy_kwh": component_kwh(run, "cpu"),
            "memory_energy_kwh": component_kwh(run, "memory"),
            "gpu_energy_kwh": component_kwh(run, "gpu"),
            "emissions_g": run.emissions_g if run.energy else None,
        }
        self._energy_kwh, self._duration_s = energy_kwh, run.duration_s
        return {f"{PREFIX}{name}": value for name, value in known.items() if value is not None}

    def _power_w(self, run: RunResult) -> float | None:
        if run.state != "running":
            return mean_power_w(run.energy_kwh, run.duration_s)
        elapsed_s = run.duration_s - self._duration_s
        return mean_power_w(max(0.0, run.energy_kwh - self._energy_kwh), elapsed_s)


def logs_here(run: RunResult) -> bool:
    """Say whether this process logs to an experiment that all ranks share: rank zero does."""
    ranks = run.identity.ranks
    return ranks is None or not ranks.rank
