"""Phases hold a profile's CPU time, however its series is spread."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carbon_advisor.advisor.catalog import load_catalog
from carbon_advisor.advisor.estimate.phases import phases_of
from carbon_advisor.advisor.estimate.workload import workload_of
from carbon_advisor.measurement.profile_file import read_profile

if TYPE_CHECKING:
    from carbon_advisor.measurement.profile import Profile

PROFILE = read_profile(Path(__file__).parent.parent / "fixtures" / "profile_cpu.json")


def profile(busy: list[float]) -> Profile:
    """The fixture with another series, its CPU time and mean as the series says."""
    mean = sum(busy) / len(busy)
    series = replace(PROFILE.series, busy_cores=tuple(busy))
    return replace(
        PROFILE, series=series, busy_cores_mean=mean, cpu_time_s=PROFILE.duration_s * mean
    )


@given(st.lists(st.floats(0, 64), min_size=1, max_size=200).filter(lambda busy: sum(busy) > 0.01))
def test_they_hold_the_cpu_time_and_no_more_than_the_duration(busy: list[float]) -> None:
    job = profile(busy)
    found = phases_of(job)
    core_hours = sum(phase.hours * phase.cores for phase in found)
    assert core_hours == pytest.approx(job.cpu_time_s / 3600)
    assert sum(phase.hours for phase in found) <= job.duration_s / 3600 * (1 + 1e-9)
    assert all(phase.cores >= 1 for phase in found)
    assert len(found) <= 30


def test_a_serial_and_a_parallel_half_are_two_phases() -> None:
    found = phases_of(profile([1.0] * 6 + [8.0] * 6))
    assert [(phase.hours, phase.cores) for phase in found] == [(1.0, 1.0), (1.0, 8.0)]


def test_time_in_which_less_than_a_core_was_busy_is_partly_waiting() -> None:
    job = workload_of(profile([0.25] * 12), load_catalog())
    assert job.waiting_h == pytest.approx(1.5)
    assert [(phase.hours, phase.cores) for phase in job.phases] == [(0.5, 1.0)]


def test_a_series_of_a_sample_is_spread_over_the_whole_job() -> None:
    job = replace(profile([1.0, 3.0]), duration_s=72_000.0, cpu_time_s=144_000.0)
    found = phases_of(job)
    assert [(phase.hours, phase.cores) for phase in found] == [(10.0, 1.0), (10.0, 3.0)]


def test_without_cpu_time_there_is_none_and_without_a_series_one() -> None:
    assert phases_of(replace(PROFILE, cpu_time_s=0.0)) == ()
    silent = replace(PROFILE.series, busy_cores=(0.0,) * 12)
    assert len(phases_of(replace(PROFILE, series=silent))) == 1
