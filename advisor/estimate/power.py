"""Watts of every instance type under a translated workload, as its share of the host."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

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
    """Return the mean power of every instance type while the workload runs there.

    CPU: vCPUs × (idle + (max - idle) × shape(utilisation)), in wall watts per hardware thread of
    its microarchitecture's servers (SPECpower; the shape is their mean). Memory: watts per GB for
    what exceeds the memory that those servers had. Accelerators: idle + load × (limit - idle) for
    those in use, idle for the rest.
    """
    types = catalog.instance_types
    kinds = catalog.microarchitectures
    vcpus = np.asarray(types.vcpus, dtype=np.float64)
    idle = np.asarray(kinds.idle_w_per_thread, dtype=np.float64)[types.microarchitecture]
    peak = np.asarray(kinds.max_w_per_thread, dtype=np.float64)[types.microarchitecture]
    shape = np.interp(translation.utilization, *catalog.load_shape)
    included_gb = np.nan_to_num(kinds.memory_gb_per_thread[types.microarchitecture]) * vcpus
    extra_gb = np.maximum(0.0, types.memory_gb - included_gb)
    return Watts(
        cpu=vcpus * (idle + (peak - idle) * shape),
        memory=extra_gb * catalog.factors["memory_w_per_gb"].value,
        gpu=_gpu_w(translation, catalog),
    )


def _gpu_w(translation: Translation, catalog: Catalog) -> Floats:
    index = catalog.instance_types.accelerator
    count = np.asarray(catalog.instance_types.accelerator_count, dtype=np.float64)
    idle = np.asarray(catalog.accelerators.idle_w, dtype=np.float64)[index]
    limit = np.asarray(catalog.accelerators.tdp_w, dtype=np.float64)[index]
    used = np.minimum(translation.gpus, count)
    watts = used * translation.gpu_load * (limit - idle) + count * idle
    return np.where(index < 0, 0.0, watts)
