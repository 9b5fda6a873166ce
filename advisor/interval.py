"""A figure with its 90 % interval; lognormal, as errors of energy and emissions multiply."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

NORMAL_QUANTILE_95 = 1.6448536269514722  # half-width of a 90 % interval in standard deviations


@dataclass(frozen=True, slots=True)
class Interval:
    """A value with the ends of its 90 % interval, all in the same unit."""

    value: float
    low: float
    high: float

    def __contains__(self, truth: float) -> bool:
        return self.low <= truth <= self.high

    def scaled(self, factor: float) -> Interval:
        """Return the interval of the quantity times an exactly known factor >= 0."""
        return Interval(self.value * factor, self.low * factor, self.high * factor)


def log_sd(relative_error: float) -> float:
    """Standard deviation of the logarithm whose 90 % interval is ×/÷ (1 + relative_error)."""
    return math.log1p(relative_error) / NORMAL_QUANTILE_95


def combined_log_sd(log_sds: Iterable[float]) -> float:
    """Standard deviation of the logarithm of a product of independent lognormal factors."""
    return math.hypot(*log_sds)


def lognormal_interval(value: float, sd: float) -> Interval:
    """Return `value` with the 90 % interval of a lognormal with that median and log-sd `sd`."""
    spread = math.exp(NORMAL_QUANTILE_95 * sd)
    return Interval(value, value / spread, value * spread)
