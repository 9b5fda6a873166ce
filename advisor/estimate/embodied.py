"""Embodied emissions: the share of making the machine that falls to a job.

SCI (ISO/IEC 21031:2024): M = TE × (TR / EL) × (RR / ToR), that is what making the machine emitted
× hours reserved / hours of its life × resources reserved / resources in all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from carbon_advisor.advisor.estimate.stated_inputs import STATED, Part, Stated
from carbon_advisor.advisor.estimate.uncertainty import EMBODIED_SD
from carbon_advisor.advisor.interval import log_sd
from carbon_advisor.advisor.provenance import Node, cited, factor_node

if TYPE_CHECKING:
    from carbon_advisor.advisor.catalog import Catalog

HOURS_PER_YEAR = 8760.0  # the SCI's examples: 4 years are 35,040 h
FORMULA = "SCI (ISO/IEC 21031): total × hours / lifetime × share of resources"


def share_g(total_kg: float, reserved_h: float, lifetime_h: float, share: float = 1.0) -> float:
    """Return the SCI's M in g.

    Args:
        total_kg: emitted by making the machine, kg CO2eq.
        reserved_h: hours for which it is reserved.
        lifetime_h: hours over which the making is spread, above 0.
        share: of its resources, 0..1.
    """
    return total_kg * 1000 * reserved_h / lifetime_h * share


def embodied_of(stated: Stated, catalog: Catalog) -> Part:
    """Return the embodied emissions, g, with their node and their error.

    What was stated comes first, then the instance type's share of its host, then the accelerators'
    boards and their share of a host; nothing where no hardware was named, and the node says so.
    """
    if stated.embodied_g is not None:
        node = Node("embodied", stated.embodied_g, "g CO2eq", "stated", STATED)
        return Part(stated.embodied_g, node, 0.0)
    if stated.embodied_total_kg is not None:
        return _of_stated_machine(stated, stated.embodied_total_kg, catalog)
    if stated.instance_type is not None:
        return _of_instance_type(stated, stated.instance_type, catalog)
    if stated.accelerator is not None:
        return _of_accelerators(stated, stated.accelerator, catalog)
    source = "not counted: no hardware was named (state --embodied-total-kg or --embodied-g)"
    return Part(0.0, Node("embodied", 0.0, "g CO2eq", "assumed", source), 0.0)


def _lifetime(stated: Stated, catalog: Catalog) -> tuple[float, Node, float]:
    """Hours of the machine's life, their node and their log-sd."""
    if stated.lifetime_years is not None:
        hours = stated.lifetime_years * HOURS_PER_YEAR
        return hours, Node("lifetime", hours, "h", "stated", STATED), 0.0
    factor = catalog.factors["server_lifetime_h"]
    node = factor_node("lifetime", factor, catalog)
    return factor.value, node, log_sd(factor.relative_error)


def _reserved(stated: Stated) -> tuple[float, Node]:
    """Machine-hours: those of one machine × how many there are."""
    hours = (stated.duration_h or 0.0) * stated.count
    return hours, Node("machine-hours reserved", hours, "h", "stated", STATED)


def _of_stated_machine(stated: Stated, total_kg: float, catalog: Catalog) -> Part:
    lifetime_h, lifetime, lifetime_sd = _lifetime(stated, catalog)
    reserved_h, reserved = _reserved(stated)
    share = 1.0 if stated.resource_share is None else stated.resource_share
    whole = "the whole machine; state --resource-share"
    basis, source = ("assumed", whole) if stated.resource_share is None else ("stated", STATED)
    grams = share_g(total_kg, reserved_h, lifetime_h, share)
    parts = (
        Node("total of one machine", total_kg, "kg CO2eq", "stated", STATED),
        reserved,
        lifetime,
        Node("share of its resources", share, "", basis, source),
    )
    node = Node("embodied", grams, "g CO2eq", "modelled", FORMULA, parts=parts)
    return Part(grams, node, lifetime_sd)


def _of_instance_type(stated: Stated, row: int, catalog: Catalog) -> Part:
    types = catalog.instance_types
    lifetime_h, lifetime, _ = _lifetime(stated, catalog)
    reserved_h, reserved = _reserved(stated)
    catalogue_h = catalog.factors["server_lifetime_h"].value
    total_kg = float(types.embodied_g_per_h[row]) * catalogue_h / 1000
    grams = share_g(total_kg, reserved_h, lifetime_h)
    source = f"share of the host by vCPUs: {cited(catalog, str(types.embodied_source[row]))}"
    basis = str(types.embodied_basis[row])
    parts = (Node("total of the share", total_kg, "kg CO2eq", basis, source), reserved, lifetime)
    node = Node("embodied", grams, "g CO2eq", "modelled", FORMULA, parts=parts)
    return Part(grams, node, EMBODIED_SD)


def _of_accelerators(stated: Stated, row: int, catalog: Catalog) -> Part:
    units, factors = catalog.accelerators, catalog.factors
    lifetime_h, lifetime, _ = _lifetime(stated, catalog)
    reserved_h, reserved = _reserved(stated)
    board_kg = float(units.embodied_kg[row])
    basis, source = str(units.embodied_basis[row]), cited(catalog, str(units.embodied_source[row]))
    boards_g = share_g(board_kg, reserved_h, lifetime_h)
    parts = [
        Node(
            "accelerators", boards_g, "g CO2eq", basis, FORMULA,
            parts=(Node("total of one", board_kg, "kg CO2eq", basis, source), reserved, lifetime),
        )
    ]  # fmt: skip
    host_g = 0.0
    if stated.host:
        host = factors["embodied_gpu_host_kg"]
        host_g = share_g(host.value, reserved_h, lifetime_h)
        parts.append(
            Node(
                "host", host_g, "g CO2eq", "assumed", FORMULA,
                parts=(factor_node("share of a host with 8, without them", host, catalog),),
            )
        )  # fmt: skip
    grams = boards_g + host_g
    formula = "accelerators + their share of a host" if stated.host else "accelerators; no host"
    node = Node("embodied", grams, "g CO2eq", "modelled", formula, parts=tuple(parts))
    return Part(grams, node, EMBODIED_SD)
