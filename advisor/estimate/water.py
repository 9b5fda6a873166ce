"""Water evaporated to cool the data centre: energy × WUE, reported beside the emissions.

Water and emissions are not added up. What power plants evaporate is not counted.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from carbon_advisor.advisor.estimate.stated_inputs import STATED
from carbon_advisor.advisor.provenance import Node, cited

if TYPE_CHECKING:
    from carbon_advisor.advisor.catalog import Catalog
    from carbon_advisor.advisor.estimate.stated_inputs import Stated
    from carbon_advisor.advisor.location import Location

FORMULA = "energy × WUE, on site (The Green Grid, ISO/IEC 30134-9); the grid's water not counted"
UNKNOWN = "not known"


def water_of_region(energy_kwh: float, region: int, catalog: Catalog) -> tuple[float, Node]:
    """Return litres, NaN if not known, and their node.

    Args:
        energy_kwh: of the machine, without PUE: what WUE relates to.
        region: row in catalog.regions.
        catalog: where the WUE comes from.
    """
    regions = catalog.regions
    wue = float(regions.wue_l_per_kwh[region])
    if math.isnan(wue):
        source = f"no WUE of {regions.id[region]} or of its provider is published"
        return math.nan, _unknown(source)
    node = Node(
        "WUE", wue, "l/kWh", str(regions.wue_basis[region]),
        cited(catalog, str(regions.wue_source[region])), str(regions.wue_year[region]),
    )  # fmt: skip
    return _litres(energy_kwh, wue, node)


def water_of(
    stated: Stated, energy_kwh: float, location: Location | None, catalog: Catalog
) -> tuple[float, Node]:
    """Return litres of stated inputs, NaN if not known, and their node."""
    if stated.water_l_per_kwh is not None:
        wue = stated.water_l_per_kwh
        return _litres(energy_kwh, wue, Node("WUE", wue, "l/kWh", "stated", STATED))
    if location is None or location.region is None:
        return math.nan, _unknown("outside a known data centre; state --water-l-per-kwh")
    return water_of_region(energy_kwh, location.region, catalog)


def _litres(energy_kwh: float, wue: float, node: Node) -> tuple[float, Node]:
    litres = energy_kwh * wue
    energy = Node("energy of the machine", energy_kwh, "kWh", "modelled", "without PUE")
    return litres, Node("water", litres, "l", "modelled", FORMULA, parts=(energy, node))


def _unknown(source: str) -> Node:
    return Node("water", UNKNOWN, "", "unknown", source)
