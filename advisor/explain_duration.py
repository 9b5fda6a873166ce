"""The chain behind a translated duration: what the job did, both machines' speeds, the errors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from carbon_advisor.advisor.estimate.speed_errors import speed_draws
from carbon_advisor.advisor.estimate.translate import gpu_log_gain, scores, second_thread_gains
from carbon_advisor.advisor.interval import NORMAL_QUANTILE_95
from carbon_advisor.advisor.provenance import Node, cited

if TYPE_CHECKING:
    from carbon_advisor.advisor.problem import Problem

POINTS = "Geekbench 6 single-core"
SCORE_BASES = {
    "measured": "Geekbench 6 and PassMark on this type and the sizes of its family",
    "family": "Geekbench 6 and PassMark on other sizes of its family",
    "benchmark": "PassMark on this type, in Geekbench's points",
    "cpu_model": "Geekbench 6 on other types with its CPU",
    "microarchitecture": "Geekbench 6 on other types with its kind of CPU",
    "none": "not known: the median of all CPUs",
}
FORMULA = "Σ phases: hours × speed ratio × throughput ratio, + waiting"
GPU_FORMULA = (
    "idle share + busy share × (FLOPS ratio)^a × (bandwidth ratio)^b, unless the CPU takes longer"
)


def duration_node(problem: Problem, offer: int, duration_h: float) -> Node:
    """Return the chain behind the duration of one candidate."""
    workload, catalog = problem.question.workload, problem.catalog
    kind = int(problem.candidates.instance_type[offer])
    parts = [
        Node("CPU time", workload.core_hours, "core h", "measured", "the profile"),
        Node("busy cores", _busy_cores(problem), "", "measured", "the profile's series"),
        Node("waiting", workload.waiting_h, "h", "measured", "the profile; the same everywhere"),
        *_speeds(problem, kind),
        *(_accelerators(problem, kind) if workload.gpus else []),
        _error(problem, kind, offer),
    ]
    formula = GPU_FORMULA if workload.gpus else FORMULA
    source = cited(catalog, catalog.translation[_coefficient(problem)].source)
    return Node("duration", duration_h, "h", "modelled", f"{formula}; {source}", parts=tuple(parts))


def _coefficient(problem: Problem) -> str:
    return "gpu_accelerator_sd" if problem.question.workload.gpus else "cpu_chip_sd"


def _busy_cores(problem: Problem) -> str:
    """The phases in words: "0.5 h on 1, 1.5 h on 3.8"."""
    phases = problem.question.workload.computing
    return ", ".join(f"{phase.hours:.3g} h on {phase.cores:.3g}" for phase in phases) or "none"


def _speeds(problem: Problem, kind: int) -> list[Node]:
    workload, catalog = problem.question.workload, problem.catalog
    types = catalog.instance_types
    basis = str(types.score_basis[kind])
    chip = int(types.microarchitecture[kind])
    source = f"{SCORE_BASES[basis]}; {cited(catalog, 'sparecores_inspector')}"
    speeds = [
        Node(
            "speed of the machine measured on", workload.single_thread_score, POINTS,
            workload.score_basis, "median of instance types with that CPU",
        ),
        Node("speed of this machine", float(scores(catalog)[kind]), POINTS, basis, source),
    ]  # fmt: skip
    if types.threads_per_core[kind] > 1:
        vendor = str(catalog.microarchitectures.vendor[chip]).lower()
        figure = catalog.translation.get(f"second_thread_gain_{vendor}")
        note = figure.note if figure else "mean of the vendors'"
        gain = float(second_thread_gains(catalog)[chip])
        speeds.append(Node("gain of a core's second thread", gain, "", "measured", note, "2026"))
    return speeds


def _accelerators(problem: Problem, kind: int) -> list[Node]:
    workload, catalog = problem.question.workload, problem.catalog
    units, row = catalog.accelerators, workload.accelerator
    target = int(catalog.instance_types.accelerator[kind])
    gain = float(np.exp(gpu_log_gain(workload, catalog)[target]))
    basis = workload.precision_basis
    chosen = "given by --precision" if basis == "stated" else "the usual one; say --precision"
    used = f"{workload.gpus} × {units.id[row]}"
    figures = catalog.translation
    exponents = tuple(
        Node(f"exponent of the {name}", figure.value, "", "modelled", figure.note, figure.year)
        for name, figure in (
            ("FLOPS", figures["gpu_flops_exponent"]),
            ("bandwidth", figures["gpu_bandwidth_exponent"]),
        )
    )
    return [
        Node("accelerator measured on", used, "", "measured", str(units.datasheet[row])),
        Node("precision", workload.precision, "", basis, chosen),
        Node("accelerators were busy", workload.gpu_busy, "of the time", "measured", "the profile"),
        Node(
            "speed of this accelerator over that", gain, "", "modelled",
            f"{units.datasheet[target]}", str(units.year[target]), exponents,
        ),
    ]  # fmt: skip


def _error(problem: Problem, kind: int, offer: int) -> Node:
    """How far such translations were off, as the factor of the 90 % interval."""
    catalog = problem.catalog
    figure = catalog.translation[_coefficient(problem)]
    factor = error_factor(problem, kind) ** float(problem.candidates.translated[offer])
    source = (
        f"fitted on {figure.pairs} pairs of machines, median error {figure.median_error:.0%}, "
        f"nine in ten within ×{1 + figure.p90_error:.2f}"
    )
    return Node(
        "error of the translation", f"×/÷ {factor:.2f}", "", "modelled", source, figure.year
    )


def error_factor(problem: Problem, kind: int) -> float:
    """Return the factor of the 90 % interval of the computing time on an instance type."""
    workload, catalog = problem.question.workload, problem.catalog
    draws = speed_draws(workload, np.array([kind]), catalog)
    total = float(np.sqrt(sum(float(sd[0]) ** 2 for sd, _ in draws)))
    return float(np.exp(NORMAL_QUANTILE_95 * total))
