"""What we believe about one zone's next hours, from which sources, and whether waiting pays."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from carbon_advisor.advisor.forecast.beliefs import beliefs_of
from carbon_advisor.advisor.forecast.mix import forecast
from carbon_advisor.advisor.forecast.network import load_network
from carbon_advisor.advisor.forecast.skill import waiting_skill
from carbon_advisor.advisor.intensity import level_g_per_kwh
from carbon_advisor.advisor.trace_zones import informing
from carbon_advisor.advisor.traces import Known
from carbon_advisor.advisor.zones_list import zone_entry
from carbon_advisor.measurement.errors import InputError, UnknownNameError

if TYPE_CHECKING:
    from carbon_advisor.advisor.catalog import Catalog
    from carbon_advisor.advisor.forecast.mix import Forecast
    from carbon_advisor.advisor.intensity import Scope
    from carbon_advisor.advisor.traces import MeasuredTrace

HISTORY_DAYS = 28.0
JUDGED_JOB_H, JUDGED_SLACK_H = 6.0, 24.0  # whether waiting pays is judged for such a job
LEAST_SHARE = 0.005  # experts with less are not named
OLDEST_H = 96.0  # a trace that ends longer before says nothing of these hours


@dataclass(frozen=True, eq=False)
class Report:
    """The next hours of one zone.

    Attributes:
        zone: its name.
        forecast: of that zone alone, or of it and its neighbours.
        row: of the zone in the forecast.
        waiting: does waiting pay, in a sentence.
        pays: the same, None where it was not judged.
        basis: what the hours were made from, in a sentence.
        entry: what the catalogue says of the zone, None where it does not know it.
    """

    zone: str
    scope: Scope
    forecast: Forecast
    row: int
    waiting: str
    pays: bool | None
    basis: str
    entry: dict[str, Any] | None


def report(
    zone: str,
    now: datetime,
    hours: int,
    catalog: Catalog,
    scope: Scope,
    trace: MeasuredTrace | None,
    delay_h: float,
) -> Report:
    """Return what is believed about a zone.

    Args:
        zone: its name in the catalogue, or in the trace.
        now: UTC; of a trace only what was known then is used.
        hours: how far ahead.
        catalog: level and profile.
        scope: of the catalogue's figures.
        trace: recent measurements, or None.
        delay_h: how long after its end a step of the trace is published.

    Raises:
        UnknownNameError: the trace has no such zone.
        InputError: the trace knows nothing of the time before `now`, or there is no figure.
    """
    row_of = {name: row for row, name in enumerate(catalog.zones.id.tolist())}
    entry = None
    if zone in row_of:
        row = row_of[zone]
        regions = catalog.regions.id[catalog.regions.zone == row].tolist()
        entry = zone_entry(catalog, row, regions)
        level = float(level_g_per_kwh(catalog.zones, scope)[row])
        entry |= {"scope": scope, "intensity_g_per_kwh": None if np.isnan(level) else level}
        if scope == "direct":
            source = catalog.zones.direct_source[row]
            entry |= {"year": int(catalog.zones.direct_year[row]), "source": str(source) or None}
    if trace is None:
        return _offline(zone, now, hours, catalog, scope, entry)
    return _with_trace(zone, now, hours, catalog, scope, entry, trace, delay_h)


def _offline(
    zone: str,
    now: datetime,
    hours: int,
    catalog: Catalog,
    scope: Scope,
    entry: dict[str, Any] | None,
) -> Report:
    begin = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    known = Known((zone,), begin, 1.0, np.empty((1, 0)))
    made = forecast(known, begin, hours, beliefs_of((zone,), catalog, scope))
    if np.isnan(made.values).any():
        raise InputError(f"no {scope} intensity is known for {zone}")
    shape = "month-weekend-hour profile" if entry and entry["has_hourly_profile"] else "no profile"
    year = entry["year"] if entry else ""
    return Report(
        zone=zone,
        scope=scope,
        forecast=made,
        row=0,
        waiting="Whether waiting pays was not judged: that takes recent data (--trace).",
        pays=None,
        basis=f"yearly level of {year} and {shape}; no recent data",
        entry=entry,
    )


def _with_trace(
    zone: str,
    now: datetime,
    hours: int,
    catalog: Catalog,
    scope: Scope,
    entry: dict[str, Any] | None,
    trace: MeasuredTrace,
    delay_h: float,
) -> Report:
    if zone not in trace.zones:
        raise UnknownNameError("zone of the trace", zone, trace.zones)
    rows = informing([trace.zones.index(zone)], trace.zones, load_network().positions)
    part = trace.only(rows)
    step = part.step_at(now.astimezone(UTC))
    known = part.known_at(step, delay_h, HISTORY_DAYS)
    age_h = (part.time_of(step) - known.edge) / timedelta(hours=1)
    if known.values.shape[1] * known.step_h < 24 or age_h > OLDEST_H:
        raise InputError(
            f"the trace reaches from {trace.begin:%Y-%m-%dT%H:%MZ} to {trace.end:%Y-%m-%dT%H:%MZ}: "
            f"it does not know the day before {now:%Y-%m-%dT%H:%MZ}"
        )
    beliefs = beliefs_of(part.zones, catalog, scope)
    steps = max(1, round(hours / part.step_h))
    made = forecast(known, part.time_of(step), steps, beliefs, feed=part.feed)
    if not np.isfinite(made.values[0]).all():
        raise InputError(f"the trace has no values of {zone} before {now:%Y-%m-%dT%H:%MZ}")
    skill = waiting_skill(
        known, beliefs, made.tuning, JUDGED_JOB_H, JUDGED_SLACK_H, feed=part.feed, delay_h=age_h
    )
    weights = made.tuning.weights.items()
    shares = ", ".join(f"{name} {at[0]:.0%}" for name, at in weights if at[0] > LEAST_SHARE)
    return Report(
        zone=zone,
        scope=scope,
        forecast=made,
        row=0,
        waiting=skill.sentence(0),
        pays=bool(skill.pays[0]) if skill.tries else None,
        basis=f"{made.past_days} days of the trace up to {known.edge:%Y-%m-%dT%H:%MZ}: {shares}",
        entry=entry,
    )


def report_json(found: Report) -> dict[str, Any]:
    """Return the document of `advisor intensity --json`."""
    made, row = found.forecast, found.row
    return {
        "schema": "carbon-advisor/intensity/1",
        "zone": found.zone,
        "signal": "average" if made.past_days == 0 else "as in the trace",
        "scope": found.scope if made.past_days == 0 else "as in the trace",
        "yearly": found.entry,
        "basis": found.basis,
        "weights": {name: round(float(at[row]), 4) for name, at in made.tuning.weights.items()},
        "past_days": made.past_days,
        "begin": f"{made.begin:%Y-%m-%dT%H:%MZ}",
        "step_h": made.step_h,
        "interval": 0.9,
        "waiting": found.waiting,
        "waiting_pays": found.pays,
        "now": _step(found, 0),
        "hours": [_step(found, step) for step in range(made.values.shape[1])],
    }


def _step(found: Report, step: int) -> dict[str, Any]:
    made, row = found.forecast, found.row
    moment = made.begin + timedelta(hours=step * made.step_h)
    return {
        "utc": f"{moment:%Y-%m-%dT%H:%MZ}",
        "g_per_kwh": round(float(made.values[row, step]), 1),
        "low": round(float(made.quantiles[0, row, step]), 1),
        "high": round(float(made.quantiles[-1, row, step]), 1),
    }
