"""One instance type on its way into the catalogue, and the tables by which it gets its CPU."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from catalog.cpus import short_name
from catalog.files import hand_rows, number, read_rows

if TYPE_CHECKING:
    from pathlib import Path

    from catalog.cpus import Microarchitectures

ARCHITECTURES = {"X86_64": "x86_64", "I386": "x86_64", "ARM64": "arm64"}


@dataclass(frozen=True)
class Machine:
    """An instance type as the providers' sources state it.

    `family` groups sizes of one machine kind; `threads_per_core` is of the vCPUs it is given.
    """

    provider: str
    name: str
    family: str
    vcpus: float
    memory_gb: float
    architecture: str
    source: str
    threads_per_core: int = 2
    accelerator: str = ""
    accelerator_count: float = 0.0
    cpu_model: str = ""
    microarchitecture: str = ""
    cpu_basis: str = "assumed"
    burstable: bool = False
    shared_core: bool = False

    @property
    def id(self) -> str:
        """The catalogue's name of the type."""
        return f"{self.provider}:{self.name}"


@dataclass(frozen=True)
class Seen:
    """What SpareCores says of one type."""

    vcpus: float
    memory_gb: float
    architecture: str
    cpu_model: str
    cores: float | None
    family: str
    burstable: bool
    accelerators: int
    source: str = "sparecores_data"


def sparecores_servers(sources: Path, provider: str) -> dict[str, Seen]:
    """Return SpareCores' types of a provider by the provider's own name."""
    found = {}
    for row in read_rows(sources / "instances/sparecores_servers.csv.gz"):
        if row["vendor_id"] != provider:
            continue
        found[row["api_reference"]] = Seen(
            vcpus=float(row["vcpus"]),
            memory_gb=float(row["memory_amount"]) / 1024,
            architecture=ARCHITECTURES.get(row["cpu_architecture"], "x86_64"),
            cpu_model=_cpu_model(row),
            cores=number(row["cpu_cores"]),
            family=row["family"],
            burstable=row["cpu_allocation"] == "BURSTABLE",
            accelerators=int(number(row["gpu_count"]) or 0),
        )
    return found


def _cpu_model(row: dict[str, str]) -> str:
    """SpareCores' model with the line it belongs to: "9R14" is "EPYC 9R14"."""
    model = row["cpu_model"]
    if not model or row["cpu_architecture"] == "ARM64":
        return model
    if row["cpu_family"] == "EPYC" or row["cpu_manufacturer"] == "AMD":
        return f"EPYC {model}"
    return short_name(f"Xeon {model}")


class CpuFinder:
    """Fills in CPU model, microarchitecture and threads per core of a machine."""

    def __init__(self, known: Microarchitectures) -> None:
        self._known = known
        self._families = [
            (row["provider"], re.compile(row["pattern"]), row) for row in hand_rows("families")
        ]

    def complete(self, machine: Machine, seen: Seen | None, sibling_cpu: str) -> Machine:
        """Return the machine with a CPU.

        It is the one seen on it, else the one documented of its family, else the one seen on most
        of its siblings, else a generic one.

        Args:
            machine: without a CPU.
            seen: what SpareCores found on this very type.
            sibling_cpu: the CPU model seen on most sizes of its family; may be empty.
        """
        found = self._with_model(machine, seen.cpu_model if seen else "", "known")
        if found is not None:
            return found
        row = self._family(machine)
        if row is None:
            found = self._with_model(machine, sibling_cpu, "sibling")
            generic = f"generic {machine.architecture}"
            return found or replace(machine, microarchitecture=generic, cpu_basis="assumed")
        threads = int(row["threads_per_core"])
        return replace(
            machine,
            cpu_model=row["cpu_model"],
            microarchitecture=self._known.with_threads(row["microarchitecture"], threads),
            threads_per_core=threads,
            cpu_basis="family",
        )

    def _with_model(self, machine: Machine, cpu_model: str, basis: str) -> Machine | None:
        kind = self._known.of(cpu_model) if cpu_model else None
        if kind is None:
            return None
        kind = self._known.with_threads(kind, machine.threads_per_core)
        return replace(machine, cpu_model=cpu_model, microarchitecture=kind, cpu_basis=basis)

    def _family(self, machine: Machine) -> dict[str, str] | None:
        name = machine.name.removeprefix("Standard_")
        for provider, pattern, row in self._families:
            if provider == machine.provider and pattern.match(name):
                return row if row["architecture"] == machine.architecture else None
        return None


def usual_threads(seen: dict[str, Seen]) -> dict[str, int]:
    """Return threads per core by family: of most sizes with more than one vCPU."""
    counts: dict[str, Counter[int]] = {}
    for entry in seen.values():
        if entry.cores and entry.vcpus > 1:
            ratio = round(entry.vcpus / entry.cores)
            counts.setdefault(entry.family, Counter())[max(1, min(2, ratio))] += 1
    return {
        family: max(count, key=lambda value: (count[value], value))
        for family, count in counts.items()
    }


def usual_cpus(seen: dict[str, Seen]) -> dict[str, str]:
    """Return the CPU model seen on most sizes of each family."""
    counts: dict[str, Counter[str]] = {}
    for entry in seen.values():
        if entry.cpu_model:
            counts.setdefault(entry.family, Counter())[entry.cpu_model] += 1
    return {
        family: max(count, key=lambda name: (count[name], name)) for family, count in counts.items()
    }


class AcceleratorFinder:
    """Which accelerators a type's name stands for, by a table kept by hand."""

    def __init__(self, table: str) -> None:
        self._patterns = [
            (re.compile(row["pattern"]), row["accelerator"], float(row["count"]))
            for row in hand_rows(table)
        ]

    def of(self, name: str) -> tuple[str, float] | None:
        """Return (accelerator, count) of a type's name; None without one."""
        for pattern, accelerator, count in self._patterns:
            if pattern.fullmatch(name):
                return accelerator, count
        return None
