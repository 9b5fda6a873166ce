"""The job's share of the machine's energy: active and idle power are kept apart.

E_job = Σ (E − P_idle·Δt)·f + P_idle·Δt·r, with f the job's share of what ran and r of what it held.
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
        duration_s: Σ Δt.
    """

    energy_j: float = 0.0
    shared_j: float = 0.0
    shared_s: float = 0.0
    duration_s: float = 0.0

    def __add__(self, other: EnergySums) -> EnergySums:
        return EnergySums(
            self.energy_j + other.energy_j,
            self.shared_j + other.shared_j,
            self.shared_s + other.shared_s,
            self.duration_s + other.duration_s,
        )

    def scaled(self, factor: float) -> EnergySums:
        """Return the part of these sums that falls into a fraction of their time."""
        return EnergySums(
            self.energy_j * factor,
            self.shared_j * factor,
            self.shared_s * factor,
            self.duration_s * factor,
        )

    def job_energy_j(self, idle_power_w: float, held_share: float) -> float:
        """Return E_job in joules, within 0 and the machine's energy.

        Args:
            idle_power_w: P_idle of the whole machine.
            held_share: r, the job's share of the machine's vCPUs.
        """
        active_j = self.shared_j - idle_power_w * self.shared_s
        idle_j = idle_power_w * self.duration_s * held_share
        return min(self.energy_j, max(0.0, active_j + idle_j))


def sums_of(energy_j: float, share: float, duration_s: float) -> EnergySums:
    """Return the sums of one sample: `share` is f, 0..1."""
    return EnergySums(energy_j, energy_j * share, duration_s * share, duration_s)


def job_share_of_busy(job_cpu_s: float, machine_busy_s: float) -> float:
    """Return f = c_job / c_busy, 0..1; 0 when nothing ran.

    The two come from different kernel counters, so a quotient slightly above 1 is 1.
    """
    if job_cpu_s <= 0:
        return 0.0
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
