"""The errors of translated durations, as draws that machines alike share.

A draw is a log-sd for every candidate and a group for it: candidates of one group get the same
number. What a job makes of a microarchitecture, of Arm or of a given gain is the same on all
machines that have it, so it cancels when they are compared; on the source's own kind it is 0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from carbon_advisor.advisor.estimate.translate import gpu_log_gain, gpu_log_ratios, scores

if TYPE_CHECKING:
    from carbon_advisor.advisor.catalog import Catalog
    from carbon_advisor.advisor.estimate.workload import Workload
    from carbon_advisor.advisor.plan.trace import Floats, Ints

    Draw = tuple[Floats, Ints]

HALF = np.sqrt(0.5)  # each machine of a pair carries half of the variance


def speed_draws(workload: Workload, kind: Ints, catalog: Catalog) -> tuple[Draw, ...]:
    """Return the draws of candidates on the instance types `kind`; arrays of shape (candidates,).

    Factors of the translated part of the duration. A draw may be negative: machines that are much
    faster and much slower than the source move in opposite directions.
    """
    if workload.gpus:
        return _gpu_draws(workload, kind, catalog)
    source = np.full(len(kind), workload.score_sd), np.zeros(len(kind), dtype=np.intp)
    return (source, *_cpu_draws(workload, kind, catalog), _type_draw(kind, catalog))


def _sd(catalog: Catalog, name: str) -> float:
    return catalog.translation[f"{name}_sd"].value


def _type_draw(kind: Ints, catalog: Catalog) -> Draw:
    """How far a type's own speed lies from the score it is given."""
    types = catalog.instance_types
    basis = types.score_basis[kind].tolist()
    known = {name: _sd(catalog, f"score_{name}") for name in set(basis)}
    return np.array([known[name] for name in basis]), kind


def _cpu_draws(workload: Workload, kind: Ints, catalog: Catalog) -> tuple[Draw, ...]:
    types, kinds = catalog.instance_types, catalog.microarchitectures
    chip = types.microarchitecture[kind].astype(np.intp)
    everyone = np.zeros(len(kind), dtype=np.intp)
    other = (chip != workload.chip).astype(np.float64)
    chip_sd = _sd(catalog, "cpu_chip") * HALF * other
    is_arm = kinds.architecture == "arm64"
    source_is_arm = workload.chip >= 0 and bool(is_arm[workload.chip])
    crosses = (is_arm[chip] != source_is_arm).astype(np.float64)
    ratio = np.log(scores(catalog)[kind] / workload.single_thread_score)
    shares = _shares_cores(workload, kind, catalog)
    return (
        (chip_sd, chip),
        (chip_sd, everyone),  # the source's half
        (_sd(catalog, "cpu_architecture") * crosses, everyone),
        (_sd(catalog, "cpu_ratio") * ratio * other, everyone),
        (_sd(catalog, "cpu_threads") * shares, everyone),
    )


def _shares_cores(workload: Workload, kind: Ints, catalog: Catalog) -> Floats:
    """1 where second threads compute on the candidate only, -1 where on the source only, else 0."""
    types = catalog.instance_types
    busiest = max((phase.cores for phase in workload.computing), default=0.0)
    vcpus = np.asarray(types.vcpus, dtype=np.float64)[kind]
    cores = np.maximum(1.0, vcpus / types.threads_per_core[kind])
    there = np.minimum(busiest, vcpus) > cores
    return there.astype(np.float64) - float(busiest > workload.cores)


def _gpu_draws(workload: Workload, kind: Ints, catalog: Catalog) -> tuple[Draw, ...]:
    accelerator = catalog.instance_types.accelerator[kind].astype(np.intp)
    everyone = np.zeros(len(kind), dtype=np.intp)
    other = (accelerator != workload.accelerator).astype(np.float64)
    flops, bandwidth = gpu_log_ratios(workload, catalog)
    unit_sd = _sd(catalog, "gpu_accelerator") * HALF * other
    gain = gpu_log_gain(workload, catalog)[accelerator]
    mix = (flops - bandwidth)[accelerator]
    return (
        (unit_sd, accelerator),
        (unit_sd, everyone),  # the source's half
        (_sd(catalog, "gpu_gain") * gain, everyone),
        (_sd(catalog, "gpu_mix") * mix, everyone),
    )


def pair_sd(workload: Workload, chip: int, score: float, catalog: Catalog) -> float:
    """Return the log-sd of a CPU job's time on one machine of a known kind and score."""
    if chip == workload.chip:
        return 0.0
    architecture = catalog.microarchitectures.architecture
    crosses = workload.chip >= 0 and architecture[chip] != architecture[workload.chip]
    ratio = float(np.log(score / workload.single_thread_score))
    return float(
        np.hypot(
            np.hypot(_sd(catalog, "cpu_chip"), _sd(catalog, "cpu_architecture") * crosses),
            _sd(catalog, "cpu_ratio") * ratio,
        )
    )
