"""PUE and intensity of stated inputs: as stated, or of the place and the hours."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from carbon_advisor.advisor.estimate.stated_inputs import STATED, Part, Stated
from carbon_advisor.advisor.estimate.uncertainty import PUE_SD, intensity_sd
from carbon_advisor.advisor.intensity import mean_intensity
from carbon_advisor.advisor.provenance import Node, cited
from carbon_advisor.measurement.errors import InputError

if TYPE_CHECKING:
    from datetime import datetime

    from carbon_advisor.advisor.catalog import Catalog
    from carbon_advisor.advisor.location import Location


def pue_of(stated: Stated, location: Location | None, catalog: Catalog) -> Part:
    """Return the PUE with its node and its error."""
    if stated.pue is not None:
        return Part(stated.pue, Node("PUE", stated.pue, "", "stated", STATED), 0.0)
    if location is None:
        node = Node("PUE", 1.0, "", "assumed", "no location given: nothing spent on cooling")
        return Part(1.0, node, PUE_SD["assumed"])
    if location.region is None:
        node = Node("PUE", location.pue, "", location.pue_basis, "outside a known data centre")
        return Part(location.pue, node, PUE_SD[location.pue_basis])
    regions, row = catalog.regions, location.region
    node = Node(
        "PUE", location.pue, "", location.pue_basis, cited(catalog, str(regions.pue_source[row])),
        str(regions.pue_year[row]),
    )  # fmt: skip
    return Part(location.pue, node, PUE_SD[location.pue_basis])


def intensity_of(
    stated: Stated, location: Location | None, start: datetime, catalog: Catalog
) -> Part:
    """Return the mean intensity over the hours, g/kWh, with its node and its error.

    Raises:
        InputError: neither a location nor an intensity was stated.
    """
    if stated.intensity_g_per_kwh is not None:
        value = stated.intensity_g_per_kwh
        return Part(value, Node("intensity", value, "g/kWh", "stated", STATED), 0.0)
    if location is None:
        raise InputError("say where: --region REGION or zone, or --intensity-g-per-kwh")
    zones, zone = catalog.zones, location.zone
    hours = stated.duration_h or 1.0
    value = mean_intensity(catalog, zone, start, hours)
    sd = intensity_sd(
        np.array([zones.level_relative_sd[zone]]),
        np.array([zones.hour_relative_sd[zone]]),
        np.array([hours]),
    )
    level = cited(catalog, str(zones.lifecycle_source[zone]))
    node = Node(
        "intensity", value, "g/kWh", "modelled",
        f"average lifecycle of {zones.id[zone]} over the hours: {level}",
        str(zones.lifecycle_year[zone]),
    )  # fmt: skip
    return Part(value, node, float(sd[0]))
