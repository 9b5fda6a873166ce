"""How fast one thread of every machine is, in points of Geekbench 6, and how that was found.

Measured by SpareCores; where Geekbench was not run, PassMark and machines alike stand in.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np

from catalog.cpus import WHOLE_CORES
from catalog.files import Row, median, number, read_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from catalog.cpus import Microarchitectures
    from catalog.machine import Machine

BENCHMARKS = "perf/sparecores_benchmarks_aws_gcp_azure.csv.gz"
SCORE_SOURCE = "sparecores_inspector"
# PassMark's share in the logarithm of a score that has both: a job's time between two machines is
# off by 10.7 % without it and by 10.1 % with 0.2 to 0.3 of it (scripts/fit_translation.py).
PASSMARK_SHARE = 0.25
# Geekbench deviates from the median of a microarchitecture by so much of what PassMark deviates:
# their correlation over 2,134 types is 0.64, their spreads are 9.6 % and 10.7 %.
PASSMARK_SLOPE = 0.58


def family_of(machine: Machine) -> str:
    """Name the machines that differ in size only: provider and family."""
    return f"{machine.provider}:{machine.family}"


def sizes_of(machine: Machine) -> str:
    """Name the machines of a family that have the same CPU."""
    return f"{family_of(machine)}|{machine.cpu_model}"


@dataclass(frozen=True)
class Benchmarks:
    """What SpareCores measured, by type: logarithms of Geekbench's points.

    Attributes:
        geekbench: single-core score.
        geekbench_multi: multi-core score, not a logarithm.
        passmark: CPU mark per vCPU in points of Geekbench's single-core score.
        marks: PassMark's CPU mark as it is.
    """

    geekbench: dict[str, float]
    geekbench_multi: dict[str, float]
    passmark: dict[str, float]
    marks: dict[str, float]


def read_benchmarks(sources: Path, machines: list[Machine]) -> Benchmarks:
    """Return the benchmarks of the machines that are measured."""
    single, multi, mark = {}, {}, {}
    for row in read_rows(sources / BENCHMARKS):
        name = f"{row['vendor']}:{row['server']}"
        one, all_threads = number(row["gb6_single"]), number(row["gb6_multi"])
        if one and all_threads:
            single[name], multi[name] = float(np.log(one)), all_threads
        cpu_mark = number(row["passmark_cpu"])
        if cpu_mark:
            mark[name] = float(np.log(cpu_mark))
    return Benchmarks(single, multi, in_geekbench_points(machines, single, mark), mark)


def in_geekbench_points(
    machines: Iterable[Machine], geekbench: dict[str, float], mark: dict[str, float]
) -> dict[str, float]:
    """Return PassMark's mark per vCPU less what it usually is above Geekbench's single-core score.

    Usually: the median of machines of the same architecture, threads per core and nearest size,
    as its Arm build lacks instructions and its gain falls with the number of threads.
    """
    per_vcpu = {
        machine.id: (_kind(machine), mark[machine.id] - float(np.log(machine.vcpus)))
        for machine in machines
        if machine.id in mark and not machine.shared_core
    }
    both: dict[tuple[str, int, int], list[float]] = {}
    for name, (kind, value) in per_vcpu.items():
        if name in geekbench:
            both.setdefault(kind, []).append(value - geekbench[name])
    usual = {kind: median(values) or 0.0 for kind, values in sorted(both.items())}
    return {
        name: value - usual[_nearest(kind, usual)]
        for name, (kind, value) in per_vcpu.items()
        if any(kind[:2] == other[:2] for other in usual)
    }


def _kind(machine: Machine) -> tuple[str, int, int]:
    return machine.architecture, machine.threads_per_core, round(float(np.log2(machine.vcpus)))


def _nearest(
    kind: tuple[str, int, int], usual: dict[tuple[str, int, int], float]
) -> tuple[str, int, int]:
    alike = (other for other in usual if other[:2] == kind[:2])
    return min(alike, key=lambda other: (abs(other[2] - kind[2]), other[2]))


@dataclass(frozen=True)
class Scores:
    """Scores by type, and medians of machines alike; logarithms except `multi` and the ratios."""

    benchmarks: Benchmarks
    by_sizes: dict[str, float]
    by_cpu: dict[str, float]
    by_microarchitecture: dict[str, float]
    passmark_by_microarchitecture: dict[str, float]
    multi_over_single: dict[tuple[float, int], float]

    def of(self, machine: Machine) -> tuple[float | None, str]:
        """Return the logarithm of a machine's score, and its basis.

        "measured": Geekbench on it (the median of its sizes, which differ by noise only);
        "family": on other sizes; "benchmark": PassMark on it; "cpu_model": Geekbench on other
        families with its CPU; "microarchitecture": with a CPU of its kind; "none".
        """
        own = self.benchmarks.geekbench.get(machine.id)
        if machine.shared_core and own is not None:
            return own, "measured"
        sizes = self.by_sizes.get(sizes_of(machine))
        if sizes is not None:
            return sizes, "family" if own is None else "measured"
        kind = self.by_microarchitecture.get(machine.microarchitecture)
        if machine.id in self.benchmarks.passmark:
            return self._by_passmark(machine, kind), "benchmark"
        if machine.cpu_model in self.by_cpu:
            return self.by_cpu[machine.cpu_model], "cpu_model"
        return kind, "none" if kind is None else "microarchitecture"

    def _by_passmark(self, machine: Machine, kind: float | None) -> float:
        mark = self.benchmarks.passmark[machine.id]
        usual = self.passmark_by_microarchitecture.get(machine.microarchitecture)
        if kind is None or usual is None:
            return mark
        return kind + PASSMARK_SLOPE * (mark - usual)

    def row(self, machine: Machine) -> Row:
        """Return a machine's columns of scores."""
        score, basis = self.of(machine)
        if score is None:
            return {"score_basis": "none"}
        multi: float | None = self.benchmarks.geekbench_multi.get(machine.id)
        if multi is None:
            ratio = self.multi_over_single.get((machine.vcpus, machine.threads_per_core))
            multi = None if ratio is None else float(np.exp(score)) * ratio
        return {
            "single_thread_score": round(float(np.exp(score))),
            "multi_thread_score": None if multi is None else round(multi),
            "score_basis": basis,
            "score_source": SCORE_SOURCE,
        }


def scores_of(benchmarks: Benchmarks, machines: list[Machine], known: Microarchitectures) -> Scores:
    """Return what SpareCores measured, and the medians that stand in where it did not."""
    whole = [machine for machine in machines if not machine.shared_core]
    by_sizes = _with_passmark(
        medians(whole, sizes_of, benchmarks.geekbench),
        medians(whole, sizes_of, benchmarks.passmark),
    )
    scored = {
        machine.id: by_sizes[sizes_of(machine)]
        for machine in whole
        if machine.id in benchmarks.geekbench
    }
    marks = medians(whole, lambda machine: machine.microarchitecture, benchmarks.passmark)
    kinds = medians(whole, lambda machine: machine.microarchitecture, scored)
    return Scores(
        benchmarks=benchmarks,
        by_sizes=by_sizes,
        by_cpu=medians(whole, lambda machine: machine.cpu_model, scored),
        by_microarchitecture=_with_siblings(kinds, marks, known),
        passmark_by_microarchitecture=marks,
        multi_over_single=_multi_over_single(whole, benchmarks),
    )


def points(logarithms: dict[str, float]) -> dict[str, float]:
    """Return points of Geekbench, to a half, of their logarithms."""
    return {name: round(2 * float(np.exp(value))) / 2 for name, value in logarithms.items()}


def _with_passmark(geekbench: dict[str, float], passmark: dict[str, float]) -> dict[str, float]:
    """Mix PassMark's share into the scores that have it."""
    return {
        name: score + PASSMARK_SHARE * (passmark.get(name, score) - score)
        for name, score in geekbench.items()
    }


def medians(
    machines: Iterable[Machine], key_of: Callable[[Machine], str], values: dict[str, float]
) -> dict[str, float]:
    """Return the median of `values` (by type) of the machines with one key; "" is no key."""
    found = sorted(
        (key_of(machine), values[machine.id]) for machine in machines if machine.id in values
    )
    return {
        key: float(np.median([value for _, value in group]))
        for key, group in groupby(found, key=lambda pair: pair[0])
        if key
    }


def _multi_over_single(
    machines: list[Machine], benchmarks: Benchmarks
) -> dict[tuple[float, int], float]:
    """Median of Geekbench's multi-core over its single-core score by vCPUs and threads per core."""
    ratios: dict[tuple[float, int], list[float]] = {}
    for machine in machines:
        if machine.id in benchmarks.geekbench:
            single = float(np.exp(benchmarks.geekbench[machine.id]))
            ratio = benchmarks.geekbench_multi[machine.id] / single
            ratios.setdefault((machine.vcpus, machine.threads_per_core), []).append(ratio)
    return {key: median(values) or 0.0 for key, values in ratios.items()}


def _with_siblings(
    scores: dict[str, float], marks: dict[str, float], known: Microarchitectures
) -> dict[str, float]:
    """Add what Geekbench was not run on: the same kind with or without hyperthreads, PassMark, a
    stated score, and that of the kind that the hand-kept list likens it to.
    """
    found = dict(scores)
    for name, score in scores.items():
        found.setdefault(name.removesuffix(WHOLE_CORES), score)
        found.setdefault(name.removesuffix(WHOLE_CORES) + WHOLE_CORES, score)
    for name, mark in marks.items():
        found.setdefault(name, mark)
    for name, hand in known.rows.items():
        stated = number(hand["score"])
        liked = found.get(hand["score_from"]) if stated is None else float(np.log(stated))
        if liked is not None:
            found.setdefault(name, liked)
    return found
