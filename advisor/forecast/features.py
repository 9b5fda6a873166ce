"""What the network is told of each zone: four weeks of its own past and a day of its neighbours'.

Everything is relative to the zone's mean over those weeks, so that one network serves all zones.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from carbon_advisor.advisor.forecast.past import DAY_H, MONDAY_H, WINDOW_DAYS, WINDOW_H

if TYPE_CHECKING:
    from carbon_advisor.advisor.plan.trace import Floats

Singles = NDArray[np.float32]
HALF_LIFE_DAYS = 10.0  # of a day's weight in the usual day
WEEKEND_FROM_H = 120  # since Monday 00:00 UTC
SMALL = 1e-6
LEAST_SPREAD = 1e-3  # a zone that never changes has no anomalies to scale
QUANTILES = (0.02, 0.1, 0.25, 0.5, 0.75, 0.9, 0.98)
LAGS_H = (3, 6, 12, 24, 48)


@dataclass(frozen=True, eq=False)
class Described:
    """Zones at several moments, ready for the network.

    Attributes:
        features: shape (moments, zones, features).
        level: mean intensity over the window, g/kWh; shape (moments, zones).
        usual_day: intensity by hour after the edge over the level; shape (moments, zones, 24).
        spread: sd of the anomalies over the level; shape (moments, zones).
    """

    features: Singles
    level: Singles
    usual_day: Singles
    spread: Singles


def usual_day_of(relative: Singles) -> Singles:
    """Return the mean day of (…, 672) by hour, recent days weighing more; shape (…, 24)."""
    weight = 0.5 ** (np.arange(WINDOW_DAYS - 1, -1, -1) / HALF_LIFE_DAYS)
    weight = (weight / weight.sum()).astype(np.float32)
    days = relative.reshape(*relative.shape[:-1], WINDOW_DAYS, DAY_H)
    return np.asarray(np.einsum("...dh,d->...h", days, weight), dtype=np.float32)


def describe(windows: Floats | Singles, since_monday_h: Floats, neighbours: Singles) -> Described:
    """Return the features of zones at several moments.

    Args:
        windows: g/kWh, the 672 hours before each moment; shape (moments, zones, 672).
        since_monday_h: hours from Monday 00:00 UTC to each moment; shape (moments,).
        neighbours: weight of each zone for each other one; shape (kinds, zones, zones).
    """
    values = windows.astype(np.float32)
    level = values.mean(axis=-1) + np.float32(SMALL)
    relative = values / level[..., None]
    usual = usual_day_of(relative)
    anomaly = relative - np.tile(usual, WINDOW_DAYS)
    spread = anomaly.std(axis=-1) + np.float32(LEAST_SPREAD)
    parts = [
        *_recent(anomaly),
        *_usual(relative, usual),
        *_week(anomaly, since_monday_h),
        *_kind(relative, anomaly, spread),
        _around(anomaly, spread, neighbours),
    ]
    features = np.concatenate(parts, axis=-1, dtype=np.float32)
    return Described(features, level, usual, spread)


def _blocks(values: Singles, hours: int) -> Singles:
    """Means over blocks of the last axis."""
    return np.asarray(values.reshape(*values.shape[:-1], -1, hours).mean(axis=-1))


def _recent(anomaly: Singles) -> list[Singles]:
    """A day by hours, two by three hours, four by days, three weeks by weeks."""
    return [
        anomaly[..., -24:],
        _blocks(anomaly[..., -72:-24], 3),
        _blocks(anomaly[..., -168:-72], DAY_H),
        _blocks(anomaly[..., :-168], MONDAY_H),
    ]


def _usual(relative: Singles, usual: Singles) -> list[Singles]:
    days = relative.reshape(*relative.shape[:-1], WINDOW_DAYS, DAY_H)
    return [usual - 1, _blocks(days.std(axis=-2), 3)]


def _week(anomaly: Singles, since_monday_h: Floats) -> list[Singles]:
    """Usual anomaly of the same hours of the week, five days on, and which of those are weekend."""
    weeks = anomaly.reshape(*anomaly.shape[:-1], 4, MONDAY_H).mean(axis=-2)
    ahead_h = since_monday_h[:, None] + 12 + DAY_H * np.arange(5)
    weekend = (ahead_h % MONDAY_H >= WEEKEND_FROM_H).astype(np.float32)
    shape = (*anomaly.shape[:2], 5)
    return [_blocks(weeks[..., :120], 6), np.broadcast_to(weekend[:, None], shape)]


def _kind(relative: Singles, anomaly: Singles, spread: Singles) -> list[Singles]:
    """What kind of zone it is, and where it stands within its range."""
    ordered = np.sort(relative[..., ::4], axis=-1)
    count = ordered.shape[-1]
    at = [round(share * (count - 1)) for share in QUANTILES]
    last_3h = relative[..., -3:].mean(axis=-1, keepdims=True)
    memory = [_correlation(anomaly, lag, spread) for lag in LAGS_H]
    return [
        ordered[..., at],
        _blocks(relative[..., -24:], 6),
        relative[..., -1:],
        relative[..., -24:].min(axis=-1, keepdims=True),
        np.abs(np.diff(relative[..., -MONDAY_H:])).mean(axis=-1, keepdims=True),
        (ordered < last_3h).mean(axis=-1, keepdims=True, dtype=np.float32),
        np.stack(memory, axis=-1),
        spread[..., None],
    ]


def _correlation(anomaly: Singles, lag_h: int, spread: Singles) -> Singles:
    later, earlier = anomaly[..., lag_h:], anomaly[..., :-lag_h]
    covariance = np.einsum("...t,...t->...", later, earlier) / (WINDOW_H - lag_h)
    return np.asarray(covariance / spread**2, dtype=np.float32)


def _around(anomaly: Singles, spread: Singles, neighbours: Singles) -> Singles:
    """The last day's anomalies of the zones around, scaled to this zone's; by kind and 4 h."""
    scaled = _blocks((anomaly[..., -24:] / spread[..., None]), 4)
    around = np.einsum("kab,mbt->makt", neighbours, scaled, optimize=True)
    own = spread[..., None, None]
    return np.asarray((around * own).reshape(*anomaly.shape[:2], -1), dtype=np.float32)
