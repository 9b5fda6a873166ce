"""Providers' regions: place, country, grid zone, PUE and water, each with its source."""

from __future__ import annotations

from typing import TYPE_CHECKING

from catalog.files import Row, Table, hand_rows, median, number, read_json, read_rows, rounded

if TYPE_CHECKING:
    from pathlib import Path

ZONE_SOURCES = {
    "em": "electricity_maps_data_centers",
    "gsf": "gsf_region_metadata",
    "hand": "assumed",
}
FLEET_PUE = {  # provider: (PUE, year, source); Azure publishes no fleet figure in our sources
    "aws": (1.14, 2025, "aws_sustainability"),
    "gcp": (1.09, 2024, "google_efficiency"),
}
AWS_FLEET_WUE = 0.18  # the figure that stands for every AWS region without one of its own
AZURE_MEASURED_YEAR = 2023  # Azure's figures of 2022 are of regions not yet full: design values
NOT_LAUNCHED = {"aws:me-west-1", "aws:sa-west-1"}

COLUMNS = (
    "region",
    "provider",
    "code",
    "name",
    "country",
    "latitude",
    "longitude",
    "location_source",
    "zone",
    "zone_source",
    "pue",
    "pue_year",
    "pue_basis",
    "pue_source",
    "wue_l_per_kwh",
    "wue_year",
    "wue_basis",
    "wue_source",
    "provider_g_per_kwh",
    "provider_year",
    "provider_source",
    "launched",
)


def build_regions(sources: Path) -> Table:
    """Return the table of the 146 regions, with the known errors of the sources mended."""
    master = read_rows(sources / "regions/region_master.csv")
    mended = {row["region"]: row for row in hand_rows("regions")}
    azure_pue = median(
        number(row["pue"])
        for row in master
        if row["provider"] == "azure" and number(row["pue_year"]) == AZURE_MEASURED_YEAR
    )
    cities = read_json(sources / "regions/cyclenerd_gcp_regions.json")
    for row in master:
        if row["provider"] == "gcp":  # whose master name is the code once more
            row["name"] = cities.get(row["region"], {}).get("name", row["region"])
    rows = [_region(row, mended, azure_pue) for row in master]
    rows.sort(key=lambda row: str(row["region"]))
    return Table("regions", COLUMNS, rows)


def _region(row: dict[str, str], mended: dict[str, dict[str, str]], azure_pue: float | None) -> Row:
    region = f"{row['provider']}:{row['region']}"
    mend = mended.get(region, {})
    google = number(row["google2024"])
    return {
        "region": region,
        "provider": row["provider"],
        "code": row["region"],
        "name": mend.get("name") or row["name"],
        "country": mend.get("country") or row["country"],
        **_location(row, mend),
        "zone": row["zone"],
        "zone_source": ZONE_SOURCES[row["zone_src"]],
        **_pue(row, azure_pue),
        **_water(row),
        "provider_g_per_kwh": google,
        "provider_year": None if google is None else 2024,
        "provider_source": None if google is None else "google_region_carbon",
        "launched": region not in NOT_LAUNCHED,
    }


def _location(row: dict[str, str], mend: dict[str, str]) -> Row:
    """Coordinates: Electricity Maps', else SpareCores', else GSF's, else the capital's by hand."""
    gsf = [part.strip() for part in row["gsf_geo"].split(",")]
    options = (
        (row["lat_em"], row["lon_em"], "electricity_maps_data_centers"),
        (row["lat_sc"], row["lon_sc"], "sparecores_data"),
        (gsf[0], gsf[-1], "gsf_region_metadata"),
        (mend.get("latitude", ""), mend.get("longitude", ""), "assumed"),
    )
    for latitude, longitude, source in options:
        if number(latitude) is not None and number(longitude) is not None:
            return {
                "latitude": rounded(number(latitude), 3),
                "longitude": rounded(number(longitude), 3),
                "location_source": source,
            }
    raise ValueError(f"no coordinates of {row['provider']}:{row['region']}")


def _pue(row: dict[str, str], azure_pue: float | None) -> Row:
    pue, year = number(row["pue"]), number(row["pue_year"])
    if pue is not None and year is not None:
        design = row["provider"] == "azure" and year < AZURE_MEASURED_YEAR
        return _pue_row(pue, int(year), "design" if design else "region", "gsf_region_metadata")
    if row["provider"] in FLEET_PUE:
        fleet, fleet_year, source = FLEET_PUE[row["provider"]]
        return _pue_row(fleet, fleet_year, "provider", source)
    if row["provider"] == "azure" and azure_pue is not None:
        # the median of the regions that were measured
        return _pue_row(azure_pue, AZURE_MEASURED_YEAR, "provider", "gsf_region_metadata")
    default = next(row for row in hand_rows("factors") if row["key"] == "default_pue")
    return _pue_row(float(default["value"]), int(default["year"]), "default", default["source"])


def _pue_row(pue: float, year: int, basis: str, source: str) -> Row:
    return {"pue": round(pue, 2), "pue_year": year, "pue_basis": basis, "pue_source": source}


def _water(row: dict[str, str]) -> Row:
    wue, year = number(row["wue"]), number(row["wue_year"])
    if wue is None or year is None:
        return {}
    fleet = row["provider"] == "aws" and wue == AWS_FLEET_WUE
    basis = "provider" if fleet else "region"
    return {
        "wue_l_per_kwh": wue,
        "wue_year": int(year),
        "wue_basis": basis,
        "wue_source": "gsf_region_metadata",
    }
