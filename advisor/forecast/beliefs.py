"""What is known of zones without any recent data: yearly level and profile of the catalogue."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from carbon_advisor.advisor.catalog import Catalog
    from carbon_advisor.advisor.intensity import Scope
    from carbon_advisor.advisor.plan.trace import Floats

UNKNOWN_SD = 0.2  # log-sd of an hour in a zone of which nothing is known


@dataclass(frozen=True, eq=False)
class Beliefs:
    """Level and profile of zones; NaN level and flat profile where the catalogue has none.

    Attributes:
        level: g/kWh, shape (zones,).
        profile: by month, weekend and hour in UTC; shape (zones, 12, 2, 24).
        hour_sd: log-sd of an hour about level × profile; shape (zones,).
        level_sd: log-sd of the level; shape (zones,).
    """

    level: Floats
    profile: Floats
    hour_sd: Floats
    level_sd: Floats

    def relative(self, begin: datetime, hours: int) -> Floats:
        """Return the profile from `begin` (UTC) on; shape (zones, hours)."""
        whole = begin.replace(minute=0, second=0, microsecond=0)
        times = [whole + timedelta(hours=hour) for hour in range(hours)]
        month = np.array([time.month - 1 for time in times])
        weekend = np.array([int(time.weekday() >= 5) for time in times])
        hour = np.array([time.hour for time in times])
        return np.asarray(self.profile[:, month, weekend, hour])

    def only(self, rows: Sequence[int]) -> Beliefs:
        """Return the beliefs of some zones."""
        at = list(rows)
        return Beliefs(self.level[at], self.profile[at], self.hour_sd[at], self.level_sd[at])


def no_beliefs(zones: int) -> Beliefs:
    """Return the beliefs about zones that no catalogue knows."""
    nothing = np.full(zones, np.nan)
    flat = np.ones((zones, 12, 2, 24))
    return Beliefs(nothing, flat, np.full(zones, UNKNOWN_SD), np.full(zones, UNKNOWN_SD))


def beliefs_of(zones: Sequence[str], catalog: Catalog, scope: Scope = "lifecycle") -> Beliefs:
    """Return what the catalogue says of zones by name; names it does not know are no error."""
    from carbon_advisor.advisor.intensity import level_g_per_kwh

    table = catalog.zones
    row = {name: place for place, name in enumerate(table.id.tolist())}
    found = [(place, row[zone]) for place, zone in enumerate(zones) if zone in row]
    beliefs = no_beliefs(len(zones))
    if found:
        into, source = (list(part) for part in zip(*found, strict=True))
        beliefs.level[into] = level_g_per_kwh(table, scope)[source]
        beliefs.profile[into] = table.profile[source]
        beliefs.hour_sd[into] = table.hour_relative_sd[source]
        beliefs.level_sd[into] = table.level_relative_sd[source]
    return beliefs
