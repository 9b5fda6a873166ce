"""Forecasts see the past only, keep their shapes, and their intervals hold what comes."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from synthetic_traces import BEGIN, noise_only, solar_and_wind

from carbon_advisor.advisor.catalog import load_catalog
from carbon_advisor.advisor.forecast.beliefs import beliefs_of, no_beliefs
from carbon_advisor.advisor.forecast.experts import EXPERTS, climatology, persistence
from carbon_advisor.advisor.forecast.feed import FeedForecasts
from carbon_advisor.advisor.forecast.mix import Forecast, forecast
from carbon_advisor.advisor.forecast.neighbours import neighbour_weights
from carbon_advisor.advisor.forecast.network import LEVELS, load_network
from carbon_advisor.advisor.forecast.past import filled, past_of, windows_of
from carbon_advisor.advisor.forecast.skill import waiting_skill
from carbon_advisor.advisor.forecast.tuning import untuned
from carbon_advisor.advisor.traces import Known, MeasuredTrace

CATALOG = load_catalog()
TRACE = solar_and_wind(60)
BELIEFS = beliefs_of(TRACE.zones, CATALOG)


def at(trace: MeasuredTrace, step: int, delay_h: float = 0.0, steps: int = 96) -> Forecast:
    """The forecast at a step of a trace, from 28 days before it."""
    known = trace.known_at(step, delay_h, 28)
    return forecast(known, trace.time_of(step), steps, beliefs_of(trace.zones, CATALOG))


def same(one: Forecast, other: Forecast) -> bool:
    return bool(
        np.array_equal(one.values, other.values)
        and np.array_equal(one.quantiles, other.quantiles)
        and all(np.array_equal(one.parts[name], other.parts[name]) for name in EXPERTS)
    )


@settings(max_examples=25, deadline=None)
@given(st.integers(24, 50 * 24), st.integers(0, 30), st.integers(0, 10_000), st.booleans())
def test_no_future_changes_a_forecast(step: int, delay_h: int, seed: int, shuffled: bool) -> None:
    """Whatever comes after the last published step, shifted or shuffled, is not seen."""
    random = np.random.default_rng(seed)
    first_unknown = step - delay_h
    values = TRACE.values.copy()
    future = values[:, first_unknown:]
    future = random.permuted(future, axis=1) if shuffled else future * 3 + 100
    values[:, first_unknown:] = future
    if first_unknown <= 0:
        return
    assert same(at(TRACE, step, delay_h), at(replace(TRACE, values=values), step, delay_h))


def test_the_last_published_step_is_seen_and_the_next_one_is_not() -> None:
    step, delay_h = 800, 5
    for changed, seen in ((step - delay_h - 1, True), (step - delay_h, False)):
        values = TRACE.values.copy()
        values[:, changed] *= 1.5
        other = replace(TRACE, values=values)
        assert same(at(TRACE, step, delay_h), at(other, step, delay_h)) is not seen


def test_a_forecast_from_the_future_is_refused() -> None:
    known = TRACE.known_at(800, 0, 28)
    with pytest.raises(ValueError, match="not over"):
        forecast(known, TRACE.time_of(799), 24, BELIEFS)


@pytest.mark.parametrize("days", [0, 1, 2, 5, 8, 13, 20, 28, 60])
@pytest.mark.parametrize("step_h", [1.0, 0.5, 1 / 12])
def test_any_length_of_past_and_step_gives_ordered_finite_quantiles(
    days: int, step_h: float
) -> None:
    trace = solar_and_wind(max(days, 1), step_h=step_h)
    step = round(days * 24 / step_h)
    known = trace.known_at(step, 0.0, 28)
    steps = round(96 / step_h)
    made = forecast(known, trace.time_of(step), steps, BELIEFS)
    assert made.values.shape == (3, steps)
    assert made.quantiles.shape == (len(LEVELS), 3, steps)
    assert np.isfinite(made.quantiles).all()
    assert (np.diff(made.quantiles, axis=0) >= 0).all()
    assert (made.quantiles >= 0).all()
    assert (made.values >= 0).all()
    total = sum(made.tuning.weights[name] for name in EXPERTS)
    np.testing.assert_allclose(total, 1)


@pytest.mark.parametrize(
    "trace",
    [
        solar_and_wind(90, seed=3),
        solar_and_wind(90, seed=4, step_h=0.25),
        noise_only(90, ("XX", "YY")),
    ],
)
def test_nine_in_ten_hours_fall_into_the_interval(trace: MeasuredTrace) -> None:
    inside = []
    for hour in range(28 * 24, 86 * 24, 31):
        step = round(hour / trace.step_h)
        made = at(trace, step)
        came = trace.values[:, step : step + 96]
        inside.append((came >= made.quantiles[0]) & (came <= made.quantiles[-1]))
    assert 0.85 <= np.mean(inside) <= 0.95


def test_the_mix_is_better_than_its_simple_parts_where_there_is_structure() -> None:
    errors: dict[str, list[float]] = {"mix": []}
    for step in range(28 * 24, 56 * 24, 29):
        made = at(TRACE, step, steps=30)
        came = TRACE.values[:, step : step + 30]
        for name, said in {"mix": made.values, **made.parts}.items():
            errors.setdefault(name, []).append(float(((said - came) ** 2).mean()))
    mean = {name: np.mean(found) for name, found in errors.items()}
    assert mean["mix"] < 0.8 * mean["persistence"]
    assert mean["mix"] < 1.02 * min(mean["climatology"], mean["profile"])


def test_waiting_pays_under_the_sun_and_not_in_noise() -> None:
    sunny, noisy = solar_and_wind(40), noise_only(40)
    beliefs = no_beliefs(1)
    for trace, expected in ((sunny.only([0]), True), (noisy, False)):
        known = trace.known_at(30 * 24, 0, 28)
        skill = waiting_skill(known, beliefs, untuned(1, EXPERTS), 6, 24)
        assert bool(skill.pays[0]) is expected
        assert (skill.low <= skill.saving).all()
        assert (skill.saving <= skill.perfect + 1e-12).all()
        assert ("No skill over running now" in skill.sentence(0)) is not expected


def test_a_short_past_is_not_judged() -> None:
    known = TRACE.known_at(48, 0, 28)
    skill = waiting_skill(known, BELIEFS, untuned(3, EXPERTS), 6, 24)
    assert skill.tries == 0
    assert not skill.pays.any()
    assert "not judged" in skill.sentence(0)


def test_simple_forecasts_are_what_they_are_called() -> None:
    day = np.arange(24.0) + 1
    windows = np.tile(day, 28)[None, None]
    np.testing.assert_array_equal(persistence(windows, 50)[0, 0], np.tile(day, 3)[:50])
    usual = climatology(np.asarray(windows[..., -24:]), windows, 48)
    np.testing.assert_allclose(usual[0, 0], np.tile(day, 2))
    risen = windows.copy()
    risen[..., -24:] *= 2
    ratio = climatology(np.ones((1, 1, 24)), risen, 200)[0, 0]
    assert ratio[0] == pytest.approx(56 / 29)  # twice the usual, which it is part of
    assert ratio[-1] == pytest.approx(1, abs=0.02)


def test_gaps_are_filled_from_the_past_only() -> None:
    values = np.arange(96.0)[None].copy()
    values[0, [30, 54, 95]] = np.nan
    whole = filled(values)
    assert whole[0, [30, 54, 95]].tolist() == [6, 6, 71]
    nothing = filled(np.full((1, 48), np.nan))
    assert np.isnan(nothing).all()
    first = np.full((1, 24), np.nan)
    first[0, 5:7] = [3, 4]
    assert filled(first)[0].tolist() == [3.0] * 6 + [4.0] * 18


def test_a_short_window_repeats_whole_weeks_or_days() -> None:
    week = np.arange(9 * 24.0)
    repeated = windows_of(week)
    assert repeated.shape == (672,)
    np.testing.assert_array_equal(repeated[-168:], week[-168:])
    np.testing.assert_array_equal(repeated[:168], week[-168:])
    np.testing.assert_array_equal(windows_of(np.arange(48.0))[-96:], np.tile(np.arange(48.0), 2))


def test_steps_are_averaged_to_hours_from_the_edge_back() -> None:
    known = Known(("A",), BEGIN, 0.25, np.arange(200.0)[None])
    past = past_of(known)
    assert past.hourly.shape == (1, 48)
    assert past.hourly[0, -1] == pytest.approx(np.mean([196, 197, 198, 199]))


def test_a_zone_without_data_gets_the_catalogue_and_disturbs_no_other() -> None:
    values = TRACE.values.copy()
    values[1] = np.nan
    holey = at(replace(TRACE, values=values), 800)
    level = float(CATALOG.zones.lifecycle_g_per_kwh[CATALOG.find_zone("DE")])
    assert 0.3 * level < holey.values[1].mean() < 2 * level
    assert holey.tuning.weights["profile"][1] == 1
    alone = at(TRACE.only([0]), 800)
    assert np.isfinite(holey.values[0]).all()
    np.testing.assert_allclose(holey.values[0], alone.values[0], rtol=0.2)


def test_without_any_past_it_is_level_times_profile() -> None:
    known = Known(("DE",), BEGIN, 1.0, np.empty((1, 0)))
    made = forecast(known, BEGIN + timedelta(hours=7), 48, beliefs_of(("DE",), CATALOG))
    row = CATALOG.find_zone("DE")
    level = CATALOG.zones.lifecycle_g_per_kwh[row]
    assert made.values[0, 0] == pytest.approx(level * CATALOG.zones.profile[row, 2, 0, 7])
    assert made.past_days == 0


def test_neighbours_lie_where_they_lie() -> None:
    positions = {"W": (50.0, 0.0), "M": (50.0, 5.0), "E": (50.0, 10.0)}
    weights = neighbour_weights(("W", "M", "E", "?"), positions)
    west, east = weights[1], weights[3]
    assert west[1].argmax() == 0
    assert east[1].argmax() == 2
    assert (weights[:, 3] == 0).all()
    assert (weights[:, :, 3] == 0).all()
    assert (weights.sum(axis=2) < 1).all()


def test_the_network_is_small_and_scale_free() -> None:
    network = load_network()
    assert load_network() is network
    double = replace(TRACE, values=TRACE.values * 2)
    np.testing.assert_allclose(
        at(double, 800).parts["learned"], 2 * at(TRACE, 800).parts["learned"], rtol=1e-3
    )
    trace = at(TRACE, 800).trace()
    assert trace.steps == 96
    assert trace.tail.shape == (3,)


def feed_about(trace: MeasuredTrace, error_g: float) -> FeedForecasts:
    """A feed that issues, every six hours, the next 48 hours with a small error."""
    random = np.random.default_rng(5)
    issues = np.arange(0, trace.steps - 48, 6)
    hour = (issues[:, None] + np.arange(48)).ravel()
    zone = np.tile(np.arange(len(trace.zones)), len(hour))
    hour, issued = np.repeat(hour, len(trace.zones)), np.repeat(issues, 48 * len(trace.zones))
    value = trace.values[zone, hour] + error_g * random.standard_normal(len(hour))
    return FeedForecasts(len(trace.zones), trace.begin, issued.astype(float), zone, hour, value)


def test_a_good_feed_is_trusted_and_a_bad_one_is_not() -> None:
    known, begin = TRACE.known_at(900, 3, 28), TRACE.time_of(900)
    good = forecast(known, begin, 40, BELIEFS, feed=feed_about(TRACE, 2))
    bad = forecast(known, begin, 40, BELIEFS, feed=feed_about(TRACE, 400))
    assert (good.tuning.weights["feed"] > 0.9).all()
    assert (bad.tuning.weights["feed"] < 0.1).all()
    came = TRACE.values[:, 900:940]
    assert np.abs(good.values - came).mean() < np.abs(bad.values - came).mean()


def test_the_latest_issue_counts_and_none_of_the_future() -> None:
    hour = np.array([10, 10, 10, 11], dtype=np.int64)
    feed = FeedForecasts(
        zones=1,
        begin=BEGIN,
        issued_h=np.array([1.0, 5.0, 9.0, 9.0]),
        zone=np.zeros(4, dtype=np.intp),
        hour=hour,
        value=np.array([100.0, 200.0, 300.0, 400.0]),
    )
    now, edge = BEGIN + timedelta(hours=8), BEGIN + timedelta(hours=6)
    said = feed.at(now, edge, 6)[0]
    assert said[4] == 200
    assert np.isnan(np.delete(said, 4)).all()
    assert feed.at(BEGIN + timedelta(hours=9), edge, 6)[0, 4:].tolist() == [300, 400]
    assert np.isnan(feed.at(BEGIN + timedelta(hours=200), edge, 6)).all()
    assert feed.only([]).value.size == 0
