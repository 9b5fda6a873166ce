"""Modelled power of CPU threads and memory, for machines without energy counters.

watts = threads × (idle + (max − idle) × shape(utilisation)), per hardware thread, never per socket.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

from carbon_advisor.measurement.cpu_lookup import ResolvedCpu, read_rows
from carbon_advisor.measurement.cpu_tables import LOAD_COLUMNS
from carbon_advisor.measurement.power_source import Reading

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

    from carbon_advisor.measurement.machine_clock import MachineClock
    from carbon_advisor.measurement.profile import Component, Method


@dataclass(frozen=True, slots=True)
class LoadShape:
    """Fraction of the way from idle to maximum power at each utilisation, both 0..1, ascending.

    `modes` are what a unit of each coordinate of a CPU's own shape adds at each utilisation.
    """

    utilization: tuple[float, ...]
    fraction: tuple[float, ...]
    modes: tuple[tuple[float, ...], ...] = ()

    def of(self, load: tuple[float, ...]) -> LoadShape:
        """Return the shape of a CPU from its coordinates, never falling."""
        fraction, highest = [], 0.0
        for at, mean in enumerate(self.fraction):
            own = mean + sum(
                score * mode[at] for score, mode in zip(load, self.modes, strict=False)
            )
            highest = max(highest, min(1.0, own))
            fraction.append(highest)
        return LoadShape(self.utilization, tuple(fraction))

    def at(self, utilization: float) -> float:
        """Return the fraction at a utilisation, linear between the points, clamped to the ends."""
        points = list(zip(self.utilization, self.fraction, strict=True))
        if utilization <= points[0][0]:
            return points[0][1]
        for (left, low), (right, high) in pairwise(points):
            if utilization <= right:
                return low + (high - low) * (utilization - left) / (right - left)
        return points[-1][1]


@dataclass(frozen=True, slots=True)
class Factor:
    """One row of data/factors.csv."""

    value: float
    relative_error: float
    source: str


@dataclass(frozen=True, slots=True)
class PowerTables:
    """What the power model needs beyond the CPU's own row."""

    shape: LoadShape
    memory_w_per_gb: Factor


class ModelledCpu:
    """CPU power of the whole machine, integrated from its utilisation between readings.

    The figures per thread are wall power: they contain power supply, fans, disks and the memory
    that `memory_gb_per_thread` states.
    """

    domain: Component = "cpu"
    method: Method = "modelled"

    def __init__(self, cpu: ResolvedCpu, clock: MachineClock, shape: LoadShape) -> None:
        row = cpu.power
        self.relative_error = row.relative_error
        self.idle_power_w: float | None = clock.threads * row.idle_w_per_thread
        found = {
            "model": f"found by its name {cpu.cpu_model or ''}".rstrip(),
            "cpuid": "found by its CPUID",
            "fallback": "CPU not recognised",
        }[cpu.how]
        self.source = (
            f"{row.name} ({found}): {clock.threads} threads × ({row.idle_w_per_thread:.3g} W idle "
            f"… {row.max_w_per_thread:.3g} W full) by utilisation; {row.basis}, {row.source}"
        )
        self._span_w = clock.threads * (row.max_w_per_thread - row.idle_w_per_thread)
        self._clock = clock
        self._shape = shape.of(row.load)
        self._energy_j = 0.0
        self._time_s = time.monotonic()
        self._busy_s = clock.read().busy_s

    def available(self) -> bool:
        """A model is always available."""
        return True

    def power_w(self, utilization: float) -> float:
        """Return the machine's watts at a utilisation of all its threads, 0..1."""
        assert self.idle_power_w is not None
        return self.idle_power_w + self._span_w * self._shape.at(utilization)

    def read(self) -> Reading:
        """Return the joules since this object was made."""
        now_s, busy_s = time.monotonic(), self._clock.read().busy_s
        elapsed_s = now_s - self._time_s
        if elapsed_s > 0:
            utilization = (busy_s - self._busy_s) / (elapsed_s * self._clock.threads)
            self._energy_j += elapsed_s * self.power_w(utilization)
            self._time_s, self._busy_s = now_s, busy_s
        return Reading(now_s, energy_j=self._energy_j)


class ModelledMemory:
    """Memory power by capacity: a constant per GB, whatever the load.

    Args:
        memory_gb: all memory of the machine.
        counted_gb: the part whose power the CPU figure contains already.
        w_per_gb: the factor.
    """

    domain: Component = "memory"
    method: Method = "modelled"

    def __init__(self, memory_gb: float, counted_gb: float, w_per_gb: Factor) -> None:
        beyond_gb = max(0.0, memory_gb - counted_gb)
        self.idle_power_w: float | None = beyond_gb * w_per_gb.value
        self.relative_error = w_per_gb.relative_error
        within = f" beyond the {counted_gb:.3g} GB within the CPU figure" if counted_gb else ""
        self.source = (
            f"{beyond_gb:.3g} GB{within} × {w_per_gb.value:.3g} W per GB; {w_per_gb.source}"
        )

    def available(self) -> bool:
        """A model is always available."""
        return True

    def read(self) -> Reading:
        """Return the constant power."""
        return Reading(time.monotonic(), power_w=self.idle_power_w)


@lru_cache(maxsize=1)
def bundled_power_tables() -> PowerTables:
    """Return the tables of `carbon_advisor.data`, read once."""
    from importlib.resources import files

    return read_power_tables(files("carbon_advisor.data"))


def read_power_tables(folder: Traversable) -> PowerTables:
    """Read load_shape.csv and the memory factor of factors.csv from a folder."""
    rows = sorted(read_rows(folder / "load_shape.csv"), key=lambda row: float(row["utilization"]))
    factor = next(
        row for row in read_rows(folder / "factors.csv") if row["key"] == "memory_w_per_gb"
    )

    def column(name: str) -> tuple[float, ...]:
        return tuple(float(row[name]) for row in rows)

    modes = tuple(column(name) for name in LOAD_COLUMNS if name in rows[0])
    return PowerTables(
        LoadShape(column("utilization"), column("fraction"), modes),
        Factor(float(factor["value"]), float(factor["relative_error"]), factor["source"]),
    )
