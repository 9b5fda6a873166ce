"""Moving data to where a job runs: GB × kWh/GB × the intensity of the way.

The way's intensity is the mean of its two ends' yearly levels: which grids lie between them, and
when the data moves, is not known. Inside one region nothing is counted. No PUE is applied: the
coefficients are of network equipment, not of data centres.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from carbon_advisor.advisor.estimate.stated_inputs import STATED, Part
from carbon_advisor.advisor.intensity import level_g_per_kwh
from carbon_advisor.advisor.interval import log_sd
from carbon_advisor.advisor.provenance import Node, factor_node
from carbon_advisor.measurement.errors import InputError

if TYPE_CHECKING:
    from carbon_advisor.advisor.catalog import Catalog
    from carbon_advisor.advisor.estimate.stated_inputs import Stated
    from carbon_advisor.advisor.intensity import Scope
    from carbon_advisor.advisor.location import Location
    from carbon_advisor.advisor.plan.trace import Floats

BETWEEN_CLOUDS, INTERNET = "network_kwh_per_gb", "access_network_kwh_per_gb"
MAXIMUM_GB = 1e12
MEAN_OF_ENDS = "mean of the two ends' yearly levels; the way between is not known"


@dataclass(frozen=True)
class DataMove:
    """Data that a job needs and that lies elsewhere.

    Attributes:
        gb: how much is moved, 0 or more.
        origin: where it lies.
        kwh_per_gb: of the network, stated; None for the catalogue's.
    """

    gb: float
    origin: Location
    kwh_per_gb: float | None = None

    def __post_init__(self) -> None:
        """Check the amounts.

        Raises:
            InputError: one is negative, not finite or absurd.
        """
        if not 0 <= self.gb <= MAXIMUM_GB:
            raise InputError(f"--data-gb is a number from 0 to {MAXIMUM_GB:g}, not {self.gb:g}")
        if self.kwh_per_gb is not None and not 0 <= self.kwh_per_gb <= 10:
            raise InputError(
                f"--transfer-kwh-per-gb is a number from 0 to 10, not {self.kwh_per_gb:g}"
            )


def transfer_g(
    gb: float, kwh_per_gb: float, origin_g_per_kwh: float, end_g_per_kwh: float
) -> float:
    """Return g CO2eq of moving `gb`: GB × kWh/GB × mean intensity of the two ends."""
    return gb * kwh_per_gb * (origin_g_per_kwh + end_g_per_kwh) / 2


def coefficient_of(origin: Location | None, in_cloud: bool) -> str:
    """Which factor applies: networks between clouds, or the internet where one end is outside."""
    between = in_cloud and origin is not None and origin.region is not None
    return BETWEEN_CLOUDS if between else INTERNET


def transfer_g_by_region(move: DataMove, catalog: Catalog, scope: Scope) -> Floats:
    """Return what moving the data to every region emits, g; shape (regions,).

    0 in the region where the data lies; NaN where the scope has no intensity.

    Raises:
        InputError: the zone where the data lies has no intensity in that scope.
    """
    level = _level(move.origin, catalog, scope)
    factor = catalog.factors[coefficient_of(move.origin, in_cloud=True)]
    each_kwh = factor.value if move.kwh_per_gb is None else move.kwh_per_gb
    ends = level_g_per_kwh(catalog.zones, scope)[catalog.regions.zone]
    grams: Floats = move.gb * each_kwh * (level + ends) / 2
    if move.origin.region is not None:
        grams[move.origin.region] = 0.0
    return grams


def transfer_sd(move: DataMove | None, catalog: Catalog) -> float:
    """Log-sd of the coefficient of moves to cloud regions, which all candidates share."""
    if move is None or move.kwh_per_gb is not None:
        return 0.0
    return log_sd(catalog.factors[coefficient_of(move.origin, in_cloud=True)].relative_error)


def transfer_to(move: DataMove, place: Location, catalog: Catalog, scope: Scope) -> Part:
    """Return what moving the data to one place emits, g, with its node and its error.

    Raises:
        InputError: an end has no intensity in that scope.
    """
    if same_place(move.origin, place):
        node = Node("transfer", 0.0, "g CO2eq", "modelled", f"the data is in {place.label} already")
        return Part(0.0, node, 0.0)
    ends = [
        Node("intensity there", _level(end, catalog, scope), "g/kWh", "modelled", end.label)
        for end in (move.origin, place)
    ]
    key = coefficient_of(move.origin, in_cloud=place.region is not None)
    return _part(move.gb, move.kwh_per_gb, key, (ends[0], ends[1]), catalog)


def transfer_of(
    stated: Stated, place: Location | None, intensity_g_per_kwh: float, catalog: Catalog
) -> Part:
    """Return the transfer of stated inputs, g, with its node and its error.

    Args:
        stated: what was stated.
        place: where the job runs, if that is known.
        intensity_g_per_kwh: there; counts for the origin too where that was not stated.
        catalog: the coefficients, and the origin's intensity.
    """
    if stated.data_gb is None:
        node = Node("transfer", 0.0, "g CO2eq", "assumed", "no data is moved: state --data-gb")
        return Part(0.0, node, 0.0)
    origin = stated.data_from
    if origin is not None and place is not None and same_place(origin, place):
        node = Node("transfer", 0.0, "g CO2eq", "modelled", f"the data is in {place.label} already")
        return Part(0.0, node, 0.0)
    here = _end(stated, place, catalog, intensity_g_per_kwh)
    if origin is None:
        value = float(here.value)
        there = Node("origin", value, "g/kWh", "assumed", "as at the job: state --data-from")
    else:
        value = _level(origin, catalog, "lifecycle")
        there = Node("origin", value, "g/kWh", "modelled", origin.label)
    key = coefficient_of(origin, in_cloud=place is not None and place.region is not None)
    return _part(stated.data_gb, stated.transfer_kwh_per_gb, key, (there, here), catalog)


def same_place(first: Location, second: Location) -> bool:
    """Whether both are the same region, or the same zone outside a cloud."""
    return (first.region, first.zone) == (second.region, second.zone)


def _end(stated: Stated, place: Location | None, catalog: Catalog, mean_g_per_kwh: float) -> Node:
    """Intensity where the job runs: as stated, else the zone's yearly level."""
    if stated.intensity_g_per_kwh is not None or place is None:
        return Node("at the job", mean_g_per_kwh, "g/kWh", "stated", STATED)
    level = _level(place, catalog, "lifecycle")
    return Node("at the job", level, "g/kWh", "modelled", place.label)


def _level(place: Location, catalog: Catalog, scope: Scope) -> float:
    level = float(level_g_per_kwh(catalog.zones, scope)[place.zone])
    if np.isnan(level):
        raise InputError(f"zone {catalog.zones.id[place.zone]} has no {scope} intensity")
    return level


def _part(
    gb: float, stated_kwh_per_gb: float | None, key: str, ends: tuple[Node, Node], catalog: Catalog
) -> Part:
    factor = catalog.factors[key]
    if stated_kwh_per_gb is None:
        kwh_per_gb, sd = factor.value, log_sd(factor.relative_error)
        coefficient = factor_node("network", factor, catalog)
    else:
        kwh_per_gb, sd = stated_kwh_per_gb, 0.0
        coefficient = Node("network", kwh_per_gb, "kWh/GB", "stated", STATED)
    first, second = float(ends[0].value), float(ends[1].value)
    way = Node(
        "intensity of the way", (first + second) / 2, "g/kWh", "assumed", MEAN_OF_ENDS, parts=ends
    )
    grams = transfer_g(gb, kwh_per_gb, first, second)
    data = Node("data", gb, "GB", "stated", STATED)
    formula = "data × kWh/GB × intensity of the way"
    node = Node("transfer", grams, "g CO2eq", "modelled", formula, parts=(data, coefficient, way))
    return Part(grams, node, sd)
