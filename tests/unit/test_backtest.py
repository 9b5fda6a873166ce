"""Backtests: perfect equals brute force, only the past is used, and the figures add up."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from synthetic_traces import BEGIN, solar_and_wind

from carbon_advisor.advisor.backtest.decisions import Job, Waiting, chosen, running_means
from carbon_advisor.advisor.backtest.replay import Setup, bridged, job_of, moments_of, replay
from carbon_advisor.advisor.backtest.setup_checks import check
from carbon_advisor.advisor.backtest.summary import Backtest, backtest_json, summarise
from carbon_advisor.advisor.catalog import load_catalog
from carbon_advisor.advisor.forecast.beliefs import beliefs_of
from carbon_advisor.advisor.traces import MeasuredTrace
from carbon_advisor.measurement.errors import InputError

TRACE = solar_and_wind(50)
CATALOG = load_catalog()


def result(trace: MeasuredTrace, setup: Setup, moments: list[int] | None = None) -> Backtest:
    rows = list(range(len(trace.zones)))
    beliefs = beliefs_of(trace.zones, CATALOG)
    outcome = replay(trace, beliefs, rows, rows, setup, moments=moments)
    return summarise(outcome, trace, trace.zones, rows, setup)


@settings(max_examples=100, deadline=None)
@given(
    st.integers(1, 4),
    st.sampled_from([1.0, 0.5]),
    st.floats(0.2, 7),
    st.integers(0, 12),
    st.integers(0, 10_000),
)
def test_perfect_is_what_brute_force_finds(
    zones: int, step_h: float, duration_h: float, slack_h: int, seed: int
) -> None:
    job = Job(duration_h, slack_h, step_h)
    values = np.random.default_rng(seed).uniform(10, 900, (zones, job.steps))
    homes = np.arange(zones)
    found = chosen(running_means(values, job), running_means(values, job), homes)

    def mean(zone: int, start: int) -> float:
        total, left = 0.0, duration_h
        for value in values[zone, start:]:
            total += value * min(step_h, left)
            left -= min(step_h, left)
        return total / duration_h

    every = [[mean(zone, start) for start in range(job.starts)] for zone in range(zones)]
    np.testing.assert_allclose(found["time"], np.min(every, axis=1))
    np.testing.assert_allclose(found["space"], min(row[0] for row in every))
    np.testing.assert_allclose(found["joint"], np.min(every))


def test_the_future_moves_what_came_and_no_decision() -> None:
    """After the last decision's knowledge the trace may be anything."""
    setup = Setup(starts=1, replan_h=0)
    step = 40 * 24
    values = TRACE.values.copy()
    values[:, step:] = values[::-1, step:] * 2
    beliefs = beliefs_of(TRACE.zones, CATALOG)
    rows, seen = [0, 1, 2], []
    for trace in (TRACE, replace(TRACE, values=values)):
        outcome = replay(trace, beliefs, rows, rows, setup, moments=[step])
        job = job_of(trace, setup)
        means = running_means(trace.values[:, step : step + job.steps], job)
        joint = float(outcome.came["mix"]["joint"][0])
        seen.append(np.argwhere(np.isclose(means, joint)).tolist())
    assert seen[0] == seen[1]


def test_figures_add_up_and_conform() -> None:
    found = result(TRACE, Setup(starts=12, slack_h=12, job_h=3))
    document = backtest_json(found)
    assert document["default_forecast"] == "mix"
    for way, savings in found.savings.items():
        assert all(saved <= savings["perfect"] + 1e-9 for saved in savings.values()), way
        assert all(value >= -1e-9 for value in found.regret[way].values()), way
    assert found.savings["joint"]["perfect"] >= found.savings["time"]["perfect"]
    assert found.savings["joint"]["perfect"] >= found.savings["space"]["perfect"]
    assert [home.zone for home in found.homes] == list(TRACE.zones)
    assert found.homes[0].pays


def test_replanning_every_step_with_the_truth_is_perfect() -> None:
    job = Job(2, 6, 1)
    values = np.random.default_rng(1).uniform(1, 9, (3, job.steps))
    means, homes = running_means(values, job), np.arange(3)
    waiting = Waiting(means, homes)
    for first in range(job.starts):
        waiting.look(running_means(values[:, first:], job, first), first, first + 1)
    best = chosen(means, means, homes)
    assert waiting.over
    np.testing.assert_allclose(waiting.result()["time"], best["time"])
    np.testing.assert_allclose(waiting.result()["joint"], best["joint"])


def test_no_slack_leaves_place_only() -> None:
    found = result(TRACE, Setup(starts=5, slack_h=0))
    assert found.savings["time"]["perfect"] == 0
    assert found.savings["joint"]["mix"] == pytest.approx(found.savings["space"]["mix"])


def test_delay_costs_knowledge() -> None:
    moments = list(range(30 * 24, 46 * 24, 19))
    fresh = result(TRACE, Setup(starts=1, replan_h=0), moments)
    stale = result(TRACE, Setup(starts=1, replan_h=0, delay_h=24), moments)
    assert stale.error["mix"] > fresh.error["mix"]
    assert stale.savings["joint"]["perfect"] == fresh.savings["joint"]["perfect"]


def test_moments_are_spread_seeded_and_avoid_gaps() -> None:
    values = TRACE.values.copy()
    values[0, 900:910] = np.nan
    setup = Setup(starts=50)
    job = job_of(TRACE, setup)
    came = bridged(values, 1.0)
    moments = moments_of(came, 1.0, setup, job)
    assert moments == moments_of(came, 1.0, setup, job)
    assert moments == sorted(set(moments))
    assert moments[0] >= 28 * 24
    assert all(np.isfinite(came[:, step : step + job.steps]).all() for step in moments)
    assert moments != moments_of(came, 1.0, replace(setup, seed=1), job)


def test_short_gaps_are_bridged_and_long_ones_stay() -> None:
    values = np.arange(20.0)[None].copy()
    values[0, [0, 5, 6, 7, 10, 11, 12, 13]] = np.nan
    came = bridged(values, 1.0)
    np.testing.assert_allclose(came[0, 5:8], [5, 6, 7])
    assert np.isnan(came[0, [0, 10, 13]]).all()


def test_zones_of_zeros_and_constants_are_no_trouble() -> None:
    values = np.stack([np.zeros(1000), np.full(1000, 300.0), np.tile(np.arange(25.0) * 1e4, 40)])
    found = result(MeasuredTrace(("A", "B", "C"), BEGIN, 1.0, values), Setup(starts=10))
    assert found.regret["joint"]["mix"] == 0
    assert [home.pays for home in found.homes] == [False, False, True]
    assert found.homes[1].saving == 0


def test_a_trace_too_short_is_an_error() -> None:
    with pytest.raises(InputError, match="too short"):
        result(solar_and_wind(20), Setup())


@pytest.mark.parametrize(
    "setup",
    [
        Setup(job_h=0),
        Setup(job_h=float("nan")),
        Setup(slack_h=-1),
        Setup(history_days=0.5),
        Setup(delay_h=-1),
        Setup(replan_h=float("inf")),
    ],
)
def test_impossible_setups_are_errors(setup: Setup) -> None:
    with pytest.raises(InputError, match="is from"):
        check(setup)
