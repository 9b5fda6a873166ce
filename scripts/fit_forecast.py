"""Fit the forecast network on the public hourly traces and write it where the program reads it.

    scripts/fit_forecast.py --sources DIR [--out FILE]

Takes some minutes on one core. The quantiles of its error are those of networks fitted on other
years: one on 2022 judged on 2019, 2021 and 2023, and one the other way round.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # sums in one order: the same weights each time

import numpy as np

from carbon_advisor.advisor.forecast.network import ARRAYS, FILE, Network
from forecasts.sources import read_positions, read_traces, years_of
from forecasts.training import Samples, error_quantiles, fit_network, joined, samples_of

if TYPE_CHECKING:
    from collections.abc import Iterable

SEEDS = (0, 1, 2)
MOMENTS = {"zones_2022": 2200, "world": 3500, "es_no_br_2021": 3500, "europe_2019": 3000}

OTHER_YEARS = ("es_no_br_2021", "europe_2019")


def samples_by_year(sources: Path) -> tuple[Samples, Samples, dict[str, tuple[float, float]]]:
    """Return the samples of 2022, those of other years, and the zones' positions."""
    traces, positions = read_traces(sources), read_positions(sources)
    world = traces["world_2021_2023"]
    of_2022 = samples_of(traces["zones_2022"], positions, MOMENTS["zones_2022"])
    others = joined(
        [
            samples_of(years_of(world, 2021, 2021), positions, MOMENTS["world"]),
            samples_of(years_of(world, 2023, 2023), positions, MOMENTS["world"]),
            *(samples_of(traces[name], positions, MOMENTS[name]) for name in OTHER_YEARS),
        ]
    )
    return of_2022, others, positions


def fitted(sources: Path) -> Network:
    """Return the network fitted on everything, with errors from networks that were not."""
    of_2022, others, positions = samples_by_year(sources)
    errors = [
        error_quantiles(fit_network(one, positions, SEEDS[:1]), other)
        for one, other in ((of_2022, others), (others, of_2022))
    ]
    network = fit_network(joined([of_2022, others]), positions, SEEDS)
    return dataclasses.replace(network, error=np.mean(errors, axis=0).astype(np.float32))


def save(network: Network, path: Path) -> None:
    """Write a network; weights in half precision, which changes no forecast by 0.1 %."""
    names = sorted(network.positions)
    places = np.array([network.positions[name] for name in names], dtype=np.float32)
    arrays = {name: getattr(network, name) for name in ARRAYS}
    halved = {name: array.astype(np.float16) for name, array in arrays.items()}
    halved |= {name: arrays[name] for name in ("mean", "scale")}
    with path.open("wb") as file:
        np.savez(
            file, zone=np.array(names), latitude=places[:, 0], longitude=places[:, 1], **halved
        )


def main(arguments: Iterable[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description="Fit the forecast network.")
    parser.add_argument("--sources", type=Path, required=True, help="folder of the sources")
    parser.add_argument("--out", type=Path, default=FILE, help="where the network goes")
    options = parser.parse_args(None if arguments is None else list(arguments))
    save(fitted(options.sources), options.out)
    print(f"{options.out}: {options.out.stat().st_size / 1000:.0f} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
