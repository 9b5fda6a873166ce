"""How much each expert is worth here, and how far the mix is off: judged on the past alone.

The experts forecast moments of the last two weeks, each from the two weeks before it, and are
compared with what followed. With a short past, what was found on other zones counts for more.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np

from carbon_advisor.advisor.forecast.experts import FEED, Moments, forecasts
from carbon_advisor.advisor.forecast.past import DAY_H, windows_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from carbon_advisor.advisor.forecast.network import Network
    from carbon_advisor.advisor.forecast.past import Past
    from carbon_advisor.advisor.plan.trace import Floats

PRIOR = {"learned": 0.8, "climatology": 0.05, "profile": 0.1, "persistence": 0.05, FEED: 1.0}
PRIOR_MOMENTS = 8.0  # that the prior counts for, in judged moments
EVERY_H = 30  # between judged moments, so that they fall on all hours of the day
JUDGED_H = 36  # ahead
LEAST_DAYS = 3  # of past before a judged moment
NORMAL_90 = 1.645
TINY = 1e-9  # g/kWh: a zone of zeros is no division by zero
LEAST_WIDTH, MOST_WIDTH = 0.5, 2.0


@dataclass(frozen=True, eq=False)
class Hindcasts:
    """Forecasts of the past, and what came.

    Attributes:
        said: by expert, g/kWh; shape (moments, zones, hours).
        came: g/kWh; shape (moments, zones, hours).
    """

    said: dict[str, Floats]
    came: Floats


@dataclass(frozen=True, eq=False)
class Tuning:
    """What judging found.

    Attributes:
        weights: by expert; shape (zones,), summing to 1.
        width: factor on the usual interval; shape (zones,).
        moments: how many were judged.
    """

    weights: dict[str, Floats]
    width: Floats
    moments: int


def mixed(said: dict[str, Floats], weights: dict[str, Floats]) -> Floats:
    """Return the weighted mean of forecasts of shape (…, zones, hours)."""
    total = sum(weights[name][:, None] * said[name] for name in weights)
    return np.asarray(total, dtype=np.float64)


def hindcasts(
    past: Past,
    moment: Moments,
    network: Network,
    every_h: int = EVERY_H,
    hours: int = JUDGED_H,
) -> Hindcasts | None:
    """Return forecasts of `hours` within the later half of the past, each from as long before it.

    `moment` is the moment at the past's edge. None where the past is too short for that.
    """
    half = min(past.days // 2, 14)
    back = np.arange(hours, half * DAY_H + 1, every_h)
    if half < LEAST_DAYS or len(back) == 0:
        return None
    edges = [past.edge - timedelta(hours=int(hours)) for hours in back]
    windows = np.stack([windows_of(past.before(int(hours), half).hourly) for hours in back])
    total = past.hourly.shape[1]
    came = np.stack([past.hourly[:, total - h : total - h + hours] for h in back])
    said = forecasts(replace(moment, edges=edges, windows=windows), network, hours)
    return Hindcasts(said, came)


def untuned(zones: int, experts: Iterable[str]) -> Tuning:
    """Return the tuning for zones whose past is too short to judge."""
    names = tuple(experts)
    total = sum(PRIOR[name] for name in names)
    weights = {name: np.full(zones, PRIOR[name] / total) for name in names}
    return Tuning(weights, np.ones(zones), 0)


def tuned(found: Hindcasts | None, zones: int, halfwidth: Floats, experts: Iterable[str]) -> Tuning:
    """Return weights and widths from hindcasts.

    Args:
        found: hindcasts, or None.
        zones: how many zones.
        halfwidth: of the usual 90 % interval, g/kWh; shape (zones, hours >= 36).
        experts: the names of those that forecast now.
    """
    if found is None:
        return untuned(zones, experts)
    moments = len(found.came)
    level = np.abs(found.came).mean(axis=(0, 2)) + TINY
    worse = _mean_squares(found, level)
    best = np.min(list(worse.values()), axis=0) + TINY
    scores = {
        name: PRIOR[name] * np.exp(-0.5 * min(moments, PRIOR_MOMENTS) * (worse[name] / best - 1))
        for name in worse
    }
    total = sum(scores.values())
    weights = {name: np.asarray(score / total) for name, score in scores.items()}
    off = found.came - mixed(found.said, weights)
    usual = ((halfwidth[:, :JUDGED_H] / NORMAL_90) ** 2).mean(axis=1)
    ratio = (off**2).mean(axis=(0, 2)) / np.maximum(usual, TINY)
    square = (PRIOR_MOMENTS + moments * ratio) / (PRIOR_MOMENTS + moments)
    width = np.clip(np.sqrt(np.nan_to_num(square, nan=1.0)), LEAST_WIDTH, MOST_WIDTH)
    return Tuning(weights, width, moments)


def _mean_squares(found: Hindcasts, level: Floats) -> dict[str, Floats]:
    """Mean squared error relative to the level, drawn towards that over all zones; (zones,)."""
    moments = len(found.came)
    squares = {}
    for name in found.said:
        own = (((found.said[name] - found.came) / level[:, None]) ** 2).mean(axis=(0, 2))
        own = np.nan_to_num(own, nan=np.inf) if not np.isfinite(own).any() else own
        pooled = float(np.nanmean(own))
        own = np.where(np.isfinite(own), own, pooled)
        squares[name] = (moments * own + PRIOR_MOMENTS * pooled) / (moments + PRIOR_MOMENTS)
    return squares
