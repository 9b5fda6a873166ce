"""Compared with what? Here and now; or the region the user names; or the typical region."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from carbon_advisor.advisor.estimate.transfer import transfer_to
from carbon_advisor.advisor.intensity import level_g_per_kwh, mean_intensity
from carbon_advisor.measurement.errors import ConstraintError, InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from carbon_advisor.advisor.location import Location
    from carbon_advisor.advisor.problem import Problem

BaselineKind = Literal["here", "region", "typical"]


@dataclass(frozen=True)
class Baseline:
    """What the recommendation is compared with, started now.

    Attributes:
        kind: "here" (as measured, where this machine stands), "region" (the least-emitting machine
            of a region that the user named) or "typical" (the median region, each with its
            least-emitting machine; used while nobody said where here is).
        label: the same in words.
        price_usd: of the whole job; NaN where it is not known.
        energy_kwh: without PUE; NaN for "typical".
    """

    kind: BaselineKind
    label: str
    emissions_g: float
    energy_kwh: float
    price_usd: float


def baseline_of(problem: Problem, fitting: NDArray[np.bool_]) -> Baseline:
    """Return the baseline of a question.

    Args:
        problem: the question and its columns.
        fitting: candidates that can hold the job, whatever the user's constraints.

    Raises:
        UnknownNameError: the named region is not known.
        ConstraintError: no machine in the named region can hold the job.
        InputError: the zone of here has no figure in the scope that was asked for.
    """
    question = problem.question
    if question.baseline_region is not None:
        return _region_baseline(problem, fitting, question.baseline_region)
    if question.here is not None:
        return _here_baseline(problem, question.here)
    return _typical_baseline(problem, fitting)


def _here_baseline(problem: Problem, here: Location) -> Baseline:
    question, workload = problem.question, problem.question.workload
    zones = problem.catalog.zones
    if np.isnan(level_g_per_kwh(zones, question.scope)[here.zone]):
        raise InputError(f"zone {zones.id[here.zone]} has no {question.scope} intensity")
    moved_g = 0.0
    if question.data is not None:
        moved_g = transfer_to(question.data, here, problem.catalog, question.scope).value
    intensity = mean_intensity(
        problem.catalog, here.zone, question.now, workload.duration_h, question.scope
    )
    return Baseline(
        kind="here",
        label=f"here ({here.label}) and now, as measured, embodied emissions not counted",
        emissions_g=workload.energy_kwh * here.pue * intensity + moved_g,
        energy_kwh=workload.energy_kwh,
        price_usd=float("nan"),
    )


def _region_baseline(problem: Problem, fitting: NDArray[np.bool_], name: str) -> Baseline:
    region = problem.catalog.find_region(name)
    there = np.flatnonzero(fitting & (problem.candidates.region == region))
    region_id = str(problem.catalog.regions.id[region])
    if len(there) == 0:
        raise ConstraintError(f"no machine of baseline region {region_id} can hold the job")
    best = int(there[problem.emissions_now_g[there].argmin()])
    candidates = problem.candidates
    kind = str(problem.catalog.instance_types.name[candidates.instance_type[best]])
    return Baseline(
        kind="region",
        label=f"{region_id}:{kind}, the least-emitting machine there, started now",
        emissions_g=float(problem.emissions_now_g[best]),
        energy_kwh=float(candidates.machine_kwh[best]),
        price_usd=float(candidates.price_usd_per_h[best] * candidates.duration_h[best]),
    )


def _typical_baseline(problem: Problem, fitting: NDArray[np.bool_]) -> Baseline:
    members = np.flatnonzero(fitting)
    regions = len(problem.catalog.regions.id)
    least = np.full(regions, np.inf)
    np.minimum.at(least, problem.candidates.region[members], problem.emissions_now_g[members])
    offered = least[np.isfinite(least)]
    return Baseline(
        kind="typical",
        label=f"the median of {len(offered)} regions, the least-emitting machine of each, now",
        emissions_g=float(np.median(offered)),
        energy_kwh=float("nan"),
        price_usd=float("nan"),
    )
