"""What we believe about a zone's carbon intensity: yearly level × month-weekend-hour profile.

The signal is average, lifecycle, location-based. `direct` (combustion only) is a second scope that
is never mixed with it: zones without a direct figure have none there.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Literal

import numpy as np

from carbon_advisor.advisor.plan.trace import Trace

if TYPE_CHECKING:
    from carbon_advisor.advisor.catalog import Catalog, Zones
    from carbon_advisor.advisor.plan.trace import Floats, Ints

Scope = Literal["lifecycle", "direct"]
PROFILE_HORIZON_H = 8_784  # a year; the part of a job beyond it is counted at the yearly level


def level_g_per_kwh(zones: Zones, scope: Scope) -> Floats:
    """Yearly level of each zone, g/kWh; NaN where the scope has no figure; shape (zones,)."""
    level = zones.lifecycle_g_per_kwh if scope == "lifecycle" else zones.direct_g_per_kwh
    return np.asarray(level, dtype=np.float64)


def beginning(now: datetime) -> datetime:
    """Return the beginning of the UTC hour of `now`, where a trace begins."""
    return now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def expected_trace(
    catalog: Catalog, zones: Ints, now: datetime, hours: float, scope: Scope
) -> Trace:
    """Return the expected hourly intensity of `zones` from the hour of `now` on.

    Args:
        catalog: where level and profile come from.
        zones: rows of catalog.zones; they become the trace's rows in the same order.
        now: a timezone-aware time.
        hours: how far the trace should reach; at most PROFILE_HORIZON_H steps are made.
        scope: lifecycle or direct.
    """
    steps = int(min(max(1, np.ceil(hours)), PROFILE_HORIZON_H))
    level = level_g_per_kwh(catalog.zones, scope)[zones]
    month, weekend, hour = _calendar(beginning(now), steps)
    shape = catalog.zones.profile[zones][:, month, weekend, hour].astype(np.float64)
    return Trace(values=shape * level[:, None], tail=level)


def _calendar(start: datetime, steps: int) -> tuple[Ints, Ints, Ints]:
    """Return month (0-11), weekend (0/1) and hour (0-23) in UTC of each hourly step."""
    first_hour = start.hour
    days = (first_hour + steps + 23) // 24
    dates = [start + timedelta(days=day) for day in range(days)]
    month = np.repeat([date.month - 1 for date in dates], 24)
    weekend = np.repeat([int(date.weekday() >= 5) for date in dates], 24)
    hour = np.tile(np.arange(24), days)
    part = slice(first_hour, first_hour + steps)
    return month[part], weekend[part], hour[part]


def mean_intensity(
    catalog: Catalog, zone: int, start: datetime, duration_h: float, scope: Scope = "lifecycle"
) -> float:
    """Return the expected mean intensity of one zone over a window, g/kWh."""
    offset_h = (start - beginning(start)).total_seconds() / 3600
    trace = expected_trace(catalog, np.array([zone]), start, offset_h + duration_h + 1, scope)
    window = trace.window(np.array([0]), np.array([offset_h]), np.array([duration_h]))
    return float(window[0]) / duration_h
