"""Which source each component of this machine gets: a counter where one can be read, else a model.

The notes say why a figure is modelled, and what would make it measured.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from carbon_advisor.measurement.cpu_lookup import bundled_cpu_tables, resolve_hardware
from carbon_advisor.measurement.power_model import (
    ModelledCpu,
    ModelledMemory,
    bundled_power_tables,
)
from carbon_advisor.measurement.rapl import POWERCAP_ROOT, RaplSource

if TYPE_CHECKING:
    from pathlib import Path

    from carbon_advisor.measurement.cpu_lookup import CpuTables
    from carbon_advisor.measurement.hardware import Hardware
    from carbon_advisor.measurement.machine_clock import MachineClock
    from carbon_advisor.measurement.power_model import PowerTables
    from carbon_advisor.measurement.power_source import PowerSource


@dataclass(frozen=True, slots=True)
class ChosenSources:
    """One source for the CPU and one for memory, and what there is to say about them."""

    sources: tuple[PowerSource, ...]
    notes: tuple[str, ...]


def choose_sources(
    hardware: Hardware,
    clock: MachineClock,
    machine_memory_gb: float,
    *,
    powercap: Path = POWERCAP_ROOT,
    cpu_tables: CpuTables | None = None,
    power_tables: PowerTables | None = None,
) -> ChosenSources:
    """Choose the best source of CPU and of memory energy that works here.

    Args:
        hardware: of this machine.
        clock: its CPU time, which drives the modelled CPU.
        machine_memory_gb: all its memory, whatever this job is limited to.
        powercap: where RAPL counters are looked for.
        cpu_tables: the bundled ones if None.
        power_tables: the bundled ones if None.
    """
    tables = power_tables or bundled_power_tables()
    packages, dram = RaplSource("cpu", powercap), RaplSource("memory", powercap)
    notes: list[str] = []
    counted_gb = 0.0
    cpu_source: PowerSource
    memory_source: PowerSource
    if packages.available():
        cpu_source = packages
        notes.append("CPU energy is measured at the package: power supply and fans are not in it")
    else:
        cpu = resolve_hardware(hardware, cpu_tables or bundled_cpu_tables())
        row = cpu.microarchitecture
        counted_gb = row.memory_gb_per_thread * clock.threads
        cpu_source = ModelledCpu(cpu, clock, tables.shape)
        notes.append(_why_modelled(packages, hardware))
        if cpu.how == "fallback":
            name = hardware.cpu_name or "without a name"
            notes.append(f"CPU '{name}' is not in the tables: assumed {row.name}")
    if packages.available() and dram.available():
        memory_source = dram
    else:
        memory_source = ModelledMemory(machine_memory_gb, counted_gb, tables.memory_w_per_gb)
    return ChosenSources((cpu_source, memory_source), tuple(notes))


def _why_modelled(packages: RaplSource, hardware: Hardware) -> str:
    if packages.refused:
        return (
            "CPU energy is modelled: RAPL counters are there but this user may not read them; "
            "'advisor doctor' says how to allow it"
        )
    where = f" ({hardware.virtualization})" if hardware.virtualization else ""
    return f"CPU energy is modelled: this machine{where} shows no energy counters"
