"""The job's share of machine energy, and the steps that keep a run of any length small."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carbon_advisor.measurement.attribution import (
    ATTRIBUTIONS,
    EnergySums,
    attribution_named,
    job_share_of_busy,
    sums_of,
)
from carbon_advisor.measurement.errors import InputError
from carbon_advisor.measurement.steps import MAX_STEPS, Step, Steps

POSITIVE = st.floats(0.001, 1e6)
FRACTION = st.floats(0, 1)


def test_the_formula_on_a_worked_example() -> None:
    """60 W for 10 s, 20 W of them idle; the job ran half of what ran and holds a quarter."""
    sums = sums_of(600, 0.5, 0.25, 10)
    assert sums.job_energy_j(20) == pytest.approx((600 - 200) * 0.5 + 200 * 0.25)
    assert sums.job_energy_j(20, "marginal") == pytest.approx((600 - 200) * 0.5)
    assert sums.job_energy_j(20, "full") == 600


@given(st.lists(st.tuples(POSITIVE, FRACTION, FRACTION, POSITIVE), min_size=1), POSITIVE)
def test_sums_equal_the_formula_sample_by_sample(
    samples: list[tuple[float, float, float, float]], idle_w: float
) -> None:
    total = EnergySums()
    expected = 0.0
    for energy_j, share, held, duration_s in samples:
        total += sums_of(energy_j, share, held, duration_s)
        expected += (energy_j - idle_w * duration_s) * share + idle_w * duration_s * held
    bounded = min(total.energy_j, max(0.0, expected))
    assert total.job_energy_j(idle_w) == pytest.approx(bounded, rel=1e-6, abs=1e-3)


@given(st.lists(st.tuples(POSITIVE, FRACTION, FRACTION, POSITIVE), min_size=1), POSITIVE)
def test_marginal_is_within_proportional_and_that_within_full(
    samples: list[tuple[float, float, float, float]], idle_w: float
) -> None:
    total = EnergySums()
    for sample in samples:
        total += sums_of(*sample)
    marginal, proportional, full = (
        total.job_energy_j(idle_w, attribution)
        for attribution in ("marginal", "proportional", "full")
    )
    assert 0 <= marginal <= proportional <= full == total.energy_j


@st.composite
def machines(draw: st.DrawFn) -> tuple[float, list[tuple[float, float, list[float]]], list[float]]:
    """Idle watts; samples of length, watts above idle and CPU seconds of each job; held vCPUs."""
    jobs = draw(st.integers(1, 5))
    seconds = st.floats(0, 100)
    sample = st.tuples(
        st.floats(0.01, 100), seconds, st.lists(seconds, min_size=jobs, max_size=jobs)
    )
    held = draw(st.lists(st.integers(1, 64), min_size=jobs, max_size=jobs))
    return (
        draw(st.floats(0, 500)),
        draw(st.lists(sample, min_size=1, max_size=5)),
        [each / sum(held) for each in held],
    )


@given(machines())
def test_the_jobs_that_make_up_a_machine_add_up_to_its_energy(
    machine: tuple[float, list[tuple[float, float, list[float]]], list[float]],
) -> None:
    idle_w, samples, held = machine
    jobs = [EnergySums() for _ in held]
    for duration_s, above_w, cpu_s in samples:
        energy_j = (idle_w + above_w) * duration_s
        for job, (used_s, part) in enumerate(zip(cpu_s, held, strict=True)):
            share = job_share_of_busy(used_s, sum(cpu_s), part)
            jobs[job] += sums_of(energy_j, share, part, duration_s)
    whole_j = sum((idle_w + above_w) * duration_s for duration_s, above_w, _ in samples)
    assert sum(job.job_energy_j(idle_w) for job in jobs) == pytest.approx(whole_j, abs=1e-6)
    assert all(job.job_energy_j(idle_w, "full") == pytest.approx(whole_j) for job in jobs)


def test_a_job_alone_on_its_machine_has_all_its_energy() -> None:
    assert sums_of(600, 1, 1, 10).job_energy_j(20) == pytest.approx(600)
    assert job_share_of_busy(1.01, 1.0) == 1
    assert job_share_of_busy(0, 0, 0.25) == 0.25  # nothing ran: by what is held
    assert job_share_of_busy(0, 1, 0.25) == 0


def test_rules_have_names() -> None:
    assert [attribution_named(name) for name in ATTRIBUTIONS] == list(ATTRIBUTIONS)
    with pytest.raises(InputError, match="full, proportional or marginal, not 'half'"):
        attribution_named("half")


def step(duration_s: float, energy_j: float = 1.0) -> Step:
    return Step(duration_s, 0.5 * duration_s, duration_s, 2.0, 0.0, (sums_of(energy_j, 1, 1, 1),))


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
