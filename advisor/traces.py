"""A measured trace: carbon intensity of zones over equal steps in UTC, NaN where nothing is known.

What was known at a moment is cut out of it by `known_at`; a forecast sees nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from carbon_advisor.advisor.forecast.feed import FeedForecasts
    from carbon_advisor.advisor.plan.trace import Floats


@dataclass(frozen=True, eq=False)
class MeasuredTrace:
    """Intensity of zones as it was measured.

    Attributes:
        zones: names; shape (zones,).
        begin: UTC, when the first step begins.
        step_h: length of a step in hours; 24 is a whole multiple of it.
        values: g/kWh, shape (zones, steps), each constant over its step; NaN where missing.
        notes: what was found in the file and mended, one sentence each.
        feed: forecasts that came with it, or None.
    """

    zones: tuple[str, ...]
    begin: datetime
    step_h: float
    values: Floats
    notes: tuple[str, ...] = ()
    feed: FeedForecasts | None = None

    @property
    def steps(self) -> int:
        """Steps per zone."""
        return int(self.values.shape[1])

    @property
    def end(self) -> datetime:
        """When the last step ends."""
        return self.time_of(self.steps)

    def time_of(self, step: int) -> datetime:
        """Return when a step begins."""
        return self.begin + timedelta(hours=step * self.step_h)

    def step_at(self, moment: datetime) -> int:
        """Return the step that contains `moment`; it may lie outside the trace."""
        return int(np.floor((moment - self.begin) / timedelta(hours=self.step_h) + 1e-9))

    def only(self, rows: Sequence[int]) -> MeasuredTrace:
        """Return the trace of some zones."""
        names = tuple(self.zones[row] for row in rows)
        feed = self.feed.only(rows) if self.feed else None
        values = self.values[list(rows)]
        return MeasuredTrace(names, self.begin, self.step_h, values, self.notes, feed)

    def known_at(self, step: int, delay_h: float, history_days: float) -> Known:
        """Return what was known when `step` began: steps that had ended `delay_h` earlier.

        Args:
            step: the step whose beginning is "now".
            delay_h: how long after its end a step is published, >= 0.
            history_days: how far back is looked.
        """
        last = min(step - int(np.ceil(delay_h / self.step_h - 1e-9)), self.steps)
        first = max(0, last - round(history_days * 24 / self.step_h))
        values = self.values[:, first : max(last, 0)]
        return Known(self.zones, self.time_of(last), self.step_h, values)


@dataclass(frozen=True, eq=False)
class Known:
    """The past as it was known at some moment.

    Attributes:
        zones: names; shape (zones,).
        edge: UTC, when the last known step ends.
        step_h: length of a step in hours.
        values: g/kWh, shape (zones, steps up to `edge`); NaN where missing.
    """

    zones: tuple[str, ...]
    edge: datetime
    step_h: float
    values: Floats
