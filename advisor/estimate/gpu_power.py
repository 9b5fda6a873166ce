"""Watts of accelerators at the wall: their boards, and what the rest of the host adds to them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from carbon_advisor.advisor.catalog import Catalog
    from carbon_advisor.advisor.plan.trace import Floats

# Accelerators in modules since the A100 come eight on a board with switches and strong fans; cards,
# and the modules before, sit in an ordinary server.
WALL_FACTORS = {"module": "gpu_wall_factor_module", "card": "gpu_wall_factor_card"}


@dataclass(frozen=True)
class GpuHost:
    """What of a GPU server is not its accelerators, for each of them.

    Attributes:
        vcpus, memory_gb: CPUs' hardware threads and memory, per accelerator.
        power_w: wall watts of both, per accelerator.
        basis: "catalogue" where instance types have the accelerator, else "assumed".
    """

    vcpus: float
    memory_gb: float
    power_w: float
    basis: str


def boards_w(count: Floats, used: Floats, load: Floats, idle_w: Floats, limit_w: Floats) -> Floats:
    """Return watts of the boards: idle + load × (limit - idle) of those used, idle of the rest."""
    return np.asarray(np.minimum(used, count) * load * (limit_w - idle_w) + count * idle_w)


def wall_factors(catalog: Catalog) -> Floats:
    """Return wall watts per board watt of every accelerator: power supply, fans, switches."""
    factors = {form: catalog.factors[key].value for form, key in WALL_FACTORS.items()}
    return np.array([factors[form] for form in catalog.accelerators.form.tolist()])


def wall_factor_error(row: int, catalog: Catalog) -> float:
    """Return the half-width of the factor's 90 % interval over its value."""
    form = str(catalog.accelerators.form[row])
    return catalog.factors[WALL_FACTORS[form]].relative_error


def host_of(row: int, catalog: Catalog) -> GpuHost:
    """Return the host's share of one accelerator, as the instance types with it have.

    The CPUs are taken to be as busy as factors["gpu_host_utilization"] says.
    """
    from carbon_advisor.advisor.estimate.power import cpu_and_memory_w

    types = catalog.instance_types
    count = np.asarray(types.accelerator_count, dtype=np.float64)
    busy = catalog.factors["gpu_host_utilization"].value
    cpu_w, memory_w = cpu_and_memory_w(np.full(len(count), busy), catalog)
    mine = (types.accelerator == row) & (count >= 1)
    basis = "catalogue"
    if not mine.any():
        mine, basis = (types.accelerator >= 0) & (count >= 1), "assumed"
    largest = count[mine].max() if basis == "catalogue" else 1.0
    whole = mine & (count >= largest) if basis == "catalogue" else mine
    return GpuHost(
        vcpus=float(np.median(types.vcpus[whole] / count[whole])),
        memory_gb=float(np.median(types.memory_gb[whole] / count[whole])),
        power_w=float(np.median((cpu_w + memory_w)[whole] / count[whole])),
        basis=basis,
    )
