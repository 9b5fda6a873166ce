"""CPU jobs on pairs of instance types: Geekbench's and PassMark's workloads, one thread and all.

The truth of a workload is predicted from the other workloads only.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from catalog.cpus import WHOLE_CORES
from catalog.files import hand_rows, median, number, read_rows
from catalog.pairs import Pairs, pairs_of
from catalog.scores import BENCHMARKS, PASSMARK_SHARE

if TYPE_CHECKING:
    from pathlib import Path

    from catalog.cpus import Microarchitectures
    from catalog.machine import Machine
    from catalog.scores import Benchmarks

# Their Arm builds lack the instructions for them: three to nine times slower than all else says.
UNFAIR = {"encryption", "compression"}
GAIN_SIZES = (2.0, 4.0)  # vCPUs at which a second thread's gain is compared
SUITES = ("geekbench", "passmark")


@dataclass(frozen=True)
class Measured:
    """Logarithms of one machine's speeds by (suite, threads, workload), and what it is."""

    machine: Machine
    vendor: str
    speeds: dict[tuple[str, str, str], float]
    raw: dict[str, float]  # SpareCores' row: logarithms of the three suites' own marks
    passmark: float  # per vCPU in points of Geekbench

    @property
    def cores(self) -> float:
        """Physical cores under its vCPUs."""
        return max(1.0, self.machine.vcpus / self.machine.threads_per_core)

    def single(self, left_out: str = "") -> float:
        """Geekbench's single-core score without one workload."""
        return float(
            np.mean([
                value
                for (suite, threads, name), value in self.speeds.items()
                if suite == "geekbench" and threads == "one" and name != left_out
            ])
        )  # fmt: skip

    def all_threads(self, gain: float) -> float:
        """Logarithm of what all threads do in what one does alone."""
        return float(np.log(self.cores + (self.machine.vcpus - self.cores) * gain))


def measured_machines(
    sources: Path, machines: list[Machine], benchmarks: Benchmarks, known: Microarchitectures
) -> list[Measured]:
    """Return the machines whose workloads were looked up one by one."""
    by_id = {machine.id: machine for machine in machines}
    raw = {
        f"{row['vendor']}:{row['server']}": {
            name: float(np.log(value))
            for name, column in (("passmark", "passmark_cpu"), ("stress_ng", "stressng_all"))
            if (value := number(row[column]))
        }
        for row in read_rows(sources / BENCHMARKS)
    }
    speeds: dict[str, dict[tuple[str, str, str], float]] = {}
    for row in hand_rows("cpu_workloads"):
        key = (row["suite"], row["threads"], row["workload"])
        speeds.setdefault(row["instance_type"], {})[key] = float(np.log(float(row["score"])))
    return [
        Measured(
            machine=by_id[name],
            vendor=known.rows[by_id[name].microarchitecture]["vendor"],
            speeds=found,
            raw=raw[name],
            passmark=benchmarks.passmark.get(name, benchmarks.geekbench[name]),
        )
        for name, found in sorted(speeds.items())
        if ("geekbench", "one", "clang") in found
    ]


def second_thread_gains(
    machines: list[Machine], benchmarks: Benchmarks, known: Microarchitectures, suite: str
) -> dict[str, float]:
    """Return what a core's second thread adds, by vendor, as one suite sees it.

    Geekbench: multi-core over single-core score per vCPU against machines of one thread per core.
    PassMark: its mark per vCPU against the same microarchitecture with one thread per core.
    """
    shares: dict[str, list[float]] = {}
    for size in GAIN_SIZES:
        alike = [m for m in machines if m.vcpus == size and not (m.shared_core or m.burstable)]
        for name, share in _shares(alike, benchmarks, suite):
            shares.setdefault(known.rows[name]["vendor"], []).append(2 * share - 1)
    return {vendor: median(values) or 0.0 for vendor, values in sorted(shares.items())}


def _shares(machines: list[Machine], benchmarks: Benchmarks, suite: str) -> list[tuple[str, float]]:
    """Speed of a vCPU that shares its core over one that does not, by microarchitecture."""
    speeds: dict[str, list[float]] = {}
    for machine in machines:
        if machine.id not in benchmarks.geekbench or machine.architecture != "x86_64":
            continue
        value = _multi(machine, benchmarks) if suite == "geekbench" else _mark(machine, benchmarks)
        if value is not None:
            speeds.setdefault(machine.microarchitecture, []).append(value)
    typical = {name: median(values) or 0.0 for name, values in sorted(speeds.items())}
    alone = {name: value for name, value in typical.items() if name.endswith(WHOLE_CORES)}
    every = median(alone.values()) or 0.0
    found = []
    for name, value in typical.items():
        reference = every if suite == "geekbench" else alone.get(name + WHOLE_CORES)
        if name not in alone and reference is not None:
            found.append((name, float(np.exp(value - reference))))
    return found


def _multi(machine: Machine, benchmarks: Benchmarks) -> float:
    multi = float(np.log(benchmarks.geekbench_multi[machine.id] / machine.vcpus))
    return multi - benchmarks.geekbench[machine.id]


def _mark(machine: Machine, benchmarks: Benchmarks) -> float | None:
    mark = benchmarks.marks.get(machine.id)
    if mark is None:
        return None
    return mark - float(np.log(machine.vcpus)) - benchmarks.geekbench[machine.id]


def cpu_pairs(measured: list[Measured], gains: dict[str, dict[str, float]]) -> Pairs:
    """Return every workload on every two machines of different microarchitecture, equal vCPUs.

    Args:
        measured: the machines.
        gains: by suite, a second thread's gain by vendor; a workload is predicted with the gain
            that the other suite saw.
    """
    rows = []
    for one, other in combinations(measured, 2):
        if one.machine.microarchitecture == other.machine.microarchitecture:
            continue
        if one.machine.vcpus != other.machine.vcpus:
            continue
        rows += [_row(one, other, key, gains) for key in one.speeds if key[2] not in UNFAIR]
    return pairs_of(rows)


def _row(
    one: Measured,
    other: Measured,
    key: tuple[str, str, str],
    gains: dict[str, dict[str, float]],
) -> dict[str, object]:
    suite, threads, name = key
    share = PASSMARK_SHARE if suite == "geekbench" else 0.0
    single = one.single(name) - other.single(name)
    predicted = single + share * (one.passmark - other.passmark - single)
    others = {
        "untranslated": 0.0,
        "PassMark single-thread": _difference(one, other, ("passmark", "one", "single_thread")),
        "PassMark mark": one.raw.get("passmark", np.nan) - other.raw.get("passmark", np.nan),
        "Geekbench single-core alone": single,
    }
    if threads == "all":
        gain = gains[SUITES[1 - SUITES.index(suite)]]
        predicted += one.all_threads(gain.get(one.vendor, 0.0))
        predicted -= other.all_threads(gain.get(other.vendor, 0.0))
        stress = one.raw["stress_ng"] - other.raw["stress_ng"]
        others["√(single × stress-ng)"] = (single + stress) / 2
    else:
        others["√(single × stress-ng)"] = np.nan
    differs = {
        "chip": True,
        "vendor": one.vendor != other.vendor,
        "architecture": one.machine.architecture != other.machine.architecture,
        "threads": threads == "all"
        and one.machine.threads_per_core != other.machine.threads_per_core,
    }
    return {
        "workload": ":".join(key),
        "first": one.machine.id,
        "second": other.machine.id,
        "truth": one.speeds[key] - other.speeds[key],
        "predicted": predicted,
        "others": others,
        "features": {name: float(value) for name, value in differs.items()}
        | {"ratio": predicted**2},
    }


def _difference(one: Measured, other: Measured, key: tuple[str, str, str]) -> float:
    return one.speeds[key] - other.speeds[key]
