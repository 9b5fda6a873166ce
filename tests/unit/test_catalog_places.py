"""The catalogue's zones and regions: where they are, how clean, and who says so."""

from __future__ import annotations

import csv

import numpy as np
import pytest

from carbon_advisor.advisor.catalog import bundled_directory, load_catalog

DATA = bundled_directory()
CATALOG = load_catalog()
MONTH_DAYS = np.array([31, 28.2425, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])


def table(name: str) -> list[dict[str, str]]:
    """The rows of a bundled CSV file."""
    with (DATA / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def region(name: str) -> int:
    return CATALOG.find_region(name)


def test_every_figure_of_a_region_and_zone_has_a_source() -> None:
    pairs = {
        "regions": [
            ("zone", "zone_source"),
            ("pue", "pue_source"),
            ("wue_l_per_kwh", "wue_source"),
            ("provider_g_per_kwh", "provider_source"),
        ],
        "zones": [
            ("lifecycle_g_per_kwh", "lifecycle_source"),
            ("direct_g_per_kwh", "direct_source"),
            ("ember_g_per_kwh", "ember_source"),
        ],
    }
    for name, columns in pairs.items():
        for row in table(name):
            for figure, source in columns:
                assert bool(row[figure]) == bool(row[source]), (name, row, figure)


def test_every_region_has_place_zone_country_and_pue() -> None:
    regions = CATALOG.regions
    assert len(regions.id) == 146
    assert len(set(regions.id.tolist())) == 146
    assert set(regions.provider.tolist()) == {"aws", "azure", "gcp"}
    assert (np.abs(regions.latitude) <= 90).all()
    assert (np.abs(regions.longitude) <= 180).all()
    assert ((regions.zone >= 0) & (regions.zone < len(CATALOG.zones.id))).all()
    assert set(regions.country.tolist()) <= set(CATALOG.countries)
    assert ((regions.pue >= 1.0) & (regions.pue < 2.0)).all()
    assert set(regions.pue_basis.tolist()) <= {"region", "design", "provider", "default"}
    assert (regions.name != "").all()


def test_a_region_lies_in_the_country_of_its_zone() -> None:
    zone_country = CATALOG.zones.country[CATALOG.regions.zone]
    assert (zone_country == CATALOG.regions.country).all()


@pytest.mark.parametrize(
    ("name", "country"),
    [
        ("azure:brazilsoutheast", "BR"),
        ("azure:mexicocentral", "MX"),
        ("azure:northeurope", "IE"),
        ("azure:chinanorth3", "CN"),
        ("azure:denmarkeast", "DK"),
        ("azure:taiwannorth", "TW"),
    ],
)
def test_known_errors_of_the_sources_are_mended(name: str, country: str) -> None:
    assert CATALOG.regions.country[region(name)] == country


def test_west_us_is_in_california() -> None:
    row = region("azure:westus")
    assert CATALOG.zones.id[CATALOG.regions.zone[row]] == "US-CAL-CISO"
    assert CATALOG.regions.latitude[row] == pytest.approx(37.3, abs=0.5)


def test_announced_regions_are_not_launched() -> None:
    launched = CATALOG.regions.launched
    assert set(CATALOG.regions.id[~launched].tolist()) == {"aws:me-west-1", "aws:sa-west-1"}
    assert launched[CATALOG.offers.region].all()


def test_stockholm_as_published() -> None:
    row = region("aws:eu-north-1")
    zone = CATALOG.regions.zone[row]
    assert CATALOG.zones.id[zone] == "SE-SE3"
    assert CATALOG.zones.lifecycle_g_per_kwh[zone] == 20
    assert CATALOG.zones.lifecycle_year[zone] == 2025
    assert CATALOG.regions.pue[row] == 1.10
    assert CATALOG.regions.pue_basis[row] == "region"


def test_azures_pue_of_2022_is_a_design_value() -> None:
    azure = CATALOG.regions.provider == "azure"
    design = azure & (CATALOG.regions.pue_year == 2022)
    assert design.any()
    assert (CATALOG.regions.pue_basis[design] == "design").all()


def test_zones_have_a_level_and_errors() -> None:
    zones = CATALOG.zones
    assert len(zones.id) == 352
    assert (zones.lifecycle_g_per_kwh > 0).all()
    assert (zones.lifecycle_g_per_kwh < 1500).all()
    assert ((zones.hour_relative_sd > 0) & (zones.hour_relative_sd < 1)).all()
    assert ((zones.level_relative_sd > 0) & (zones.level_relative_sd < 1)).all()


def test_combustion_only_is_below_lifecycle_where_it_is_known() -> None:
    zones = CATALOG.zones
    known = ~np.isnan(zones.direct_g_per_kwh)
    assert known.sum() >= 16
    years = {row["zone"]: row for row in table("zone_years")}
    for zone, direct, year in zip(
        zones.id[known], zones.direct_g_per_kwh[known], zones.direct_year[known], strict=True
    ):
        assert 0 <= direct < float(years[zone][f"lifecycle_{year}_g_per_kwh"]) * 1.05, zone


def test_profiles_average_to_one_over_a_calendar_year() -> None:
    weights = MONTH_DAYS[:, None] * np.array([5 / 7, 2 / 7]) / (24 * MONTH_DAYS.sum())
    means = (CATALOG.zones.profile.sum(axis=3) * weights).sum(axis=(1, 2))
    assert means == pytest.approx(1.0, abs=0.001)
    assert (CATALOG.zones.profile > 0).all()


def test_a_zone_without_a_profile_is_flat_and_one_with_it_is_not() -> None:
    flat = (CATALOG.zones.profile == 1).all(axis=(1, 2, 3))
    assert (flat == ~CATALOG.zones.has_profile).all()
    assert (CATALOG.zones.profile_basis[flat] == "flat").all()


@pytest.mark.parametrize(
    ("zone", "noon_utc"), [("ES", 12.5), ("US-CAL-CISO", 20), ("AU-NSW", 2), ("DE", 11.5)]
)
def test_profile_hours_are_utc(zone: str, noon_utc: float) -> None:
    """Solar power is strongest at local noon, and so is the dip of a sunny month."""
    month = 11 if zone.startswith("AU") else 5
    day = CATALOG.zones.profile[CATALOG.find_zone(zone), month, 0]
    assert float(day.argmin()) == pytest.approx(noon_utc, abs=2)


def test_groups_of_countries() -> None:
    assert len(CATALOG.countries_in("EU")) == 27
    assert CATALOG.countries_in("eea") - CATALOG.countries_in("EU") == {"IS", "LI", "NO"}
    assert len(CATALOG.countries_in("G7")) == 7
    assert CATALOG.countries_in("se") == {"SE"}
    assert CATALOG.countries_in("North America") == {"CA", "MX", "US"}
