"""A run's power over time in a few steps, from the cumulative samples of its journal."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from carbon_advisor.measurement.steps import MAX_STEPS

if TYPE_CHECKING:
    from collections.abc import Iterable

JOULES_PER_KWH = 3.6e6


@dataclass(frozen=True, slots=True)
class PowerSteps:
    """Steps of any lengths, in order; both tuples are as long as there are steps.

    Attributes:
        duration_s: of each step.
        power_w: the job's mean power in it, all components.
    """

    duration_s: tuple[float, ...]
    power_w: tuple[float, ...]


def power_steps(samples: Iterable[dict[str, Any]]) -> PowerSteps:
    """Return at most MAX_STEPS steps of a journal's samples, whose figures are cumulative.

    Raises:
        KeyError, TypeError, ValueError: a sample is not one.
    """
    points = [(float(each["duration_s"]), float(sum(each["energy_kwh"]))) for each in samples]
    return _between([(0.0, 0.0), *_thinned(points)])


def _thinned(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Keep the last point of each of MAX_STEPS equal stretches of time."""
    if not points or points[-1][0] <= 0:
        return []
    per_stretch = MAX_STEPS / points[-1][0]
    last_of = {min(int(point[0] * per_stretch), MAX_STEPS - 1): point for point in points}
    return [last_of[stretch] for stretch in sorted(last_of)]


def _between(points: list[tuple[float, float]]) -> PowerSteps:
    durations_s, powers_w = [], []
    for (begin_s, before_kwh), (end_s, after_kwh) in pairwise(points):
        if end_s > begin_s:
            durations_s.append(float(f"{end_s - begin_s:.6g}"))
            # Idle power that is learnt late makes earlier energy a little less.
            power_w = max(0.0, after_kwh - before_kwh) * JOULES_PER_KWH / (end_s - begin_s)
            powers_w.append(float(f"{power_w:.5g}"))
    return PowerSteps(tuple(durations_s), tuple(powers_w))
