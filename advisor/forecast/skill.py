"""Does waiting pay here? What following the forecast would have saved in the last two weeks.

Where it would not have, a recommendation says so instead of promising a saving.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from carbon_advisor.advisor.forecast.experts import Moments
from carbon_advisor.advisor.forecast.neighbours import neighbour_weights
from carbon_advisor.advisor.forecast.network import load_network
from carbon_advisor.advisor.forecast.past import past_of
from carbon_advisor.advisor.forecast.tuning import hindcasts, mixed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from carbon_advisor.advisor.forecast.beliefs import Beliefs
    from carbon_advisor.advisor.forecast.feed import FeedForecasts
    from carbon_advisor.advisor.forecast.network import Network
    from carbon_advisor.advisor.forecast.tuning import Tuning
    from carbon_advisor.advisor.plan.trace import Floats
    from carbon_advisor.advisor.traces import Known

EVERY_H = 7  # between tries, so that they begin at all hours of the day
NORMAL_90 = 1.645
LEAST_INDEPENDENT = 4.0  # tries that do not overlap; fewer show nothing


@dataclass(frozen=True, eq=False)
class WaitingSkill:
    """What waiting by the forecast would have saved; shapes (zones,).

    Attributes:
        saving: mean share of the emissions of running now.
        low, high: its 90 % interval.
        perfect: what a perfect forecast would have saved.
        tries: how many decisions were looked at.
    """

    saving: Floats
    low: Floats
    high: Floats
    perfect: Floats
    tries: int

    @property
    def pays(self) -> NDArray[np.bool_]:
        """Is the whole interval above 0? False where nothing could be judged."""
        return np.asarray(self.low > 0)

    def sentence(self, row: int) -> str:
        """Return what to say of a zone."""
        if self.tries == 0 or not np.isfinite(self.saving[row]):
            return "Whether waiting pays here was not judged: it takes a week of recent data."
        range_ = f"{self.low[row]:.0%} to {self.high[row]:.0%}"
        if self.pays[row]:
            return (
                f"Waiting by this forecast saved {self.saving[row]:.0%} ({range_}) in the last "
                f"weeks, of {self.perfect[row]:.0%} with a perfect one."
            )
        return (
            f"No skill over running now: waiting by this forecast saved {self.saving[row]:.0%} "
            f"({range_}) in the last weeks. Run now, or go by place."
        )


def waiting_skill(
    known: Known,
    beliefs: Beliefs,
    tuning: Tuning,
    job_h: float,
    slack_h: float,
    network: Network | None = None,
    feed: FeedForecasts | None = None,
    delay_h: float = 0.0,
) -> WaitingSkill:
    """Return what waiting would have saved in each zone, from the past alone.

    Args:
        known: the past of the zones.
        beliefs: of the same zones.
        tuning: weights of the experts.
        job_h: how long the job runs, in whole hours where it is longer than one.
        slack_h: how much later it may start.
        network: the bundled one by default.
        feed: a feed's own forecasts for the same zones, or None.
        delay_h: how long after its end a step is known.
    """
    past = past_of(known)
    network = network or load_network()
    length, slack = max(1, round(job_h)), int(slack_h)
    around = neighbour_weights(known.zones, network.positions)
    moment = Moments([past.edge], past.hourly[None], beliefs, around, feed, delay_h)
    found = hindcasts(past, moment, network, EVERY_H, length + slack)
    if found is None:
        nothing = np.full(len(known.zones), np.nan)
        return WaitingSkill(nothing, nothing, nothing, nothing, 0)
    said, came = _means(mixed(found.said, tuning.weights), length), _means(found.came, length)
    at = said.argmin(axis=-1)[..., None]
    now, got = came[..., 0], np.take_along_axis(came, at, axis=-1)[..., 0]
    level = now.mean(axis=0)
    saved = (now - got) / level
    tries = len(saved)
    independent = min(tries, tries * EVERY_H / max(EVERY_H, slack))
    if independent < LEAST_INDEPENDENT:
        error = np.full(len(level), np.inf)
    else:
        error = NORMAL_90 * saved.std(axis=0, ddof=1) / np.sqrt(independent)
    mean = saved.mean(axis=0)
    best = ((now - came.min(axis=-1)) / level).mean(axis=0)
    low, high = np.maximum(mean - error, -1), np.minimum(mean + error, 1)
    return WaitingSkill(mean, low, high, best, tries)


def _means(values: Floats, hours: int) -> Floats:
    """Means over `hours` from each start; shape (…, starts)."""
    windows = np.lib.stride_tricks.sliding_window_view(values, hours, axis=-1)
    return np.asarray(windows.mean(axis=-1))
