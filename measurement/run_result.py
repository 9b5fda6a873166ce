"""What a tracked run took, with the way each figure was obtained."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from datetime import datetime

    from carbon_advisor.measurement.hardware import Hardware
    from carbon_advisor.measurement.place import Place
    from carbon_advisor.measurement.profile import ComponentEnergy
    from carbon_advisor.measurement.run_identity import RunIdentity

State = Literal["running", "finished", "failed", "interrupted"]


@dataclass(frozen=True, slots=True)
class Totals:
    """What a run has taken up to a moment."""

    duration_s: float
    cpu_time_s: float
    memory_peak_gb: float
    energy: tuple[ComponentEnergy, ...]

    def record(self) -> dict[str, Any]:
        """Return the journal's record: cumulative, so that a recovery needs only the last one."""
        return {
            "duration_s": round(self.duration_s, 4),
            "cpu_time_s": round(self.cpu_time_s, 4),
            "memory_peak_gb": round(self.memory_peak_gb, 6),
            "energy_kwh": [part.energy_kwh for part in self.energy],
            "machine_energy_kwh": [part.machine_energy_kwh for part in self.energy],
        }


@dataclass(frozen=True, slots=True)
class TaskResult:
    """A named part of a run: its energy is the run's while it lasted."""

    name: str
    duration_s: float
    energy_kwh: float


@dataclass(frozen=True, slots=True)
class RunResult:
    """What a run has taken.

    Attributes:
        identity: who the run is; its fields of everyday use are properties here.
        exit_code: of a tracked command, 128 + n after signal n; None for a tracker in a program.
        energy: one part per component, each with method, source and error; without PUE.
        notes: what was modelled, what went wrong.
    """

    identity: RunIdentity
    state: State
    exit_code: int | None
    duration_s: float
    cpu_time_s: float
    memory_peak_gb: float
    energy: tuple[ComponentEnergy, ...]
    hardware: Hardware | None
    tasks: tuple[TaskResult, ...]
    notes: tuple[str, ...]

    @property
    def id(self) -> str:
        """Unique, the journal's name."""
        return self.identity.id

    @property
    def project(self) -> str:
        """What the run belongs to."""
        return self.identity.project

    @property
    def run_name(self) -> str:
        """Its name."""
        return self.identity.run_name

    @property
    def started_at(self) -> datetime:
        """UTC."""
        return self.identity.started_at

    @property
    def place(self) -> Place | None:
        """Where it ran; None where nobody said so."""
        return self.identity.place

    @property
    def energy_kwh(self) -> float:
        """Energy of the job, all components, without PUE."""
        return sum(part.energy_kwh for part in self.energy)

    @property
    def machine_energy_kwh(self) -> float:
        """Energy of the whole machine meanwhile, all components, without PUE."""
        return sum(part.machine_energy_kwh for part in self.energy)

    @property
    def emissions_g(self) -> float | None:
        """Operational emissions with PUE; None where nobody said where it ran."""
        return None if self.place is None else self.place.emissions_g(self.energy_kwh)
