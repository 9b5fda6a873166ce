"""How far a machine's score is off, by how it was found: each machine from the others' only."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from catalog.scores import Benchmarks, family_of, medians, scores_of, sizes_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from catalog.cpus import Microarchitectures
    from catalog.machine import Machine

    Floats = NDArray[np.float64]


def score_errors(
    machines: list[Machine], benchmarks: Benchmarks, known: Microarchitectures
) -> dict[str, Floats]:
    """Return log errors of scores against Geekbench's on the machine itself, by basis.

    A basis is tried on every machine that has Geekbench: from other sizes of its family, from
    PassMark with the Geekbench of other families, from other families with its CPU, from other
    CPUs of its microarchitecture, and from the median of all.
    """
    truth = benchmarks.geekbench
    tried = [machine for machine in machines if machine.id in truth and not machine.shared_core]
    sizes = _left_out(tried, truth, sizes_of, lambda machine: machine.id)
    return {
        "measured": sizes,
        "family": sizes,
        "benchmark": _by_passmark(tried, benchmarks, known),
        "cpu_model": _left_out(tried, truth, _cpu_model, family_of),
        "microarchitecture": _left_out(tried, truth, _microarchitecture, _cpu_model),
        "none": _spread(tried, truth),
    }


def _cpu_model(machine: Machine) -> str:
    return machine.cpu_model


def _microarchitecture(machine: Machine) -> str:
    return machine.microarchitecture


def _left_out(
    machines: list[Machine],
    truth: Mapping[str, float],
    group_of: Callable[[Machine], str],
    part_of: Callable[[Machine], str],
) -> Floats:
    """Truth less the median of the machines of the same group that belong to another part."""
    groups: dict[str, list[Machine]] = {}
    for machine in machines:
        if group_of(machine):
            groups.setdefault(group_of(machine), []).append(machine)
    found = []
    for _, members in sorted(groups.items()):
        parts = np.array([part_of(machine) for machine in members])
        values = np.array([truth[machine.id] for machine in members])
        for part in sorted(set(parts.tolist())):
            others = values[parts != part]
            if len(others):
                found += (values[parts == part] - np.median(others)).tolist()
    return np.array(found)


def _by_passmark(
    machines: list[Machine], benchmarks: Benchmarks, known: Microarchitectures
) -> Floats:
    """Truth less the score by PassMark, with no Geekbench of the machine's microarchitecture."""
    found: list[float] = []
    kinds = sorted({machine.microarchitecture for machine in machines})
    for kind in kinds:
        held_out = {machine.id for machine in machines if machine.microarchitecture == kind}
        rest = Benchmarks(
            {name: one for name, one in benchmarks.geekbench.items() if name not in held_out},
            benchmarks.geekbench_multi,
            benchmarks.passmark,
            benchmarks.marks,
        )
        scores = scores_of(rest, machines, known)
        for machine in machines:
            if machine.id in held_out and machine.id in benchmarks.passmark:
                score, basis = scores.of(machine)
                if basis == "benchmark" and score is not None:
                    found.append(benchmarks.geekbench[machine.id] - score)
    return np.array(found)


def _spread(machines: list[Machine], truth: Mapping[str, float]) -> Floats:
    """How far the microarchitectures' scores lie from their median."""
    kinds = medians(machines, _microarchitecture, dict(truth))
    values = np.array([value for _, value in sorted(kinds.items())])
    return np.asarray(values - np.median(values))
