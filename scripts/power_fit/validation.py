"""How wrong the model is on what it has not seen: errors by vendor and era, and its intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from power_fit.folds import Scheme, folds_by, splits
from power_fit.model import model_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from catalog.files import Row
    from power_fit.results import Results

    Floats = NDArray[np.float64]
    Mask = NDArray[np.bool_]

SEEDS: dict[Scheme, tuple[int, ...]] = {
    "machine": (0,),
    "cpu model": (0, 1, 2),
    "microarchitecture": (0,),
    "later years": (0,),
}
# What an estimate knows of a CPU, and which held-out machines say how wrong it then is.
SCHEME_OF: dict[str, Scheme] = {
    "cpu model": "machine",
    "microarchitecture": "cpu model",
    "neither": "microarchitecture",
}
ERAS = (("until 2011", 0, 2011), ("2012-2017", 2012, 2017), ("2018-2021", 2018, 2021),
        ("since 2018", 2018, 9999), ("since 2022", 2022, 9999))  # fmt: skip
LOADS = (("idle", slice(0, 1)), ("full", slice(10, 11)), ("all", slice(0, 11)))
COLUMNS = (
    "left_out", "subset", "load", "machines", "cpu_models", "mape", "bias", "coverage_90", "source",
)  # fmt: skip
LEAST_MACHINES = 4


def predictions(results: Results, scheme: Scheme) -> Floats:
    """Return the watts of machines left out, shape (seeds, machines, 11); NaN: never left out."""
    found = np.full((len(SEEDS[scheme]), *results.watts.shape), np.nan)
    for index, seed in enumerate(SEEDS[scheme]):
        for train, test in splits(results, scheme, seed):
            model = model_of(results[train])
            found[index, test] = model.curves_w(results[test].servers)
    return found


def quantiles(results: Results, predicted: Floats, rows: Mask | None = None) -> list[list[float]]:
    """Return the 5 % and 95 % quantiles of log(true / predicted) at each load, (2, 11)."""
    rows = np.ones(len(results), dtype=np.bool_) if rows is None else rows
    found = [
        _weighted_quantiles(np.log(results.watts[rows, k] / each[rows, k]), results.weight[rows])
        for each in predicted[:1]
        for k in range(results.watts.shape[1])
    ]
    return [[round(pair[end], 4) for pair in found] for end in (0, 1)]


def _weighted_quantiles(values: Floats, weight: Floats) -> tuple[float, float]:
    known = ~np.isnan(values)
    order = np.argsort(values[known])
    share = np.cumsum(weight[known][order])
    share = (share - weight[known][order] / 2) / share[-1]
    low, high = np.interp((0.05, 0.95), share, values[known][order])
    return float(low), float(high)


def error_rows(results: Results, predicted: dict[Scheme, Floats]) -> list[Row]:
    """Return the table of errors, one row by what was left out, subset and load."""
    rows: list[Row] = []
    for scheme, found in predicted.items():
        covered = _covered(results, found)
        for subset, members in subsets(results):
            for load, columns in LOADS:
                row = _errors(results, found, covered, members, columns)
                if row is not None:
                    rows.append({"left_out": scheme, "subset": subset, "load": load, **row})
    return rows


def subsets(results: Results) -> Iterator[tuple[str, Mask]]:
    """Yield the vendors and eras by name."""
    yield "all", np.ones(len(results), dtype=np.bool_)
    for vendor in ("AMD", "Intel", "Arm"):
        yield vendor, results.vendor == vendor
    year = results.servers.year
    for name, first, last in ERAS:
        yield name, (year >= first) & (year <= last)


def _errors(
    results: Results, found: Floats, covered: Mask, members: Mask, columns: slice
) -> dict[str, Any] | None:
    """Mean errors; all loads together only over machines that have them all."""
    if columns == LOADS[-1][1]:
        members = members & results.has_curve
    members = members & ~np.isnan(found[:, :, 0]).all(axis=0)
    if members.sum() < LEAST_MACHINES:
        return None
    relative = found[:, members, columns] / results.watts[members, columns] - 1
    return {
        "machines": int(members.sum()),
        "cpu_models": len(set(results.cpu[members].tolist())),
        "mape": round(float(np.nanmean(np.abs(relative))), 3),
        "bias": round(float(np.nanmean(relative)), 3),
        "coverage_90": round(float(covered[members, columns].mean()), 2),
        "source": "specpower",
    }


def _covered(results: Results, found: Floats) -> Mask:
    """Whether each true value lies in the interval that the other half of the models gives."""
    half = folds_by(results.cpu, 2, seed=7)
    inside = np.zeros(results.watts.shape, dtype=np.bool_)
    for k in (0, 1):
        other = (half != k) & ~np.isnan(found[0, :, 0])
        low, high = np.array(quantiles(results, found, other))
        truth = np.log(results.watts / found[0])
        within = (truth >= low) & (truth <= high)
        inside[half == k] = within[half == k]
    return inside
