"""Estimates before there is anything to measure: stated inputs, the rest from the catalogue."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from carbon_advisor.advisor.estimate.power import power_w
from carbon_advisor.advisor.estimate.translate import Translation
from carbon_advisor.advisor.estimate.uncertainty import EMBODIED_SD, PUE_SD, intensity_sd
from carbon_advisor.advisor.intensity import mean_intensity
from carbon_advisor.advisor.interval import Interval, combined_log_sd, log_sd, lognormal_interval
from carbon_advisor.advisor.provenance import Node, cited
from carbon_advisor.measurement.errors import InputError

if TYPE_CHECKING:
    from datetime import datetime

    from carbon_advisor.advisor.catalog import Catalog
    from carbon_advisor.advisor.location import Location

# GPUs were 74 % of the component power of a GPU server, CPU, memory and the rest 26 % (Dodge et
# al. 2022, "Measuring the Carbon Intensity of AI in Cloud Instances", FAccT, section 4).
GPU_SHARE_OF_SERVER = 0.74
HOST_SOURCE = "Dodge et al. 2022, FAccT: the GPU was 74 % of a GPU server's component power"
FULL_LOAD_ERROR = 0.35  # a job said to load an accelerator fully seldom draws its limit; assumed
MODELLED_POWER_ERROR = 0.35
STATED = "given on the command line"
MAXIMUM_HOURS = 24 * 366 * 10.0


@dataclass(frozen=True)
class Stated:
    """What the user stated; None where nothing was.

    Attributes:
        energy_kwh: of the devices; makes power and hours unnecessary.
        hours: how long the job runs.
        device_power_w, count: mean power of one device and how many there are.
        accelerator: row in catalog.accelerators, `count` of them.
        instance_type: row in catalog.instance_types, `count` of them.
        utilization: of the devices, 0..1; full load if None.
        intensity_g_per_kwh, pue, embodied_g: instead of the catalogue's.
        host: whether the host's share is added to accelerators.
    """

    hours: float | None = None
    energy_kwh: float | None = None
    device_power_w: float | None = None
    count: int = 1
    accelerator: int | None = None
    instance_type: int | None = None
    utilization: float | None = None
    intensity_g_per_kwh: float | None = None
    pue: float | None = None
    embodied_g: float | None = None
    host: bool = True

    def __post_init__(self) -> None:
        """Check every stated figure.

        Raises:
            InputError: a figure is negative, not finite or absurd, or they contradict each other.
        """
        limits = {
            "--hours": (self.hours, MAXIMUM_HOURS),
            "--energy-kwh": (self.energy_kwh, 1e12),
            "--device-power-w": (self.device_power_w, 1e6),
            "--count": (self.count, 1e7),
            "--utilization": (self.utilization, 1.0),
            "--intensity-g-per-kwh": (self.intensity_g_per_kwh, 3000.0),
            "--embodied-g": (self.embodied_g, 1e15),
        }
        for option, (value, most) in limits.items():
            if value is not None and not 0 <= value <= most:
                raise InputError(f"{option} is a number from 0 to {most:g}, not {value:g}")
        sources = (self.energy_kwh, self.device_power_w, self.accelerator, self.instance_type)
        given = sum(source is not None for source in sources)
        if given != 1:
            raise InputError(
                "say what uses the energy by one of --gpus, --instance, --device-power-w "
                f"and --energy-kwh ({given} given)"
            )
        if self.energy_kwh is None and self.hours is None:
            raise InputError("add --hours: how long the job runs")


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


@dataclass(frozen=True)
class _Part:
    """A figure of the sum with its node and its log-sd."""

    value: float
    node: Node
    sd: float


def estimate_stated(
    stated: Stated, location: Location | None, start: datetime, catalog: Catalog
) -> StatedEstimate:
    """Return the estimate of stated inputs, filling from the catalogue what was not stated.

    Raises:
        InputError: neither a location nor an intensity was stated.
    """
    energy = _energy(stated, catalog)
    pue = _pue(stated, location, catalog)
    intensity = _intensity(stated, location, start, catalog)
    embodied = _embodied(stated, catalog)
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


def _energy(stated: Stated, catalog: Catalog) -> _Part:
    if stated.energy_kwh is not None:
        node = Node("energy", stated.energy_kwh, "kWh", "stated", STATED)
        return _Part(stated.energy_kwh, node, 0.0)
    hours = stated.hours or 0.0
    power = _power(stated, catalog)
    energy_kwh = power.value * hours / 1000
    duration = Node("duration", hours, "h", "stated", STATED)
    node = Node(
        "energy", energy_kwh, "kWh", "modelled", "power × duration", parts=(power.node, duration)
    )
    return _Part(energy_kwh, node, power.sd)


def _power(stated: Stated, catalog: Catalog) -> _Part:
    if stated.device_power_w is not None:
        watts = stated.device_power_w * stated.count
        each = Node("device power", stated.device_power_w, "W", "stated", STATED)
        count = Node("devices", stated.count, "", "stated", STATED)
        return _Part(watts, Node("power", watts, "W", "stated", "", parts=(each, count)), 0.0)
    if stated.accelerator is not None:
        return _accelerator_power(stated, stated.accelerator, catalog)
    return _instance_power(stated, catalog)


def _load(stated: Stated) -> tuple[float, Node]:
    if stated.utilization is None:
        return 1.0, Node("utilisation", 1.0, "", "assumed", "full load; state --utilization")
    return stated.utilization, Node("utilisation", stated.utilization, "", "stated", STATED)


def _accelerator_power(stated: Stated, row: int, catalog: Catalog) -> _Part:
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
    host_w = gpu_w * (1 / GPU_SHARE_OF_SERVER - 1) if stated.host else 0.0
    if stated.host:
        parts.append(Node("host", host_w, "W", "assumed", HOST_SOURCE, "2022"))
    total = Node(
        "power", gpu_w + host_w, "W", "modelled", "accelerators + host", parts=tuple(parts)
    )
    error = FULL_LOAD_ERROR if stated.utilization is None else FULL_LOAD_ERROR / 2
    return _Part(gpu_w + host_w, total, log_sd(error))


def _instance_power(stated: Stated, catalog: Catalog) -> _Part:
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
    chip = int(catalog.instance_types.microarchitecture[row])
    kinds = catalog.microarchitectures
    name = Node(
        "machine", f"{stated.count} × {catalog.instance_types.id[row]}", "", "stated", STATED
    )
    source = f"SPECpower servers with {kinds.id[chip]}; accelerators by their datasheets"
    parts = (
        name,
        Node("CPU", float(watts.cpu[row]), "W", str(kinds.basis[chip]), source),
        Node("memory", float(watts.memory[row]), "W", "modelled", "GB × W/GB"),
        Node("accelerators", float(watts.gpu[row]), "W", "modelled", "idle to limit by load"),
        load_node,
    )
    total_w = each_w * stated.count
    node = Node("power", total_w, "W", "modelled", "share of the host by vCPUs", parts=parts)
    return _Part(total_w, node, log_sd(float(kinds.relative_error[chip])))


def _pue(stated: Stated, location: Location | None, catalog: Catalog) -> _Part:
    if stated.pue is not None:
        return _Part(stated.pue, Node("PUE", stated.pue, "", "stated", STATED), 0.0)
    if location is None:
        node = Node("PUE", 1.0, "", "assumed", "no location given: nothing spent on cooling")
        return _Part(1.0, node, PUE_SD["assumed"])
    if location.region is None:
        node = Node("PUE", location.pue, "", location.pue_basis, "outside a known data centre")
        return _Part(location.pue, node, PUE_SD[location.pue_basis])
    regions, row = catalog.regions, location.region
    node = Node(
        "PUE", location.pue, "", location.pue_basis, cited(catalog, str(regions.pue_source[row])),
        str(regions.pue_year[row]),
    )  # fmt: skip
    return _Part(location.pue, node, PUE_SD[location.pue_basis])


def _intensity(
    stated: Stated, location: Location | None, start: datetime, catalog: Catalog
) -> _Part:
    if stated.intensity_g_per_kwh is not None:
        value = stated.intensity_g_per_kwh
        return _Part(value, Node("intensity", value, "g/kWh", "stated", STATED), 0.0)
    if location is None:
        raise InputError("say where: --region REGION or zone, or --intensity-g-per-kwh")
    zones, zone = catalog.zones, location.zone
    hours = stated.hours or 1.0
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
    return _Part(value, node, float(sd[0]))


def _embodied(stated: Stated, catalog: Catalog) -> _Part:
    if stated.embodied_g is not None:
        node = Node("embodied", stated.embodied_g, "g CO2eq", "stated", STATED)
        return _Part(stated.embodied_g, node, 0.0)
    hours = stated.hours or 0.0
    if stated.instance_type is not None:
        row = stated.instance_type
        grams = float(catalog.instance_types.embodied_g_per_h[row]) * hours * stated.count
        source = cited(catalog, str(catalog.instance_types.embodied_source[row]))
        node = Node("embodied", grams, "g CO2eq", "modelled", f"share of the machine: {source}")
        return _Part(grams, node, EMBODIED_SD)
    if stated.accelerator is not None:
        lifetime_h = catalog.factors["server_lifetime_h"].value
        each_kg = float(catalog.accelerators.embodied_kg[stated.accelerator])
        grams = each_kg * 1000 * stated.count * hours / lifetime_h
        source = f"{each_kg:g} kg per accelerator over {lifetime_h:g} h; its host is not counted"
        return _Part(grams, Node("embodied", grams, "g CO2eq", "assumed", source), EMBODIED_SD)
    node = Node("embodied", 0.0, "g CO2eq", "assumed", "not counted: no hardware was named")
    return _Part(0.0, node, 0.0)
