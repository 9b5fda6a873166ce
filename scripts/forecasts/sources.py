"""The public hourly traces as measured traces, and where their zones lie."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from carbon_advisor.advisor.traces import MeasuredTrace

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path

FILES = {
    "zones_2022": "em2022_zones_lca.csv.gz",
    "world_2021_2023": "em_16zones_2021_2023.csv.gz",
    "es_no_br_2021": "em_ES_NO_BR_2021_2022.csv.gz",
    "europe_2019": "entsoe_production_ci_2019.csv.gz",
}
# Modelled hour by hour, constant, or with a month missing: nothing can be learnt from them.
LEFT_OUT = {"IN-WE", "JP-TK", "SG", "ME", "MK"}


def read_traces(
    sources: Path, left_out: Collection[str] = frozenset(LEFT_OUT)
) -> dict[str, MeasuredTrace]:
    """Return every trace by name, without the zones in `left_out`."""
    traces = {name: _read(sources / "hourly" / file, left_out) for name, file in FILES.items()}
    # Their year 2022 is in the trace of all zones.
    traces["es_no_br_2021"] = years_of(traces["es_no_br_2021"], 2021, 2021)
    return traces


def _read(path: Path, left_out: Collection[str]) -> MeasuredTrace:
    rows = pd.read_csv(path, usecols=["utc", "zone", "ci_lca"], parse_dates=["utc"])
    rows = rows[~rows.zone.isin(list(left_out))].drop_duplicates(["utc", "zone"])
    wide = rows.pivot(index="utc", columns="zone", values="ci_lca")
    wide = wide.reindex(pd.date_range(wide.index[0], wide.index[-1], freq="h"))
    values = wide.to_numpy(dtype=np.float64).T
    begin = wide.index[0].tz_localize("UTC").to_pydatetime()
    return MeasuredTrace(tuple(map(str, wide.columns)), begin, 1.0, values)


def years_of(trace: MeasuredTrace, first: int, last: int) -> MeasuredTrace:
    """Return the part of a trace from the year `first` to the year `last`."""
    hours = pd.date_range(trace.begin, periods=trace.steps, freq="h")
    inside = np.flatnonzero((hours.year >= first) & (hours.year <= last))
    part = slice(inside[0], inside[-1] + 1)
    return MeasuredTrace(trace.zones, trace.time_of(part.start), 1.0, trace.values[:, part])


def zones_in(trace: MeasuredTrace, countries: Sequence[str]) -> list[int]:
    """Return the rows of the zones in some countries, or of these zones."""
    names = set(countries)
    return [
        row for row, zone in enumerate(trace.zones) if zone in names or zone.split("-")[0] in names
    ]


def read_positions(sources: Path) -> dict[str, tuple[float, float]]:
    """Return latitude and longitude of the middle of every zone that has one."""
    path = sources / "regions" / "em_zones_compact.json.gz"
    with gzip.open(path, "rt", encoding="utf-8") as file:
        zones = json.load(file)["zones"]
    found = {}
    for name, zone in sorted(zones.items()):
        middle = zone.get("centroid") or zone.get("center_point")
        if middle:
            found[name] = (round(middle[1], 1), round(middle[0], 1))
    return found
