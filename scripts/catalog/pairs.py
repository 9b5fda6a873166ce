"""Pairs of machines that did the same work: the truth that translation is fitted on and held to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Mask = NDArray[np.bool_]

COVERED, HALF_WIDTH = 0.90, 1.6448536269514722  # a 90 % interval, in standard deviations


@dataclass(frozen=True)
class Pairs:
    """One workload on two machines per row; every array has the shape (pairs,).

    Attributes:
        workload: its name.
        first, second: the machines.
        truth: logarithm of the first's speed over the second's.
        predicted: what the model says of it, from other workloads only.
        others: what simpler models say, by their names.
        features: what the errors may grow with, by name; a row's variance is linear in them.
    """

    workload: NDArray[np.str_]
    first: NDArray[np.str_]
    second: NDArray[np.str_]
    truth: Floats
    predicted: Floats
    others: Mapping[str, Floats]
    features: Mapping[str, Floats]

    @property
    def errors(self) -> Floats:
        """Truth less prediction."""
        return self.truth - self.predicted

    def where(self, mask: Mask) -> Pairs:
        """Return the rows for which `mask` holds."""
        return Pairs(
            workload=self.workload[mask],
            first=self.first[mask],
            second=self.second[mask],
            truth=self.truth[mask],
            predicted=self.predicted[mask],
            others={name: each[mask] for name, each in self.others.items()},
            features={name: each[mask] for name, each in self.features.items()},
        )

    def touching(self, machines: Iterable[str]) -> Mask:
        """Which rows have one of `machines`."""
        names = list(machines)
        return np.isin(self.first, names) | np.isin(self.second, names)


def pairs_of(rows: list[dict[str, object]]) -> Pairs:
    """Return rows with the keys of Pairs' columns as columns."""
    return Pairs(
        workload=np.array([row["workload"] for row in rows]),
        first=np.array([row["first"] for row in rows]),
        second=np.array([row["second"] for row in rows]),
        truth=np.array([row["truth"] for row in rows], dtype=np.float64),
        predicted=np.array([row["predicted"] for row in rows], dtype=np.float64),
        others=_stacked(rows, "others"),
        features=_stacked(rows, "features"),
    )


def _stacked(rows: list[dict[str, object]], column: str) -> dict[str, Floats]:
    each: list[dict[str, float]] = [row[column] for row in rows]  # type: ignore[misc]
    return {name: np.array([one[name] for one in each]) for name in each[0]}


@dataclass(frozen=True)
class Accuracy:
    """How far predictions are off: as factors less 1, and the share that intervals held."""

    pairs: int
    median: float
    p90: float
    coverage: float = float("nan")


def accuracy(errors: Floats, sd: Floats | None = None) -> Accuracy:
    """Return the accuracy of log errors; with their log-sd also the 90 % interval's coverage."""
    size = np.abs(errors)
    held = np.nan if sd is None else float(np.mean(size <= HALF_WIDTH * sd))
    return Accuracy(
        pairs=len(errors),
        median=float(np.expm1(np.median(size))),
        p90=float(np.expm1(np.quantile(size, COVERED))),
        coverage=held,
    )


@dataclass(frozen=True)
class Variances:
    """Variance of a pair's log error as a sum of non-negative parts by feature."""

    parts: Mapping[str, float]

    def sd(self, pairs: Pairs) -> Floats:
        """Return the log-sd of every pair."""
        total = np.zeros(len(pairs.truth))
        for name, part in self.parts.items():
            total += part * pairs.features[name]
        return np.asarray(np.sqrt(total))


def fit_variances(pairs: Pairs, names: tuple[str, ...]) -> Variances:
    """Fit the variance to the squared errors, then scale it until the 90 % interval holds 90 %.

    Errors above their 97.5 % quantile count as that: a few kernels that only some CPUs have
    instructions for would set the whole fit.
    """
    size = np.abs(pairs.errors)
    squares = np.minimum(size, np.quantile(size, 0.975)) ** 2
    columns = np.stack([pairs.features[name] for name in names], axis=1)
    found = non_negative(columns, squares)
    sd = np.sqrt(columns @ found)
    scale = float(np.quantile(size / sd, COVERED)) / HALF_WIDTH
    return Variances(dict(zip(names, (found * scale**2).tolist(), strict=True)))


def non_negative(columns: Floats, target: Floats) -> Floats:
    """Return the non-negative coefficients of least squares, by trying every set of columns."""
    count = columns.shape[1]
    best, least = np.zeros(count), np.inf
    for chosen in range(1, 2**count):
        use = [index for index in range(count) if chosen >> index & 1]
        found, *_ = np.linalg.lstsq(columns[:, use], target, rcond=None)
        if (found < 0).any():
            continue
        loss = float(np.sum((columns[:, use] @ found - target) ** 2))
        if loss < least:
            best, least = np.zeros(count), loss
            best[use] = found
    return best
