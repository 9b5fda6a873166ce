"""Fitting the translation: variances, exponents and scores, on machines made up here."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

SCRIPTS = Path(__file__).parent.parent.parent / "scripts"
sys.path.insert(0, str(SCRIPTS))

from accuracy._fork_join import phase_lines  # noqa: E402

from catalog import cpus, files, gpu_pairs, pairs, scores  # noqa: E402
from catalog.machine import Machine  # noqa: E402

RANDOM = np.random.default_rng(1)


def made_up(count: int = 20_000) -> pairs.Pairs:
    """Pairs whose errors have a log-sd of 0.1, and 0.3 where the architecture differs."""
    differs = RANDOM.integers(0, 2, count).astype(np.float64)
    noise = RANDOM.standard_normal(count) * np.where(differs > 0, 0.3, 0.1)
    none = np.zeros(count)
    return pairs.Pairs(
        workload=np.full(count, "job"),
        first=np.full(count, "one"),
        second=np.where(differs > 0, "arm", "x86"),
        truth=noise,
        predicted=none,
        others={"untranslated": none},
        features={"chip": np.ones(count), "architecture": differs, "nothing": none + 1e-9},
    )


def test_variances_are_found_and_their_intervals_hold_nine_in_ten() -> None:
    found = made_up()
    variances = pairs.fit_variances(found, ("chip", "architecture"))
    assert variances.parts["chip"] ** 0.5 == pytest.approx(0.1, rel=0.15)
    assert sum(variances.parts.values()) ** 0.5 == pytest.approx(0.3, rel=0.1)
    fresh = made_up()
    held = pairs.accuracy(fresh.errors, variances.sd(fresh)).coverage
    assert held == pytest.approx(0.90, abs=0.02)


def test_no_variance_is_negative() -> None:
    target = np.array([1.0, 0.0, 1.0])
    columns = np.array([[1.0, 0.0], [1.0, 1.0], [1.0, 0.0]])
    found = pairs.non_negative(columns, target)
    assert (found >= 0).all()
    assert found == pytest.approx([2 / 3, 0])


def test_accuracy_is_of_factors() -> None:
    found = pairs.accuracy(np.log([1.1, 1 / 1.1, 1.1]))
    assert (found.pairs, found.median) == (3, pytest.approx(0.1))


def test_rows_of_pairs_can_be_chosen() -> None:
    found = made_up(100)
    arm = found.where(found.touching(["arm"]))
    assert set(arm.second.tolist()) == {"arm"}
    assert (arm.features["architecture"] == 1).all()


def test_the_exponents_are_those_that_made_the_speeds() -> None:
    figures = gpu_pairs.peaks()
    points = [
        gpu_pairs.Point("job", "fp16", gpu, 0.3 * figures[gpu]["fp16"] + 0.5 * each["bandwidth"])
        for gpu, each in figures.items()
    ]
    found = gpu_pairs.gpu_pairs(points, (0.5, 0.5))
    assert gpu_pairs.fit_exponents(found) == pytest.approx((0.3, 0.5), abs=1e-3)
    again = gpu_pairs.with_exponents(found, (0.3, 0.5))
    assert np.abs(again.errors).max() < 1e-9


def machine(name: str, family: str, kind: str, **more: object) -> Machine:
    return Machine(
        provider="aws", name=name, family=family, vcpus=4, memory_gb=16, architecture="x86_64",
        source="moto", microarchitecture=kind, cpu_model=f"CPU of {family}", **more,  # type: ignore[arg-type]
    )  # fmt: skip


MACHINES = [
    machine("a1", "a", "Ice Lake"),
    machine("a2", "a", "Ice Lake"),
    machine("a3", "a", "Ice Lake"),
    machine("b1", "b", "Ice Lake"),
    machine("c1", "c", "Ice Lake"),
    machine("d1", "d", "EPYC 5th Gen"),
    machine("e1", "e", "Sierra Forest"),
    machine("f1", "f", "Ice Lake", shared_core=True),
]


def bases() -> dict[str, tuple[float | None, str]]:
    """Score and basis of each machine, where two sizes of "a" and one of others are measured."""
    log = float(np.log(1000))
    geekbench = {"aws:a1": log, "aws:a2": log + 0.2, "aws:f1": log - 1}
    mark = {"aws:a1": 9.0, "aws:a2": 9.2, "aws:c1": 9.4, "aws:d1": 9.6}
    benchmarks = scores.Benchmarks(
        geekbench, dict.fromkeys(geekbench, 3000.0),
        scores.in_geekbench_points(MACHINES, geekbench, mark), mark,
    )  # fmt: skip
    found = scores.scores_of(benchmarks, MACHINES, cpus.Microarchitectures())
    return {one.name: found.of(one) for one in MACHINES}


def test_scores_come_from_the_nearest_machines_that_were_measured() -> None:
    found = {name: basis for name, (_, basis) in bases().items()}
    assert found == {
        "a1": "measured", "a2": "measured", "a3": "family", "b1": "microarchitecture",
        "c1": "benchmark", "d1": "benchmark", "e1": "none", "f1": "measured",
    }  # fmt: skip


def test_sizes_of_a_family_have_one_score_and_shared_cores_do_not_count() -> None:
    found = {name: score for name, (score, _) in bases().items()}
    assert found["a1"] == found["a2"] == found["a3"]
    assert found["a1"] == pytest.approx(float(np.log(1000)) + 0.1, abs=0.01)
    assert found["f1"] == pytest.approx(float(np.log(1000)) - 1)


def test_what_passmark_says_moves_a_score_towards_it() -> None:
    found = {name: score or 0.0 for name, (score, _) in bases().items()}
    assert found["a1"] < found["c1"] < found["d1"]


def test_workloads_looked_up_by_hand_are_complete() -> None:
    rows = files.hand_rows("cpu_workloads")
    keys = [(row["instance_type"], row["suite"], row["threads"], row["workload"]) for row in rows]
    assert len(set(keys)) == len(keys)
    counts: dict[tuple[str, str], int] = {}
    for name, suite, _, _ in keys:
        counts[name, suite] = counts.get((name, suite), 0) + 1
    assert {count for (_, suite), count in counts.items() if suite == "geekbench"} == {32}
    assert {count for (_, suite), count in counts.items() if suite == "passmark"} == {9}
    assert all(float(row["score"]) > 0 for row in rows)


def test_phases_tell_the_time_on_fewer_cores_better_than_the_mean_of_busy_cores() -> None:
    lines = [line for line in phase_lines() if line.startswith("  on")]
    for line in lines[:2]:  # two and four cores, profiled on sixteen
        ours, mean = (float(word.rstrip("%")) for word in line.split() if word.endswith("%"))
        assert 3 * ours < mean
