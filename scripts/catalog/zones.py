"""Grid zones: yearly intensity, the month × weekend × hour profile, and the errors of both.

All hourly traces are Electricity Maps', lifecycle, consumption-based, with times in UTC: the
zones' solar minimum lies at local noon (a test of the built data checks Spain, California and
New South Wales).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from catalog.files import Row, Table, median, read_json, rounded

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

YEARS = (2021, 2022, 2023, 2024, 2025)
HOURLY_FILES = {  # those with more years first
    "em_16zones_2021_2023.csv.gz": "electricity_maps_hourly_16",
    "em_ES_NO_BR_2021_2022.csv.gz": "electricity_maps_hourly_123",
    "em2022_zones_lca.csv.gz": "electricity_maps_hourly_123",
}
ESTIMATED_SHARE = 0.5  # a trace with more estimated hours than this says "estimated"
PRIOR_CHANGES = 4  # weight of the median zone in the level's error, in yearly changes
MINIMUM_LEVEL_SD = 0.01  # figures are whole grams per kWh
FLOOR_SHARE = 0.05  # hours below this share of the mean count as it in a logarithm
MONTH_DAYS = np.array([31, 28.2425, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])
CELLS = (12, 2, 24)

COLUMNS = (
    "zone",
    "name",
    "country",
    "lifecycle_g_per_kwh",
    "lifecycle_year",
    "lifecycle_source",
    "direct_g_per_kwh",
    "direct_year",
    "direct_source",
    "ember_g_per_kwh",
    "ember_year",
    "ember_source",
    "has_profile",
    "profile_basis",
    "profile_source",
    "hour_relative_sd",
    "hour_sd_basis",
    "level_relative_sd",
    "level_sd_basis",
)


def build_zones(sources: Path) -> tuple[Table, Table, dict[str, Floats]]:
    """Return zones, their earlier years, and the profile of every zone that has a trace."""
    yearly = {year: read_json(sources / f"yearly/em_yearly_{year}.json") for year in YEARS}
    zones = sorted(yearly[YEARS[-1]])
    ember = _ember(sources)
    traces = _traces(sources)
    profiles = {zone: profile_of(trace) for zone, trace in traces.items() if zone in zones}
    hour_sd = _hour_sds({zone: traces[zone] for zone in profiles})
    level_sd = level_sds({zone: _levels(yearly, zone) for zone in zones})
    usual_hour_sd = median(hour_sd.values())
    rows = [
        {
            **_yearly_row(zone, yearly, ember),
            **_direct(traces.get(zone)),
            **_profile_row(traces.get(zone)),
            "hour_relative_sd": rounded(hour_sd.get(zone, usual_hour_sd), 3),
            "hour_sd_basis": "measured" if zone in hour_sd else "median of zones",
            "level_relative_sd": rounded(level_sd[zone], 3),
            "level_sd_basis": "measured 2021-2025, shrunk to the median of zones",
        }
        for zone in zones
    ]
    unused = len(set(traces) - set(zones))
    table = Table("zones", COLUMNS, rows, {"hourly traces of zones without a yearly level": unused})
    return table, _years_table(zones, yearly), profiles


def _yearly_row(zone: str, yearly: dict[int, dict[str, dict]], ember: dict[str, Row]) -> Row:  # type: ignore[type-arg]
    entry = yearly[YEARS[-1]][zone]
    names = entry["zone"]
    country = zone.split("-")[0]
    return {
        "zone": zone,
        "name": names.get("zoneName") or names.get("displayName") or zone,
        "country": country,
        "lifecycle_g_per_kwh": entry["carbonIntensity"]["value"],
        "lifecycle_year": YEARS[-1],
        "lifecycle_source": "electricity_maps_yearly",
        **ember.get(country, {}),
    }


def _years_table(zones: list[str], yearly: dict[int, dict[str, dict]]) -> Table:  # type: ignore[type-arg]
    columns = tuple(f"lifecycle_{year}_g_per_kwh" for year in YEARS)
    rows: list[Row] = [
        {"zone": zone, **dict(zip(columns, _levels(yearly, zone), strict=True))} for zone in zones
    ]
    return Table("zone_years", ("zone", *columns, "source"), _with_source(rows))


def _with_source(rows: list[Row]) -> list[Row]:
    return [{**row, "source": "electricity_maps_yearly"} for row in rows]


def _levels(yearly: dict[int, dict[str, dict]], zone: str) -> list[float]:  # type: ignore[type-arg]
    return [float(yearly[year][zone]["carbonIntensity"]["value"]) for year in YEARS]


def _ember(sources: Path) -> dict[str, Row]:
    """Ember's production-based figure by ISO-2 country."""
    areas = read_json(sources / "yearly/leadgreen_ember_grid_2024.json")["areas"]
    return {
        area["iso2"]: {
            "ember_g_per_kwh": area["years"][area["latest_year"]],
            "ember_year": int(area["latest_year"]),
            "ember_source": "ember_yearly",
        }
        for area in areas
        if area.get("iso2")
    }


def _traces(sources: Path) -> dict[str, pd.DataFrame]:
    """Return the hourly trace of each zone: utc, ci_lca, and where known ci_direct, estimated."""
    traces: dict[str, pd.DataFrame] = {}
    for file, source in HOURLY_FILES.items():
        table = pd.read_csv(sources / "hourly" / file, parse_dates=["utc"])
        for zone, rows in table.groupby("zone", sort=True):
            if str(zone) not in traces:
                traces[str(zone)] = rows.assign(source=source).reset_index(drop=True)
    return traces


def _relative(trace: pd.DataFrame) -> Floats:
    """Hourly value over its year's mean; shape (hours,)."""
    year_mean = trace.groupby(trace.utc.dt.year).ci_lca.transform("mean")
    return np.asarray(trace.ci_lca / year_mean, dtype=np.float64)


def _cells(trace: pd.DataFrame) -> NDArray[np.intp]:
    """Index into a flattened profile of every hour; shape (hours,)."""
    time = trace.utc.dt
    weekend = (time.day_of_week >= 5).to_numpy().astype(np.intp)
    index = ((time.month.to_numpy() - 1) * 2 + weekend) * 24 + time.hour.to_numpy()
    return np.asarray(index, dtype=np.intp)


def cell_weights() -> Floats:
    """Return the hours that each cell has in a mean calendar year, as shares; shape (12, 2, 24)."""
    days = MONTH_DAYS[:, None] * np.array([5 / 7, 2 / 7])
    weights = np.repeat(days[:, :, None], 24, axis=2)
    return np.asarray(weights / weights.sum())


def profile_of(trace: pd.DataFrame) -> Floats:
    """Return the mean relative intensity by month, weekend and UTC hour; shape (12, 2, 24).

    It multiplies the yearly level: its mean over a calendar year is 1.
    """
    cells, relative = _cells(trace), _relative(trace)
    size = int(np.prod(CELLS))
    total = np.bincount(cells, relative, minlength=size)
    profile = (total / np.bincount(cells, minlength=size)).reshape(CELLS)
    return np.asarray(profile / (profile * cell_weights()).sum())


def residual_sd(trace: pd.DataFrame, profile: Floats) -> float:
    """Return the log-sd of the hours about yearly mean × profile."""
    expected = profile.reshape(-1)[_cells(trace)]
    observed = np.maximum(_relative(trace), FLOOR_SHARE)
    return float(np.std(np.log(observed / np.maximum(expected, FLOOR_SHARE))))


def _hour_sds(traces: dict[str, pd.DataFrame]) -> dict[str, float]:
    """Log-sd of an hour about what other years' profile says.

    Zones with one year only get their own-year figure times the median of the ratio between the
    two in the zones with several years.
    """
    own = {zone: residual_sd(trace, profile_of(trace)) for zone, trace in traces.items()}
    several = {zone: trace for zone, trace in traces.items() if trace.utc.dt.year.nunique() > 1}
    across = {zone: _across_years_sd(trace) for zone, trace in several.items()}
    ratio = median(across[zone] / own[zone] for zone in several) or 1.0
    return {zone: across.get(zone, own[zone] * ratio) for zone in traces}


def _across_years_sd(trace: pd.DataFrame) -> float:
    years = trace.utc.dt.year
    squares = [
        residual_sd(trace[years == year], profile_of(trace[years != year])) ** 2
        for year in sorted(years.unique())
    ]
    return float(np.sqrt(np.mean(squares)))


def level_sds(levels: dict[str, list[float]]) -> dict[str, float]:
    """Return the log-sd of one year's level about the year before, by zone.

    Four changes are few: each zone is drawn towards the median zone with the weight of four more.
    """
    squares = {
        zone: float(np.mean(np.diff(np.log(np.maximum(values, 1.0))) ** 2))
        for zone, values in levels.items()
    }
    usual = float(np.median(list(squares.values())))
    count = len(YEARS) - 1
    return {
        zone: max(
            MINIMUM_LEVEL_SD,
            float(np.sqrt((count * square + PRIOR_CHANGES * usual) / (count + PRIOR_CHANGES))),
        )
        for zone, square in squares.items()
    }


def _direct(trace: pd.DataFrame | None) -> Row:
    """Return the combustion-only mean of a trace's last year, where it has one."""
    if trace is None or "ci_direct" not in trace.columns:
        return {}
    year = int(trace.utc.dt.year.max())
    mean = float(trace[trace.utc.dt.year == year].ci_direct.mean())
    source = trace.source.iloc[0]
    return {"direct_g_per_kwh": round(mean, 1), "direct_year": year, "direct_source": source}


def _profile_row(trace: pd.DataFrame | None) -> Row:
    if trace is None:
        return {"has_profile": False, "profile_basis": "flat"}
    estimated = "estimated" in trace.columns and trace.estimated.mean() > ESTIMATED_SHARE
    return {
        "has_profile": True,
        "profile_basis": "estimated" if estimated else "measured",
        "profile_source": trace.source.iloc[0],
    }
