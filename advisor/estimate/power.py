"""Watts of every instance type under a translated workload, as its share of the host."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from carbon_advisor.advisor.estimate.gpu_power import boards_w, wall_factors

if TYPE_CHECKING:
    from carbon_advisor.advisor.catalog import Catalog
    from carbon_advisor.advisor.estimate.translate import Translation
    from carbon_advisor.advisor.plan.trace import Floats


@dataclass(frozen=True)
class Watts:
    """Mean power by component; every array has the shape (types,)."""

    cpu: Floats
    memory: Floats
    gpu: Floats

    @property
    def total(self) -> Floats:
        """All components, without PUE."""
        return self.cpu + self.memory + self.gpu


def power_w(translation: Translation, catalog: Catalog) -> Watts:
    """Return the mean power of every instance type while the workload runs there, at the wall.

    CPU and memory: see `cpu_and_memory_w`. Accelerators: (idle + load × (limit - idle) for those
    in use, idle for the rest) × what power supply, fans and switches add. CPUs, memory and disks
    of the host are in the vCPUs' watts already.
    """
    cpu_w, memory_w = cpu_and_memory_w(translation.utilization, catalog)
    return Watts(cpu=cpu_w, memory=memory_w, gpu=_gpu_w(translation, catalog))


def cpu_and_memory_w(utilization: Floats, catalog: Catalog) -> tuple[Floats, Floats]:
    """Return watts of CPU and memory of every instance type, (types,) both.

    CPU: vCPUs × (idle + (max - idle) × shape(utilisation)), in wall watts per hardware thread of
    servers with its CPU model (SPECpower, by the power model), of its microarchitecture where the
    model is not known. Memory: watts per GB for what exceeds the memory that those servers had.
    """
    types, power = catalog.instance_types, catalog.type_power
    vcpus = np.asarray(types.vcpus, dtype=np.float64)
    shape = load_fractions(utilization, catalog)
    extra_gb = np.maximum(0.0, types.memory_gb - power.memory_gb * vcpus)
    return (
        vcpus * (power.idle_w + (power.max_w - power.idle_w) * shape),
        extra_gb * catalog.factors["memory_w_per_gb"].value,
    )


def load_fractions(utilization: Floats, catalog: Catalog) -> Floats:
    """Return how far each type is on the way from idle to full power at its utilisation, 0..1."""
    levels, modes = catalog.load_shape
    mean, *others = (np.interp(utilization, levels, mode) for mode in modes)
    scores = catalog.type_power.load
    own = mean + sum(scores[:, place] * mode for place, mode in enumerate(others))
    return np.asarray(np.clip(own, 0.0, 1.0))


def _gpu_w(translation: Translation, catalog: Catalog) -> Floats:
    units, index = catalog.accelerators, catalog.instance_types.accelerator
    count = np.asarray(catalog.instance_types.accelerator_count, dtype=np.float64)
    idle = np.asarray(units.idle_w, dtype=np.float64)[index]
    limit = np.asarray(units.tdp_w, dtype=np.float64)[index]
    boards = boards_w(count, translation.gpus, translation.gpu_load, idle, limit)
    return np.where(index < 0, 0.0, boards * wall_factors(catalog)[index])
