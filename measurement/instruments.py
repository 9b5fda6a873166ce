"""What measures on this machine: its sources, GPUs and clock, and the part of it that a job holds.

Made once per run; a sampler for any job comes out of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from carbon_advisor.measurement.attribution import DEFAULT_ATTRIBUTION
from carbon_advisor.measurement.claims import Claim
from carbon_advisor.measurement.detect import detect_hardware, machine_memory_gb
from carbon_advisor.measurement.gpu import visible_gpus
from carbon_advisor.measurement.held_share import held_share
from carbon_advisor.measurement.machine_clock import machine_clock
from carbon_advisor.measurement.sampler import Sampler
from carbon_advisor.measurement.source_choice import choose_sources
from carbon_advisor.measurement.view_notes import view_here, view_notes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from carbon_advisor.measurement.attribution import Attribution
    from carbon_advisor.measurement.gpu import Gpus
    from carbon_advisor.measurement.hardware import Hardware
    from carbon_advisor.measurement.held_share import HeldShare
    from carbon_advisor.measurement.machine_clock import MachineClock
    from carbon_advisor.measurement.power_source import PowerSource
    from carbon_advisor.measurement.process_tree import JobUsage


@dataclass(frozen=True, slots=True)
class Instruments:
    """Everything that a sampler needs but the job itself; `notes` say what is modelled and why."""

    hardware: Hardware
    clock: MachineClock
    sources: tuple[PowerSource, ...]
    gpus: Gpus
    held: HeldShare
    notes: tuple[str, ...]

    def claim(self, run_id: str) -> Claim:
        """Claim the held part of the machine for a run that starts now."""
        return Claim(run_id, self.held)

    def sampler(
        self,
        job_usage: Callable[[], JobUsage],
        claim: Claim | None = None,
        attribution: Attribution = DEFAULT_ATTRIBUTION,
    ) -> Sampler:
        """Return a sampler that starts now."""
        return Sampler(
            job_usage, self.clock, self.sources, self.gpus, self.held, claim, attribution
        )


def instruments_here(environment: Mapping[str, str]) -> Instruments:
    """Find out what measures on this machine.

    Args:
        environment: the job's; it says which GPUs the job sees.
    """
    gpus = visible_gpus(environment)
    hardware = detect_hardware(gpus.devices)
    clock, memory_gb = machine_clock(), machine_memory_gb()
    chosen = choose_sources(hardware, clock, memory_gb)
    return Instruments(
        hardware=hardware,
        clock=clock,
        sources=chosen.sources,
        gpus=gpus,
        held=held_share(hardware, clock, memory_gb),
        notes=(
            *chosen.notes,
            *view_notes(view_here(hardware, clock.threads, chosen.sources)),
        ),
    )
