"""Which source each component of this machine gets: a counter where one can be read, else a model.

The notes say why a figure is modelled; `looked_for` what was tried, and what would help.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from carbon_advisor.measurement.candidate_sources import SYSFS, candidates
from carbon_advisor.measurement.cpu_lookup import bundled_cpu_tables, resolve_hardware
from carbon_advisor.measurement.power_model import (
    ModelledCpu,
    ModelledMemory,
    bundled_power_tables,
)

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from carbon_advisor.measurement.candidate_sources import Candidate
    from carbon_advisor.measurement.cpu_lookup import CpuTables
    from carbon_advisor.measurement.energy_counter import CounterSource
    from carbon_advisor.measurement.hardware import Hardware
    from carbon_advisor.measurement.machine_clock import MachineClock
    from carbon_advisor.measurement.power_model import PowerTables
    from carbon_advisor.measurement.power_source import PowerSource
    from carbon_advisor.measurement.profile import Component

Outcome = Literal["used", "refused", "missing", "unused"]


@dataclass(frozen=True, slots=True)
class LookedFor:
    """One kind of counter, and what came of looking for it.

    Attributes:
        component: whose energy it would count.
        name: of the kind, in words for people.
        outcome: used; there but refused to this user; missing; or there but of no use here.
        why: why it is not used; empty where it is.
        remedy: the command that would let this user read it; empty where none would.
    """

    component: Component
    name: str
    outcome: Outcome
    why: str = ""
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class ChosenSources:
    """One source for the CPU and one for memory, and what there is to say about them."""

    sources: tuple[PowerSource, ...]
    notes: tuple[str, ...]
    looked_for: tuple[LookedFor, ...] = ()


def choose_sources(
    hardware: Hardware,
    clock: MachineClock,
    machine_memory_gb: float,
    *,
    sysfs: Path = SYSFS,
    platform: str = sys.platform,
    cpu_tables: CpuTables | None = None,
    power_tables: PowerTables | None = None,
) -> ChosenSources:
    """Choose the best source of CPU and of memory energy that works here.

    Args:
        hardware: of this machine.
        clock: its CPU time, which drives the modelled CPU.
        machine_memory_gb: all its memory, whatever this job is limited to.
        sysfs: where Linux shows its counters.
        platform: as `sys.platform`: whose counters are looked for.
        cpu_tables: the bundled ones if None.
        power_tables: the bundled ones if None.
    """
    kinds = candidates(hardware.cpu_vendor, sysfs=sysfs, platform=platform)
    tables = power_tables or bundled_power_tables()
    packages, cpu_tried = _first_that_works("cpu", kinds)
    dram, memory_tried = _first_that_works("memory", kinds)
    notes: list[str] = []
    counted_gb = 0.0
    cpu_source: PowerSource
    if packages:
        cpu_source = packages
        notes.append("CPU energy is measured at the package: power supply and fans are not in it")
    else:
        cpu = resolve_hardware(hardware, cpu_tables or bundled_cpu_tables())
        row = cpu.power
        counted_gb = row.memory_gb_per_thread * clock.threads
        cpu_source = ModelledCpu(cpu, clock, tables.shape)
        notes.append(_why_modelled(cpu_tried, hardware))
        if cpu.how == "fallback":
            name = hardware.cpu_name or "without a name"
            notes.append(f"CPU '{name}' is not in the tables: assumed {row.name}")
    memory_source: PowerSource
    if packages and dram:
        memory_source = dram
    else:
        memory_source = ModelledMemory(machine_memory_gb, counted_gb, tables.memory_w_per_gb)
        memory_tried = [_without_cpu(tried) for tried in memory_tried]
    return ChosenSources((cpu_source, memory_source), tuple(notes), (*cpu_tried, *memory_tried))


def _first_that_works(
    domain: Component, kinds: Iterable[Candidate]
) -> tuple[CounterSource | None, list[LookedFor]]:
    """The best counter of a domain that can be read, and every kind looked for up to it."""
    tried: list[LookedFor] = []
    for kind in kinds:
        if domain not in kind.domains:
            continue
        if kind.needs is not None and not kind.needs.exists():
            tried.append(LookedFor(domain, kind.name, "missing", f"no {kind.needs}"))
            continue
        source = kind.look(domain)
        if source.available():
            tried.append(LookedFor(domain, kind.name, "used"))
            return source, tried
        outcome: Outcome = "refused" if source.refused else "missing"
        tried.append(LookedFor(domain, kind.name, outcome, source.missing, source.remedy))
    return None, tried


def _without_cpu(tried: LookedFor) -> LookedFor:
    """A memory counter beside a modelled CPU, whose figure contains memory, would count twice."""
    if tried.outcome != "used":
        return tried
    why = "it can be read, but the modelled CPU figure contains memory already"
    return LookedFor(tried.component, tried.name, "unused", why)


def _why_modelled(tried: Iterable[LookedFor], hardware: Hardware) -> str:
    refused = [each.name for each in tried if each.outcome == "refused"]
    if refused:
        return (
            f"CPU energy is modelled: {refused[0]} is there but this user may not read it; "
            "'advisor doctor' says how to allow it"
        )
    where = f" ({hardware.virtualization})" if hardware.virtualization else ""
    return f"CPU energy is modelled: this machine{where} shows no energy counters"
