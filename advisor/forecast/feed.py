"""A feed's own forecasts as they were issued, and what the latest of them said at some moment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from carbon_advisor.advisor.plan.trace import Floats, Ints

OLDEST_H = 96.0  # an issue that is older says nothing any more


@dataclass(frozen=True, eq=False)
class FeedForecasts:
    """Forecasts of many issues, ordered by issue; all arrays have the shape (rows,).

    Attributes:
        zones: how many zones `zone` counts.
        begin: UTC, from which hours count.
        issued_h: when it was issued, ascending.
        zone: of which zone, from 0 on.
        hour: of which hour, counted from `begin`.
        value: g/kWh.
    """

    zones: int
    begin: datetime
    issued_h: Floats
    zone: Ints
    hour: NDArray[np.int64]
    value: Floats

    def at(self, now: datetime, edge: datetime, hours: int) -> Floats:
        """Return what the latest issue not after `now` said of each hour after `edge`.

        Returns:
            g/kWh, shape (zones, hours); NaN where no issue says anything.
        """
        now_h = (now - self.begin) / timedelta(hours=1)
        first_h = int(np.floor((edge - self.begin) / timedelta(hours=1) + 1e-9))
        known = slice(
            int(np.searchsorted(self.issued_h, now_h - OLDEST_H)),
            int(np.searchsorted(self.issued_h, now_h, side="right")),
        )
        ahead = self.hour[known] - first_h
        near = (ahead >= 0) & (ahead < hours)
        said = np.full((self.zones, hours), np.nan)
        # Later issues come later in the arrays, and the last value for a place is the one kept.
        said[self.zone[known][near], ahead[near]] = self.value[known][near]
        return said

    def only(self, rows: Sequence[int]) -> FeedForecasts:
        """Return the forecasts of some zones, numbered in that order."""
        place = np.full(self.zones, -1, dtype=np.intp)
        place[list(rows)] = np.arange(len(rows))
        kept = place[self.zone] >= 0
        return FeedForecasts(
            len(rows),
            self.begin,
            self.issued_h[kept],
            place[self.zone[kept]],
            self.hour[kept],
            self.value[kept],
        )
