"""Estimates of chosen candidates, as values: every figure that anybody may ask for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from datetime import datetime

    from carbon_advisor.advisor.estimate.uncertainty import Standing
    from carbon_advisor.advisor.interval import Interval
    from carbon_advisor.advisor.plan.joint import Choices
    from carbon_advisor.advisor.problem import Problem


@dataclass(frozen=True)
class Estimate:
    """Energy and emissions of a job on one candidate (an offer × a start time).

    `energy_kwh` is the machine's, without PUE: operational_g = energy_kwh × pue ×
    intensity_g_per_kwh. `emissions_g` is operational_g + embodied_g + transfer_g with its 90 %
    interval; `emissions_now_g` is the same if it started now. `water_l` is beside them. Prices and
    water are NaN where they are not known.
    `differs_from_first`: it emits more than the first place in at least 95 % of the samples.
    """

    region: str
    region_name: str
    country: str
    zone: str
    instance_type: str
    vcpus: float
    memory_gb: float
    architecture: str
    accelerator: str | None
    accelerator_count: float
    start_at: datetime
    duration_h: float
    utilization: float
    cpu_w: float
    memory_w: float
    gpu_w: float
    energy_kwh: float
    pue: float
    intensity_g_per_kwh: float
    operational_g: float
    embodied_g: float
    transfer_g: float
    emissions_g: Interval
    emissions_now_g: float
    water_l: float
    price_usd_per_h: float
    hourly_profile: bool
    probability_best: float
    differs_from_first: bool

    @property
    def candidate(self) -> str:
        """Region and instance type as one name: "aws:eu-north-1:m7g.large"."""
        return f"{self.region}:{self.instance_type}"

    @property
    def price_usd(self) -> float:
        """Price of the whole job; NaN where it is not known."""
        return self.price_usd_per_h * self.duration_h


def estimates_of(
    problem: Problem, choices: Choices, standings: list[Standing]
) -> tuple[Estimate, ...]:
    """Return the estimates of `choices`, in their order; a standing for each."""
    return tuple(
        _estimate(problem, int(offer), int(start), standing)
        for offer, start, standing in zip(choices.offer, choices.start, standings, strict=True)
    )


def _estimate(problem: Problem, offer: int, start: int, standing: Standing) -> Estimate:
    catalog, candidates = problem.catalog, problem.candidates
    regions, types = catalog.regions, catalog.instance_types
    region, kind = int(candidates.region[offer]), int(candidates.instance_type[offer])
    start_h = problem.starts_h[start]
    duration_h = float(candidates.duration_h[offer])
    window = problem.trace.window(
        problem.offers.zone[offer], np.asarray(start_h), np.asarray(duration_h)
    )
    accelerator = int(types.accelerator[kind])
    watts = candidates.watts
    operational_g = float(window) / duration_h * float(problem.offers.energy_kwh[offer])
    return Estimate(
        region=str(regions.id[region]),
        region_name=str(regions.name[region]),
        country=str(regions.country[region]),
        zone=str(catalog.zones.id[candidates.zone[offer]]),
        instance_type=str(types.name[kind]),
        vcpus=float(types.vcpus[kind]),
        memory_gb=float(types.memory_gb[kind]),
        architecture=str(types.architecture[kind]),
        accelerator=str(catalog.accelerators.short[accelerator]) if accelerator >= 0 else None,
        accelerator_count=float(types.accelerator_count[kind]) if accelerator >= 0 else 0.0,
        start_at=problem.time_of(start_h),
        duration_h=duration_h,
        utilization=float(candidates.utilization[offer]),
        cpu_w=float(watts.cpu[kind]),
        memory_w=float(watts.memory[kind]),
        gpu_w=float(watts.gpu[kind]),
        energy_kwh=float(candidates.machine_kwh[offer]),
        pue=float(candidates.pue[offer]),
        intensity_g_per_kwh=float(window) / duration_h,
        operational_g=operational_g,
        embodied_g=float(candidates.embodied_g[offer]),
        transfer_g=float(candidates.transfer_g[offer]),
        emissions_g=standing.emissions_g,
        emissions_now_g=float(problem.emissions_now_g[offer]),
        water_l=float(candidates.machine_kwh[offer]) * float(regions.wue_l_per_kwh[region]),
        price_usd_per_h=float(candidates.price_usd_per_h[offer]),
        hourly_profile=bool(catalog.zones.has_profile[candidates.zone[offer]]),
        probability_best=standing.probability_best,
        differs_from_first=standing.differs_from_first,
    )
