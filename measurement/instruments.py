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
from carbon_advisor.measurement.settings import setting
from carbon_advisor.measurement.source_choice import choose_sources
from carbon_advisor.measurement.view_notes import view_here, view_notes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from carbon_advisor.measurement.attribution import Attribution
    from carbon_advisor.measurement.gpu import Gpus
    from carbon_advisor.measurement.hardware import Hardware
    from carbon_advisor.measurement.held_share import HeldShare
    from carbon_advisor.measurement.machine_clock import MachineClock
    from carbon_advisor.measurement.meter import ExternalMeter
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
    meter: ExternalMeter | None = None

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
            job_usage,
            self.clock,
            self.sources,
            self.gpus,
            self.held,
            claim,
            attribution,
            self.meter,
        )


def instruments_here(
    environment: Mapping[str, str], meter: ExternalMeter | None = None
) -> Instruments:
    """Find out what measures on this machine.

    Args:
        environment: the job's; it says which GPUs the job sees.
        meter: of the whole machine, if there is one; see `external_meter`.
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
            *(chosen.notes if meter is None else map(_of_the_division, chosen.notes)),
            *view_notes(view_here(hardware, clock.threads, chosen.sources)),
        ),
        meter=meter,
    )


def external_meter(text: str | None = None, *, wait: bool = True) -> ExternalMeter | None:
    """Return the meter that the user gave or set, which is read from now on; None without one.

    Args:
        text: how it was given; from the settings if None.
        wait: for its first answer.

    Raises:
        InputError: it is nothing that we know; or, after waiting, it cannot be read.
    """
    text = text or setting("meter")
    if not text:
        return None
    from carbon_advisor.measurement.meter import open_meter

    return open_meter(text, wait=wait)


def _of_the_division(note: str) -> str:
    """What is said of the components' sources where a meter gives their sum."""
    return f"the meter's energy is divided by the components' sources; {note}"
