"""The job's share of the machine's energy, by one of three rules; idle power is kept apart.

full: all of the machine's while the job ran. marginal: Σ (E − P_idle·Δt)·f, what the job adds.
proportional: marginal + Σ P_idle·Δt·r. f is the job's share of what ran, r of what is held.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from carbon_advisor.measurement.errors import InputError

Attribution = Literal["full", "proportional", "marginal"]
ATTRIBUTIONS: tuple[Attribution, ...] = get_args(Attribution)
DEFAULT_ATTRIBUTION: Attribution = "proportional"


@dataclass(frozen=True, slots=True)
class EnergySums:
    """Sums over samples of one source, from which the job's energy follows for any idle power.

    E_job is linear in P_idle, so idle power may be learnt after the samples were taken.

    Attributes:
        energy_j: Σ E, the whole machine's.
        shared_j: Σ E·f.
        shared_s: Σ Δt·f.
        held_s: Σ Δt·r.
        duration_s: Σ Δt.
    """

    energy_j: float = 0.0
    shared_j: float = 0.0
    shared_s: float = 0.0
    held_s: float = 0.0
    duration_s: float = 0.0

    def __add__(self, other: EnergySums) -> EnergySums:
        return EnergySums(
            self.energy_j + other.energy_j,
            self.shared_j + other.shared_j,
            self.shared_s + other.shared_s,
            self.held_s + other.held_s,
            self.duration_s + other.duration_s,
        )

    def scaled(self, factor: float) -> EnergySums:
        """Return the part of these sums that falls into a fraction of their time."""
        return EnergySums(
            self.energy_j * factor,
            self.shared_j * factor,
            self.shared_s * factor,
            self.held_s * factor,
            self.duration_s * factor,
        )

    def job_energy_j(
        self, idle_power_w: float, attribution: Attribution = DEFAULT_ATTRIBUTION
    ) -> float:
        """Return E_job in joules: 0 ≤ marginal ≤ proportional ≤ full, the machine's energy.

        Args:
            idle_power_w: P_idle of the whole machine.
            attribution: the rule.
        """
        if attribution == "full":
            return self.energy_j
        job_j = self.shared_j - idle_power_w * self.shared_s
        if attribution == "proportional":
            job_j += idle_power_w * self.held_s
        return min(self.energy_j, max(0.0, job_j))


def sums_of(energy_j: float, share: float, held: float, duration_s: float) -> EnergySums:
    """Return the sums of one sample: `share` is f and `held` is r, each 0..1."""
    return EnergySums(energy_j, energy_j * share, duration_s * share, duration_s * held, duration_s)


def job_share_of_busy(job_cpu_s: float, machine_busy_s: float, held: float = 0.0) -> float:
    """Return f = c_job / c_busy, 0..1; r, what the job holds, where nothing ran on the machine.

    So the shares of all jobs add up to 1. The two times come from different kernel counters, so a
    quotient slightly above 1 is 1.
    """
    if job_cpu_s <= 0:
        return 0.0 if machine_busy_s > 0 else held
    return min(1.0, job_cpu_s / machine_busy_s) if machine_busy_s > 0 else 1.0


def attribution_named(name: str) -> Attribution:
    """Return the rule of that name.

    Raises:
        InputError: there is none.
    """
    for known in ATTRIBUTIONS:
        if name == known:
            return known
    raise InputError(
        f"attribution is {', '.join(ATTRIBUTIONS[:-1])} or {ATTRIBUTIONS[-1]}, not '{name}'"
    )
