"""Phases: for how long a job kept how many cores busy, from its profile's series.

A job that is serial for half of its time is not one that keeps half the cores busy all the time:
on fewer cores the first is hardly slower, the second twice.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from carbon_advisor.measurement.profile import Profile

SECONDS_PER_HOUR = 3600.0
STEPS_PER_DOUBLING = 4  # levels of busy cores within a fifth of each other count as one phase


@dataclass(frozen=True, slots=True)
class Phase:
    """Time in which a job computed on `cores` cores (at least 1), in hours."""

    hours: float
    cores: float


def phases_of(profile: Profile) -> tuple[Phase, ...]:
    """Return the phases of the whole job; together they hold its CPU time."""
    return phases_from(
        profile.series.busy_cores,
        duration_h=profile.duration_s / SECONDS_PER_HOUR,
        core_hours=profile.cpu_time_s / SECONDS_PER_HOUR,
    )


def phases_from(
    series: Sequence[float], *, duration_h: float, core_hours: float
) -> tuple[Phase, ...]:
    """Return the phases that hold `core_hours`, shared out as `series`, equal steps, says.

    Where less than one core was busy, one core computed for that share of the time and nothing did
    for the rest.
    """
    if core_hours <= 0:
        return ()
    total = sum(series)
    if total <= 0:
        return (_phase(duration_h, core_hours / duration_h),)
    scale = core_hours / (duration_h * total / len(series))
    levels: dict[int, list[float]] = {}
    for cores in sorted(level * scale for level in series if level > 0):
        levels.setdefault(_level(cores), []).append(cores)
    step_h = duration_h / len(series)
    return tuple(_phase(step_h * len(found), sum(found) / len(found)) for found in levels.values())


def _level(cores: float) -> int:
    return 0 if cores <= 1 else 1 + math.floor(STEPS_PER_DOUBLING * math.log2(cores))


def _phase(hours: float, cores: float) -> Phase:
    """Return the phase of some time with so many busy cores at the mean."""
    return Phase(hours * min(1.0, cores), max(1.0, cores))
