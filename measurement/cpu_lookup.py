"""Which microarchitecture a CPU is, with its power and speed figures, from name or CPUID.

Hypervisors hide names ("AMD EPYC" and no more), hence CPUID; what neither tells is a fallback.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from carbon_advisor.measurement.cpu_tables import (
    CpuModel,
    CpuPower,
    CpuTables,
    Microarchitecture,
    bundled_cpu_tables,
    normalized_cpu_name,
    read_cpu_tables,
    read_rows,
)
from carbon_advisor.measurement.errors import UnknownNameError

if TYPE_CHECKING:
    from carbon_advisor.measurement.hardware import Hardware

__all__ = [
    "CpuModel",
    "CpuPower",
    "CpuTables",
    "Microarchitecture",
    "ResolvedCpu",
    "bundled_cpu_tables",
    "normalized_cpu_name",
    "read_cpu_tables",
    "read_rows",
    "resolve_cpu",
    "resolve_hardware",
]

How = Literal["model", "cpuid", "fallback"]


@dataclass(frozen=True, slots=True)
class ResolvedCpu:
    """What is known of a CPU: its row, how it was found, and the model's own score if known."""

    microarchitecture: Microarchitecture
    how: How
    single_thread_score: float | None
    cpu_model: str | None = None
    own_power: CpuPower | None = None

    @property
    def power(self) -> CpuPower:
        """The model's own watts where they are known, the microarchitecture's otherwise."""
        return self.own_power or self.microarchitecture.power


def resolve_cpu(
    cpu_name: str,
    *,
    vendor: str = "",
    family: int | None = None,
    model: int | None = None,
    architecture: str = "x86_64",
    tables: CpuTables | None = None,
) -> ResolvedCpu:
    """Find a CPU's microarchitecture: by model name, else by CPUID, else the generic row.

    A name that is a microarchitecture's ("Ice Lake", "Intel Xeon Processor (Skylake, IBRS)") counts
    as a model without a score of its own, after CPUID, which hypervisors do not make up.

    Args:
        cpu_name: as /proc/cpuinfo, lscpu, a provider or a person writes it; may be empty.
        vendor: CPUID vendor ("AuthenticAMD", "GenuineIntel"; "ARM" on Arm).
        family: CPUID family; on Arm the implementer.
        model: CPUID model; on Arm the part number.
        architecture: "x86_64" or "arm64", for the fallback.
        tables: for tests; the bundled tables otherwise.

    Raises:
        UnknownNameError: there is no generic row for `architecture`.
    """
    tables = tables or bundled_cpu_tables()
    known = tables.models.get(normalized_cpu_name(cpu_name))
    if known is not None and known.microarchitecture in tables.microarchitectures:
        row = tables.microarchitectures[known.microarchitecture]
        score = known.single_thread_score or row.single_thread_score
        return ResolvedCpu(row, "model", score, known.name, known.power)
    by_cpuid = _by_cpuid(tables, vendor, family, model)
    if by_cpuid is not None:
        return ResolvedCpu(by_cpuid, "cpuid", by_cpuid.single_thread_score)
    named = _by_microarchitecture_name(tables, cpu_name)
    if named is not None:
        return ResolvedCpu(named, "model", named.single_thread_score)
    generic = tables.microarchitectures.get(f"generic {architecture}")
    if generic is None:
        raise UnknownNameError(
            "CPU architecture",
            architecture,
            [row.architecture for row in tables.microarchitectures.values()],
        )
    return ResolvedCpu(generic, "fallback", generic.single_thread_score)


def resolve_hardware(hardware: Hardware, tables: CpuTables | None = None) -> ResolvedCpu:
    """`resolve_cpu` for a detected or recorded machine, whose own microarchitecture has the word.

    Detection may know more than the CPU's name, such as that a core runs one thread only.
    """
    tables = tables or bundled_cpu_tables()
    found = resolve_cpu(
        hardware.cpu_name,
        vendor=hardware.cpu_vendor,
        family=hardware.cpu_family,
        model=hardware.cpu_model_number,
        architecture=hardware.architecture,
        tables=tables,
    )
    row = tables.microarchitectures.get(hardware.microarchitecture or "")
    if row is None or row == found.microarchitecture:
        return found
    score = found.single_thread_score or row.single_thread_score
    how: How = "model" if found.how == "fallback" else found.how
    return ResolvedCpu(row, how, score, found.cpu_model)


def _by_microarchitecture_name(tables: CpuTables, cpu_name: str) -> Microarchitecture | None:
    """By the name itself, or by what a hypervisor's name has in brackets."""
    in_brackets = re.search(r"\(([\w\s-]{4,})[,)]", cpu_name)
    for name in (in_brackets[1] if in_brackets else "", cpu_name):
        row = tables.by_folded_name.get(normalized_cpu_name(name))
        if row is not None:
            return row
    return None


def _by_cpuid(
    tables: CpuTables, vendor: str, family: int | None, model: int | None
) -> Microarchitecture | None:
    """The narrowest range that holds the CPUID, if its microarchitecture has a row."""
    if family is None or model is None:
        return None
    fitting = [
        row
        for row in tables.cpuid
        if row.vendor == vendor
        and row.family == family
        and row.model_min <= model <= row.model_max
        and row.microarchitecture in tables.microarchitectures
    ]
    if not fitting:
        return None
    return tables.microarchitectures[min(fitting, key=lambda row: row.width).microarchitecture]
