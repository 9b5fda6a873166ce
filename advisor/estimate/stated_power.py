"""Energy of stated inputs: as stated, or power of the named hardware × hours."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from carbon_advisor.advisor.estimate.gpu_power import host_of, wall_factors
from carbon_advisor.advisor.estimate.power import power_w
from carbon_advisor.advisor.estimate.stated_inputs import STATED, Part, Stated
from carbon_advisor.advisor.estimate.translate import Translation
from carbon_advisor.advisor.interval import log_sd
from carbon_advisor.advisor.provenance import Node, cited

if TYPE_CHECKING:
    from carbon_advisor.advisor.catalog import Catalog

FULL_LOAD_ERROR = 0.35  # a job said to load an accelerator fully seldom draws its limit; assumed
MODELLED_POWER_ERROR = 0.35


def energy_of(stated: Stated, catalog: Catalog) -> Part:
    """Return the energy of the devices, kWh without PUE, with its node and its error."""
    if stated.energy_kwh is not None:
        node = Node("energy", stated.energy_kwh, "kWh", "stated", STATED)
        return Part(stated.energy_kwh, node, 0.0)
    hours = stated.duration_h or 0.0
    power = _power(stated, catalog)
    energy_kwh = power.value * hours / 1000
    how = STATED if stated.device_hours is None else f"{STATED}, as device-hours / devices"
    duration = Node("duration", hours, "h", "stated", how)
    node = Node(
        "energy", energy_kwh, "kWh", "modelled", "power × duration", parts=(power.node, duration)
    )
    return Part(energy_kwh, node, power.sd)


def _power(stated: Stated, catalog: Catalog) -> Part:
    if stated.device_power_w is not None:
        return _device_power(stated, stated.device_power_w)
    if stated.accelerator is not None:
        return _accelerator_power(stated, stated.accelerator, catalog)
    return _instance_power(stated, catalog)


def _device_power(stated: Stated, full_w: float) -> Part:
    """Devices of stated power: their mean, or between idle and full load by the utilisation."""
    count = Node("devices", stated.count, "", "stated", STATED)
    if stated.utilization is None:
        watts = full_w * stated.count
        each = Node("device power", full_w, "W", "stated", STATED)
        return Part(watts, Node("power", watts, "W", "stated", "", parts=(each, count)), 0.0)
    idle_w = stated.device_idle_w or 0.0
    watts = stated.count * (idle_w + stated.utilization * (full_w - idle_w))
    idle = (
        ("assumed", "state --device-idle-w") if stated.device_idle_w is None else ("stated", STATED)
    )
    parts = (
        Node("power at full load", full_w, "W", "stated", STATED),
        Node("power at idle", idle_w, "W", *idle),
        Node("utilisation", stated.utilization, "", "stated", STATED),
        count,
    )
    formula = "count × (idle + utilisation × (full - idle))"
    return Part(watts, Node("power", watts, "W", "modelled", formula, parts=parts), 0.0)


def _load(stated: Stated) -> tuple[float, Node]:
    if stated.utilization is None:
        return 1.0, Node("utilisation", 1.0, "", "assumed", "full load; state --utilization")
    return stated.utilization, Node("utilisation", stated.utilization, "", "stated", STATED)


def _accelerator_power(stated: Stated, row: int, catalog: Catalog) -> Part:
    units = catalog.accelerators
    load, load_node = _load(stated)
    idle_w, limit_w = float(units.idle_w[row]), float(units.tdp_w[row])
    gpu_w = stated.count * (idle_w + load * (limit_w - idle_w))
    sheet = str(units.datasheet[row])
    parts = [
        Node(
            "accelerators", gpu_w, "W", "modelled", "count × (idle + utilisation × (limit - idle))",
            parts=(
                Node("count", f"{stated.count} × {units.id[row]}", "", "stated", STATED),
                Node("limit", limit_w, "W", "datasheet", sheet, str(units.year[row])),
                Node("idle", idle_w, "W", "catalogue", "nvidia-smi of idle cloud machines"),
                load_node,
            ),
        )
    ]  # fmt: skip
    host = _host_parts(stated.count, row, gpu_w, catalog) if stated.host else ()
    total_w = gpu_w + sum(float(part.value) for part in host)
    total = Node("power", total_w, "W", "modelled", "accelerators + host", parts=(*parts, *host))
    error = FULL_LOAD_ERROR if stated.utilization is None else FULL_LOAD_ERROR / 2
    return Part(total_w, total, log_sd(error))


def _host_parts(count: int, row: int, gpu_w: float, catalog: Catalog) -> tuple[Node, Node]:
    """What the host adds: around the accelerators in proportion, CPUs and memory by number."""
    factor, host = float(wall_factors(catalog)[row]), host_of(row, catalog)
    form, source = str(catalog.accelerators.form[row]), cited(catalog, "gpu_servers")
    around = Node(
        "power supply, fans, switches", gpu_w * (factor - 1), "W", "modelled",
        f"{factor - 1:.0%} of the accelerators', which are a {form}: {source}", "2025",
    )  # fmt: skip
    cpus = Node(
        "CPUs and memory", count * host.power_w, "W", "modelled",
        f"{host.vcpus:.3g} vCPUs and {host.memory_gb:.4g} GB each ({host.basis}); checked with "
        + cited(catalog, "dodge_2022"), "2022",
    )  # fmt: skip
    return around, cpus


def _instance_power(stated: Stated, catalog: Catalog) -> Part:
    row = stated.instance_type
    assert row is not None
    load, load_node = _load(stated)
    types = len(catalog.instance_types.id)
    everywhere = np.full(types, load)
    count = np.asarray(catalog.instance_types.accelerator_count, dtype=np.float64)
    full_time = np.ones(types)
    asked = Translation(full_time, everywhere, count, everywhere, translated=full_time)
    watts = power_w(asked, catalog)
    each_w = float(watts.total[row])
    power = catalog.type_power
    name = Node(
        "machine", f"{stated.count} × {catalog.instance_types.id[row]}", "", "stated", STATED
    )
    source = f"SPECpower servers with {power.name[row]}; accelerators by their datasheets"
    parts = (
        name,
        Node("CPU", float(watts.cpu[row]), "W", str(power.basis[row]), source),
        Node("memory", float(watts.memory[row]), "W", "modelled", "GB × W/GB"),
        Node("accelerators", float(watts.gpu[row]), "W", "modelled", "idle to limit by load"),
        load_node,
    )
    total_w = each_w * stated.count
    node = Node("power", total_w, "W", "modelled", "share of the host by vCPUs", parts=parts)
    return Part(total_w, node, log_sd(float(power.relative_error[row])))
