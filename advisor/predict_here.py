"""What a job will take if it runs here, from its profile: the prediction that a run is held to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from carbon_advisor.advisor.estimate.speed_errors import pair_sd
from carbon_advisor.advisor.estimate.translate import (
    Processors,
    computing_hours,
    second_thread_gains,
)
from carbon_advisor.advisor.estimate.uncertainty import intensity_sd
from carbon_advisor.advisor.estimate.workload import threads_per_core, workload_of
from carbon_advisor.advisor.intensity import mean_intensity
from carbon_advisor.advisor.interval import Interval, combined_log_sd, log_sd, lognormal_interval
from carbon_advisor.advisor.provenance import cited
from carbon_advisor.measurement.cpu_lookup import resolve_hardware

if TYPE_CHECKING:
    from datetime import datetime

    from carbon_advisor.advisor.catalog import Catalog
    from carbon_advisor.advisor.location import Location
    from carbon_advisor.measurement.hardware import Hardware
    from carbon_advisor.measurement.profile import Profile

# Two runs of one job on one machine, measured the same way; assumed until runs have been compared.
RUN_TO_RUN_SD = log_sd(0.15)
SCALED_SAMPLE_SD = log_sd(0.15)  # a sample's rate against the whole job's; assumed


@dataclass(frozen=True)
class PredictionHere:
    """Duration, energy and emissions expected of a run here, with 90 % intervals.

    `emissions_g`, `intensity_g_per_kwh` and `zone` are None where nobody said where here is;
    `energy_kwh` is without PUE, `emissions_g` with it.
    """

    duration_s: Interval
    energy_kwh: Interval
    emissions_g: Interval | None
    intensity_g_per_kwh: float | None
    pue: float
    zone: str | None
    provenance: dict[str, Any]


def predict_here(
    profile: Profile,
    hardware: Hardware,
    location: Location | None,
    now: datetime,
    catalog: Catalog,
) -> PredictionHere:
    """Return what `profile`'s job will take on `hardware`, started now at `location`.

    On the hardware it was measured on, the measured figures hold; on another, CPU time is
    translated by single-thread scores and energy with it.
    """
    same = _same_machine(profile.hardware, hardware)
    factor, translation_sd = (1.0, 0.0) if same else _slowdown(profile, hardware, catalog)
    sds = [RUN_TO_RUN_SD, translation_sd]
    if profile.scale_basis != "whole":
        sds.append(SCALED_SAMPLE_SD)
    duration_sd = combined_log_sd(sds)
    energy_kwh = profile.energy_kwh * factor
    found = emissions_here(energy_kwh, location, now, profile.duration_s * factor, catalog)
    hours = profile.duration_s * factor / 3600
    return PredictionHere(
        duration_s=lognormal_interval(profile.duration_s * factor, duration_sd),
        energy_kwh=lognormal_interval(energy_kwh, duration_sd),
        emissions_g=None
        if found is None or location is None
        else lognormal_interval(found[0], _emissions_sd(duration_sd, location, hours, catalog)),
        intensity_g_per_kwh=None if found is None else found[1],
        pue=location.pue if location else 1.0,
        zone=str(catalog.zones.id[location.zone]) if location else None,
        provenance={
            "energy": "the profile's measured energy"
            if same
            else f"the profile's energy, times {factor:.3g} for the speed of this machine",
            "intensity": _intensity_source(location, catalog),
            "catalog_version": catalog.version,
        },
    )


def emissions_here(
    energy_kwh: float,
    location: Location | None,
    started_at: datetime,
    duration_s: float,
    catalog: Catalog,
) -> tuple[float, float] | None:
    """Return emissions in g and the mean intensity in g/kWh of energy used at a place and time.

    None where the location is not known. Embodied emissions are not counted.
    """
    if location is None:
        return None
    hours = max(duration_s, 1.0) / 3600
    intensity = mean_intensity(catalog, location.zone, started_at, hours)
    return energy_kwh * location.pue * intensity, intensity


def _same_machine(one: Hardware, other: Hardware) -> bool:
    return (
        one.cpu_name == other.cpu_name
        and one.cpu_model_number == other.cpu_model_number
        and one.vcpus == other.vcpus
        and one.gpus == other.gpus
    )


def _slowdown(profile: Profile, hardware: Hardware, catalog: Catalog) -> tuple[float, float]:
    """How many times as long the job takes on `hardware`, by CPU scores, and its log-sd.

    1 where the CPU is not known, with the spread of all CPUs.
    """
    workload = workload_of(profile, catalog)
    cpu = resolve_hardware(hardware)
    unknown_sd = catalog.translation["score_none_sd"].value
    if cpu.single_thread_score is None:
        return 1.0, unknown_sd
    chip = catalog.microarchitectures.id.tolist().index(cpu.microarchitecture.name)
    vcpus = np.array([float(hardware.vcpus)])
    machine = Processors(
        vcpus=vcpus,
        cores=np.maximum(1.0, vcpus / threads_per_core(hardware, cpu)),
        gain=second_thread_gains(catalog)[[chip]],
        score=np.array([cpu.single_thread_score]),
    )
    hours, _ = computing_hours(workload, machine)
    sd = pair_sd(workload, chip, cpu.single_thread_score, catalog)
    score_sd = catalog.translation["score_microarchitecture_sd"].value
    factor = (float(hours[0]) + workload.waiting_h) / workload.duration_h
    return factor, combined_log_sd([sd, score_sd, workload.score_sd])


def _emissions_sd(
    energy_sd: float, location: Location, duration_h: float, catalog: Catalog
) -> float:
    zones, zone = catalog.zones, location.zone
    part = intensity_sd(
        np.array([zones.level_relative_sd[zone]]),
        np.array([zones.hour_relative_sd[zone]]),
        np.array([duration_h]),
    )
    return combined_log_sd([energy_sd, float(part[0])])


def _intensity_source(location: Location | None, catalog: Catalog) -> str:
    if location is None:
        return "unknown: nobody said where this machine stands"
    zones, zone = catalog.zones, location.zone
    shape = "hourly profile" if zones.has_profile[zone] else "no hourly profile"
    source = cited(catalog, str(zones.lifecycle_source[zone]))
    return f"{source}, {zones.lifecycle_year[zone]}, average lifecycle, {shape}"
