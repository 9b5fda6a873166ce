"""Judge the forecasts on public traces, each by a network that never saw those zones or that year.

    scripts/bench_forecast.py --sources DIR [--starts N]

Prints savings and regrets of a contiguous job by time, place and both, the coverage of the 90 %
intervals, and how long a forecast takes. Takes some minutes: a network is fitted for each row.
Where the bundled profiles come from the judged year they are left out, as if the zones were new.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from carbon_advisor.advisor.backtest.replay import Setup, replay
from carbon_advisor.advisor.backtest.summary import summarise
from carbon_advisor.advisor.catalog import load_catalog
from carbon_advisor.advisor.forecast.beliefs import beliefs_of, no_beliefs
from carbon_advisor.advisor.forecast.mix import forecast
from carbon_advisor.advisor.forecast.network import load_network
from forecasts.sources import read_positions, read_traces, years_of, zones_in
from forecasts.training import fit_network, joined, samples_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from carbon_advisor.advisor.backtest.summary import Backtest
    from carbon_advisor.advisor.forecast.network import Network
    from carbon_advisor.advisor.traces import MeasuredTrace
    from forecasts.training import Samples

NEW_IN_EUROPE = [
    "AT", "BE", "BG", "CY", "CZ", "DE", "DK-DK1", "DK-DK2", "EE", "ES", "GR", "HR", "HU", "IE",
    "IT", "LT", "LU", "LV", "NL", "RO", "SI", "SK",
]  # fmt: skip
NO_HYDRO_NUCLEAR = [
    "CY", "DE", "DK-DK1", "DK-DK2", "EE", "GR", "IE", "IT", "LU", "NL",
]  # fmt: skip
IN_2019 = [
    "AT", "BE", "BG", "CZ", "DE", "DK", "EE", "ES", "GB", "GR", "HU", "IE", "LT", "LV", "NL",
    "RO", "SI", "SK",
]  # fmt: skip
EUROPE = [*NEW_IN_EUROPE, "DK-BHM", "BA", "FR", "GB", "GB-NIR", "NO", "SE"]
GRIDS = ["US-CAL-CISO", "US-TEX-ERCO", "US-MIDA-PJM", "US-MIDW-MISO", "US-NY-NYIS", "US-NE-ISNE"]
SHOWN = ("perfect", "persistence", "level_mix", "climatology", "profile", "mix", "mix_replanned")
SEEDS = (0, 1, 2)
FIRST_SAVED_H = (4.0, 20.0)  # a job of 4 h within 24 h


class Fits:
    """Samples of the traces, and networks fitted on parts of them."""

    def __init__(self, sources: Path) -> None:
        self.traces = read_traces(sources)
        self.judged = read_traces(sources, left_out=())
        self.positions = read_positions(sources)

    def samples(
        self, name: str, without: Sequence[str] = (), years: tuple[int, int] = (0, 9999)
    ) -> Samples:
        """Samples of a trace, of some years, from zones other than `without`."""
        trace = years_of(self.traces[name], *years)
        hidden = set(zones_in(trace, without))
        seen = trace.only([row for row in range(len(trace.zones)) if row not in hidden])
        return samples_of(seen, self.positions, 2200 if name == "zones_2022" else 3500)

    def network(self, parts: Sequence[Samples]) -> Network:
        """A network fitted on parts; the bundled quantiles of the error, which hold elsewhere."""
        made = fit_network(joined(parts), self.positions, SEEDS)
        return dataclasses.replace(made, error=load_network().error)


@dataclass(frozen=True)
class Row:
    """One judgement: a trace, its zones, and what the network is fitted on."""

    title: str
    trace: str
    zones: Sequence[str]
    parts: Callable[[Fits], list[Samples]]
    years: tuple[int, int] = (0, 9999)
    job_and_slack_h: tuple[float, float] = (6.0, 24.0)
    profiles_are_of_others: bool = False


def _without_europe(fits: Fits) -> list[Samples]:
    return [
        fits.samples("zones_2022", EUROPE),
        fits.samples("world_2021_2023", EUROPE),
        fits.samples("europe_2019"),
    ]


def _without_2019(fits: Fits) -> list[Samples]:
    names = ("zones_2022", "world_2021_2023", "es_no_br_2021")
    return [fits.samples(name) for name in names]


def _without_grids(fits: Fits) -> list[Samples]:
    names = ("zones_2022", "world_2021_2023", "es_no_br_2021", "europe_2019")
    return [fits.samples(name, GRIDS) for name in names]


def _until_2022(fits: Fits) -> list[Samples]:
    names = ("zones_2022", "es_no_br_2021", "europe_2019")
    before = fits.samples("world_2021_2023", years=(2021, 2022))
    return [before, *(fits.samples(name) for name in names)]


ROWS = (
    Row("EU without hydro and nuclear, 2022", "zones_2022", NO_HYDRO_NUCLEAR, _without_europe),
    Row("EU but SE, FR and Bornholm, 2022", "zones_2022", NEW_IN_EUROPE, _without_europe),
    Row("Europe, 2019", "europe_2019", IN_2019, _without_2019, profiles_are_of_others=True),
    Row("US: CISO ERCO PJM MISO NYIS, 2022", "zones_2022", GRIDS[:5], _without_grids),
    Row("US: with ISNE for NYIS, 2022", "zones_2022", [*GRIDS[:4], GRIDS[5]], _without_grids),
    Row("world, 2023, 4 h within 24 h", "world_2021_2023", [], _until_2022, (2023, 2023),
        FIRST_SAVED_H),
)  # fmt: skip


def judged(row: Row, fits: Fits, network: Network, starts: int) -> Backtest:
    """Replay one row."""
    trace = years_of(fits.judged[row.trace], *row.years)
    rows = zones_in(trace, row.zones) if row.zones else list(range(len(trace.zones)))
    job_h, slack_h = row.job_and_slack_h
    setup = Setup(job_h=job_h, slack_h=slack_h, starts=starts)
    beliefs = no_beliefs(len(trace.zones))
    if row.profiles_are_of_others:
        beliefs = beliefs_of(trace.zones, load_catalog())
    homes = list(range(len(rows)))
    outcome = replay(trace, beliefs, rows, homes, setup, network=network)
    return summarise(outcome, trace, [trace.zones[at] for at in rows], homes, setup)


def print_row(row: Row, found: Backtest) -> None:
    """Print one judgement."""
    print(f"\n{row.title}: {len(found.zones)} zones, {found.starts} starts; "
          f"90 % intervals held {found.coverage_90:.1%}")  # fmt: skip
    ways = f"{'place':>8}{'both':>8}"
    print(f"  {'':14}{'saved: time':>12}{ways}{'regret: time':>15}{ways}")
    for name in SHOWN:
        cells = [_cell(kind[way], name) for kind in (found.savings, found.regret)
                 for way in ("time", "space", "joint")]  # fmt: skip
        widths = (12, 8, 8, 15, 8, 8)
        line = "".join(f"{cell:>{width}}" for cell, width in zip(cells, widths, strict=True))
        print(f"  {name:14}{line}")
    print(
        "  no skill over running now:", _names(home.zone for home in found.homes if not home.pays)
    )


def _cell(values: Mapping[str, float], name: str) -> str:
    return f"{values[name]:.1%}" if name in values else "–"


def _names(zones: Iterable[str]) -> str:
    return ", ".join(zones) or "none"


def print_speed(trace: MeasuredTrace) -> None:
    """Print how long a forecast of 96 h for 100 zones takes."""
    hundred = trace.only(range(100))
    known, beliefs = hundred.known_at(2000, 0, 28), beliefs_of(hundred.zones, load_catalog())
    times = []
    for _ in range(9):
        begin = time.perf_counter()
        forecast(known, hundred.time_of(2000), 96, beliefs)
        times.append(time.perf_counter() - begin)
    print(f"\n96 h ahead for 100 zones: {sorted(times)[4] * 1000:.0f} ms (median of 9)")


def main(arguments: Iterable[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description="Judge the forecasts on held-out zones and years.")
    parser.add_argument("--sources", type=Path, required=True, help="folder of the sources")
    parser.add_argument("--starts", type=int, default=800, help="decisions per row")
    options = parser.parse_args(None if arguments is None else list(arguments))
    fits = Fits(options.sources)
    networks: dict[Callable[[Fits], list[Samples]], Network] = {}
    for row in ROWS:
        if row.parts not in networks:
            networks[row.parts] = fits.network(row.parts(fits))
        print_row(row, judged(row, fits, networks[row.parts], options.starts))
    print_speed(fits.traces["zones_2022"])
    return 0


if __name__ == "__main__":
    sys.exit(main())
