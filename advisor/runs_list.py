"""Recorded runs as a list: what they add up to, each counted once, and in JSON's types.

Pure: records in, values out.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from carbon_advisor.advisor.ledger.records import Run

RUNS_SCHEMA = "carbon-advisor/runs/1"


@dataclass(frozen=True, slots=True)
class Total:
    """What runs add up to.

    Attributes:
        runs: all of them.
        nested: those whose energy another one of them counts already.
        unmeasured: those of which no energy is known.
        duration_s, energy_kwh, emissions_g: sums over the others.
        without_emissions: measured ones whose emissions are not known, for want of a place.
    """

    runs: int
    nested: int
    unmeasured: int
    duration_s: float
    energy_kwh: float
    emissions_g: float
    without_emissions: int


def total_of(runs: Sequence[Run], parents: Mapping[str, str] | None = None) -> Total:
    """Return what the runs add up to; a run within another that is among them counts there.

    Args:
        runs: to be added up.
        parents: of other runs too, by id: a run between two of these may not be among them.
    """
    known = {**(parents or {}), **{run.id: run.parent_id for run in runs if run.parent_id}}
    measured = {run.id: run for run in runs if run.energy_kwh is not None}
    counted = [
        run for run in measured.values() if measured.keys().isdisjoint(_ancestors(run.id, known))
    ]
    return Total(
        runs=len(runs),
        nested=len(measured) - len(counted),
        unmeasured=len(runs) - len(measured),
        duration_s=sum(run.duration_s or 0.0 for run in counted),
        energy_kwh=sum(run.energy_kwh or 0.0 for run in counted),
        emissions_g=sum(run.emissions_g or 0.0 for run in counted),
        without_emissions=sum(run.emissions_g is None for run in counted),
    )


def how_measured(run: Run) -> str:
    """Return in a word how the energy was obtained: "measured", "modelled", "measured 62%"."""
    if run.method == "mixed":
        fraction = (run.measured_kwh or 0.0) / run.energy_kwh if run.energy_kwh else 0.0
        return f"measured {fraction:.0%}" if fraction else "modelled"
    return run.method or "–"


def run_fields(run: Run) -> dict[str, Any]:
    """Return a run's figures in JSON's types."""
    return {
        "run_id": run.id,
        **{name: value for name, value in asdict(run).items() if name != "id"},
        "started_at": run.started_at.isoformat(),
        "ended_at": run.ended_at.isoformat() if run.ended_at else None,
        "command": list(run.command),
    }


def runs_json(runs: Sequence[Run], total: Total, notes: Sequence[str]) -> dict[str, Any]:
    """Return runs with what they add up to in JSON's types.

    Args:
        runs: in the order they are to be listed.
        total: of them.
        notes: what the reader is to know of the list.
    """
    return {
        "schema": RUNS_SCHEMA,
        "runs": [run_fields(run) for run in runs],
        "total": asdict(total),
        "notes": list(notes),
    }


def _ancestors(run_id: str, parents: Mapping[str, str]) -> list[str]:
    """Return the ids of the run that counts this one, of the one that counts that, and so on."""
    found: list[str] = []
    while (parent_id := parents.get(run_id)) and parent_id not in found:
        found.append(parent_id)
        run_id = parent_id
    return found
