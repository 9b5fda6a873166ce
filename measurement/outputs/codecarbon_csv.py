"""Appends runs to an emissions.csv as CodeCarbon 3.3.2 writes it, so that notebooks go on.

There, energies are with PUE, emissions in kg, memory in GiB, and times are local ones of the end.
"""

from __future__ import annotations

import platform
from collections import Counter
from datetime import timedelta
from importlib.resources import files
from typing import TYPE_CHECKING
from uuid import UUID

from carbon_advisor.measurement.cpu_lookup import read_rows
from carbon_advisor.measurement.outputs.output import Output
from carbon_advisor.measurement.outputs.places import file_of, file_target
from carbon_advisor.measurement.outputs.sums import component_kwh, mean_power_w
from carbon_advisor.measurement.outputs.table import append_row

if TYPE_CHECKING:
    from carbon_advisor.measurement.hardware import Hardware
    from carbon_advisor.measurement.outputs.table import Cell
    from carbon_advisor.measurement.place import Place
    from carbon_advisor.measurement.profile import Component
    from carbon_advisor.measurement.run_result import RunResult

COLUMNS = (
    "timestamp", "project_name", "run_id", "experiment_id", "duration", "emissions",
    "emissions_rate", "cpu_power", "gpu_power", "ram_power", "cpu_energy", "gpu_energy",
    "ram_energy", "energy_consumed", "water_consumed", "country_name", "country_iso_code",
    "region", "cloud_provider", "cloud_region", "os", "python_version", "codecarbon_version",
    "cpu_count", "cpu_model", "gpu_count", "gpu_model", "longitude", "latitude",
    "ram_total_size", "tracking_mode", "cpu_utilization_percent", "gpu_utilization_percent",
    "ram_utilization_percent", "ram_used_gb", "on_cloud", "pue", "wue",
)  # fmt: skip
_COMPONENTS: tuple[tuple[Component, str], ...] = (("cpu", "cpu"), ("gpu", "gpu"), ("memory", "ram"))


class CodeCarbonCsv(Output):
    """Appends each run that ended; what we do not know stays empty.

    Args:
        target: the file; "{id}" and "{rank}" in it stand for the run's.
    """

    def __init__(self, target: str) -> None:
        self._target = file_target(target, "codecarbon", "emissions.csv")

    def ended(self, run: RunResult) -> None:
        """Append a row; a file with other columns is kept as NAME.bak, as CodeCarbon does."""
        append_row(file_of(self._target, run), row_of(run))


def row_of(run: RunResult) -> dict[str, Cell]:
    """Return all columns in CodeCarbon's order; None where something is not known."""
    known = _run(run) | _energies(run) | _machine(run.hardware) | _place(run.place)
    return {column: known.get(column) for column in COLUMNS}


def _run(run: RunResult) -> dict[str, Cell]:
    ended_at = (run.started_at + timedelta(seconds=run.duration_s)).astimezone()
    return {
        "timestamp": ended_at.strftime("%Y-%m-%dT%H:%M:%S"),
        "project_name": run.project,
        "run_id": str(UUID(run.id)),
        "duration": run.duration_s,
        "os": platform.platform(),
        "python_version": None if run.identity.command else platform.python_version(),
        "tracking_mode": "machine" if run.identity.attribution == "full" else "process",
    }


def _energies(run: RunResult) -> dict[str, Cell]:
    pue = run.place.pue if run.place else 1.0  # none is known, so none is in the figures
    cells: dict[str, Cell] = {"pue": pue}
    for component, theirs in _COMPONENTS:
        energy_kwh = component_kwh(run, component)
        if energy_kwh is not None:
            cells[f"{theirs}_energy"] = energy_kwh * pue
            cells[f"{theirs}_power"] = mean_power_w(energy_kwh * pue, run.duration_s)
    if run.energy:
        cells["energy_consumed"] = run.energy_kwh * pue
        if run.emissions_g is not None:
            emissions_kg = run.emissions_g / 1000
            cells["emissions"] = emissions_kg
            cells["emissions_rate"] = emissions_kg / run.duration_s if run.duration_s else None
    return cells


def _machine(hardware: Hardware | None) -> dict[str, Cell]:
    if hardware is None:
        return {}
    gpus = Counter(gpu.name for gpu in hardware.gpus)
    return {
        "cpu_count": hardware.vcpus,
        "cpu_model": hardware.cpu_name,
        "gpu_count": len(hardware.gpus),
        "gpu_model": "".join(f"{count} x {name}" for name, count in gpus.items()) or None,
        "ram_total_size": hardware.memory_gb * 1e9 / 1024**3,
    }


def _place(place: Place | None) -> dict[str, Cell]:
    if place is None:
        return {}
    zones = {row["zone"]: row for row in read_rows(files("carbon_advisor.data") / "zones.csv")}
    country = zones.get(zones.get(place.zone, {}).get("country", ""))
    return {"country_name": country["name"] if country else None}
