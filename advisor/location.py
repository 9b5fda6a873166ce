"""Where this machine stands: what the user said, never a guess from an IP address."""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from carbon_advisor.measurement.errors import InputError, UnknownNameError
from carbon_advisor.measurement.settings import setting

if TYPE_CHECKING:
    from carbon_advisor.advisor.catalog import Catalog

HERE_PUE = 1.0  # outside a data centre nothing is spent on cooling; set `pue` where it is
MAXIMUM_PUE = 5.0


@dataclass(frozen=True)
class Location:
    """A place with a grid zone and a PUE.

    Attributes:
        label: what the user wrote, completed ("zone SE-SE3" or "aws:eu-north-1").
        zone: row in catalog.zones.
        region: row in catalog.regions, or None outside a cloud.
        pue_basis: region, provider, default, design; or "stated"/"assumed" outside a cloud.
    """

    label: str
    zone: int
    region: int | None
    pue: float
    pue_basis: str


def resolve_location(text: str | None, catalog: Catalog) -> Location | None:
    """Return the location that `text`, else ADVISOR_HERE or config.toml, names; None if none does.

    Args:
        text: a region ("aws:eu-north-1"), a grid zone ("SE-SE3", "zone:DE"), or None.
        catalog: the known regions and zones.

    Raises:
        UnknownNameError: neither a known region nor a known zone.
        InputError: the configured PUE is not a number from 1 to 5.
    """
    text = text or setting("here")
    return named_location(text, catalog) if text else None


def named_location(text: str, catalog: Catalog) -> Location:
    """Return the location that `text` names: a region, or a grid zone outside a cloud.

    Raises:
        UnknownNameError: neither a known region nor a known zone.
        InputError: the configured PUE is not a number from 1 to 5.
    """
    with suppress(UnknownNameError):
        zone = catalog.find_zone(text.lower().removeprefix("zone:"))
        stated = stated_pue(setting("pue"))
        return Location(
            label=f"zone {catalog.zones.id[zone]}",
            zone=zone,
            region=None,
            pue=HERE_PUE if stated is None else stated,
            pue_basis="assumed" if stated is None else "stated",
        )
    return _region(text, catalog)


def _region(text: str, catalog: Catalog) -> Location:
    try:
        region = catalog.find_region(text)
    except UnknownNameError as error:
        if ":" in text and not text.lower().startswith("zone:"):
            raise
        known = [*catalog.zones.id.tolist(), *catalog.regions.id.tolist()]
        raise UnknownNameError("zone or region", text, known) from error
    return region_location(region, catalog)


def region_location(region: int, catalog: Catalog) -> Location:
    """Return the location of a row of catalog.regions."""
    return Location(
        label=str(catalog.regions.id[region]),
        zone=int(catalog.regions.zone[region]),
        region=region,
        pue=float(catalog.regions.pue[region]),
        pue_basis=str(catalog.regions.pue_basis[region]),
    )


def stated_pue(text: str | None) -> float | None:
    """Return the PUE written in `text`, None for None.

    Raises:
        InputError: not a number from 1 to 5.
    """
    if text is None:
        return None
    try:
        pue = float(text)
    except ValueError:
        pue = math.nan
    if not 1 <= pue <= MAXIMUM_PUE:
        raise InputError(f"a PUE is a number from 1 to {MAXIMUM_PUE:g}, not '{text}'")
    return pue
