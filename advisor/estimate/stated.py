"""Estimates before there is anything to measure: stated inputs, the rest from the catalogue."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from carbon_advisor.advisor.estimate.embodied import embodied_of
from carbon_advisor.advisor.estimate.stated_inputs import Part
from carbon_advisor.advisor.estimate.stated_place import intensity_of, pue_of
from carbon_advisor.advisor.estimate.stated_power import energy_of
from carbon_advisor.advisor.estimate.transfer import transfer_of
from carbon_advisor.advisor.estimate.water import water_of
from carbon_advisor.advisor.interval import Interval, combined_log_sd, lognormal_interval
from carbon_advisor.advisor.provenance import Node

if TYPE_CHECKING:
    from datetime import datetime

    from carbon_advisor.advisor.catalog import Catalog
    from carbon_advisor.advisor.estimate.stated_inputs import Stated
    from carbon_advisor.advisor.location import Location


@dataclass(frozen=True)
class StatedEstimate:
    """Energy and emissions of stated inputs.

    `energy_kwh` is the machine's, without PUE; `emissions_g` is operational_g + embodied_g +
    transfer_g with its 90 % interval; `provenance` is the tree of every figure. `water_l`, NaN
    where not known, stands beside them with the tree `water`.
    """

    energy_kwh: float
    pue: float
    intensity_g_per_kwh: float
    operational_g: float
    embodied_g: float
    transfer_g: float
    emissions_g: Interval
    provenance: Node
    water_l: float
    water: Node


def estimate_stated(
    stated: Stated, location: Location | None, start: datetime, catalog: Catalog
) -> StatedEstimate:
    """Return the estimate of stated inputs, filling from the catalogue what was not stated.

    Raises:
        InputError: neither a location nor an intensity was stated.
    """
    energy = energy_of(stated, catalog)
    pue = pue_of(stated, location, catalog)
    intensity = intensity_of(stated, location, start, catalog)
    embodied = embodied_of(stated, catalog)
    transfer = transfer_of(stated, location, intensity.value, catalog)
    water_l, water = water_of(stated, energy.value, location, catalog)
    operational = _operational(energy, pue, intensity)
    parts = (operational, embodied) if stated.data_gb is None else (operational, embodied, transfer)
    emissions_g = sum_interval(parts)
    return StatedEstimate(
        energy_kwh=energy.value,
        pue=pue.value,
        intensity_g_per_kwh=intensity.value,
        operational_g=operational.value,
        embodied_g=embodied.value,
        transfer_g=transfer.value,
        emissions_g=emissions_g,
        provenance=Node(
            "emissions",
            emissions_g.value,
            "g CO2eq",
            "modelled",
            "SCI (ISO/IEC 21031): (E × I) + M"
            + (", and the data's way" if stated.data_gb is not None else ""),
            parts=tuple(part.node for part in parts),
        ),
        water_l=water_l,
        water=water,
    )


def _operational(energy: Part, pue: Part, intensity: Part) -> Part:
    grams = energy.value * pue.value * intensity.value
    parts = (energy.node, pue.node, intensity.node)
    node = Node(
        "operational", grams, "g CO2eq", "modelled", "energy × PUE × intensity", parts=parts
    )
    return Part(grams, node, combined_log_sd((energy.sd, pue.sd, intensity.sd)))


def sum_interval(parts: tuple[Part, ...]) -> Interval:
    """Return the sum of independent lognormals with the root of their squared half-widths."""
    value = sum(part.value for part in parts)
    each = [lognormal_interval(part.value, part.sd) for part in parts]
    low = value - math.hypot(*(one.value - one.low for one in each))
    high = value + math.hypot(*(one.high - one.value for one in each))
    return Interval(value, max(0.0, low), high)
