"""Appends one row of a table per run: what the JSON document says, without lists."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from carbon_advisor.measurement.outputs.output import Output
from carbon_advisor.measurement.outputs.places import file_of, file_target
from carbon_advisor.measurement.outputs.sums import component_kwh, method
from carbon_advisor.measurement.outputs.table import append_row

if TYPE_CHECKING:
    from carbon_advisor.measurement.outputs.table import Cell
    from carbon_advisor.measurement.run_result import RunResult


class CsvFile(Output):
    """Appends each run that ended.

    Args:
        target: the file; "{id}" and "{rank}" in it stand for the run's.
    """

    def __init__(self, target: str) -> None:
        self._target = file_target(target, "csv", "FILE")

    def ended(self, run: RunResult) -> None:
        """Append a row."""
        append_row(file_of(self._target, run), row_of(run))


def row_of(run: RunResult) -> dict[str, Cell]:
    """Return the columns of a run; None where something is not known."""
    identity, place, ranks = run.identity, run.place, run.identity.ranks
    measured = bool(run.energy)
    return {
        "id": run.id,
        "project": run.project,
        "run_name": run.run_name,
        "started_at": run.started_at.isoformat(),
        "state": run.state,
        "exit_code": run.exit_code,
        "duration_s": run.duration_s,
        "cpu_time_s": run.cpu_time_s,
        "memory_peak_gb": run.memory_peak_gb,
        "energy_kwh": run.energy_kwh if measured else None,
        "cpu_energy_kwh": component_kwh(run, "cpu"),
        "memory_energy_kwh": component_kwh(run, "memory"),
        "gpu_energy_kwh": component_kwh(run, "gpu"),
        "machine_energy_kwh": run.machine_energy_kwh if measured else None,
        "method": method(run),
        "emissions_g": run.emissions_g if measured else None,
        "zone": place.zone if place else None,
        "intensity_g_per_kwh": place.intensity_g_per_kwh if place else None,
        "pue": place.pue if place else None,
        "attribution": identity.attribution,
        "parent_id": identity.parent_id,
        "group_id": identity.group_id,
        "rank": ranks.rank if ranks else None,
        "host": identity.host,
        "command": shlex.join(identity.command) or None,
    }
