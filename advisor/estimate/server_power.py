"""Watts of a stated server, of its share in a cloud and of GPUs in it, with interval and source."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from carbon_advisor.advisor.estimate.cpu_power import LEVELS, load_cpu_power_model
from carbon_advisor.advisor.estimate.gpu_power import host_of, wall_factor_error, wall_factors
from carbon_advisor.advisor.interval import Interval
from carbon_advisor.advisor.provenance import Node, cited
from carbon_advisor.measurement.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from carbon_advisor.advisor.catalog import Catalog
    from carbon_advisor.advisor.estimate.cpu_power import CpuPowerModel, Floats
    from carbon_advisor.advisor.estimate.stated_server import Fact, KnownServer

MODEL_SOURCE = "fit on SPECpower results: docs/power-model.md"
MEMORY_NOT_SAID = 1.15  # how much wider the interval is where the memory is assumed; assumed
BOARD_ERROR = 0.15  # of a board's watts at a stated utilisation, which is not its power's; assumed
HOST_ERROR = 0.5  # of CPUs and memory beside accelerators, where the CPU is not stated; assumed
LOAD_SOURCE = "given on the command line"


@dataclass(frozen=True)
class ServerPower:
    """Watts at the wall of a server or of a share of it.

    Attributes:
        power_w: at the utilisation, with its 90 % interval.
        utilization: 0..1.
        idle_w, max_w: at its ends.
        threads: hardware threads that they are of; 0 where only GPUs were stated.
        curve_w: at LEVELS.
        provenance: the tree of figures.
        notes: what was assumed.
    """

    power_w: Interval
    utilization: float
    idle_w: float
    max_w: float
    threads: float
    curve_w: tuple[float, ...]
    provenance: Node
    notes: tuple[str, ...]


def server_power(
    server: KnownServer, utilization: float, catalog: Catalog, vcpus: float | None = None
) -> ServerPower:
    """Return the watts of a server, or of `vcpus` of its threads with their share of idle.

    Raises:
        InputError: the utilisation is not within 0..1, or the server has fewer threads.
    """
    check_utilization("--utilization", utilization)
    if vcpus is not None and not 0 < vcpus <= server.threads:
        raise InputError(f"--vcpus is a number up to the server's {server.threads:g} threads")
    model = load_cpu_power_model(catalog.directory)
    beyond_w = _memory_beyond_w(server, model, catalog)
    share = 1.0 if vcpus is None else vcpus / server.threads
    curve = (model.curves_w(server.servers)[0] + beyond_w) * share
    watts = float(np.interp(utilization, LEVELS, curve))
    known = model.known(server.servers)[0]
    low, high = model.error_quantiles(known, utilization)
    assumed = math.isnan(server.servers.memory_gb[0])
    wider = MEMORY_NOT_SAID if assumed else 1.0
    interval = Interval(watts, watts * math.exp(low * wider), watts * math.exp(high * wider))
    usual_gb = float(model.usual_memory_gb(server.servers)[0])
    parts = [_node(fact) for fact in server.facts]
    parts.append(_memory_node(usual_gb, assumed=assumed))
    parts.append(Node("utilisation", utilization, "", "stated", LOAD_SOURCE))
    seen = {
        "cpu model": "machines with this CPU",
        "microarchitecture": "other models of its microarchitecture",
        "neither": "other microarchitectures only",
    }[known]
    if vcpus is not None:
        parts.append(Node("share of the host", share, "", "stated", f"{vcpus:g} of its threads"))
    node = Node(
        "power", watts, "W", "modelled",
        f"{model.fitted_on}, {seen} among them: {MODEL_SOURCE}", parts=tuple(parts),
    )  # fmt: skip
    return ServerPower(
        power_w=interval,
        utilization=utilization,
        idle_w=float(curve[0]),
        max_w=float(curve[-1]),
        threads=server.threads * share,
        curve_w=tuple(map(float, curve)),
        provenance=node,
        notes=_notes(parts),
    )


def gpu_server_power(
    accelerator: int,
    count: int,
    utilization: float,
    catalog: Catalog,
    host: ServerPower | None = None,
) -> ServerPower:
    """Return the watts of a whole host with accelerators at a utilisation.

    Args:
        accelerator: row in catalog.accelerators.
        count: how many of them.
        utilization: theirs, 0..1.
        catalog: the facts.
        host: the server they are in; what clouds put beside them if None.

    Raises:
        InputError: the utilisation is not within 0..1.
    """
    check_utilization("--gpu-utilization", utilization)
    units = catalog.accelerators
    factor = float(wall_factors(catalog)[accelerator])
    idle_w, limit_w = float(units.idle_w[accelerator]), float(units.tdp_w[accelerator])
    boards = count * (idle_w + LEVELS * (limit_w - idle_w))
    at_load = float(np.interp(utilization, LEVELS, boards))
    beside_w, beside_error, beside = _beside(accelerator, count, catalog, host)
    curve: Floats = boards * factor + beside_w
    watts = at_load * factor + beside_w
    error = math.hypot(BOARD_ERROR, wall_factor_error(accelerator, catalog)) * at_load * factor
    around = math.hypot(error, beside_error)
    sheet = str(units.datasheet[accelerator])
    node = Node(
        "power", watts, "W", "modelled", "accelerators × wall watts per watt + CPUs and memory",
        parts=(
            Node(
                "accelerators", at_load, "W", "modelled",
                "count × (idle + utilisation × (limit - idle))",
                parts=(
                    Node("count", f"{count} × {units.id[accelerator]}", "", "stated", LOAD_SOURCE),
                    Node("limit", limit_w, "W", "datasheet", sheet, str(units.year[accelerator])),
                    Node("idle", idle_w, "W", str(units.idle_basis[accelerator]), "nvidia-smi"),
                    Node("utilisation", utilization, "", "stated", LOAD_SOURCE),
                ),
            ),
            Node(
                "wall watts per watt", factor, "", "modelled",
                f"power supply, fans, switches: {cited(catalog, 'gpu_servers')}", "2025",
            ),
            beside,
        ),
    )  # fmt: skip
    return ServerPower(
        power_w=Interval(watts, max(0.0, watts - around), watts + around),
        utilization=utilization,
        idle_w=float(curve[0]),
        max_w=float(curve[-1]),
        threads=host.threads if host else 0.0,
        curve_w=tuple(map(float, curve)),
        provenance=node,
        notes=host.notes if host else (),
    )


def check_utilization(option: str, value: float) -> None:
    """Raise an InputError unless a utilisation is within 0..1."""
    if not 0 <= value <= 1:
        raise InputError(f"{option} is a number from 0 to 1, not {value:g}")


def _beside(
    accelerator: int, count: int, catalog: Catalog, host: ServerPower | None
) -> tuple[float, float, Node]:
    """Watts of CPUs and memory, the half-width of their interval, and their node."""
    if host is not None:
        half = (host.power_w.high - host.power_w.low) / 2
        return host.power_w.value, half, host.provenance
    found = host_of(accelerator, catalog)
    watts = count * found.power_w
    busy = catalog.factors["gpu_host_utilization"].value
    source = (
        f"{found.vcpus:.3g} vCPUs and {found.memory_gb:.4g} GB each, {busy:.0%} busy "
        f"({found.basis}); state --cpu"
    )
    return watts, HOST_ERROR * watts, Node("CPUs and memory", watts, "W", "assumed", source)


def _memory_beyond_w(server: KnownServer, model: CpuPowerModel, catalog: Catalog) -> float:
    beyond_gb = float(model.memory_beyond_gb(server.servers)[0])
    return beyond_gb * catalog.factors["memory_w_per_gb"].value


def _memory_node(memory_gb: float, *, assumed: bool) -> Node:
    if assumed:
        source = "what SPECpower machines like it had; state --memory-gb"
        return Node("memory", round(memory_gb), "GB", "assumed", source)
    return Node("memory", memory_gb, "GB", "stated", LOAD_SOURCE)


def _node(fact: Fact) -> Node:
    return Node(fact.name, fact.value, fact.unit, fact.basis, fact.source)


def _notes(parts: Sequence[Node]) -> tuple[str, ...]:
    return tuple(
        f"{part.name} assumed: {part.value if isinstance(part.value, str) else f'{part.value:g}'}"
        f"{f' {part.unit}' if part.unit else ''} ({part.source})"
        for part in parts
        if part.basis == "assumed"
    )
