"""The zones the catalogue knows, as rows of a list: level, profile, and the regions in each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from carbon_advisor.advisor.catalog import Catalog


def zones_json(catalog: Catalog, country: str) -> dict[str, Any]:
    """Return the document of `advisor zones --json`.

    Args:
        catalog: where zones and regions come from.
        country: a country or a group; "" for all.

    Raises:
        UnknownNameError: no such country or group, and no zone has that country.
    """
    zones = catalog.zones
    chosen = range(len(zones.id)) if not country else _of(catalog, country)
    regions: dict[int, list[str]] = {}
    for region, zone in zip(catalog.regions.id.tolist(), catalog.regions.zone, strict=True):
        regions.setdefault(int(zone), []).append(region)
    return {
        "schema": "carbon-advisor/zones/1",
        "zones": [zone_entry(catalog, row, regions.get(row, [])) for row in chosen],
    }


def _of(catalog: Catalog, country: str) -> list[int]:
    code = country.strip().upper()
    own = np.flatnonzero(catalog.zones.country == code)
    if len(own):
        return [int(row) for row in own]
    members = sorted(catalog.countries_in(country))
    return [int(row) for row in np.flatnonzero(np.isin(catalog.zones.country, members))]


def zone_entry(catalog: Catalog, row: int, regions: list[str]) -> dict[str, Any]:
    """Return what the catalogue says of a zone."""
    zones = catalog.zones
    return {
        "zone": str(zones.id[row]),
        "name": str(zones.name[row]),
        "country": str(zones.country[row]),
        "signal": "average",
        "scope": "lifecycle",
        "intensity_g_per_kwh": float(zones.lifecycle_g_per_kwh[row]),
        "year": int(zones.lifecycle_year[row]),
        "source": str(zones.lifecycle_source[row]),
        "has_hourly_profile": bool(zones.has_profile[row]),
        "profile_basis": str(zones.profile_basis[row]),
        "profile_source": str(zones.profile_source[row]) or None,
        "regions": regions,
    }
