"""What somebody states of a job before there is anything to measure, checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from carbon_advisor.advisor.estimate.stated_checks import check_contradictions, check_limits

if TYPE_CHECKING:
    from carbon_advisor.advisor.location import Location
    from carbon_advisor.advisor.provenance import Node

STATED = "given on the command line"


@dataclass(frozen=True)
class Stated:
    """What the user stated; None where nothing was.

    Attributes:
        energy_kwh: of the devices; makes power and hours unnecessary.
        hours: how long the job runs.
        device_hours: hours of all devices together, instead of hours.
        device_power_w, count: mean power of one device, at full load if there is a utilisation,
            and how many there are.
        device_idle_w: power of one device that does nothing.
        accelerator: row in catalog.accelerators, `count` of them.
        instance_type: row in catalog.instance_types, `count` of them.
        utilization: of the devices, 0..1; full load if None.
        intensity_g_per_kwh, pue, embodied_g, water_l_per_kwh: instead of the catalogue's.
        embodied_total_kg: of making one of the `count` machines.
        lifetime_years: over which the making is spread; a year has 8760 h.
        resource_share: share of each machine that the job reserves, 0..1.
        data_gb, data_from, transfer_kwh_per_gb: data that is moved to the job.
        host: whether the host's share is added to accelerators.
    """

    hours: float | None = None
    device_hours: float | None = None
    energy_kwh: float | None = None
    device_power_w: float | None = None
    device_idle_w: float | None = None
    count: int = 1
    accelerator: int | None = None
    instance_type: int | None = None
    utilization: float | None = None
    intensity_g_per_kwh: float | None = None
    pue: float | None = None
    embodied_g: float | None = None
    embodied_total_kg: float | None = None
    lifetime_years: float | None = None
    resource_share: float | None = None
    data_gb: float | None = None
    data_from: Location | None = None
    transfer_kwh_per_gb: float | None = None
    water_l_per_kwh: float | None = None
    host: bool = True

    def __post_init__(self) -> None:
        """Check every stated figure.

        Raises:
            InputError: a figure is negative, not finite or absurd, or they contradict each other.
        """
        check_limits(self)
        check_contradictions(self)

    @property
    def duration_h(self) -> float | None:
        """How long every device runs, hours; None where energy was stated without it."""
        if self.device_hours is not None:
            return self.device_hours / self.count
        return self.hours


@dataclass(frozen=True)
class Part:
    """A figure of the sum with its node and its log-sd."""

    value: float
    node: Node
    sd: float
