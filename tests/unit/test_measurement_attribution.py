"""The job's share of machine energy, and the steps that keep a run of any length small."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carbon_advisor.measurement.attribution import EnergySums, job_share_of_busy, sums_of
from carbon_advisor.measurement.steps import MAX_STEPS, Step, Steps

POSITIVE = st.floats(0.001, 1e6)
FRACTION = st.floats(0, 1)


def test_the_formula_on_a_worked_example() -> None:
    """60 W for 10 s, 20 W of them idle; the job ran half of what ran and holds a quarter."""
    sums = sums_of(600, 0.5, 10)
    assert sums.job_energy_j(20, 0.25) == pytest.approx((600 - 200) * 0.5 + 200 * 0.25)


@given(st.lists(st.tuples(POSITIVE, FRACTION, POSITIVE), min_size=1), POSITIVE, FRACTION)
def test_sums_equal_the_formula_sample_by_sample(
    samples: list[tuple[float, float, float]], idle_w: float, held: float
) -> None:
    total = EnergySums()
    expected = 0.0
    for energy_j, share, duration_s in samples:
        total += sums_of(energy_j, share, duration_s)
        expected += (energy_j - idle_w * duration_s) * share + idle_w * duration_s * held
    bounded = min(total.energy_j, max(0.0, expected))
    assert total.job_energy_j(idle_w, held) == pytest.approx(bounded, rel=1e-6, abs=1e-3)


def test_a_job_alone_on_its_machine_has_all_its_energy() -> None:
    assert sums_of(600, 1, 10).job_energy_j(20, 1) == pytest.approx(600)
    assert job_share_of_busy(1.01, 1.0) == 1
    assert job_share_of_busy(0, 0) == 0


def step(duration_s: float, energy_j: float = 1.0) -> Step:
    return Step(duration_s, 0.5 * duration_s, duration_s, 2.0, 0.0, (sums_of(energy_j, 1, 1),))


@given(st.lists(st.floats(1e-4, 100), min_size=1, max_size=900))
def test_coarse_steps_are_equal_few_and_lose_nothing(durations: list[float]) -> None:
    steps = Steps()
    for duration_s in durations:
        steps.append(step(duration_s))
    coarse = steps.resampled()
    assert 1 <= len(coarse) <= MAX_STEPS
    length_s = sum(durations) / len(coarse)
    for one in coarse:
        assert one.duration_s == pytest.approx(length_s, rel=1e-6)
    assert sum(one.job_cpu_s for one in coarse) == pytest.approx(0.5 * sum(durations))
    assert sum(one.energy[0].energy_j for one in coarse) == pytest.approx(len(durations))


def test_a_week_of_samples_stays_small() -> None:
    steps = Steps()
    for _ in range(604_800 // 10):
        steps.append(step(10))
    coarse = steps.resampled()
    assert len(coarse) <= MAX_STEPS
    assert sum(one.duration_s for one in coarse) == pytest.approx(604_800)
