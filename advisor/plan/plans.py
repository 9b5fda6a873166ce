"""A plan: when, in which zone and on how many workers a job runs; and what it emits on a trace.

Every planner is judged by `energy_and_emissions` on the true trace, whatever it believed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from carbon_advisor.advisor.plan.trace import Trace


@dataclass(frozen=True, slots=True)
class Slot:
    """One uninterrupted stretch of a job.

    Attributes:
        zone: row of the trace.
        start_h, end_h: hours since the trace's begin.
        power_w: drawn meanwhile, by all workers together, PUE included.
        workers: how many run.
    """

    zone: int
    start_h: float
    end_h: float
    power_w: float
    workers: float = 1.0


@dataclass(frozen=True, slots=True)
class Plan:
    """The slots of one job in the order of time, and what interruptions cost on top.

    Attributes:
        slots: they do not overlap.
        extra_g: emissions that are in no slot (data moved between regions).
    """

    slots: tuple[Slot, ...]
    extra_g: float = 0.0

    @property
    def start_h(self) -> float:
        """When the job first runs."""
        return self.slots[0].start_h

    @property
    def end_h(self) -> float:
        """When it is done."""
        return self.slots[-1].end_h


def energy_and_emissions(plan: Plan, trace: Trace) -> tuple[float, float]:
    """Return a plan's energy in kWh and its emissions in g on a trace."""
    zones = np.array([slot.zone for slot in plan.slots], dtype=np.intp)
    starts_h = np.array([slot.start_h for slot in plan.slots])
    lengths_h = np.array([slot.end_h - slot.start_h for slot in plan.slots])
    power_kw = np.array([slot.power_w for slot in plan.slots]) / 1000
    grams = power_kw * trace.window(zones, starts_h, lengths_h)
    return float(power_kw @ lengths_h), float(grams.sum()) + plan.extra_g
