"""What a tracked run took, with the way each figure was obtained."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from datetime import datetime

    from carbon_advisor.measurement.hardware import Hardware
    from carbon_advisor.measurement.place import Place
    from carbon_advisor.measurement.profile import ComponentEnergy

State = Literal["running", "finished", "failed", "interrupted"]


@dataclass(frozen=True, slots=True)
class Totals:
    """What a run has taken up to a moment."""

    duration_s: float
    cpu_time_s: float
    memory_peak_gb: float
    energy: tuple[ComponentEnergy, ...]


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
        id: unique, the journal's name.
        energy: one part per component, each with method, source and error; without PUE.
        place: where it ran; None where nobody said so.
        notes: what was modelled, what went wrong.
    """

    id: str
    project: str
    run_name: str
    state: State
    started_at: datetime
    duration_s: float
    cpu_time_s: float
    memory_peak_gb: float
    energy: tuple[ComponentEnergy, ...]
    place: Place | None
    hardware: Hardware | None
    tasks: tuple[TaskResult, ...]
    notes: tuple[str, ...]

    @property
    def energy_kwh(self) -> float:
        """Energy of the job, all components, without PUE."""
        return sum(part.energy_kwh for part in self.energy)

    @property
    def emissions_g(self) -> float | None:
        """Operational emissions with PUE; None where nobody said where it ran."""
        return None if self.place is None else self.place.emissions_g(self.energy_kwh)
