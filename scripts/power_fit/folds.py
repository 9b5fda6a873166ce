"""Splits of the results: by machine, by CPU model, by microarchitecture, by year."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from power_fit.results import Results

    Mask = NDArray[np.bool_]

Scheme = Literal["machine", "cpu model", "microarchitecture", "later years"]
FOLDS = 10
LAST_YEARS = (2017, 2019, 2021)  # of training; CPUs that came out later are predicted


def folds_by(names: NDArray[np.str_], count: int, seed: int) -> NDArray[np.intp]:
    """Return the fold of each entry, equal names in one fold; the same for the same seed."""
    unique, inverse = np.unique(names, return_inverse=True)
    order = np.random.default_rng(seed).permutation(len(unique))
    return np.asarray(order[inverse] % count, dtype=np.intp)


def splits(results: Results, scheme: Scheme, seed: int) -> Iterator[tuple[Mask, Mask]]:
    """Yield, for each split of a scheme, which machines are trained on and which are predicted."""
    if scheme == "later years":
        for index, last in enumerate(LAST_YEARS):
            until = LAST_YEARS[index + 1] if last != LAST_YEARS[-1] else np.inf
            year = results.servers.year
            yield results.servers.year <= last, (year > last) & (year <= until)
        return
    if scheme == "machine":
        fold = np.random.default_rng(seed).permutation(len(results)) % FOLDS
    elif scheme == "cpu model":
        fold = folds_by(results.cpu, FOLDS, seed)
    else:
        _, fold = np.unique(results.servers.microarchitecture, return_inverse=True)
    for k in np.unique(fold):
        yield fold != k, fold == k
