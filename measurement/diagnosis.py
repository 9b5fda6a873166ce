"""What can be measured on this machine, what is modelled instead and why, and what would help."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from carbon_advisor.measurement.cpu_lookup import resolve_hardware
from carbon_advisor.measurement.detect import detect_hardware, machine_memory_gb
from carbon_advisor.measurement.gpu import visible_gpus
from carbon_advisor.measurement.machine_clock import machine_clock
from carbon_advisor.measurement.rapl import POWERCAP_ROOT, RaplSource
from carbon_advisor.measurement.source_choice import choose_sources

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from carbon_advisor.measurement.hardware import Hardware
    from carbon_advisor.measurement.power_source import PowerSource

# Lets the members of one group read the counters, from the next start on and at once. Root alone
# may read them since Linux 5.10, because fine readings can reveal keys (CVE-2020-8694, PLATYPUS);
# hence a group and not everybody.
GRANT_RAPL = (
    "sudo groupadd --force --system rapl && sudo usermod --append --groups rapl $USER && "
    r'echo "SUBSYSTEM==\"powercap\", ACTION==\"add|change\", '
    r"RUN+=\"/bin/sh -c 'chgrp rapl /sys%p/energy_uj; chmod g+r /sys%p/energy_uj'\""
    '" | sudo tee /etc/udev/rules.d/70-rapl.rules && '
    "sudo udevadm control --reload && sudo udevadm trigger --subsystem-match=powercap"
)


@dataclass(frozen=True, slots=True)
class Finding:
    """How the energy of one component would be obtained here.

    Attributes:
        component: "cpu", "memory" or "gpu".
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
    """What was found: the machine, how its CPU was recognised, and a finding per component."""

    hardware: Hardware
    cpu_resolved: str
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]


def diagnose(environment: Mapping[str, str], powercap: Path = POWERCAP_ROOT) -> Diagnosis:
    """Look at this machine as a run would, without running anything.

    Args:
        environment: that a job would have (CUDA_VISIBLE_DEVICES).
        powercap: where RAPL counters are looked for.
    """
    gpus = visible_gpus(environment)
    hardware = detect_hardware(gpus.devices)
    chosen = choose_sources(hardware, machine_clock(), machine_memory_gb(), powercap=powercap)
    cpu = resolve_hardware(hardware)
    findings = [_finding(source, chosen.notes, powercap) for source in chosen.sources]
    return Diagnosis(
        hardware=hardware,
        cpu_resolved=f"{cpu.microarchitecture.name} (by {cpu.how})",
        findings=(*findings, *_gpu_findings(gpus.sources)),
        notes=tuple(gpus.notes()),
    )


def _finding(source: PowerSource, notes: tuple[str, ...], powercap: Path) -> Finding:
    measured = source.method == "measured"
    counters = RaplSource(source.domain, powercap)
    why = "" if measured else _why(source, counters, notes)
    return Finding(
        component=source.domain,
        method=source.method,
        source=source.source,
        relative_error=source.relative_error,
        why=why,
        remedy=GRANT_RAPL if not measured and counters.refused else "",
    )


def _why(source: PowerSource, counters: RaplSource, notes: tuple[str, ...]) -> str:
    if counters.refused:
        return "its RAPL counters are there, but this user may not read them"
    if source.domain == "cpu":
        return "; ".join(notes)
    return "no DRAM counter can be read here"


def _gpu_findings(sources: tuple[PowerSource, ...]) -> tuple[Finding, ...]:
    if not sources:
        return (Finding("gpu", "none", "no accelerator is visible through NVML", 0.0),)
    return tuple(
        Finding("gpu", source.method, source.source, source.relative_error) for source in sources
    )
