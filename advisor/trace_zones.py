"""Which zones of a trace are meant by "EU", "DE,FR", "all"; and which zones inform them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from carbon_advisor.measurement.errors import InputError, UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from carbon_advisor.advisor.catalog import Catalog

EVERY = "all"
NEAR_KM = 1500.0


def rows_of(text: str, zones: Sequence[str], catalog: Catalog) -> list[int]:
    """Return the rows of the zones that a list of zones, countries and groups names, ascending.

    A zone's country is what stands before the first hyphen of its name.

    Raises:
        UnknownNameError: neither a zone of the trace, nor a country or group of the catalogue.
        InputError: the trace has no zone of a country or group.
    """
    names = [part.strip() for part in text.split(",") if part.strip()]
    if not names or any(name.lower() == EVERY for name in names):
        return list(range(len(zones)))
    found = {row for name in names for row in _rows(name, zones, catalog)}
    return sorted(found)


def _rows(name: str, zones: Sequence[str], catalog: Catalog) -> list[int]:
    exact = [row for row, zone in enumerate(zones) if zone.lower() == name.lower()]
    if exact:
        return exact
    try:
        countries = catalog.countries_in(name)
    except UnknownNameError as error:
        known = [*zones, *_groups(catalog)]
        raise UnknownNameError("zone of the trace", name, known) from error
    rows = [row for row, zone in enumerate(zones) if zone.split("-")[0].upper() in countries]
    if not rows:
        raise InputError(f"the trace has no zone of {name}; it has {_some(zones)}")
    return rows


def _groups(catalog: Catalog) -> list[str]:
    groups = {group for entry in catalog.countries.values() for group in entry.groups}
    return [*sorted(groups), *catalog.countries]


def _some(zones: Sequence[str], count: int = 8) -> str:
    more = f" and {len(zones) - count} more" if len(zones) > count else ""
    return ", ".join(zones[:count]) + more


def informing(
    rows: Sequence[int], zones: Sequence[str], positions: Mapping[str, tuple[float, float]]
) -> list[int]:
    """Return `rows` and the rows of all zones within 1,500 km of one of them, `rows` first."""
    from carbon_advisor.advisor.forecast.neighbours import KM_PER_DEGREE

    placed = [row for row, zone in enumerate(zones) if zone in positions]
    ours = [row for row in rows if zones[row] in positions]
    if not ours:
        return list(rows)
    there = np.array([positions[zones[row]] for row in placed])
    here = np.array([positions[zones[row]] for row in ours])
    north = there[:, None, 0] - here[None, :, 0]
    turn = (there[:, None, 1] - here[None, :, 1] + 180) % 360 - 180
    east = turn * np.cos(np.radians((there[:, None, 0] + here[None, :, 0]) / 2))
    near = (np.hypot(north, east) * KM_PER_DEGREE).min(axis=1) <= NEAR_KM
    chosen = set(rows)
    also = [row for row, is_near in zip(placed, near, strict=True) if is_near]
    return [*rows, *(row for row in also if row not in chosen)]
