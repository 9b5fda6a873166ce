"""What a job would emit from each place and start, and which of them a forecast would choose.

A start is a step's beginning, from now to the slack's end; the job runs without a break. Figures
are the mean intensity while it runs, g/kWh, which is the job's emissions but for its energy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from carbon_advisor.advisor.plan.trace import Trace

if TYPE_CHECKING:
    from carbon_advisor.advisor.plan.trace import Floats, Ints

WAYS = ("time", "space", "joint")


@dataclass(frozen=True)
class Job:
    """A job that can wait.

    Attributes:
        duration_h: how long it runs.
        slack_h: how much later than now it may start.
        step_h: length of a step of the traces.
    """

    duration_h: float
    slack_h: float
    step_h: float

    @property
    def starts(self) -> int:
        """How many starts there are, now among them."""
        return int(self.slack_h / self.step_h + 1e-9) + 1

    @property
    def steps(self) -> int:
        """How many steps a trace needs to cover the last start."""
        return self.starts - 1 + int(np.ceil(self.duration_h / self.step_h - 1e-9))


def running_means(values: Floats, job: Job, first: int = 0) -> Floats:
    """Return the mean intensity of the job from every start; shape (zones, starts - first).

    Args:
        values: g/kWh from the step `first` on; shape (zones, at least job.steps - first).
        job: what runs.
        first: starts before this are past.
    """
    trace = Trace(values, values[:, -1], job.step_h)
    starts_h = np.arange(job.starts - first, dtype=np.float64) * job.step_h
    zone = np.arange(len(values))[:, None]
    window = trace.window(zone, starts_h[None], np.full((1, 1), job.duration_h))
    return np.asarray(window / job.duration_h)


def chosen(believed: Floats, came: Floats, homes: Ints) -> dict[str, Floats]:
    """Return what came of the choices made with a belief, by way; shapes (homes,).

    Args:
        believed: mean intensity of the job; shape (zones, starts).
        came: the same, as it came.
        homes: rows of the zones where the job would have run.

    Ties go to the earliest start, then to the first zone.
    """
    at_home = believed[homes].argmin(axis=1)
    place = int(believed[:, 0].argmin())
    start, zone = np.unravel_index(int(believed.T.argmin()), believed.T.shape)
    return {
        "time": came[homes, at_home],
        "space": np.full(len(homes), came[place, 0]),
        "joint": np.full(len(homes), came[zone, start]),
    }


class Waiting:
    """Decisions looked at again while the job waits: it starts once nothing later is better.

    One per start of a backtest; `look` is called at each time of looking, the last at slack's end.
    """

    def __init__(self, came: Floats, homes: Ints) -> None:
        """Remember what will come, to answer with; it is not looked at before a choice."""
        self._came, self._homes = came, homes
        self._time = np.full(len(homes), np.nan)
        self._joint = np.nan

    @property
    def over(self) -> bool:
        """Have all started?"""
        return bool(np.isfinite(self._joint) and np.isfinite(self._time).all())

    def look(self, believed: Floats, first: int, following: int) -> None:
        """Start what should start before the next look.

        Args:
            believed: mean intensity of the job from the start `first` on; (zones, starts - first).
            first: start that is now.
            following: start at the next look; beyond the last one where there is none.
        """
        at_home = believed[self._homes].argmin(axis=1) + first
        go = np.isnan(self._time) & (at_home < following)
        self._time[go] = self._came[self._homes[go], at_home[go]]
        start, zone = np.unravel_index(int(believed.T.argmin()), believed.T.shape)
        if np.isnan(self._joint) and start + first < following:
            self._joint = float(self._came[zone, start + first])

    def result(self) -> dict[str, Floats]:
        """Return what came of it by way; shapes (homes,)."""
        return {"time": self._time, "joint": np.full(len(self._homes), self._joint)}
