"""The profile: what a job used, measured. Frozen values; files are read in `profile_file.py`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from carbon_advisor.measurement.errors import InputError

if TYPE_CHECKING:
    from datetime import datetime

    from carbon_advisor.measurement.hardware import Hardware

Component = Literal["cpu", "memory", "gpu"]
Method = Literal["measured", "modelled", "assumed"]
ScaleBasis = Literal["whole", "sample_of", "full_duration", "repeat"]


@dataclass(frozen=True, slots=True)
class ComponentEnergy:
    """The energy of one component, and how it was obtained.

    Attributes:
        component: which part of the machine.
        energy_kwh: the job's share, of the whole (scaled) job.
        machine_energy_kwh: what the whole machine used meanwhile, scaled alike.
        method: measured by a counter, modelled from utilisation, or assumed.
        source: the counter, or the model and where its figures come from.
        relative_error: half-width of the 90 % interval divided by the value.
    """

    component: Component
    energy_kwh: float
    machine_energy_kwh: float
    method: Method
    source: str
    relative_error: float


@dataclass(frozen=True, slots=True)
class Series:
    """A coarse time series of the measured part: equal steps, every tuple of the same length."""

    step_s: float
    power_w: tuple[float, ...]  # the job's share, all components
    busy_cores: tuple[float, ...]
    memory_gb: tuple[float, ...]
    gpu_utilization: tuple[float, ...]  # mean over the job's GPUs, 0..1; zeros without one


@dataclass(frozen=True, slots=True)
class Profile:
    """What a job uses: duration, energy by component, utilisation, memory, hardware.

    Everything that grows with the job's length (duration_s, cpu_time_s, the energies) is of the
    whole job: what was measured times `scale`. `measured_duration_s` and `series` are as measured.
    """

    name: str
    command: tuple[str, ...]
    started_at: datetime
    exit_code: int
    duration_s: float
    measured_duration_s: float
    scale: float
    scale_basis: ScaleBasis
    cpu_time_s: float
    busy_cores_mean: float
    busy_cores_peak: float
    memory_mean_gb: float
    memory_peak_gb: float
    gpu_utilization_mean: float
    gpu_memory_peak_gb: float  # the largest on any one GPU
    energy: tuple[ComponentEnergy, ...]
    hardware: Hardware
    series: Series
    notes: tuple[str, ...] = ()

    @property
    def energy_kwh(self) -> float:
        """Energy of the whole job, all components, without PUE."""
        return sum(part.energy_kwh for part in self.energy)

    @property
    def gpu_count(self) -> int:
        """Accelerators the job used."""
        return len(self.hardware.gpus) if self.gpu_utilization_mean > 0 else 0

    def component_kwh(self, component: Component) -> float:
        """Energy of one component of the whole job; 0 if the profile has none of it."""
        return sum(part.energy_kwh for part in self.energy if part.component == component)


def scaled(profile: Profile, scale: float, basis: ScaleBasis) -> Profile:
    """Return the profile of a job `scale` times as long as the one measured, at the same rates.

    Raises:
        InputError: `scale` is not a positive finite number, or the profile is scaled already.
    """
    if not 0 < scale < float("inf"):
        raise InputError(f"a profile can be scaled by a positive number only, not {scale}")
    if profile.scale_basis != "whole":
        raise InputError("this profile is scaled already; scale the measured one")
    return replace(
        profile,
        duration_s=profile.duration_s * scale,
        cpu_time_s=profile.cpu_time_s * scale,
        scale=scale,
        scale_basis=basis,
        energy=tuple(
            replace(
                part,
                energy_kwh=part.energy_kwh * scale,
                machine_energy_kwh=part.machine_energy_kwh * scale,
            )
            for part in profile.energy
        ),
    )
