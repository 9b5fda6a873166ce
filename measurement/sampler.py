"""Takes samples of a job and its machine, and sums them up as a measurement.

It has no clock of its own: a supervising loop or a thread calls `sample` at its interval.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from carbon_advisor.measurement.attribution import EnergySums, job_share_of_busy, sums_of
from carbon_advisor.measurement.power_source import EnergyMeter
from carbon_advisor.measurement.profile import ComponentEnergy, Series
from carbon_advisor.measurement.run_result import Totals
from carbon_advisor.measurement.steps import Step, Steps

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from carbon_advisor.measurement.gpu import GpuActivity, Gpus
    from carbon_advisor.measurement.hardware import Hardware
    from carbon_advisor.measurement.machine_clock import MachineClock
    from carbon_advisor.measurement.power_source import PowerSource
    from carbon_advisor.measurement.process_tree import JobUsage

JOULES_PER_KWH = 3.6e6
_SHORTEST_FOR_RATES_S = 0.3  # below it, the kernel's 10 ms ticks make rates too coarse

Split = Literal["activity", "capacity", "gpu"]


@dataclass(frozen=True, slots=True)
class HeldShare:
    """What part of the machine the job holds, used or not (its limits over the machine), 0..1."""

    threads: float
    memory: float


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


class SharedMeter:
    """A source's meter, and how its energy is shared out between the job and the rest.

    Args:
        source: what is metered.
        split: "activity": idle power by what the job holds, the rest by what it runs;
            "capacity": all by what it holds; "gpu": all by its share of each GPU.
    """

    def __init__(self, source: PowerSource, split: Split) -> None:
        self.source = source
        self.split = split
        self._meter = EnergyMeter(source)
        self._lowest_w: float | None = None

    @property
    def lost(self) -> str | None:
        """Why the source stopped working; None while it works."""
        return self._meter.lost

    @property
    def idle_power_w(self) -> float:
        """P_idle to be kept apart: known to a model; of a counter, the lowest power it showed."""
        if self.split != "activity":
            return 0.0
        if self.source.idle_power_w is not None:
            return self.source.idle_power_w
        return self._lowest_w or 0.0

    def advance(self, elapsed_s: float) -> float:
        """Return the joules since the last call, `elapsed_s` ago."""
        energy_j = self._meter.advance()
        if self.lost is None and elapsed_s >= _SHORTEST_FOR_RATES_S:
            power_w = energy_j / elapsed_s
            self._lowest_w = power_w if self._lowest_w is None else min(power_w, self._lowest_w)
        return energy_j


class Sampler:
    """Sums up one job's use of one machine.

    Args:
        job_usage: returns what the job has used so far.
        clock: the machine's CPU time.
        sources: one per component that is not a GPU.
        gpus: the GPUs visible to the job.
        held: the job's part of the machine.
    """

    def __init__(
        self,
        job_usage: Callable[[], JobUsage],
        clock: MachineClock,
        sources: Sequence[PowerSource],
        gpus: Gpus,
        held: HeldShare,
    ) -> None:
        self._job_usage = job_usage
        self._clock = clock
        self._meters = [
            *(SharedMeter(source, _split_rule(source)) for source in sources),
            *(SharedMeter(source, "gpu") for source in gpus.sources),
        ]
        self._gpus = gpus
        self._held = held
        self._steps = Steps()
        self._whole: Step | None = None
        self._usage = job_usage()
        self._machine = clock.read()
        self._stolen_from_s = self._machine.stolen_s
        self._started_s = self._sampled_s = time.monotonic()
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
        share = job_share_of_busy(job_cpu_s, busy_s)
        memory_gb = usage.memory_bytes / 1e9
        step = Step(
            duration_s=elapsed_s,
            job_cpu_s=job_cpu_s,
            machine_busy_s=max(busy_s, job_cpu_s),
            memory_gb_s=memory_gb * elapsed_s,
            gpu_utilization_s=gpu.utilization * elapsed_s,
            energy=self._read_meters(share, gpu, elapsed_s),
        )
        self._steps.append(step)
        self._whole = step if self._whole is None else self._whole + step
        if elapsed_s >= _SHORTEST_FOR_RATES_S:
            self._cores_peak = max(self._cores_peak, job_cpu_s / elapsed_s)
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

    def notes(self) -> list[str]:
        """Return what the reader of the figures is to know: what was lost, shared or stolen."""
        notes = [meter.lost for meter in self._meters if meter.lost is not None]
        if self._whole is not None:
            notes += self._rivals(self._whole)
        return notes + self._gpus.notes()

    def _rivals(self, whole: Step) -> list[str]:
        notes = []
        others = (whole.machine_busy_s - whole.job_cpu_s) / whole.duration_s
        if others > 0.1 * self._clock.threads:
            notes.append(
                f"other processes kept {others:.2g} of {self._clock.threads} threads busy: "
                "their active energy is left out, and the job may have been slowed down"
            )
        stolen_s = self._machine.stolen_s - self._stolen_from_s
        if stolen_s > 0.05 * whole.duration_s:
            notes.append(f"the host gave {stolen_s:.0f} CPU seconds of this machine to others")
        return notes

    def _nothing(self) -> Step:
        return Step(0.0, 0.0, 0.0, 0.0, 0.0, tuple(EnergySums() for _ in self._meters))

    def _read_meters(
        self, busy_share: float, gpu: GpuActivity, elapsed_s: float
    ) -> tuple[EnergySums, ...]:
        gpu_shares = iter(gpu.job_shares)
        sums = []
        for meter in self._meters:
            if meter.split == "gpu":
                share = next(gpu_shares)
            else:
                share = busy_share if meter.split == "activity" else self._held.memory
            sums.append(sums_of(meter.advance(elapsed_s), share, elapsed_s))
        return tuple(sums)

    def _job_joules(self, step: Step) -> list[float]:
        """E_job of each meter over one step."""
        return [
            sums.job_energy_j(meter.idle_power_w, self._held.threads)
            for meter, sums in zip(self._meters, step.energy, strict=True)
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
        return tuple(merged.values())

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


def held_share(hardware: Hardware, clock: MachineClock, machine_memory: float) -> HeldShare:
    """Return what part of the machine the job holds by its limits (memory in GB)."""
    return HeldShare(
        threads=min(1.0, hardware.vcpus / clock.threads),
        memory=min(1.0, hardware.memory_gb / machine_memory),
    )


def _split_rule(source: PowerSource) -> Split:
    """Memory that is modelled by its capacity costs the same whoever is active."""
    modelled_memory = source.domain == "memory" and source.method != "measured"
    return "capacity" if modelled_memory else "activity"


def _short(value: float) -> float:
    """Five significant digits: more than a sample knows, and short in a file."""
    return float(f"{value:.5g}")
