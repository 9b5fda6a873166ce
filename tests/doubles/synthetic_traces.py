"""Traces with known structure: a daily swing, wind that comes and goes, and nothing from anywhere.

Small, seeded, and made here: no test needs a measured trace.
"""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np

from carbon_advisor.advisor.traces import MeasuredTrace

BEGIN = datetime(2026, 3, 2, tzinfo=UTC)  # a Monday


def weather(random: np.random.Generator, steps: int, memory: float) -> np.ndarray:
    """A stationary process with sd 1 whose correlation falls by `memory` per step."""
    noise = random.standard_normal(steps)
    values = np.zeros(steps)
    for step in range(1, steps):
        values[step] = memory * values[step - 1] + np.sqrt(1 - memory**2) * noise[step]
    return values


def solar_and_wind(
    days: int, zones: tuple[str, ...] = ("ES", "DE", "DK-DK1"), step_h: float = 1.0, seed: int = 0
) -> MeasuredTrace:
    """Zones with more wind and less sun from the first to the last."""
    random = np.random.default_rng(seed)
    steps = round(days * 24 / step_h)
    hour = np.arange(steps) * step_h
    sun = np.clip(np.sin((hour % 24 - 6) * np.pi / 12), 0, None)
    rows = []
    for place in range(len(zones)):
        windy = place / max(1, len(zones) - 1)
        wind = weather(random, steps, memory=0.96**step_h)
        small = 0.03 * random.standard_normal(steps)
        shape = 1 - 0.5 * (1 - windy) * sun + 0.3 * windy * wind + small
        rows.append(np.clip(shape, 0.05, None) * (250 + 100 * place))
    return MeasuredTrace(zones, BEGIN, step_h, np.array(rows))


def noise_only(days: int, zones: tuple[str, ...] = ("XX",), seed: int = 0) -> MeasuredTrace:
    """Zones in which the past says nothing of the future."""
    random = np.random.default_rng(seed)
    values = 300 + 60 * random.standard_normal((len(zones), days * 24))
    return MeasuredTrace(zones, BEGIN, 1.0, np.clip(values, 10, None))
