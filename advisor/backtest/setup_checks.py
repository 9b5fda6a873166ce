"""What a backtest can be asked for; anything else is an error that says so."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from carbon_advisor.measurement.errors import InputError

if TYPE_CHECKING:
    from carbon_advisor.advisor.backtest.replay import Setup

LONGEST_JOB_H, LONGEST_SLACK_H = 720.0, 720.0
LEAST_HISTORY_DAYS, MOST_HISTORY_DAYS = 1.0, 366.0
LONGEST_DELAY_H = 96.0


def check(setup: Setup) -> None:
    """Check the numbers of a setup.

    Raises:
        InputError: one is out of range.
    """
    _within("--job-hours", setup.job_h, 1 / 60, LONGEST_JOB_H)
    _within("--slack-hours", setup.slack_h, 0, LONGEST_SLACK_H)
    _within("--history-days", setup.history_days, LEAST_HISTORY_DAYS, MOST_HISTORY_DAYS)
    _within("--delay-hours", setup.delay_h, 0, LONGEST_DELAY_H)
    _within("--replan-hours", setup.replan_h, 0, LONGEST_SLACK_H)


def _within(option: str, value: float, least: float, most: float) -> None:
    if not (math.isfinite(value) and least <= value <= most):
        raise InputError(f"{option} is from {least:g} to {most:g}, not {value:g}")
