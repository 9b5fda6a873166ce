"""The coefficients of translation and their errors, fitted on pairs of machines: one table.

`scripts/fit_translation.py` prints how they come about; data/translation.csv ships them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from catalog.cpu_pairs import SUITES, cpu_pairs, measured_machines, second_thread_gains
from catalog.files import Row, Table
from catalog.gpu_pairs import fit_exponents, gpu_pairs, gpu_points, with_exponents
from catalog.pairs import COVERED, HALF_WIDTH, Accuracy, Variances, accuracy, fit_variances
from catalog.score_errors import score_errors

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from catalog.cpus import Microarchitectures
    from catalog.machine import Machine
    from catalog.pairs import Pairs
    from catalog.scores import Benchmarks

    Floats = NDArray[np.float64]

CPU_FEATURES = ("chip", "architecture", "threads", "ratio")
GPU_FEATURES = ("accelerator", "gain", "mix")
COLUMNS = ("key", "value", "pairs", "median_error", "p90_error", "source", "year", "note")
CPU_SOURCE, GPU_SOURCE = "sparecores_inspector", "gpu_speed_pairs"
NOTES = {
    "chip": "log-sd between two microarchitectures",
    "architecture": "log-sd besides, between x86 and Arm",
    "threads": "log-sd besides, where second threads compute on one of the two only",
    "ratio": "log-sd besides, per unit of the logarithm of the predicted ratio",
    "accelerator": "log-sd between two accelerators",
    "gain": "log-sd besides, per unit of the logarithm of the predicted ratio",
    "mix": "log-sd besides, per unit of log FLOPS ratio less log bandwidth ratio",
}


@dataclass(frozen=True)
class Fit:
    """Everything that is fitted, with the pairs it was fitted on."""

    gains: dict[str, dict[str, float]]
    cpu: Pairs
    cpu_variances: Variances
    exponents: tuple[float, float]
    gpu: Pairs
    gpu_variances: Variances
    scores: dict[str, Floats]

    @property
    def gain(self) -> dict[str, float]:
        """A second thread's gain by vendor: the mean of both suites."""
        vendors = sorted(set.intersection(*(set(found) for found in self.gains.values())))
        return {
            vendor: float(np.mean([found[vendor] for found in self.gains.values()]))
            for vendor in vendors
        }


def fit_translation(
    sources: Path, machines: list[Machine], benchmarks: Benchmarks, known: Microarchitectures
) -> Fit:
    """Fit every coefficient on the sources."""
    gains = {suite: second_thread_gains(machines, benchmarks, known, suite) for suite in SUITES}
    cpu = cpu_pairs(measured_machines(sources, machines, benchmarks, known), gains)
    exponents, gpu = fit_gpu(gpu_pairs(gpu_points(sources), (0.5, 0.5)))
    return Fit(
        gains=gains,
        cpu=cpu,
        cpu_variances=fit_variances(cpu, CPU_FEATURES),
        exponents=exponents,
        gpu=gpu,
        gpu_variances=fit_variances(gpu, GPU_FEATURES),
        scores=score_errors(machines, benchmarks, known),
    )


def fit_gpu(pairs: Pairs) -> tuple[tuple[float, float], Pairs]:
    """Return the exponents of some pairs, rounded as they are shipped, and the pairs with them."""
    flops, bandwidth = fit_exponents(pairs)
    exponents = (round(flops, 2), round(bandwidth, 2))
    return exponents, with_exponents(pairs, exponents)


def build_translation(fit: Fit) -> Table:
    """Return the table that ships."""
    cpu, gpu = accuracy(fit.cpu.errors), accuracy(fit.gpu.errors)
    rows = [
        _row(
            f"second_thread_gain_{vendor}", gain, CPU_SOURCE, "2026", cpu,
            "a core's second thread adds this share of the first's throughput: mean of Geekbench 6 "
            f"({fit.gains['geekbench'][vendor]:.2f}) and PassMark "
            f"({fit.gains['passmark'][vendor]:.2f})",
        )
        for vendor, gain in fit.gain.items()
    ]  # fmt: skip
    rows += [
        _row(f"cpu_{name}_sd", part**0.5, CPU_SOURCE, "2026", cpu, NOTES[name])
        for name, part in fit.cpu_variances.parts.items()
    ]
    rows += [
        _row(f"score_{basis}_sd", _sd(errors), CPU_SOURCE, "2026", accuracy(errors),
             "log-sd of a machine's score; each machine from the others' only")
        for basis, errors in fit.scores.items()
    ]  # fmt: skip
    note = "exponent of the ratio of {} in the ratio of speeds"
    rows += [
        _row("gpu_flops_exponent", fit.exponents[0], GPU_SOURCE, "2025", gpu,
             note.format("peak FLOPS at the job's precision")),
        _row("gpu_bandwidth_exponent", fit.exponents[1], GPU_SOURCE, "2025", gpu,
             note.format("memory bandwidths")),
    ]  # fmt: skip
    rows += [
        _row(f"gpu_{name}_sd", part**0.5, GPU_SOURCE, "2025", gpu, NOTES[name])
        for name, part in fit.gpu_variances.parts.items()
    ]
    return Table("translation", COLUMNS, rows, also=("lambda_benchmark", "mlperf", "ml_energy"))


def _sd(errors: Floats) -> float:
    """Log-sd whose 90 % interval holds 90 % of the errors."""
    return float(np.quantile(np.abs(errors), COVERED)) / HALF_WIDTH


def _row(key: str, value: float, source: str, year: str, found: Accuracy, note: str) -> Row:
    return {
        "key": key.lower(),
        "value": round(value, 3),
        "pairs": found.pairs,
        "median_error": round(found.median, 3),
        "p90_error": round(found.p90, 3),
        "source": source,
        "year": year,
        "note": note,
    }


def held_out(
    pairs: Pairs, groups: list[str], *, by: str, features: tuple[str, ...], gpu: bool
) -> Accuracy:
    """Return the accuracy where each group is predicted by a fit on the others.

    Args:
        pairs: the pairs.
        groups: names of workloads, or of machines joined by "|" that are left out together.
        by: "workload" or "machine".
        features: what the variance is fitted to.
        gpu: whether the exponents are fitted again too.
    """
    errors, sds = [], []
    for group in groups:
        out = pairs.workload == group if by == "workload" else pairs.touching(group.split("|"))
        rest, tested = pairs.where(~out), pairs.where(out)
        if gpu:
            exponents, rest = fit_gpu(rest)
            tested = with_exponents(tested, exponents)
        errors.append(tested.errors)
        sds.append(fit_variances(rest, features).sd(tested))
    found = accuracy(np.concatenate(errors), np.concatenate(sds))
    return replace(found, pairs=len(pairs.truth))
