"""The errors of an estimate's parts, and samples of candidates in which shared errors are shared.

Each part is a lognormal factor with median 1. Candidates with the same microarchitecture, region or
zone draw the same factor for it, so that what they share cancels when they are compared.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from carbon_advisor.advisor.interval import Interval, log_sd

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from carbon_advisor.advisor.plan.trace import Floats, Ints

SAMPLES = 1_000
SEED = 20_260_101  # fixed: the same question has the same answer
SIGNIFICANT = 0.95
PUE_SD = {
    "region": log_sd(0.03),
    "design": log_sd(0.10),
    "provider": log_sd(0.08),
    "default": log_sd(0.25),
    "assumed": log_sd(0.10),
    "stated": 0.0,
}  # assumed: operators publish no error
EMBODIED_SD = log_sd(0.50)  # assumed: published figures of one server differ by more than half
INTENSITY_MEMORY_H = 24.0  # errors of hours a day apart count as independent; assumed


@dataclass(frozen=True)
class Errors:
    """Log-sd of each part of some candidates, and which of them share it.

    Every array has the shape (candidates,). `speed`, `power` and the rest are factors of the
    operational emissions; those of the embodied ones are drawn by instance type, that of the
    transfer once for all.
    """

    shared_sd: float  # of the measurement: one draw for all
    speed: tuple[tuple[Floats, Ints], ...]  # log-sd and group of each draw, as speed_errors has it
    instance_type: Ints
    power_sd: Floats
    power_group: Ints
    pue_sd: Floats
    pue_group: Ints
    intensity_sd: Floats
    zone: Ints
    transfer_sd: float = 0.0

    def _parts(self) -> Iterator[tuple[Floats, Ints]]:
        everyone = np.zeros(len(self.zone), dtype=np.intp)
        yield np.full(len(self.zone), self.shared_sd), everyone
        yield from self.speed
        yield self.power_sd, self.power_group
        yield self.pue_sd, self.pue_group
        yield self.intensity_sd, self.zone

    def sample(
        self,
        operational_g: Floats,
        embodied_g: Floats,
        transfer_g: Floats | float = 0.0,
        samples: int = SAMPLES,
    ) -> Floats:
        """Return sampled emissions, shape (samples, candidates), from common random numbers."""
        random = np.random.default_rng(SEED)
        log_factor = np.zeros((samples, len(operational_g)))
        for sd, group in self._parts():
            log_factor += _shared_normals(random, samples, group) * sd
        embodied = np.exp(_shared_normals(random, samples, self.instance_type) * EMBODIED_SD)
        grams: Floats = operational_g * np.exp(log_factor) + embodied_g * embodied
        if not np.any(transfer_g):
            return grams
        return grams + transfer_g * np.exp(random.standard_normal((samples, 1)) * self.transfer_sd)


def _shared_normals(random: np.random.Generator, samples: int, group: Ints) -> Floats:
    """Standard normals, shape (samples, candidates), equal where the group is."""
    _, member = np.unique(group, return_inverse=True)
    return random.standard_normal((samples, int(member.max(initial=0)) + 1))[:, member]


def intensity_sd(level_sd: Floats, hour_sd: Floats, duration_h: Floats) -> Floats:
    """Log-sd of the mean intensity over a job: the level's error, and the hours' averaged out."""
    days = 1 + duration_h / INTENSITY_MEMORY_H
    return np.hypot(level_sd, hour_sd / np.sqrt(days))


@dataclass(frozen=True)
class Standing:
    """What the samples say of one candidate among those sampled with it.

    Attributes:
        emissions_g: expected value and 90 % interval.
        probability_best: how often it is the lowest of all; NaN where it was sampled alone.
        differs_from_first: it emits more than the first place in at least 95 % of the samples.
    """

    emissions_g: Interval
    probability_best: float
    differs_from_first: bool


def standings(expected_g: Floats, samples_g: Floats, first: int) -> list[Standing]:
    """Return the standing of each candidate.

    Args:
        expected_g: shape (candidates,).
        samples_g: shape (samples, candidates).
        first: index of the first place.
    """
    probability = probability_best(samples_g).tolist()
    differs = differs_from(samples_g, first).tolist()
    rows = zip(intervals(expected_g, samples_g), probability, differs, strict=True)
    return [Standing(*row) for row in rows]


def intervals(expected_g: Floats, samples_g: Floats) -> list[Interval]:
    """Return the 90 % interval of each candidate from its samples."""
    low, high = np.quantile(samples_g, (0.05, 0.95), axis=0)
    return [
        Interval(float(value), float(min(value, bottom)), float(max(value, top)))
        for value, bottom, top in zip(expected_g, low, high, strict=True)
    ]


def probability_best(samples_g: Floats) -> Floats:
    """Return how often each candidate is the lowest of all; shape (candidates,), sums to 1."""
    winners = np.bincount(samples_g.argmin(axis=1), minlength=samples_g.shape[1])
    return winners / len(samples_g)


def differs_from(samples_g: Floats, first: int) -> NDArray[np.bool_]:
    """Whether each candidate emits more than `first` in 95 % of the samples; (candidates,)."""
    more = (samples_g > samples_g[:, [first]]).mean(axis=0)
    return np.asarray(more >= SIGNIFICANT)
