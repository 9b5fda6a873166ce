"""What somebody states of a job before there is anything to measure, checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from carbon_advisor.measurement.errors import InputError

if TYPE_CHECKING:
    from carbon_advisor.advisor.provenance import Node

STATED = "given on the command line"
MAXIMUM_HOURS = 24 * 366 * 10.0


@dataclass(frozen=True)
class Stated:
    """What the user stated; None where nothing was.

    Attributes:
        energy_kwh: of the devices; makes power and hours unnecessary.
        hours: how long the job runs.
        device_power_w, count: mean power of one device and how many there are.
        accelerator: row in catalog.accelerators, `count` of them.
        instance_type: row in catalog.instance_types, `count` of them.
        utilization: of the devices, 0..1; full load if None.
        intensity_g_per_kwh, pue, embodied_g: instead of the catalogue's.
        host: whether the host's share is added to accelerators.
    """

    hours: float | None = None
    energy_kwh: float | None = None
    device_power_w: float | None = None
    count: int = 1
    accelerator: int | None = None
    instance_type: int | None = None
    utilization: float | None = None
    intensity_g_per_kwh: float | None = None
    pue: float | None = None
    embodied_g: float | None = None
    host: bool = True

    def __post_init__(self) -> None:
        """Check every stated figure.

        Raises:
            InputError: a figure is negative, not finite or absurd, or they contradict each other.
        """
        limits = {
            "--hours": (self.hours, MAXIMUM_HOURS),
            "--energy-kwh": (self.energy_kwh, 1e12),
            "--device-power-w": (self.device_power_w, 1e6),
            "--count": (self.count, 1e7),
            "--utilization": (self.utilization, 1.0),
            "--intensity-g-per-kwh": (self.intensity_g_per_kwh, 3000.0),
            "--embodied-g": (self.embodied_g, 1e15),
        }
        for option, (value, most) in limits.items():
            if value is not None and not 0 <= value <= most:
                raise InputError(f"{option} is a number from 0 to {most:g}, not {value:g}")
        sources = (self.energy_kwh, self.device_power_w, self.accelerator, self.instance_type)
        given = sum(source is not None for source in sources)
        if given != 1:
            raise InputError(
                "say what uses the energy by one of --gpus, --instance, --device-power-w "
                f"and --energy-kwh ({given} given)"
            )
        if self.energy_kwh is None and self.hours is None:
            raise InputError("add --hours: how long the job runs")


@dataclass(frozen=True)
class Part:
    """A figure of the sum with its node and its log-sd."""

    value: float
    node: Node
    sd: float
