"""SPECpower results as one clean table: what each machine was, and its watts by load."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from carbon_advisor.advisor.estimate.cpu_power import Servers
from carbon_advisor.measurement.cpu_lookup import normalized_cpu_name
from catalog.cpus import Microarchitectures, build_cpu_models, short_name
from catalog.files import Row, number, read_rows
from catalog.power import agreed_cores, corrected_memory_gb, smaller_cores, usual_by_cpu

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

LOADS = ("ActiveIdle", *(f"{percent}_AvgPower" for percent in range(10, 101, 10)))
# Left out: a SoC cluster whose 384 "chips" share one machine, names that say no model, and desktop
# or NetBurst CPUs without a row in the catalogue.
UNUSABLE = ("arm cortex", "pentium", "core i")


@dataclass(frozen=True, eq=False)
class Results:
    """Published results; every array has the shape (machines,).

    Attributes:
        servers: what each machine was.
        watts: shape (machines, 11), at 0, 10 … 100 % load; NaN between the ends where only idle
            and full load are known.
        cpu: the CPU's normalised name, by which machines are held out.
        available: year in which the machine could be bought, or its result came out.
        vendor: "AMD", "Intel" or "Arm".
    """

    servers: Servers
    watts: Floats
    cpu: NDArray[np.str_]
    available: Floats
    vendor: NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.servers)

    def __getitem__(self, rows: NDArray[np.bool_] | NDArray[np.intp]) -> Results:
        """Return some of the machines."""
        fields = {name: value[rows] for name, value in vars(self.servers).items()}
        return Results(
            Servers(**fields), self.watts[rows], self.cpu[rows], self.available[rows],
            self.vendor[rows],
        )  # fmt: skip

    @property
    def has_curve(self) -> NDArray[np.bool_]:
        """Which machines have watts at every load."""
        return np.asarray(~np.isnan(self.watts).any(axis=1))

    @property
    def weight(self) -> Floats:
        """One over the root of how many machines have the CPU, so that no model dominates."""
        _, inverse, counts = np.unique(self.cpu, return_inverse=True, return_counts=True)
        return np.asarray(1.0 / np.sqrt(counts[inverse]))


def read_results(sources: Path) -> Results:
    """Return every usable result of the two lists in `sources`/power."""
    rows = read_rows(sources / "power/specpower_ssj2008.csv")
    curves = _curves(sources / "power/specpower_curves.csv")
    known = Microarchitectures()
    facts = {
        str(row["lookup_name"]): row for row in build_cpu_models(sources, known, {}, set()).rows
    }
    cores = usual_by_cpu(rows, agreed_cores)
    threads = usual_by_cpu(rows, lambda row: number(row["# Threads Per Core"]))
    machines = [_machine(row, cores, threads, curves, facts, known) for row in rows]
    return _as_results([machine for machine in machines if machine is not None])


def _curves(path: Path) -> dict[tuple[float, float], dict[str, str]]:
    """The rows with all loads by what identifies a machine in both lists: idle and full watts."""
    return {
        (round(float(row["ActiveIdle"]), 1), round(float(row["100_AvgPower"]))): row
        for row in read_rows(path)
    }


def _machine(
    row: dict[str, str],
    cores: dict[str, float],
    threads: dict[str, float],
    curves: dict[tuple[float, float], dict[str, str]],
    facts: dict[str, Row],
    known: Microarchitectures,
) -> Row | None:
    short = short_name(row["CPU Description"])
    name = normalized_cpu_name(short)
    fact = facts.get(name, {})
    idle, most = number(row["avg. watts @ active idle"]), number(row["avg. watts @ 100%"])
    chips, megahertz = number(row["Chips"]), number(row["Processor MHz"])
    per_chip = cores.get(short) or smaller_cores(row)
    if not (idle and most and chips and per_chip) or name.startswith(UNUSABLE):
        return None
    curve = curves.get((round(idle, 1), round(most)), {})
    tdp = number(str(fact.get("tdp_w") or "")) or number(curve.get("TDP"))
    kind = known.of(short) or ""
    if not tdp or not kind:
        return None
    published = float(row["Published"][-4:])
    available = number(curve.get("Hardware_Availability_Year")) or published
    watts = [number(curve.get(load)) for load in LOADS]
    ends = [idle, *[None] * (len(LOADS) - 2), most]
    per_core = min(threads[short], 2.0)
    return {
        "tdp_w": tdp,
        "cores": per_chip,
        "threads_per_core": per_core,
        "base_ghz": megahertz / 1000 if megahertz else None,
        "sockets": chips,
        "memory_gb": corrected_memory_gb(row, chips * per_chip * per_core),
        "year": float(known.rows[kind]["launch_year"]),
        "amd": float(known.rows[kind]["vendor"] == "AMD"),
        "arm": float(known.rows[kind]["architecture"] == "arm64"),
        "microarchitecture": kind,
        "cpu": name,
        "watts": ends if None in watts else watts,
        "available": available,
    }


def _as_results(machines: list[Row]) -> Results:
    def column(name: str) -> Floats:
        return np.array([machine[name] for machine in machines], dtype=np.float64)

    def texts(name: str) -> NDArray[np.str_]:
        return np.array([machine[name] for machine in machines], dtype=np.str_)

    numbers = (
        "tdp_w", "cores", "threads_per_core", "base_ghz", "sockets", "memory_gb", "year", "amd",
        "arm",
    )  # fmt: skip
    servers = Servers(
        **{name: column(name) for name in numbers},
        microarchitecture=texts("microarchitecture"),
        cpu=texts("cpu"),
    )
    vendor = np.where(servers.amd == 1, "AMD", np.where(servers.arm == 1, "Arm", "Intel"))
    return Results(servers, column("watts"), texts("cpu"), column("available"), vendor)
