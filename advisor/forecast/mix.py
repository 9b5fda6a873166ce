"""The forecast: experts mixed by what they were worth in the past, with calibrated quantiles.

`forecast` sees what was known at its moment and nothing else. Without any past it says what the
catalogue says.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np

from carbon_advisor.advisor.forecast.experts import EXPERTS, Moments, forecasts
from carbon_advisor.advisor.forecast.features import LEAST_SPREAD, usual_day_of
from carbon_advisor.advisor.forecast.neighbours import neighbour_weights
from carbon_advisor.advisor.forecast.network import HORIZON_H, LEVELS, load_network
from carbon_advisor.advisor.forecast.past import WINDOW_DAYS, past_of, within_hour_sd
from carbon_advisor.advisor.forecast.tuning import TINY, Tuning, hindcasts, mixed, tuned
from carbon_advisor.advisor.plan.trace import Trace

if TYPE_CHECKING:
    from carbon_advisor.advisor.forecast.beliefs import Beliefs
    from carbon_advisor.advisor.forecast.feed import FeedForecasts
    from carbon_advisor.advisor.forecast.network import Network
    from carbon_advisor.advisor.plan.trace import Floats
    from carbon_advisor.advisor.traces import Known

NORMAL = (-1.645, -1.282, -0.674, 0.0, 0.674, 1.282, 1.645)  # of LEVELS
MEDIAN = LEVELS.index(0.5)


@dataclass(frozen=True, eq=False)
class Forecast:
    """Intensity of zones over the coming steps.

    Attributes:
        zones: names; shape (zones,).
        begin: UTC, when the first step begins.
        step_h: length of a step in hours.
        values: expected, g/kWh; shape (zones, steps); NaN for a zone of which nothing is known.
        quantiles: at LEVELS, g/kWh; shape (levels, zones, steps).
        parts: forecast of each expert; shape (zones, steps).
        tuning: weights of the experts.
        usual: what holds after the last step, g/kWh; shape (zones,).
        past_days: whole days of past that it was made from.
    """

    zones: tuple[str, ...]
    begin: datetime
    step_h: float
    values: Floats
    quantiles: Floats
    parts: dict[str, Floats]
    tuning: Tuning
    usual: Floats
    past_days: int

    def trace(self) -> Trace:
        """Return the expected intensity as planners take it."""
        return Trace(self.values, self.usual, self.step_h)


def forecast(
    known: Known,
    begin: datetime,
    steps: int,
    beliefs: Beliefs,
    *,
    network: Network | None = None,
    tuning: Tuning | None = None,
    feed: FeedForecasts | None = None,
) -> Forecast:
    """Return the forecast of `steps` steps from `begin` on, from what is known.

    Args:
        known: the past; its edge is not after `begin`, and lies before it by the delay with which
            figures are published.
        begin: UTC, where a step begins.
        steps: how many, of the length of the known steps.
        beliefs: of the same zones.
        network: the bundled one by default.
        tuning: weights and widths found before; by default they are found from the past.
        feed: a feed's own forecasts for the same zones; those issued until `begin` are used.

    Raises:
        ValueError: the past reaches beyond `begin`: it would be the future.
    """
    gap_h = (begin - known.edge) / timedelta(hours=1)
    if gap_h < 0:
        raise ValueError("a forecast may not see what is not over yet")
    hour = np.floor(gap_h + np.arange(steps) * known.step_h + 1e-9).astype(np.intp)
    past = past_of(known)
    if past.days == 0 or not np.isfinite(past.hourly).any():
        return _from_beliefs(known, begin, steps, beliefs)
    network = network or load_network()
    around = neighbour_weights(known.zones, network.positions)
    windows = past.windows()
    moments = Moments([past.edge], windows[None], beliefs, around, feed, gap_h)
    said = forecasts(moments, network, int(hour[-1]) + 1)
    parts = {name: values[0][:, hour] for name, values in said.items()}
    error = _usual_error(windows, network)
    if tuning is None:
        halfwidth = (error[-1] - error[0]) / 2
        tuning = tuned(hindcasts(past, moments, network), len(known.zones), halfwidth, said)
    values = mixed(parts, tuning.weights)
    at = np.minimum(hour, HORIZON_H - 1)
    error = _with_steps(error[:, :, at] * tuning.width[:, None], within_hour_sd(known))
    bands = np.maximum(values + error, 0)
    usual = windows.mean(axis=-1)
    made = Forecast(
        known.zones, begin, known.step_h, values, bands, parts, tuning, usual, past.days
    )
    return _completed(made, known, beliefs)


def _usual_error(windows: Floats, network: Network) -> Floats:
    """Quantiles of the error, g/kWh, as on other zones; shape (levels, zones, 120)."""
    level = windows.mean(axis=-1)
    relative = windows / np.maximum(level, LEAST_SPREAD)[:, None]
    usual = usual_day_of(relative.astype(np.float32))
    spread = (relative - np.tile(usual, WINDOW_DAYS)).std(axis=-1) + LEAST_SPREAD
    ordered = np.sort(network.error.astype(np.float64), axis=0)
    return np.asarray(ordered[:, None, :] * (spread * level)[None, :, None])


def _with_steps(error: Floats, within_sd: Floats) -> Floats:
    """Quantiles of an hour's error, widened to those of the steps in it."""
    halfwidth = np.maximum((error[-1] - error[0]) / 2, TINY)
    within = NORMAL[-1] * within_sd[:, None]
    return np.asarray(error * np.hypot(1, within / halfwidth))


def _from_beliefs(known: Known, begin: datetime, steps: int, beliefs: Beliefs) -> Forecast:
    """Return the catalogue's level × profile, with its errors as quantiles."""
    hours = int(np.ceil(steps * known.step_h)) + 1
    offset_h = begin.minute / 60 + begin.second / 3600
    hour = np.floor(offset_h + np.arange(steps) * known.step_h + 1e-9).astype(np.intp)
    values = beliefs.relative(begin, hours + 1)[:, hour] * beliefs.level[:, None]
    log_sd = np.hypot(beliefs.hour_sd, beliefs.level_sd)
    bands = values * np.exp(np.array(NORMAL)[:, None] * log_sd)[:, :, None]
    zones = len(known.zones)
    one, none = np.ones(zones), np.zeros(zones)
    weights = {name: one if name == "profile" else none for name in EXPERTS}
    parts = dict.fromkeys(EXPERTS, values)
    tuning = Tuning(weights, one, 0)
    return Forecast(
        known.zones, begin, known.step_h, values, bands, parts, tuning, beliefs.level, 0
    )


def _completed(made: Forecast, known: Known, beliefs: Beliefs) -> Forecast:
    """Return the forecast with the catalogue's for zones of which nothing recent is known."""
    blank = np.asarray(~np.isfinite(made.values).all(axis=1))
    if not blank.any():
        return made
    other = _from_beliefs(known, made.begin, made.values.shape[1], beliefs)
    pick = blank[:, None]
    return Forecast(
        made.zones,
        made.begin,
        made.step_h,
        np.where(pick, other.values, made.values),
        np.where(pick[None], other.quantiles, made.quantiles),
        {name: np.where(pick, other.values, part) for name, part in made.parts.items()},
        Tuning(
            {
                name: np.where(blank, float(name == "profile"), weight)
                for name, weight in made.tuning.weights.items()
            },
            np.where(blank, 1.0, made.tuning.width),
            made.tuning.moments,
        ),
        np.where(blank, other.usual, made.usual),
        made.past_days,
    )
