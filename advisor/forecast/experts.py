"""The single forecasts that are mixed, each for many moments at once, from the past alone.

persistence   the last known day again
climatology   the usual day of four weeks, its level drawn from the last day's, less so further on
profile       the bundled month-weekend-hour profile at the level of those weeks
learned       the network
feed          what a feed said itself, if it does; the network where it is silent
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np

from carbon_advisor.advisor.forecast.features import describe
from carbon_advisor.advisor.forecast.network import HORIZON_H
from carbon_advisor.advisor.forecast.past import DAY_H, WINDOW_H, hours_since_monday

if TYPE_CHECKING:
    from collections.abc import Sequence

    from carbon_advisor.advisor.forecast.beliefs import Beliefs
    from carbon_advisor.advisor.forecast.features import Described, Singles
    from carbon_advisor.advisor.forecast.feed import FeedForecasts
    from carbon_advisor.advisor.forecast.network import Network
    from carbon_advisor.advisor.plan.trace import Floats

FEED = "feed"
EXPERTS = ("learned", "climatology", "profile", "persistence")
LEVEL_DECAY_H = 48.0  # within which the last day's level gives way to the usual one


@dataclass(frozen=True, eq=False)
class Moments:
    """The past of zones at several moments.

    Attributes:
        edges: UTC, when each past ends; shape (moments,).
        windows: g/kWh, the 672 hours before each edge; shape (moments, zones, 672).
        beliefs: of the zones.
        neighbours: weights among the zones; shape (kinds, zones, zones).
        feed: forecasts of a feed, or None.
        delay_h: how long after the edges it is: what the feed issued until then is known.
    """

    edges: Sequence[datetime]
    windows: Floats
    beliefs: Beliefs
    neighbours: Singles
    feed: FeedForecasts | None = None
    delay_h: float = 0.0

    def described(self) -> Described:
        """Return the zones' features; a zone of which nothing is known counts as constant."""
        since = np.array([hours_since_monday(edge) for edge in self.edges])
        return describe(np.nan_to_num(self.windows, nan=1.0), since, self.neighbours)


def forecasts(moments: Moments, network: Network, hours: int) -> dict[str, Floats]:
    """Return each expert's forecast of the hours after the edges; shapes (moments, zones, hours).

    Beyond the network's horizon it says the usual day.
    """
    described = moments.described()
    far = np.asarray(described.usual_day * described.level[..., None], dtype=np.float64)
    learned = far[..., np.arange(hours) % DAY_H]
    near = min(hours, HORIZON_H)
    learned[..., :near] = network(described, near)
    said = {
        "learned": learned,
        "climatology": climatology(far, moments.windows, hours),
        "profile": _profile(moments, hours),
        "persistence": persistence(moments.windows, hours),
    }
    if moments.feed is not None:
        said[FEED] = _feed(moments, moments.feed, learned)
    return said


def _feed(moments: Moments, feed: FeedForecasts, otherwise: Floats) -> Floats:
    """What the feed had said by then; `otherwise` for hours of which it had not."""
    delay = timedelta(hours=moments.delay_h)
    said = np.stack([feed.at(edge + delay, edge, otherwise.shape[-1]) for edge in moments.edges])
    return np.where(np.isfinite(said), said, otherwise)


def persistence(windows: Floats, hours: int) -> Floats:
    """Return the last known day, again and again."""
    return np.asarray(windows[..., -DAY_H:][..., np.arange(hours) % DAY_H])


def climatology(usual: Floats, windows: Floats, hours: int) -> Floats:
    """Return the usual day, its level corrected by the last day's with a weight that decays.

    Args:
        usual: g/kWh by hour after the edge; shape (…, 24).
        windows: g/kWh before the edge; shape (…, hours before).
        hours: how far ahead.
    """
    now, mean = windows[..., -DAY_H:].mean(axis=-1), windows.mean(axis=-1)
    ratio = np.divide(now, mean, out=np.ones_like(now), where=mean > 0)
    ahead = np.arange(hours)
    level = 1 + (ratio[..., None] - 1) * np.exp(-ahead / LEVEL_DECAY_H)
    return np.asarray(usual[..., ahead % DAY_H] * level)


def _profile(moments: Moments, hours: int) -> Floats:
    """The bundled shape at the level of the window's hours; NaN-free where the past is."""
    found = []
    for edge, windows in zip(moments.edges, moments.windows, strict=True):
        shape = moments.beliefs.relative(edge, hours)
        usual = moments.beliefs.profile[:, edge.month - 1].mean(axis=(1, 2))
        found.append(shape * (windows[:, -WINDOW_H:].mean(axis=-1) / usual)[:, None])
    return np.stack(found)
