"""Translation: how long a workload takes on another machine, and how busy it is there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from carbon_advisor.advisor.catalog import Catalog
    from carbon_advisor.advisor.estimate.workload import Workload
    from carbon_advisor.advisor.plan.trace import Floats


@dataclass(frozen=True)
class Translation:
    """A workload on every instance type; every array has the shape (types,).

    Attributes:
        duration_h: how long it takes.
        utilization: mean share of the vCPUs that is busy, 0..1.
        gpus: accelerators in use.
        gpu_load: share of their dynamic power range in use, 0..1.
        translated: share of the duration that depends on the machine's speed, 0..1.
    """

    duration_h: Floats
    utilization: Floats
    gpus: Floats
    gpu_load: Floats
    translated: Floats


@dataclass(frozen=True)
class Processors:
    """What of some machines' CPUs decides how long a job computes; one shape for all arrays.

    Attributes:
        vcpus: hardware threads.
        cores: physical cores under them.
        gain: what a core's second thread adds, as a share of the first.
        score: Geekbench 6 single-core score.
    """

    vcpus: Floats
    cores: Floats
    gain: Floats
    score: Floats

    def throughput(self, threads: float) -> Floats:
        """Return what so many busy threads do, in threads that each have a core of their own."""
        busy = np.minimum(threads, self.vcpus)
        alone = np.minimum(busy, self.cores)
        return alone + (busy - alone) * self.gain


def scores(catalog: Catalog) -> Floats:
    """Single-thread score of every type: its own, else its microarchitecture's, else the median."""
    types = catalog.instance_types
    own = np.asarray(types.single_thread_score, dtype=np.float64)
    of_kind = np.asarray(catalog.microarchitectures.single_thread_score, dtype=np.float64)
    fallback = np.where(np.isnan(of_kind), np.nanmedian(of_kind), of_kind)[types.microarchitecture]
    return np.where(np.isnan(own), fallback, own)


def second_thread_gains(catalog: Catalog) -> Floats:
    """What a core's second thread adds, by microarchitecture; its vendor's, else the mean."""
    prefix = "second_thread_gain_"
    known = {
        key.removeprefix(prefix): figure.value
        for key, figure in catalog.translation.items()
        if key.startswith(prefix)
    }
    usual = float(np.mean(list(known.values())))
    vendors = catalog.microarchitectures.vendor.tolist()
    return np.array([known.get(vendor.lower(), usual) for vendor in vendors])


def processors(catalog: Catalog) -> Processors:
    """Return the CPUs of every instance type; arrays of shape (types,)."""
    types = catalog.instance_types
    vcpus = np.asarray(types.vcpus, dtype=np.float64)
    return Processors(
        vcpus=vcpus,
        cores=np.maximum(1.0, vcpus / types.threads_per_core),
        gain=second_thread_gains(catalog)[types.microarchitecture],
        score=scores(catalog),
    )


def translate(workload: Workload, catalog: Catalog) -> Translation:
    """Return the workload on every instance type of the catalogue.

    CPU: `t = Σ h_p · s_X r_X(k_p) / (s_Y r_Y(k_p))` over the phases p of h hours with k busy cores,
    s the single-thread scores and r(k) the throughput of k threads, of which those that share a
    core count their vendor's gain; the hours in which nothing computed stay. No phase uses more
    cores than it did. GPU: `t = t_X · ((1 - u) + u · (F_X/F_Y)^a (B_X/B_Y)^b)`, with u the share of
    the time in which the accelerators were busy, F their peak at the job's precision, B their
    bandwidth, a and b fitted. The longer of the two holds. Coefficients: data/translation.csv.
    """
    cpus = processors(catalog)
    computing_h, thread_hours = computing_hours(workload, cpus)
    duration_h = computing_h + workload.waiting_h
    translated_h = computing_h
    gpu_load = np.zeros(len(duration_h))
    if workload.gpus:
        gpu_h, busy_h = _gpu_hours(workload, catalog)
        translated_h = np.where(gpu_h > duration_h, busy_h, computing_h)
        duration_h = np.maximum(duration_h, gpu_h)
        gpu_load += workload.gpu_load
    return Translation(
        duration_h=duration_h,
        utilization=np.minimum(1.0, thread_hours / (duration_h * cpus.vcpus)),
        gpus=np.full(len(duration_h), float(workload.gpus)),
        gpu_load=gpu_load,
        translated=_share(translated_h, duration_h),
    )


def _share(part: Floats, whole: Floats) -> Floats:
    possible = np.isfinite(whole) & (whole > 0)
    return np.divide(part, whole, out=np.zeros(len(whole)), where=possible)


def computing_hours(workload: Workload, cpus: Processors) -> tuple[Floats, Floats]:
    """Return the hours in which the workload computes, and the thread-hours in them.

    Both have the shape of `cpus`' arrays.
    """
    hours = np.zeros(len(cpus.vcpus))
    thread_hours = np.zeros(len(cpus.vcpus))
    for phase in workload.computing:
        alone = min(phase.cores, workload.cores)
        there = alone + (phase.cores - alone) * workload.second_thread_gain
        work = phase.hours * there * workload.single_thread_score
        phase_hours = work / (cpus.score * cpus.throughput(phase.cores))
        hours += phase_hours
        thread_hours += phase_hours * np.minimum(phase.cores, cpus.vcpus)
    return hours, thread_hours


def gpu_log_ratios(workload: Workload, catalog: Catalog) -> tuple[Floats, Floats]:
    """Logarithms of the peak's and the bandwidth's ratio to the workload's own accelerator.

    The peak is that of the workload's precision. Shape (accelerators,).
    """
    units = catalog.accelerators
    flops = np.log(np.asarray(getattr(units, f"{workload.precision}_tflops"), dtype=np.float64))
    bandwidth = np.log(np.asarray(units.bandwidth_gb_per_s, dtype=np.float64))
    own = workload.accelerator
    return flops - flops[own], bandwidth - bandwidth[own]


def gpu_log_gain(workload: Workload, catalog: Catalog) -> Floats:
    """Logarithm of every accelerator's speed over the workload's own; shape (accelerators,)."""
    flops, bandwidth = gpu_log_ratios(workload, catalog)
    figures = catalog.translation
    gain: Floats = (
        figures["gpu_flops_exponent"].value * flops
        + figures["gpu_bandwidth_exponent"].value * bandwidth
    )
    return gain


def _gpu_hours(workload: Workload, catalog: Catalog) -> tuple[Floats, Floats]:
    """Hours on every type's accelerators, and those in which they compute; inf where it has none.

    Shape (types,) each.
    """
    index = catalog.instance_types.accelerator
    busy_h = workload.duration_h * workload.gpu_busy * np.exp(-gpu_log_gain(workload, catalog))
    busy_h = np.where(index < 0, np.inf, busy_h[index])
    return busy_h + workload.duration_h * (1 - workload.gpu_busy), busy_h
