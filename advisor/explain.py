"""The chain behind one estimate: every figure that made it, with its source."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from carbon_advisor.advisor.estimate.estimates import Estimate, estimates_of
from carbon_advisor.advisor.estimate.gpu_power import wall_factors
from carbon_advisor.advisor.estimate.transfer import transfer_to
from carbon_advisor.advisor.estimate.uncertainty import standings
from carbon_advisor.advisor.estimate.water import water_of_region
from carbon_advisor.advisor.explain_duration import duration_node
from carbon_advisor.advisor.location import region_location
from carbon_advisor.advisor.plan.joint import best_starts
from carbon_advisor.advisor.provenance import Node, cited
from carbon_advisor.measurement.errors import InputError

if TYPE_CHECKING:
    from carbon_advisor.advisor.catalog import Catalog
    from carbon_advisor.advisor.problem import Problem


def find_candidate(problem: Problem, text: str) -> int:
    """Return the index into problem.candidates of "aws:eu-north-1:m7g.large".

    Raises:
        InputError: not of that form, not offered there, or unable to run the job.
        UnknownNameError: no such region or instance type.
    """
    provider, _, rest = text.partition(":")
    region_code, _, type_name = rest.partition(":")
    if not (provider and region_code and type_name):
        raise InputError(f"'{text}': write a candidate as provider:region:instance-type")
    catalog, candidates = problem.catalog, problem.candidates
    region = catalog.find_region(f"{provider}:{region_code}")
    kind = catalog.find_instance_type(f"{provider}:{type_name}")
    found = np.flatnonzero((candidates.region == region) & (candidates.instance_type == kind))
    if len(found) == 0:
        raise InputError(_why_not(problem, region, kind, text))
    return int(found[0])


def _why_not(problem: Problem, region: int, kind: int, text: str) -> str:
    catalog = problem.catalog
    offers = catalog.offers
    if not np.any((offers.region == region) & (offers.instance_type == kind)):
        elsewhere = np.unique(offers.region[offers.instance_type == kind])
        regions = ", ".join(catalog.regions.id[elsewhere[:3]].tolist())
        return f"{text} is not offered there; that instance type is in {regions or 'no region'}"
    return f"{text} has no accelerator that this job could use, or no intensity in that scope"


def estimate_candidate(problem: Problem, offer: int) -> Estimate:
    """Return the estimate of one candidate at its best start."""
    choice = best_starts(problem.trace, problem.offers, problem.starts_h, np.array([offer]))
    samples = problem.samples_g(np.array([offer]), choice.emissions_g)
    standing = standings(choice.emissions_g, samples, first=0)[0]
    return estimates_of(problem, choice, [replace(standing, probability_best=float("nan"))])[0]


def explain(problem: Problem, offer: int, estimate: Estimate) -> Node:
    """Return the tree of figures behind `estimate`, which is of candidate `offer`."""
    return Node(
        "emissions",
        estimate.emissions_g.value,
        "g CO2eq",
        "modelled",
        "SCI (ISO/IEC 21031): (E × I) + M; 90 % interval "
        f"{estimate.emissions_g.low:.4g}–{estimate.emissions_g.high:.4g} g",
        parts=(
            Node(
                "operational",
                estimate.operational_g,
                "g CO2eq",
                "modelled",
                "energy × PUE × intensity",
                parts=(
                    _energy(problem, offer, estimate),
                    _pue(problem, offer),
                    _intensity(problem, offer, estimate),
                ),
            ),
            _embodied(problem, offer, estimate),
            *_transfer(problem, offer),
        ),
    )


def explain_water(problem: Problem, offer: int, estimate: Estimate) -> Node:
    """Return the tree of the water of candidate `offer`, which stands beside the emissions."""
    region = int(problem.candidates.region[offer])
    return water_of_region(estimate.energy_kwh, region, problem.catalog)[1]


def _energy(problem: Problem, offer: int, estimate: Estimate) -> Node:
    return Node(
        "energy",
        estimate.energy_kwh,
        "kWh",
        "modelled",
        "(CPU + memory + accelerator power) × duration",
        parts=(
            duration_node(problem, offer, estimate.duration_h),
            _cpu_power(problem, offer, estimate),
            _memory_power(problem.catalog, estimate),
            *([_gpu_power(problem, offer, estimate)] if estimate.gpu_w else []),
        ),
    )


def _cpu_power(problem: Problem, offer: int, estimate: Estimate) -> Node:
    catalog = problem.catalog
    types, kinds = catalog.instance_types, catalog.microarchitectures
    kind = int(problem.candidates.instance_type[offer])
    chip = int(types.microarchitecture[kind])
    power = catalog.type_power
    basis, of = str(power.basis[kind]), str(power.name[kind])
    note = (
        str(kinds.note[chip]) if of == kinds.id[chip] else f"servers with {of} by the power model"
    )
    source = f"{note}; {cited(catalog, str(kinds.source[chip]))}"
    return Node(
        "CPU power",
        estimate.cpu_w,
        "W",
        "modelled",
        "vCPUs × (idle + (max - idle) × load shape(utilisation))",
        parts=(
            Node("vCPUs", estimate.vcpus, "", "catalogue", str(types.id[kind])),
            Node("utilisation", estimate.utilization, "", "modelled", "busy threads / vCPUs"),
            Node(
                "CPU",
                f"{types.cpu_model[kind] or '?'} ({kinds.id[chip]})",
                "",
                str(types.cpu_basis[kind]),
                "instance type's documentation and SpareCores",
            ),
            Node("idle", float(power.idle_w[kind]), "W/thread", basis, source),
            Node("full load", float(power.max_w[kind]), "W/thread", basis, source),
        ),
    )


def _memory_power(catalog: Catalog, estimate: Estimate) -> Node:
    factor = catalog.factors["memory_w_per_gb"]
    return Node(
        "memory power",
        estimate.memory_w,
        "W",
        "modelled",
        "GB beyond what the measured servers had × W/GB",
        parts=(
            Node("memory", estimate.memory_gb, "GB", "catalogue", estimate.instance_type),
            Node(
                "power of memory",
                factor.value,
                factor.unit,
                factor.basis,
                cited(catalog, factor.source),
                str(factor.year),
            ),
        ),
    )


def _gpu_power(problem: Problem, offer: int, estimate: Estimate) -> Node:
    catalog = problem.catalog
    row = int(catalog.instance_types.accelerator[int(problem.candidates.instance_type[offer])])
    units = catalog.accelerators
    sheet = str(units.datasheet[row])
    return Node(
        "accelerator power",
        estimate.gpu_w,
        "W",
        "modelled",
        "(idle + load × (limit - idle) of each in use, idle of the others) × wall watts per watt",
        parts=(
            Node(
                "accelerators", f"{estimate.accelerator_count:g} × {units.id[row]}", "", "", sheet
            ),
            Node("idle", float(units.idle_w[row]), "W", "measured", "nvidia-smi of cloud machines"),
            Node("limit", float(units.tdp_w[row]), "W", "datasheet", sheet, str(units.year[row])),
            Node(
                "wall watts per watt",
                float(wall_factors(catalog)[row]),
                "",
                "modelled",
                "power supply, fans and switches; " + cited(catalog, "gpu_servers"),
            ),
            Node("load", problem.question.workload.gpu_load, "", "measured", "the profile"),
        ),
    )


def _pue(problem: Problem, offer: int) -> Node:
    regions = problem.catalog.regions
    row = int(problem.candidates.region[offer])
    return Node(
        "PUE",
        float(regions.pue[row]),
        "",
        str(regions.pue_basis[row]),
        cited(problem.catalog, str(regions.pue_source[row])),
        str(regions.pue_year[row]),
    )


def _intensity(problem: Problem, offer: int, estimate: Estimate) -> Node:
    catalog = problem.catalog
    zones, zone = catalog.zones, int(problem.candidates.zone[offer])
    scope = problem.question.scope
    direct = scope == "direct"
    level = (zones.direct_g_per_kwh if direct else zones.lifecycle_g_per_kwh)[zone]
    source = str((zones.direct_source if direct else zones.lifecycle_source)[zone])
    year = str((zones.direct_year if direct else zones.lifecycle_year)[zone])
    profile_source = cited(catalog, str(zones.profile_source[zone])) or "no hourly data"
    shape = (
        "month × weekend × hour profile of past years, normalised"
        if zones.has_profile[zone]
        else "none: flat over the year"
    )
    return Node(
        "intensity",
        estimate.intensity_g_per_kwh,
        "g/kWh",
        "modelled",
        f"average {scope}, mean over the hours from {estimate.start_at.isoformat()}",
        parts=(
            Node("yearly level", float(level), "g/kWh", "published", cited(catalog, source), year),
            Node("hourly profile", shape, "", "modelled", profile_source),
            Node("zone", str(zones.id[zone]), "", "catalogue", str(zones.name[zone])),
        ),
    )


def _embodied(problem: Problem, offer: int, estimate: Estimate) -> Node:
    types = problem.catalog.instance_types
    kind = int(problem.candidates.instance_type[offer])
    return Node(
        "embodied",
        estimate.embodied_g,
        "g CO2eq",
        str(types.embodied_basis[kind]),
        "share of the machine's making, by vCPUs, over its lifetime × duration",
        parts=(
            Node(
                "per hour",
                float(types.embodied_g_per_h[kind]),
                "g/h",
                str(types.embodied_basis[kind]),
                cited(problem.catalog, str(types.embodied_source[kind])),
            ),
        ),
    )


def _transfer(problem: Problem, offer: int) -> tuple[Node, ...]:
    question, catalog = problem.question, problem.catalog
    if question.data is None:
        return ()
    place = region_location(int(problem.candidates.region[offer]), catalog)
    return (transfer_to(question.data, place, catalog, question.scope).node,)
