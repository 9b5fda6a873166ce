"""The samples of a run as steps of bounded number: merged as it grows, resampled at its end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from carbon_advisor.measurement.attribution import EnergySums

MAX_STEPS = 200


@dataclass(frozen=True, slots=True)
class Step:
    """Sums over one stretch of a run; two adjacent steps add up to one.

    Attributes:
        duration_s: length.
        job_cpu_s: CPU time of the job.
        machine_busy_s: CPU time of everything on the machine.
        memory_gb_s: integral of the job's memory.
        gpu_utilization_s: integral of the mean utilisation of the job's GPUs.
        energy: one per source, in the sampler's order.
    """

    duration_s: float
    job_cpu_s: float
    machine_busy_s: float
    memory_gb_s: float
    gpu_utilization_s: float
    energy: tuple[EnergySums, ...]

    def __add__(self, other: Step) -> Step:
        return Step(
            self.duration_s + other.duration_s,
            self.job_cpu_s + other.job_cpu_s,
            self.machine_busy_s + other.machine_busy_s,
            self.memory_gb_s + other.memory_gb_s,
            self.gpu_utilization_s + other.gpu_utilization_s,
            tuple(a + b for a, b in zip(self.energy, other.energy, strict=True)),
        )

    def part(self, duration_s: float) -> Step:
        """Return the share of this step that falls into `duration_s` of it."""
        factor = duration_s / self.duration_s
        return Step(
            duration_s,
            self.job_cpu_s * factor,
            self.machine_busy_s * factor,
            self.memory_gb_s * factor,
            self.gpu_utilization_s * factor,
            tuple(sums.scaled(factor) for sums in self.energy),
        )


class Steps:
    """Keeps a run of any length in at most twice MAX_STEPS steps."""

    def __init__(self) -> None:
        self._steps: list[Step] = []
        self._per_step = 1  # samples that are merged into one step
        self._in_last = 0

    def append(self, step: Step) -> None:
        """Add one sample of positive length."""
        if self._steps and self._in_last < self._per_step:
            self._steps[-1] += step
            self._in_last += 1
        else:
            self._steps.append(step)
            self._in_last = 1
        if len(self._steps) > 2 * MAX_STEPS:  # an odd number: the last one goes on being filled
            pairs = zip(self._steps[:-1:2], self._steps[1::2], strict=True)
            self._steps = [*(first + second for first, second in pairs), self._steps[-1]]
            self._per_step *= 2

    def total(self) -> Step | None:
        """Return the whole run as one step; None if there was no sample."""
        if not self._steps:
            return None
        whole = self._steps[0]
        for step in self._steps[1:]:
            whole += step
        return whole

    def resampled(self) -> list[Step]:
        """Return at most MAX_STEPS steps of equal length with the same total."""
        whole = self.total()
        if whole is None:
            return []
        longest = max(step.duration_s for step in self._steps)
        count = min(MAX_STEPS, max(1, round(whole.duration_s / longest)))
        return _resampled(self._steps, whole.duration_s / count, count)


def _resampled(steps: list[Step], length_s: float, count: int) -> list[Step]:
    """Cut steps of any lengths into `count` of `length_s`, sharing each out by time."""
    result: list[Step] = []
    current: Step | None = None
    for step in steps:
        left = step
        while True:
            room_s = max(0.0, length_s - (current.duration_s if current else 0.0))
            if left.duration_s <= room_s or len(result) == count - 1:
                current = left if current is None else current + left
                break
            piece = left.part(room_s)
            result.append(piece if current is None else current + piece)
            left, current = left.part(left.duration_s - room_s), None
    return result if current is None else [*result, current]
