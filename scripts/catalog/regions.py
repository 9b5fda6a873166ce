"""Providers' regions: place, country, grid zone, PUE and water, each with its source."""

from __future__ import annotations

from typing import TYPE_CHECKING

from catalog.files import Row, Table, hand_rows, number, read_json, read_rows, rounded

if TYPE_CHECKING:
    from pathlib import Path

ZONE_SOURCES = {
    "em": "electricity_maps_data_centers",
    "gsf": "gsf_region_metadata",
    "hand": "assumed",
}
FLEET_PUE = {  # provider: (PUE, year, source)
    "aws": (1.14, 2025, "aws_sustainability"),
    "azure": (1.17, 2025, "microsoft_efficiency"),
    "gcp": (1.09, 2024, "google_efficiency"),
}
LITRES_PER_GALLON = 3.785412  # US liquid gallon
GOOGLE_LITRES, GOOGLE_KWH = 6.32e9 * LITRES_PER_GALLON, 30.8e9  # of its data centres in 2024
FLEET_WUE = {  # provider: (litres per kWh of the machines, year, basis, source)
    "aws": (0.12, 2025, "provider", "amazon_water"),
    "azure": (0.27, 2025, "provider", "microsoft_efficiency"),
    "gcp": (
        round(GOOGLE_LITRES / (GOOGLE_KWH / FLEET_PUE["gcp"][0]), 2),
        2024,
        "derived",
        "google_water",
    ),
}
AWS_FLEET_WUE_2023 = 0.18  # our source fills it in for AWS regions without a figure of their own
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
    cities = read_json(sources / "regions/cyclenerd_gcp_regions.json")
    for row in master:
        if row["provider"] == "gcp":  # whose master name is the code once more
            row["name"] = cities.get(row["region"], {}).get("name", row["region"])
    rows = [_region(row, mended) for row in master]
    rows.sort(key=lambda row: str(row["region"]))
    return Table("regions", COLUMNS, rows)


def _region(row: dict[str, str], mended: dict[str, dict[str, str]]) -> Row:
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
        **_pue(row),
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


def _pue(row: dict[str, str]) -> Row:
    """The region's own PUE, else its provider's, else the average of the operators surveyed."""
    pue, year = number(row["pue"]), number(row["pue_year"])
    if pue is not None and year is not None:
        basis = "design" if _is_design(row["provider"], year) else "region"
        return _pue_row(pue, int(year), basis, "gsf_region_metadata")
    if row["provider"] in FLEET_PUE:
        fleet, fleet_year, source = FLEET_PUE[row["provider"]]
        return _pue_row(fleet, fleet_year, "provider", source)
    default = next(row for row in hand_rows("factors") if row["key"] == "default_pue")
    return _pue_row(float(default["value"]), int(default["year"]), "default", default["source"])


def _pue_row(pue: float, year: int, basis: str, source: str) -> Row:
    return {"pue": round(pue, 2), "pue_year": year, "pue_basis": basis, "pue_source": source}


def _water(row: dict[str, str]) -> Row:
    """The region's own WUE, else its provider's; nothing where neither is published."""
    wue, year = number(row["wue"]), number(row["wue_year"])
    filled_in = row["provider"] == "aws" and wue == AWS_FLEET_WUE_2023
    if wue is not None and year is not None and not filled_in:
        basis = "design" if _is_design(row["provider"], year) else "region"
        return _wue_row(wue, int(year), basis, "gsf_region_metadata")
    fleet = FLEET_WUE.get(row["provider"])
    return _wue_row(*fleet) if fleet else {}


def _is_design(provider: str, year: float) -> bool:
    return provider == "azure" and year < AZURE_MEASURED_YEAR


def _wue_row(wue: float, year: int, basis: str, source: str) -> Row:
    return {"wue_l_per_kwh": wue, "wue_year": year, "wue_basis": basis, "wue_source": source}
