"""The planner finds what a plain triple loop over zones, offers and starts finds."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carbon_advisor.advisor.plan.joint import (
    Offers,
    best_of,
    best_of_each,
    emissions_from,
    lower_bounds,
)
from carbon_advisor.advisor.plan.trace import Trace

intensities = st.floats(0, 1500, allow_nan=False)


def naive_integral(values: list[float], tail: float, step_h: float, end_h: float) -> float:
    """Integral of a step function from 0 to end_h, step by step."""
    total, begin = 0.0, 0.0
    for value in values:
        total += value * max(0.0, min(begin + step_h, end_h) - begin)
        begin += step_h
    return total + tail * max(0.0, end_h - begin)


def naive_emissions(trace: Trace, offers: Offers, offer: int, start_h: float) -> float:
    zone, duration = int(offers.zone[offer]), float(offers.duration_h[offer])
    values, tail = trace.values[zone].tolist(), float(trace.tail[zone])
    window = naive_integral(values, tail, trace.step_h, start_h + duration)
    window -= naive_integral(values, tail, trace.step_h, start_h)
    return window * float(offers.energy_kwh[offer]) / duration + float(offers.fixed_g[offer])


def naive_ranking(
    trace: Trace, offers: Offers, starts: list[float], members: list[int]
) -> list[tuple[float, int, int]]:
    """Every member with its best start: (emissions, offer, start), best first."""
    found = []
    for offer in members:
        best = (math.inf, offer, 0)
        for index, start in enumerate(starts):
            if start <= offers.latest_start_h[offer]:
                grams = naive_emissions(trace, offers, offer, start)
                if grams < best[0]:
                    best = (grams, offer, index)
        if math.isfinite(best[0]):
            found.append(best)
    return sorted(found)


@st.composite
def problems(draw: st.DrawFn) -> tuple[Trace, Offers, np.ndarray]:
    zones = draw(st.integers(1, 4))
    steps = draw(st.integers(1, 30))
    values = draw(
        st.lists(
            st.lists(intensities, min_size=steps, max_size=steps), min_size=zones, max_size=zones
        )
    )
    tail = draw(st.lists(intensities, min_size=zones, max_size=zones))
    step_h = draw(st.sampled_from([1.0, 0.5, 1 / 12]))
    count = draw(st.integers(1, 12))

    def column(elements: st.SearchStrategy[float]) -> np.ndarray:
        return np.array(draw(st.lists(elements, min_size=count, max_size=count)), dtype=float)

    offers = Offers(
        zone=column(st.integers(0, zones - 1)).astype(np.intp),
        duration_h=column(st.floats(0.01, 60)),
        energy_kwh=column(st.floats(0, 100)),
        fixed_g=column(st.floats(0, 1000)),
        latest_start_h=column(st.one_of(st.just(math.inf), st.floats(-1, 30))),
    )
    first = draw(st.floats(0, 1))
    starts = first + np.arange(draw(st.integers(1, 30)), dtype=float)
    return Trace(np.array(values), np.array(tail), step_h), offers, starts


@settings(max_examples=200, deadline=None)
@given(problems(), st.integers(1, 5))
def test_best_of_equals_the_triple_loop(
    problem: tuple[Trace, Offers, np.ndarray], keep: int
) -> None:
    trace, offers, starts = problem
    members = np.arange(len(offers))
    bound = lower_bounds(trace, offers, starts)
    found = best_of(trace, offers, starts, bound, members, keep)
    expected = naive_ranking(trace, offers, starts.tolist(), members.tolist())[:keep]
    assert len(found) == len(expected)
    np.testing.assert_allclose(
        found.emissions_g, [grams for grams, _, _ in expected], rtol=1e-9, atol=1e-6
    )
    for offer, start, grams in zip(found.offer, found.start, found.emissions_g, strict=True):
        own = naive_emissions(trace, offers, int(offer), float(starts[start]))
        assert own == pytest.approx(grams, rel=1e-9, abs=1e-6)
        assert starts[start] <= offers.latest_start_h[offer]


@settings(max_examples=100, deadline=None)
@given(problems(), st.data())
def test_best_of_each_group_equals_the_triple_loop(
    problem: tuple[Trace, Offers, np.ndarray], data: st.DataObject
) -> None:
    trace, offers, starts = problem
    count = len(offers)
    group = np.array(data.draw(st.lists(st.integers(0, 3), min_size=count, max_size=count)))
    bound = lower_bounds(trace, offers, starts)
    found = best_of_each(trace, offers, starts, bound, np.arange(count), group)
    expected = []
    for number in np.unique(group):
        members = np.flatnonzero(group == number).tolist()
        expected += naive_ranking(trace, offers, starts.tolist(), members)[:1]
    np.testing.assert_allclose(
        found.emissions_g, [grams for grams, _, _ in expected], rtol=1e-9, atol=1e-6
    )


@settings(max_examples=200, deadline=None)
@given(problems())
def test_lower_bound_is_never_above_any_start(problem: tuple[Trace, Offers, np.ndarray]) -> None:
    trace, offers, starts = problem
    bound = lower_bounds(trace, offers, starts)
    for start in starts:
        grams = emissions_from(trace, offers, float(start))
        assert (bound <= grams + 1e-6 * (1 + grams)).all()


def test_ties_go_to_the_first_offer_and_the_earliest_start() -> None:
    trace = Trace(np.full((2, 48), 100.0), np.full(2, 100.0))
    same = np.ones(6)
    offers = Offers(np.array([0, 1, 0, 1, 0, 1]), same, same, same, same * np.inf)
    starts = np.arange(24.0)
    bound = lower_bounds(trace, offers, starts)
    found = best_of(trace, offers, starts, bound, np.arange(6), 3)
    assert found.offer.tolist() == [0, 1, 2]
    assert found.start.tolist() == [0, 0, 0]


def test_a_trace_of_another_shape_is_refused() -> None:
    with pytest.raises(ValueError, match="shape"):
        Trace(np.zeros(5), np.zeros(5))
    with pytest.raises(ValueError, match="tail"):
        Trace(np.zeros((2, 5)), np.zeros(3))


def test_a_vanishing_window_is_not_lost_to_rounding() -> None:
    values = np.zeros((4, 12))
    values[0] = 1.0
    values[0, 8] = 1.4e-45
    trace = Trace(values, np.array([1.0, 0, 0, 0]))
    energy = np.zeros(12)
    energy[[9, 11]] = 1.0
    offers = Offers(
        zone=np.zeros(12, dtype=np.intp),
        duration_h=np.array([2.0] * 8 + [0.5, 1, 2, 2]),
        energy_kwh=energy,
        fixed_g=np.zeros(12),
        latest_start_h=np.full(12, np.inf),
    )
    group = np.zeros(12, dtype=np.intp)
    group[[9, 11]] = 1
    starts = np.arange(9.0)
    bound = lower_bounds(trace, offers, starts)
    found = best_of_each(trace, offers, starts, bound, np.arange(12), group)
    assert found.offer.tolist() == [0, 9]
    assert found.start.tolist()[1] == 8
