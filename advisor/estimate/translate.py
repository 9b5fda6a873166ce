"""Translation: how long a workload takes on another machine, and how busy it is there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from carbon_advisor.advisor.catalog import Catalog
    from carbon_advisor.advisor.estimate.workload import Workload
    from carbon_advisor.advisor.plan.trace import Floats

# What a core's second hardware thread adds to its throughput: Geekbench 6 multi-core score per vCPU
# and single-core score is 0.556 at the median of 186 four-vCPU types with two threads per core and
# 0.813 of 82 with one (SpareCores sc-inspector-data, 2026-08); 2 × 0.556 / 0.813 - 1.
SECOND_THREAD_GAIN = 0.37


@dataclass(frozen=True)
class Translation:
    """A workload on every instance type; every array has the shape (types,).

    Attributes:
        duration_h: how long it takes.
        utilization: mean share of the vCPUs that is busy, 0..1.
        gpus: accelerators in use.
        gpu_load: share of their dynamic power range in use, 0..1.
    """

    duration_h: Floats
    utilization: Floats
    gpus: Floats
    gpu_load: Floats


def scores(catalog: Catalog) -> Floats:
    """Single-thread score of every type: its own, else its microarchitecture's, else the median."""
    types = catalog.instance_types
    own = np.asarray(types.single_thread_score, dtype=np.float64)
    of_kind = np.asarray(catalog.microarchitectures.single_thread_score, dtype=np.float64)
    fallback = np.where(np.isnan(of_kind), np.nanmedian(of_kind), of_kind)[types.microarchitecture]
    return np.where(np.isnan(own), fallback, own)


def translate(workload: Workload, catalog: Catalog) -> Translation:
    """Return the workload on every instance type of the catalogue.

    CPU: `t = C · (s_X / s_Y) / throughput(min(k, n_Y))` with C core-hours, s the single-thread
    scores, k busy cores and n_Y vCPUs, a second thread on a core counting SECOND_THREAD_GAIN; the
    hours in which nothing computed stay. GPU: `t = G · sqrt(F_X B_X / (F_Y B_Y))` with F the dense
    16-bit peak and B the memory bandwidth. The longer of the two holds.
    """
    types = catalog.instance_types
    vcpus = np.asarray(types.vcpus, dtype=np.float64)
    per_core = np.asarray(types.threads_per_core, dtype=np.float64)
    computing_h = computing_hours(workload, vcpus, per_core, scores(catalog))
    duration_h = computing_h + workload.waiting_h
    gpu_load = np.zeros(len(vcpus))
    if workload.gpus:
        duration_h = np.maximum(duration_h, _gpu_hours(workload, catalog))
        gpu_load += workload.gpu_load
    threads = np.minimum(workload.busy_cores, vcpus)
    utilization = np.minimum(1.0, threads * computing_h / (duration_h * vcpus))
    return Translation(duration_h, utilization, np.full(len(vcpus), float(workload.gpus)), gpu_load)


def computing_hours(
    workload: Workload, vcpus: Floats, threads_per_core: Floats, score: Floats
) -> Floats:
    """Return the hours in which the workload's cores compute; all arrays have one shape."""
    core_hours = workload.core_hours * workload.single_thread_score / score
    threads = np.minimum(workload.busy_cores, vcpus)
    on_own_core = np.minimum(threads, vcpus / threads_per_core)
    throughput = on_own_core + (threads - on_own_core) * SECOND_THREAD_GAIN
    hours: Floats = core_hours / throughput
    return hours


def _gpu_hours(workload: Workload, catalog: Catalog) -> Floats:
    """Hours on every type's accelerators; inf where it has none. Shape (types,)."""
    units = catalog.accelerators
    strength = np.sqrt(
        np.asarray(units.fp16_tflops, dtype=np.float64)
        * np.asarray(units.bandwidth_gb_per_s, dtype=np.float64)
    )
    index = catalog.instance_types.accelerator
    hours = workload.duration_h * strength[workload.accelerator] / strength[index]
    return np.where(index < 0, np.inf, hours)
