"""Takes samples of a job and its machine, and sums them up as a measurement.

It has no clock of its own: a supervising loop or a thread calls `sample` at its interval.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from carbon_advisor.measurement.attribution import (
    DEFAULT_ATTRIBUTION,
    EnergySums,
    job_share_of_busy,
    sums_of,
)
from carbon_advisor.measurement.profile import ComponentEnergy, Series
from carbon_advisor.measurement.run_result import Totals
from carbon_advisor.measurement.shared_meter import SHORTEST_FOR_RATES_S, SharedMeter, split_rule
from carbon_advisor.measurement.steps import Step, Steps
from carbon_advisor.measurement.wall_power import WallPower

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from carbon_advisor.measurement.attribution import Attribution
    from carbon_advisor.measurement.claims import Claim
    from carbon_advisor.measurement.gpu import GpuActivity, Gpus
    from carbon_advisor.measurement.held_share import HeldShare
    from carbon_advisor.measurement.machine_clock import MachineClock
    from carbon_advisor.measurement.meter import ExternalMeter
    from carbon_advisor.measurement.power_source import PowerSource
    from carbon_advisor.measurement.process_tree import JobUsage

JOULES_PER_KWH = 3.6e6
_NEARLY_IDLE = 0.1  # of the machine's threads


@dataclass(frozen=True, slots=True)
class Measurement:
    """What the samples of a run add up to; see `Profile` for the fields of the same name."""

    duration_s: float
    cpu_time_s: float
    busy_cores_mean: float
    busy_cores_peak: float
    memory_mean_gb: float
    memory_peak_gb: float
    gpu_utilization_mean: float
    gpu_memory_peak_gb: float
    energy: tuple[ComponentEnergy, ...]
    series: Series
    notes: tuple[str, ...]


class Sampler:
    """Sums up one job's use of one machine.

    Args:
        job_usage: returns what the job has used so far.
        clock: the machine's CPU time.
        sources: one per component that is not a GPU.
        gpus: the GPUs visible to the job.
        held: the job's part of the machine.
        claim: says what is left of that part while other runs hold the same; None if alone.
        attribution: the rule by which energy is shared out.
        meter: of the whole machine, which overrides the sources' sum; None if there is none.
    """

    def __init__(
        self,
        job_usage: Callable[[], JobUsage],
        clock: MachineClock,
        sources: Sequence[PowerSource],
        gpus: Gpus,
        held: HeldShare,
        claim: Claim | None = None,
        attribution: Attribution = DEFAULT_ATTRIBUTION,
        meter: ExternalMeter | None = None,
    ) -> None:
        self._job_usage = job_usage
        self._clock = clock
        self._meters = [
            *(SharedMeter(source, split_rule(source)) for source in sources),
            *(SharedMeter(source, "gpu") for source in gpus.sources),
        ]
        self._gpus = gpus
        self._claim = claim
        self._attribution = attribution
        self._held = held if claim is None else claim.share()
        self._lowest_busy: float | None = None
        self._steps = Steps()
        self._whole: Step | None = None
        self._usage = job_usage()
        self._machine = clock.read()
        self._stolen_from_s = self._machine.stolen_s
        self._started_s = self._sampled_s = time.monotonic()
        self._wall = None if meter is None else WallPower(meter, self._meters, self._started_s)
        self._cores_peak = self._memory_peak_gb = self._gpu_memory_peak_gb = 0.0

    def sample(self) -> None:
        """Take one sample; the time since the last one is charged to it."""
        now_s = time.monotonic()
        elapsed_s = now_s - self._sampled_s
        if elapsed_s <= 0:
            return
        usage, machine = self._job_usage(), self._clock.read()
        job_cpu_s = usage.cpu_time_s - self._usage.cpu_time_s
        busy_s = max(machine.busy_s - self._machine.busy_s, 0.0)
        gpu = self._gpus.activity(usage.pids)
        held = self._held_since_last()
        share = job_share_of_busy(job_cpu_s, busy_s, held.threads)
        memory_gb = usage.memory_bytes / 1e9
        step = Step(
            duration_s=elapsed_s,
            job_cpu_s=job_cpu_s,
            machine_busy_s=max(busy_s, job_cpu_s),
            memory_gb_s=memory_gb * elapsed_s,
            gpu_utilization_s=gpu.utilization * elapsed_s,
            energy=self._read_meters(share, gpu, held, now_s),
        )
        self._steps.append(step)
        self._whole = step if self._whole is None else self._whole + step
        if elapsed_s >= SHORTEST_FOR_RATES_S:
            self._cores_peak = max(self._cores_peak, job_cpu_s / elapsed_s)
            busy = busy_s / elapsed_s / self._clock.threads
            self._lowest_busy = busy if self._lowest_busy is None else min(busy, self._lowest_busy)
        self._memory_peak_gb = max(self._memory_peak_gb, memory_gb)
        self._gpu_memory_peak_gb = max(self._gpu_memory_peak_gb, gpu.job_memory_gb)
        self._usage, self._machine, self._sampled_s = usage, machine, now_s

    def so_far(self) -> Totals:
        """Return the sums up to the last sample; cheap enough for every one."""
        whole = self._whole or self._nothing()
        return Totals(
            whole.duration_s,
            whole.job_cpu_s,
            self._memory_peak_gb,
            self._component_energies(whole),
        )

    def result(self, largest_process_bytes: int = 0) -> Measurement:
        """Return the sum of all samples so far.

        Args:
            largest_process_bytes: a peak the kernel kept, in case it fell between two samples.
        """
        self.sample()
        whole = self._whole
        assert whole is not None, "a run has a positive length"
        duration_s = whole.duration_s
        memory_mean_gb = whole.memory_gb_s / duration_s
        cores_mean = whole.job_cpu_s / duration_s
        return Measurement(
            duration_s=duration_s,
            cpu_time_s=whole.job_cpu_s,
            busy_cores_mean=cores_mean,
            busy_cores_peak=max(self._cores_peak, cores_mean),
            memory_mean_gb=memory_mean_gb,
            memory_peak_gb=max(self._memory_peak_gb, largest_process_bytes / 1e9),
            gpu_utilization_mean=min(1.0, whole.gpu_utilization_s / duration_s),
            gpu_memory_peak_gb=self._gpu_memory_peak_gb,
            energy=self._component_energies(whole),
            series=self._series(),
            notes=tuple(self.notes()),
        )

    def close(self) -> None:
        """Let go of what is read beside the samples."""
        if self._wall is not None:
            self._wall.close()

    def notes(self) -> list[str]:
        """Return what the reader of the figures is to know: what was lost, shared or stolen."""
        notes = [meter.lost for meter in self._meters if meter.lost is not None]
        if self._wall is not None:
            notes += self._wall.notes()
        if self._whole is not None:
            notes += self._rivals(self._whole)
        if self._claim is not None:
            notes += self._claim.notes()
        return notes + self._attribution_notes() + self._gpus.notes()

    def _attribution_notes(self) -> list[str]:
        if self._attribution == "full":
            return ["attribution full: the energy of the whole machine, other jobs' included"]
        if self._attribution == "proportional":
            return []
        notes = ["attribution marginal: without the energy that the machine takes when idle"]
        learnt = any(meter.idle_is_learnt for meter in self._meters)
        if learnt and (self._lowest_busy is None or self._lowest_busy > _NEARLY_IDLE):
            notes.append(
                "the machine was never idle meanwhile: the lowest power that was seen is taken for "
                "its idle power, so that the marginal energy is a lower bound"
            )
        return notes

    def _held_since_last(self) -> HeldShare:
        """Return the part held on average since the last sample, as others came and went."""
        before = self._held
        if self._claim is not None:
            self._held = self._claim.share()
        return before.mean_with(self._held)

    def _rivals(self, whole: Step) -> list[str]:
        notes = []
        others = (whole.machine_busy_s - whole.job_cpu_s) / whole.duration_s
        if others > 0.1 * self._clock.threads:
            notes.append(
                f"other processes kept {others:.2g} of {self._clock.threads} threads busy: "
                + ("" if self._attribution == "full" else "their active energy is left out, and ")
                + "the job may have been slowed down"
            )
        stolen_s = self._machine.stolen_s - self._stolen_from_s
        if stolen_s > 0.05 * whole.duration_s:
            notes.append(f"the host gave {stolen_s:.0f} CPU seconds of this machine to others")
        return notes

    def _nothing(self) -> Step:
        return Step(0.0, 0.0, 0.0, 0.0, 0.0, tuple(EnergySums() for _ in self._meters))

    def _read_meters(
        self, busy_share: float, gpu: GpuActivity, held: HeldShare, now_s: float
    ) -> tuple[EnergySums, ...]:
        elapsed_s = now_s - self._sampled_s
        joules = [meter.advance(elapsed_s) for meter in self._meters]
        if self._wall is not None:
            joules = self._wall.divided(joules, now_s, elapsed_s)
        gpu_shares = iter(gpu.job_shares)
        sums = []
        for meter, energy_j in zip(self._meters, joules, strict=True):
            gpu_share = next(gpu_shares) if meter.split == "gpu" else 0.0
            share, part = meter.shares(busy_share, gpu_share, held)
            sums.append(sums_of(energy_j, share, part, elapsed_s))
        return tuple(sums)

    def _idle_powers_w(self) -> list[float]:
        """P_idle of each meter, that is to be kept apart."""
        if self._wall is None:
            return [meter.idle_power_w for meter in self._meters]
        return [self._wall.idle_power_w(index) for index in range(len(self._meters))]

    def _job_joules(self, step: Step) -> list[float]:
        """E_job of each meter over one step."""
        return [
            sums.job_energy_j(idle_w, self._attribution)
            for idle_w, sums in zip(self._idle_powers_w(), step.energy, strict=True)
        ]

    def _component_energies(self, whole: Step) -> tuple[ComponentEnergy, ...]:
        """One per source; GPUs with the same source are one."""
        merged: dict[tuple[str, str, str], ComponentEnergy] = {}
        job_j = self._job_joules(whole)
        for meter, sums, joules in zip(self._meters, whole.energy, job_j, strict=True):
            source = meter.source
            key = (source.domain, source.method, source.source)
            before = merged.get(key)
            merged[key] = ComponentEnergy(
                component=source.domain,
                energy_kwh=joules / JOULES_PER_KWH + (before.energy_kwh if before else 0.0),
                machine_energy_kwh=sums.energy_j / JOULES_PER_KWH
                + (before.machine_energy_kwh if before else 0.0),
                method=source.method,
                source=source.source,
                relative_error=source.relative_error,
            )
        energy = tuple(merged.values())
        return energy if self._wall is None else self._wall.described(energy)

    def _series(self) -> Series:
        steps = self._steps.resampled()
        return Series(
            step_s=sum(step.duration_s for step in steps) / len(steps),
            power_w=tuple(_short(sum(self._job_joules(s)) / s.duration_s) for s in steps),
            busy_cores=tuple(_short(s.job_cpu_s / s.duration_s) for s in steps),
            memory_gb=tuple(_short(s.memory_gb_s / s.duration_s) for s in steps),
            gpu_utilization=tuple(
                min(1.0, _short(s.gpu_utilization_s / s.duration_s)) for s in steps
            ),
        )


def _short(value: float) -> float:
    """Five significant digits: more than a sample knows, and short in a file."""
    return float(f"{value:.5g}")
