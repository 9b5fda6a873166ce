"""Estimates before there is anything to measure: stated inputs, the rest from the catalogue."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from carbon_advisor.advisor.estimate.embodied import embodied_of
from carbon_advisor.advisor.estimate.stated_place import intensity_of, pue_of
from carbon_advisor.advisor.estimate.stated_power import energy_of
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

    `energy_kwh` is the machine's, without PUE; `emissions_g` is operational_g + embodied_g with
    its 90 % interval; `provenance` is the tree of every figure.
    """

    energy_kwh: float
    pue: float
    intensity_g_per_kwh: float
    operational_g: float
    embodied_g: float
    emissions_g: Interval
    provenance: Node


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
    operational_g = energy.value * pue.value * intensity.value
    total_g = operational_g + embodied.value
    sd = combined_log_sd((energy.sd, pue.sd, intensity.sd))
    return StatedEstimate(
        energy_kwh=energy.value,
        pue=pue.value,
        intensity_g_per_kwh=intensity.value,
        operational_g=operational_g,
        embodied_g=embodied.value,
        emissions_g=_sum_interval(operational_g, sd, embodied.value, embodied.sd),
        provenance=Node(
            "emissions", total_g, "g CO2eq", "modelled", "SCI (ISO/IEC 21031): (E × I) + M",
            parts=(
                Node(
                    "operational", operational_g, "g CO2eq", "modelled",
                    "energy × PUE × intensity", parts=(energy.node, pue.node, intensity.node),
                ),
                embodied.node,
            ),
        ),
    )  # fmt: skip


def _sum_interval(first: float, first_sd: float, second: float, second_sd: float) -> Interval:
    """Interval of the sum of two independent lognormals, by the root of the squared half-widths."""
    one, two = lognormal_interval(first, first_sd), lognormal_interval(second, second_sd)
    value = first + second
    low = value - float(np.hypot(first - one.low, second - two.low))
    high = value + float(np.hypot(one.high - first, two.high - second))
    return Interval(value, max(0.0, low), high)
