"""A run's energies as outputs need them: per component and method, and with PUE."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from carbon_advisor.measurement.profile import Component
    from carbon_advisor.measurement.run_result import RunResult

JOULES_PER_KWH = 3.6e6


def component_kwh(run: RunResult, component: Component) -> float | None:
    """Return the run's energy of a component, without PUE; None where it was not measured.

    A machine that has no GPU uses none: that is known.
    """
    parts = [part.energy_kwh for part in run.energy if part.component == component]
    if parts:
        return sum(parts)
    without_gpu = run.energy and run.hardware is not None and not run.hardware.gpus
    return 0.0 if component == "gpu" and without_gpu else None


def method(run: RunResult) -> str | None:
    """Return how the energy was obtained: "mixed" if in several ways, None if not at all."""
    methods = {part.method for part in run.energy}
    if len(methods) > 1:
        return "mixed"
    return methods.pop() if methods else None


def mean_power_w(energy_kwh: float, duration_s: float) -> float | None:
    """Return the mean power; None where no time has passed."""
    return energy_kwh * JOULES_PER_KWH / duration_s if duration_s > 0 else None
