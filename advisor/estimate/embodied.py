"""Embodied emissions: the share of making the machine that falls to a job."""

from __future__ import annotations

from typing import TYPE_CHECKING

from carbon_advisor.advisor.estimate.stated_inputs import STATED, Part, Stated
from carbon_advisor.advisor.estimate.uncertainty import EMBODIED_SD
from carbon_advisor.advisor.provenance import Node, cited

if TYPE_CHECKING:
    from carbon_advisor.advisor.catalog import Catalog


def embodied_of(stated: Stated, catalog: Catalog) -> Part:
    """Return the embodied emissions, g, with their node and their error."""
    if stated.embodied_g is not None:
        node = Node("embodied", stated.embodied_g, "g CO2eq", "stated", STATED)
        return Part(stated.embodied_g, node, 0.0)
    hours = stated.hours or 0.0
    if stated.instance_type is not None:
        row = stated.instance_type
        grams = float(catalog.instance_types.embodied_g_per_h[row]) * hours * stated.count
        source = cited(catalog, str(catalog.instance_types.embodied_source[row]))
        node = Node("embodied", grams, "g CO2eq", "modelled", f"share of the machine: {source}")
        return Part(grams, node, EMBODIED_SD)
    if stated.accelerator is not None:
        lifetime_h = catalog.factors["server_lifetime_h"].value
        each_kg = float(catalog.accelerators.embodied_kg[stated.accelerator])
        grams = each_kg * 1000 * stated.count * hours / lifetime_h
        source = f"{each_kg:g} kg per accelerator over {lifetime_h:g} h; its host is not counted"
        return Part(grams, Node("embodied", grams, "g CO2eq", "assumed", source), EMBODIED_SD)
    node = Node("embodied", 0.0, "g CO2eq", "assumed", "not counted: no hardware was named")
    return Part(0.0, node, 0.0)
