"""Samples share the errors that candidates share."""

from __future__ import annotations

import numpy as np
import pytest

from carbon_advisor.advisor.estimate.uncertainty import (
    Errors,
    intensity_sd,
    intervals,
    probability_best,
)


def errors(count: int, *, apart: bool, sd: float = 0.2) -> Errors:
    """Errors of `count` candidates that share every source of error, or none."""
    group = np.arange(count) if apart else np.zeros(count, dtype=np.intp)
    everywhere = np.full(count, sd)
    return Errors(
        shared_sd=0.5,
        speed=((everywhere, group), (everywhere, group)),
        instance_type=group,
        power_sd=everywhere,
        power_group=group,
        pue_sd=everywhere,
        pue_group=group,
        intensity_sd=everywhere,
        zone=group,
    )


def test_shared_errors_cancel_between_candidates() -> None:
    grams = np.array([100.0, 101.0])
    samples = errors(2, apart=False).sample(grams, np.zeros(2))
    np.testing.assert_allclose(samples[:, 1] / samples[:, 0], 1.01)
    assert probability_best(samples).tolist() == [1.0, 0.0]


def test_separate_errors_do_not_cancel() -> None:
    grams = np.array([100.0, 101.0])
    first, second = probability_best(errors(2, apart=True).sample(grams, np.zeros(2)))
    assert 0.4 < first < 0.65
    assert first + second == pytest.approx(1)


def test_intervals_widen_with_the_errors_and_hold_the_value() -> None:
    grams = np.array([100.0])
    narrow = intervals(grams, errors(1, apart=True, sd=0.05).sample(grams, np.zeros(1)))[0]
    wide = intervals(grams, errors(1, apart=True, sd=0.5).sample(grams, np.zeros(1)))[0]
    assert wide.low < narrow.low < 100 < narrow.high < wide.high


def test_the_same_question_has_the_same_answer() -> None:
    grams = np.array([1.0, 2.0, 3.0])
    one = errors(3, apart=True).sample(grams, grams)
    other = errors(3, apart=True).sample(grams, grams)
    assert (one == other).all()


def test_the_hours_errors_average_out_over_long_jobs() -> None:
    level, hour = np.array([0.1]), np.array([0.3])
    short = intensity_sd(level, hour, np.array([1.0]))[0]
    long = intensity_sd(level, hour, np.array([24.0 * 365]))[0]
    assert short == pytest.approx(np.hypot(0.1, 0.3), rel=0.05)
    assert long == pytest.approx(0.1, rel=0.02)
