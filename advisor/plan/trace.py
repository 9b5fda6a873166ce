"""A trace: carbon intensity of zones over equal steps, constant within a step, and its integral."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]


@dataclass(frozen=True)
class Trace:
    """Intensity of several zones from one moment on.

    Attributes:
        values: g/kWh, shape (zones, steps), each constant over its step.
        tail: g/kWh, shape (zones,), what holds after the last step.
        step_h: length of a step in hours.
    """

    values: Floats
    tail: Floats
    step_h: float = 1.0

    def __post_init__(self) -> None:
        """Check the shapes once, here, so that the planners need not.

        Raises:
            ValueError: `values` is not two-dimensional, is empty, or `tail` does not match it.
        """
        if self.values.ndim != 2 or self.values.shape[1] == 0:
            raise ValueError("a trace has the shape (zones, steps) with at least one step")
        if self.tail.shape != self.values.shape[:1]:
            raise ValueError("a trace has one tail value per zone")

    @property
    def steps(self) -> int:
        """Steps per zone."""
        return int(self.values.shape[1])

    @cached_property
    def minimum(self) -> Floats:
        """Lowest intensity of each zone, the tail included; shape (zones,)."""
        lowest: Floats = np.minimum(self.values.min(axis=1), self.tail)
        return lowest

    @cached_property
    def maximum(self) -> Floats:
        """Highest intensity of each zone, the tail included; shape (zones,)."""
        highest: Floats = np.maximum(self.values.max(axis=1), self.tail)
        return highest

    @cached_property
    def cumulative(self) -> Floats:
        """Integral from the beginning to each step edge, g/kWh·h; shape (zones, steps + 1)."""
        edges = np.zeros((self.values.shape[0], self.steps + 1))
        np.cumsum(self.values, axis=1, out=edges[:, 1:])
        edges *= self.step_h
        return edges

    def integral(self, zone: Ints, time_h: Floats) -> Floats:
        """Integral from the beginning to `time_h` >= 0 hours; the arguments broadcast together."""
        position = time_h / self.step_h
        step = np.minimum(position.astype(np.intp), self.steps)
        within_h = time_h - step * self.step_h
        at_step = np.where(
            step < self.steps,
            self.values[zone, np.minimum(step, self.steps - 1)],
            self.tail[zone],
        )
        result: Floats = self.cumulative[zone, step] + at_step * within_h
        return result

    def window(self, zone: Ints, start_h: Floats, duration_h: Floats) -> Floats:
        """Integral over [start, start + duration], g/kWh·h; the arguments broadcast together."""
        return self.integral(zone, start_h + duration_h) - self.integral(zone, start_h)

    def shortest_windows(self, starts_h: Floats, durations_h: Floats) -> Floats:
        """Lowest window integral over all starts; shape (durations, zones)."""
        every = np.arange(self.values.shape[0])[:, None]
        before = self.integral(every, starts_h[None, :])
        return np.stack(
            [
                (self.integral(every, starts_h[None, :] + duration) - before).min(axis=1)
                for duration in durations_h
            ]
        )
