"""A measured run as the ledger keeps it: its figures as columns, the rest as a document."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from carbon_advisor.advisor.ledger.records import Details, Run
from carbon_advisor.measurement.run_document import run_document

if TYPE_CHECKING:
    from collections.abc import Sequence

    from carbon_advisor.advisor.ledger.records import Origin, RunMethod
    from carbon_advisor.measurement.power_steps import PowerSteps
    from carbon_advisor.measurement.profile import ComponentEnergy, Series
    from carbon_advisor.measurement.run_result import RunResult


def run_record(result: RunResult, origin: Origin | None = None) -> Run:
    """Return the ledger's figures of a run.

    Args:
        result: of a run that may still be running.
        origin: what recorded it; by default a tracker in a program, or `advisor track`.
    """
    identity, place = result.identity, result.place
    measured = bool(result.energy)  # nothing was measured is not the same as zero
    ranks = identity.ranks
    return Run(
        id=result.id,
        prediction_id=None,
        name=result.run_name,
        state=result.state,
        started_at=result.started_at,
        ended_at=None
        if result.state == "running"
        else result.started_at + timedelta(seconds=result.duration_s),
        exit_code=result.exit_code,
        duration_s=result.duration_s,
        energy_kwh=result.energy_kwh if measured else None,
        emissions_g=result.emissions_g if measured else None,
        intensity_g_per_kwh=place.intensity_g_per_kwh if place else None,
        pue=place.pue if place else 1.0,
        zone=place.zone if place else None,
        host=identity.host,
        project=result.project,
        origin=origin or ("track" if identity.command else "tracker"),
        command=identity.command,
        cpu_time_s=result.cpu_time_s,
        memory_peak_gb=result.memory_peak_gb,
        machine_energy_kwh=result.machine_energy_kwh if measured else None,
        measured_kwh=measured_kwh(result.energy) if measured else None,
        method=method_of(result.energy),
        attribution=identity.attribution,
        parent_id=identity.parent_id,
        group_id=identity.group_id,
        rank=ranks.rank if ranks else None,
    )


def run_details(result: RunResult, steps: PowerSteps | None = None) -> Details:
    """Return what else the ledger keeps of a run."""
    return Details(
        document=run_document(result),
        steps=None if steps is None else {name: list(v) for name, v in asdict(steps).items()},
    )


def steps_of(series: Series) -> dict[str, Any]:
    """Return a profile's series as the steps that the ledger keeps."""
    return {
        "duration_s": [series.step_s] * len(series.power_w),
        "power_w": list(series.power_w),
    }


def measured_kwh(parts: Sequence[ComponentEnergy]) -> float:
    """Return the energy that was read from counters."""
    return sum(part.energy_kwh for part in parts if part.method == "measured")


def method_of(parts: Sequence[ComponentEnergy]) -> RunMethod | None:
    """Return the method of all components, "mixed" if they have several, None without any."""
    methods = {part.method for part in parts}
    if len(methods) > 1:
        return "mixed"
    return methods.pop() if methods else None
