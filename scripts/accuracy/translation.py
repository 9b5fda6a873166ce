"""Accuracy of translated durations on pairs of machines, beside simpler ratios."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from accuracy._fork_join import phase_lines
from catalog.cpu_pairs import SUITES, cpu_pairs, measured_machines, second_thread_gains
from catalog.cpus import Microarchitectures
from catalog.files import read_rows
from catalog.gpu_pairs import gpu_pairs, gpu_points
from catalog.instance_types import machines_of_all_clouds
from catalog.pairs import accuracy
from catalog.scores import Benchmarks, family_of, read_benchmarks, scores_of
from catalog.translation import CPU_FEATURES, GPU_FEATURES, held_out

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from catalog.cpu_pairs import Measured
    from catalog.machine import Machine
    from catalog.pairs import Accuracy, Pairs

WIDTH = 46
HEADER = f"{'':{WIDTH}}{'pairs':>7}{'median':>8}{'p90':>7}{'90 % interval holds':>21}"


@dataclass(frozen=True)
class _Sources:
    """What the tables are made from."""

    folder: Path
    known: Microarchitectures
    machines: list[Machine]
    benchmarks: Benchmarks

    @property
    def measured(self) -> list[Measured]:
        return measured_machines(self.folder, self.machines, self.benchmarks, self.known)

    @property
    def gains(self) -> dict[str, dict[str, float]]:
        return {
            suite: second_thread_gains(self.machines, self.benchmarks, self.known, suite)
            for suite in SUITES
        }


def table(sources: Path) -> list[str]:
    """Return the lines of this section."""
    known = Microarchitectures()
    machines = machines_of_all_clouds(sources, known).machines
    found = _Sources(sources, known, machines, read_benchmarks(sources, machines))
    return [
        "TRANSLATION: a job's time on another machine; errors as |ratio - 1|, p90 as a factor",
        HEADER,
        *_cpu_lines(found),
        *_imputed_lines(found),
        *_gpu_lines(found),
        *phase_lines(),
    ]


def _line(name: str, found: Accuracy) -> str:
    held = "" if np.isnan(found.coverage) else f"{found.coverage:>20.1%}"
    return (
        f"{'  ' + name:{WIDTH}}{found.pairs:>7}{found.median:>8.1%}{1 + found.p90:>7.2f}{held}"
    ).rstrip()


def _cpu_lines(found: _Sources) -> list[str]:
    pairs = cpu_pairs(found.measured, found.gains)
    clocks = _clocks(found.folder)
    lines = []
    for title, prefix in (
        ("one thread: 16 Geekbench 6 workloads", "geekbench:one:"),
        ("all threads, equal vCPUs: 16 Geekbench 6 workloads", "geekbench:all:"),
        ("all threads, equal vCPUs: 6 PassMark tests", "passmark:all:"),
    ):
        of_title = np.char.startswith(pairs.workload, prefix)
        some = pairs.where(of_title)
        lines += ["", title + ", each predicted from the others"]
        lines += [_line("ours, workload left out", _without_workload(pairs, prefix))]
        lines += [_line("ours, CPU kind left out", _without_kind(some, found))]
        lines += _others(some, clocks)
    return lines


def _without_workload(pairs: Pairs, prefix: str) -> Accuracy:
    """The workload is in neither the prediction nor the fit of the interval."""
    names = sorted({name for name in pairs.workload.tolist() if name.startswith(prefix)})
    found = held_out(pairs, names, by="workload", features=CPU_FEATURES, gpu=False)
    return replace(found, pairs=int(np.char.startswith(pairs.workload, prefix).sum()))


def _without_kind(pairs: Pairs, found: _Sources) -> Accuracy:
    """The CPU's microarchitecture is in no pair that the interval is fitted on."""
    kinds: dict[str, list[str]] = {}
    for one in found.measured:
        kinds.setdefault(one.machine.microarchitecture, []).append(one.machine.id)
    groups = ["|".join(names) for _, names in sorted(kinds.items())]
    return held_out(pairs, groups, by="machine", features=CPU_FEATURES, gpu=False)


def _others(pairs: Pairs, clocks: dict[str, float]) -> list[str]:
    lines = []
    ratios = dict(pairs.others)
    nominal = [
        clocks.get(one, np.nan) - clocks.get(other, np.nan)
        for one, other in zip(pairs.first.tolist(), pairs.second.tolist(), strict=True)
    ]
    ratios["clock ratio"] = np.array(nominal)
    for name, ratio in ratios.items():
        usable = np.isfinite(ratio)
        if usable.any():
            shown = "untranslated (vCPU ratio)" if name == "untranslated" else name
            lines.append(_line(shown, accuracy((pairs.truth - ratio)[usable])))
    return lines


def _clocks(folder: Path) -> dict[str, float]:
    """Logarithm of the clock rate that the machine states, by type."""
    return {
        f"{row['vendor_id']}:{row['api_reference']}": float(np.log(float(row["cpu_speed"])))
        for row in read_rows(folder / "instances/sparecores_servers.csv.gz")
        if row["cpu_speed"]
    }


def _imputed_lines(found: _Sources) -> list[str]:
    """One thread's speed where one machine of the pair was not measured: its score stands in."""
    measured = found.measured
    pairs = cpu_pairs(measured, found.gains)
    pairs = pairs.where(np.char.startswith(pairs.workload, "geekbench:one:"))
    full = scores_of(found.benchmarks, found.machines, found.known)
    lines = ["", "one thread, the second machine without Geekbench on its family"]
    for name, basis, hidden in (
        ("PassMark on it, Geekbench on no such CPU kind", "benchmark", _same_kind),
        ("Geekbench on other families with its CPU", "cpu_model", _same_family),
        ("Geekbench on other models of its CPU kind", "microarchitecture", _same_model),
    ):
        shift = {}
        for one in measured:
            rest = _without(found, one.machine, hidden, passmark=basis == "benchmark")
            score, how = scores_of(rest, found.machines, found.known).of(one.machine)
            own, _ = full.of(one.machine)
            if how == basis and score is not None and own is not None:
                shift[one.machine.id] = score - own
        usable = pairs.where(np.isin(pairs.second, list(shift)))
        moved = np.array([shift[machine] for machine in usable.second.tolist()])
        lines.append(_line(name, accuracy(usable.errors + moved)))
    return lines


def _same_kind(one: Machine, other: Machine) -> bool:
    return one.microarchitecture == other.microarchitecture


def _same_family(one: Machine, other: Machine) -> bool:
    return family_of(one) == family_of(other)


def _same_model(one: Machine, other: Machine) -> bool:
    return family_of(one) == family_of(other) or one.cpu_model == other.cpu_model


def _without(
    found: _Sources, machine: Machine, hidden: Callable[[Machine, Machine], bool], *, passmark: bool
) -> Benchmarks:
    """The benchmarks without Geekbench (and PassMark) of the machines that are hidden with one."""
    out = {other.id for other in found.machines if hidden(machine, other)}
    marks = found.benchmarks.passmark
    return Benchmarks(
        geekbench={
            name: one for name, one in found.benchmarks.geekbench.items() if name not in out
        },
        geekbench_multi=found.benchmarks.geekbench_multi,
        passmark=marks if passmark else {name: marks[name] for name in marks if name not in out},
        marks=found.benchmarks.marks,
    )


def _gpu_lines(found: _Sources) -> list[str]:
    pairs = gpu_pairs(gpu_points(found.folder), (0.5, 0.5))
    workloads = sorted(set(pairs.workload.tolist()))
    accelerators = sorted({*pairs.first.tolist(), *pairs.second.tolist()})
    lines = ["", "GPU: Lambda's training, MLPerf v5.1 and ML.ENERGY v3 at the same precision"]
    for name, groups, by in (
        ("ours, workload left out", workloads, "workload"),
        ("ours, accelerator left out", accelerators, "machine"),
    ):
        left_out = held_out(pairs, groups, by=by, features=GPU_FEATURES, gpu=True)
        lines.append(_line(name, left_out))
    for name, ratio in pairs.others.items():
        lines.append(_line(name, accuracy(pairs.truth - ratio)))
    for source in ("lambda", "mlperf", "ml_energy"):
        groups = [name for name in workloads if name.startswith(f"{source}:")]
        left_out = held_out(pairs, groups, by="workload", features=GPU_FEATURES, gpu=True)
        count = int(np.isin(pairs.workload, groups).sum())
        lines.append(_line(f"ours, {source} alone", replace(left_out, pairs=count)))
    return lines
