"""The known past in the form forecasts need: whole hours up to the edge, without gaps.

Gaps are filled from the day before, never from later values: what follows a gap must not be seen
in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from carbon_advisor.advisor.plan.trace import Floats
    from carbon_advisor.advisor.traces import Known

DAY_H = 24
WINDOW_DAYS = 28
WINDOW_H = WINDOW_DAYS * DAY_H
MONDAY_H = 7 * DAY_H


@dataclass(frozen=True, eq=False)
class Past:
    """Hourly past of zones.

    Attributes:
        zones: names; shape (zones,).
        edge: UTC, when the last hour ends.
        hourly: g/kWh, shape (zones, hours), whole days, filled; NaN for a zone of which nothing is
            known.
    """

    zones: tuple[str, ...]
    edge: datetime
    hourly: Floats

    @property
    def days(self) -> int:
        """Whole days that are known."""
        return int(self.hourly.shape[1]) // DAY_H

    def before(self, hours: int, days: int) -> Past:
        """Return the past as it was `hours` earlier, `days` back from there."""
        from datetime import timedelta

        last = self.hourly.shape[1] - hours
        part = self.hourly[:, max(0, last - days * DAY_H) : last]
        return Past(self.zones, self.edge - timedelta(hours=hours), part)

    def windows(self) -> Floats:
        """Return the last 28 days; a shorter past is repeated backwards by whole days."""
        return windows_of(self.hourly)


def windows_of(hourly: Floats) -> Floats:
    """Return the last 28 days of (…, hours); whole weeks, else days, repeat where it is shorter."""
    hours = hourly.shape[-1]
    if hours >= WINDOW_H:
        return hourly[..., -WINDOW_H:]
    unit = MONDAY_H if hours >= MONDAY_H else DAY_H
    piece = hourly[..., hours - hours // unit * unit :]
    times = -(-WINDOW_H // piece.shape[-1])
    repeated = np.concatenate([piece] * times, axis=-1)
    return np.asarray(repeated[..., -WINDOW_H:])


def hours_since_monday(moment: datetime) -> float:
    """Return the hours since Monday 00:00 UTC of a time in UTC."""
    return moment.weekday() * DAY_H + moment.hour + moment.minute / 60


def past_of(known: Known) -> Past:
    """Return the hourly past of what is known; hours count back from the edge."""
    per_hour = max(1, round(1 / known.step_h))
    steps = known.values.shape[1] // (per_hour * DAY_H) * per_hour * DAY_H
    values = known.values[:, known.values.shape[1] - steps :]
    blocks = values.reshape(len(values), steps // per_hour, per_hour)
    present = np.isfinite(blocks)
    count = present.sum(axis=-1)
    total = np.where(present, blocks, 0.0).sum(axis=-1)
    hourly = np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)
    return Past(known.zones, known.edge, filled(hourly))


def within_hour_sd(known: Known) -> Floats:
    """Return the sd of steps about the mean of their hour, g/kWh; 0 for hourly steps; (zones,)."""
    per_hour = max(1, round(1 / known.step_h))
    hours = known.values.shape[1] // per_hour
    if per_hour == 1 or hours == 0:
        return np.zeros(len(known.values))
    blocks = known.values[:, -hours * per_hour :].reshape(-1, hours, per_hour)
    off = blocks - blocks.mean(axis=2, keepdims=True)
    return np.asarray(np.sqrt(np.nan_to_num(off**2).mean(axis=(1, 2))))


def filled(hourly: Floats) -> Floats:
    """Return (zones, whole days × 24) with each gap filled from the day before it.

    A gap in the first day is filled from the nearest known hour before it, else from the first
    known hour. A zone with no known hour stays NaN.
    """
    if np.isfinite(hourly).all():
        return hourly
    days = hourly.reshape(len(hourly), -1, DAY_H).copy()
    for day in range(1, days.shape[1]):
        days[:, day] = np.where(np.isnan(days[:, day]), days[:, day - 1], days[:, day])
    flat = np.asarray(days.reshape(len(hourly), -1))
    at = np.where(np.isfinite(flat), np.arange(hourly.shape[1]), -1)
    last = np.maximum.accumulate(at, axis=1)
    first = np.argmax(at >= 0, axis=1)
    result: Floats = np.take_along_axis(flat, np.where(last < 0, first[:, None], last), axis=1)
    return result
