"""Reads CodeCarbon's emissions.csv, of its versions 1 to 3, as runs of the ledger.

There, emissions are in kg, energies in kWh with PUE, and times are local ones of the end.
"""

from __future__ import annotations

import csv
import hashlib
import math
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from carbon_advisor.advisor.ledger.records import Details, Run
from carbon_advisor.measurement.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

NEEDED = ("timestamp", "duration", "emissions", "energy_consumed")
KEPT = (
    "run_id", "experiment_id", "codecarbon_version", "tracking_mode", "country_name",
    "country_iso_code", "region", "on_cloud", "cloud_provider", "cloud_region", "os",
    "python_version", "cpu_count", "cpu_model", "gpu_count", "gpu_model", "ram_total_size",
    "water_consumed", "pue", "wue",
)  # fmt: skip
_COMPONENTS = (("cpu", "cpu_energy"), ("gpu", "gpu_energy"), ("memory", "ram_energy"))
_MOST = 1e10  # seconds, kg or kWh: more is no measurement
_LOCAL_TIME = "its times are taken for this machine's local time: CodeCarbon names no zone"


@dataclass(frozen=True, slots=True)
class Skipped:
    """A line that is no run, and why."""

    line: int
    reason: str


@dataclass(frozen=True, slots=True)
class Emissions:
    """What a file holds: runs in the order of their first rows, and the lines that are none."""

    rows: int
    runs: tuple[tuple[Run, Details], ...]
    skipped: tuple[Skipped, ...]


@dataclass(frozen=True, slots=True)
class _Row:
    values: dict[str, str]
    ended_at: datetime
    duration_s: float
    emissions_g: float | None  # our own output leaves it empty where nobody said where it ran
    energy_kwh: float  # with PUE
    components_kwh: dict[str, float]  # with PUE
    pue: float


def read_emissions(path: Path) -> Emissions:
    """Read a file; rows that cannot be used are told with their line and left out.

    Raises:
        InputError: it cannot be read, or is no emissions.csv.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig", errors="replace").split("\n")
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    header = _header(lines[0], path)
    by_run: dict[str, list[_Row]] = {}
    skipped, rows = [], 0
    for number, line in enumerate(lines[1:], start=2):
        if not line.strip():
            continue
        try:
            cells = _cells(line)
            if cells[0] == header[0]:  # a file appended to another, perhaps of another version
                header = _header(line, path)
                continue
            rows += 1
            row = _row(header, cells)
        except InputError as error:
            skipped.append(Skipped(number, str(error)))
        else:
            by_run.setdefault(_run_id(row), []).append(row)
    runs = (_run(run_id, of_run) for run_id, of_run in by_run.items())
    return Emissions(rows, tuple(runs), tuple(skipped))


def _header(line: str, path: Path) -> list[str]:
    names = [name.strip() for name in _cells(line)]
    if "task_name" in names:
        raise InputError(
            f"{path} holds the tasks of one run; import the emissions.csv that is beside it"
        )
    missing = [name for name in NEEDED if name not in names]
    if missing:
        raise InputError(f"{path} is no emissions.csv of CodeCarbon: no column '{missing[0]}'")
    return names


def _cells(line: str) -> list[str]:
    """Return the values of one line; by itself, so that an open quote spoils no other."""
    try:
        return next(csv.reader([line]), [""])
    except csv.Error as error:
        raise InputError(f"not readable: {error}") from error


def _row(header: Sequence[str], cells: Sequence[str]) -> _Row:
    if len(cells) != len(header):
        raise InputError(f"{len(cells)} values for {len(header)} columns")
    values = {name: cell.strip() for name, cell in zip(header, cells, strict=True)}
    pue = _number(values, "pue", missing=1.0)
    if pue < 1:
        raise InputError(f"pue is {pue:g}")
    return _Row(
        values=values,
        ended_at=_time(values["timestamp"]),
        duration_s=_number(values, "duration"),
        emissions_g=_number(values, "emissions") * 1000 if values["emissions"] else None,
        energy_kwh=_number(values, "energy_consumed"),
        components_kwh={
            component: _number(values, column, missing=0.0)
            for component, column in _COMPONENTS
            if column in values
        },
        pue=pue,
    )


def _number(values: dict[str, str], name: str, missing: float | None = None) -> float:
    text = values.get(name, "")
    if not text and missing is not None:
        return missing
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 <= number <= _MOST:
        raise InputError(f"{name} is '{text[:40]}'")
    return number


def _time(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise InputError(f"timestamp is '{text[:40]}'") from error
    if not 2000 <= moment.year <= 2100:
        raise InputError(f"timestamp is '{text[:40]}'")
    return moment


def _run_id(row: _Row) -> str:
    """Return the run's own id where it is a UUID, else one made of it, else of the row."""
    named = row.values.get("run_id", "")
    if not named:  # version 1 has none; its experiment_id is a new one in each row
        told = [row.values.get(name, "") for name in ("project_name", "experiment_id", *NEEDED)]
        return hashlib.sha256("\0".join(told).encode()).hexdigest()[:32]
    try:
        return uuid.UUID(named).hex
    except ValueError:
        return hashlib.sha256(f"codecarbon run {named}".encode()).hexdigest()[:32]


def _run(run_id: str, rows: list[_Row]) -> tuple[Run, Details]:
    """Return the run that some rows tell of: each flush wrote one, with all there was so far."""
    rows = list({tuple(row.values.items()): row for row in rows}.values())  # twice the same is once
    last = rows[-1]
    duration_s = _risen([row.duration_s for row in rows])
    with_pue_kwh = _risen([row.energy_kwh for row in rows])
    grams = [row.emissions_g for row in rows if row.emissions_g is not None]
    emissions_g = _risen(grams) if len(grams) == len(rows) else None
    energy_kwh = with_pue_kwh / last.pue
    of_machine = last.values.get("tracking_mode") == "machine"
    run = Run(
        id=run_id,
        prediction_id=None,
        name=last.values.get("run_id", "")[:8] or run_id[:8],
        state="finished",
        started_at=min(row.ended_at - timedelta(seconds=row.duration_s) for row in rows),
        ended_at=max(row.ended_at for row in rows),
        duration_s=duration_s,
        energy_kwh=energy_kwh,
        emissions_g=emissions_g,
        intensity_g_per_kwh=emissions_g / with_pue_kwh if emissions_g and with_pue_kwh else None,
        pue=last.pue,
        project=last.values.get("project_name") or "codecarbon",
        origin="codecarbon-import",
        machine_energy_kwh=energy_kwh if of_machine else None,
        method="imported",
        attribution="full" if of_machine else None,
    )
    return run, Details(document=_document(rows, energy_kwh, of_machine=of_machine))


def _risen(values: list[float]) -> float:
    """Return by how much a counter has risen from 0 that may have begun anew in between."""
    return values[-1] + sum(before for before, after in pairwise(values) if after < before)


def _document(rows: list[_Row], energy_kwh: float, *, of_machine: bool) -> dict[str, Any]:
    last = rows[-1]
    values = last.values
    version = values.get("codecarbon_version") or "of an unknown version"
    mode = values.get("tracking_mode") or "unknown"
    energies = {
        component: _risen([row.components_kwh.get(component, 0.0) for row in rows]) / last.pue
        for component in last.components_kwh
    }
    components = [
        {
            "component": component,
            "energy_kwh": part_kwh,
            "machine_energy_kwh": part_kwh if of_machine else None,
            "method": "imported",
            "source": f"CodeCarbon {version}, tracking_mode {mode}",
            "relative_error": None,
        }
        for component, part_kwh in (energies or {"machine": energy_kwh}).items()
        if part_kwh > 0 or component == "machine"
    ]
    return {
        "components": components,
        "tasks": [],
        "notes": ["imported from CodeCarbon; its figures were not checked", _LOCAL_TIME],
        "hardware": None,
        "imported": {name: values[name] for name in KEPT if values.get(name)},
    }
