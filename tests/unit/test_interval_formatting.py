"""Intervals and printed quantities."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from carbon_advisor.advisor.formatting import (
    format_emissions,
    format_energy,
    format_number,
    format_price,
    format_range,
)
from carbon_advisor.advisor.interval import Interval, combined_log_sd, log_sd, lognormal_interval


@given(st.floats(1e-6, 1e6), st.floats(0, 2))
def test_an_interval_holds_its_value(value: float, error: float) -> None:
    interval = lognormal_interval(value, log_sd(error))
    assert value in interval
    assert interval.high == pytest.approx(value * (1 + error))
    assert interval.low == pytest.approx(value / (1 + error))


def test_the_interval_covers_nine_of_ten_draws() -> None:
    sd = log_sd(0.35)
    draws = np.exp(np.random.default_rng(1).standard_normal(200_000) * sd)
    interval = lognormal_interval(1.0, sd)
    inside = np.mean((draws >= interval.low) & (draws <= interval.high))
    assert inside == pytest.approx(0.90, abs=0.005)


def test_independent_errors_add_in_squares() -> None:
    assert combined_log_sd([0.3, 0.4]) == pytest.approx(0.5)
    assert combined_log_sd([]) == 0


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (0.01234, "0.0123"), (9.999, "10.0"), (12.34, "12.3"), (1234.5, "1,230"),
     (999_999, "1,000,000"), (-2.5, "-2.50")],
)  # fmt: skip
def test_numbers_have_three_digits(value: float, text: str) -> None:
    assert format_number(value) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (format_energy(0.00123), "1.23 Wh"),
        (format_energy(1234), "1.23 MWh"),
        (format_energy(0), "0 kWh"),
        (format_emissions(0.0021), "2.10 mg"),
        (format_emissions(4.56e6), "4.56 t"),
        (format_range(Interval(2000, 1200, 3400)), "1.20–3.40 kg"),
        (format_price(math.nan), "–"),
        (format_price(1234.567), "$1,234.57"),
        (format_price(0.00123), "$0.00123"),
    ],
)
def test_quantities_have_a_fitting_unit(text: str, expected: str) -> None:
    assert text == expected


@given(st.floats(1e-9, 1e12))
def test_a_printed_number_is_within_half_a_per_cent(value: float) -> None:
    assert float(format_number(value).replace(",", "")) == pytest.approx(value, rel=0.0051)
