"""What can be measured on this machine, what is modelled instead and why, and what would help."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from carbon_advisor.measurement.candidate_sources import SYSFS
from carbon_advisor.measurement.cpu_lookup import resolve_hardware
from carbon_advisor.measurement.detect import detect_hardware, machine_memory_gb
from carbon_advisor.measurement.gpu import visible_gpus
from carbon_advisor.measurement.machine_clock import machine_clock
from carbon_advisor.measurement.source_choice import choose_sources
from carbon_advisor.measurement.view_notes import view_here, view_notes

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from carbon_advisor.measurement.hardware import Hardware
    from carbon_advisor.measurement.power_source import PowerSource
    from carbon_advisor.measurement.source_choice import ChosenSources, LookedFor


@dataclass(frozen=True, slots=True)
class Finding:
    """How the energy of one component would be obtained here.

    Attributes:
        component: "cpu", "memory" or "gpu"; "meter" for one of the whole machine.
        method: measured, modelled or assumed; "none" where there is no such component.
        source: the counter or the model.
        relative_error: half-width of the 90 % interval over the value; 0 for "none".
        why: why it is not measured; empty where it is.
        remedy: a command that would make it measured; empty where none would.
    """

    component: str
    method: str
    source: str
    relative_error: float
    why: str = ""
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What was found: the machine, how its CPU was recognised, and a finding per component.

    `looked_for` are the kinds of counters that were tried, in that order, up to the one in use.
    """

    hardware: Hardware
    cpu_resolved: str
    findings: tuple[Finding, ...]
    looked_for: tuple[LookedFor, ...]
    notes: tuple[str, ...]


def diagnose(environment: Mapping[str, str], sysfs: Path = SYSFS) -> Diagnosis:
    """Look at this machine as a run would, without running anything.

    Args:
        environment: that a job would have (CUDA_VISIBLE_DEVICES).
        sysfs: where Linux shows its counters.
    """
    gpus = visible_gpus(environment)
    hardware = detect_hardware(gpus.devices)
    clock = machine_clock()
    chosen = choose_sources(hardware, clock, machine_memory_gb(), sysfs=sysfs)
    cpu = resolve_hardware(hardware)
    return Diagnosis(
        hardware=hardware,
        cpu_resolved=f"{cpu.microarchitecture.name} (by {cpu.how})",
        findings=(
            *(_finding(source, chosen) for source in chosen.sources),
            *_gpu_findings(gpus.sources),
        ),
        looked_for=chosen.looked_for,
        notes=(
            *view_notes(view_here(hardware, clock.threads, chosen.sources)),
            *gpus.notes(),
        ),
    )


def _finding(source: PowerSource, chosen: ChosenSources) -> Finding:
    """A counter that exists but is refused is the reason to name, and to remedy."""
    why = remedy = ""
    if source.method != "measured":
        refused = [
            each
            for each in chosen.looked_for
            if each.component == source.domain and each.outcome == "refused"
        ]
        if refused:
            why, remedy = refused[0].why, refused[0].remedy
        else:
            why = (
                "; ".join(chosen.notes)
                if source.domain == "cpu"
                else "no DRAM counter can be read here"
            )
    return Finding(
        component=source.domain,
        method=source.method,
        source=source.source,
        relative_error=source.relative_error,
        why=why,
        remedy=remedy,
    )


def _gpu_findings(sources: tuple[PowerSource, ...]) -> tuple[Finding, ...]:
    if not sources:
        return (Finding("gpu", "none", "no accelerator of NVIDIA, AMD or Apple is visible", 0.0),)
    return tuple(
        Finding("gpu", source.method, source.source, source.relative_error) for source in sources
    )
