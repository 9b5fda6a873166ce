"""A machine's joules between two moments, from a meter's readings that came at other moments.

Power is held from each reading to the next. A counter is exact at the moments it moves, however
coarse or seldom it is refreshed: between the first and the last of them it has the last word, and
power before and after. So a counter of 1 Wh costs nothing in a short run and helps in a long one.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from carbon_advisor.measurement.meter_units import MOST_W

if TYPE_CHECKING:
    from carbon_advisor.measurement.meter_units import MeterValue

PATIENCE_S = 10.0  # without an answer: the last value stands in for so long
# What counter and power disagree about is made up for over the next steps, not in one of them: the
# lowest power of a step is taken for the machine's idle power.
_MOST_BACK, _MOST_AHEAD = 0.5, 1.0  # of a step's energy


class MeteredEnergy:
    """Sums up readings, and stands in for the meter where there are none.

    Before the first reading the components' own figures are taken as they are; after a loss, times
    the meter's ratio to them until then.

    Args:
        begun_s: `time.monotonic()` from which on energy counts.
        patience_s: without an answer, after which the meter is lost.
    """

    def __init__(self, begun_s: float, patience_s: float = PATIENCE_S) -> None:
        self.lost_after_s: float | None = None
        self.last_power_w: float | None = None
        self._begun_s = self._at_s = self._read_s = self._advanced_s = begun_s
        self._patience_s = patience_s
        self._power_w: float | None = None
        self._held_j = self._held_s = 0.0  # since `advance`
        self._metered_j = self._total_j = 0.0
        self._own_beside_j = 0.0  # the components' own figures while it was metered
        self._counter: _Counter | None = None
        self._due_j = 0.0

    @property
    def duration_s(self) -> float:
        """The time that is summed up."""
        return self._advanced_s - self._begun_s

    @property
    def metered_share(self) -> float:
        """The part of the energy that the meter itself gave; 1 as long as there is none."""
        return self._metered_j / self._total_j if self._total_j > 0 else 1.0

    @property
    def by(self) -> str:
        """Which of its figures were used, in words for people."""
        if self._counter is None:
            return "by its power"
        step = f"{self._counter.smallest_j / 3600:.3g} Wh"
        if self._counter.moves > 1:
            return f"by its energy counter in steps of {step}"
        if self._counter.with_power:
            return "by its power: its energy counter did not move twice"
        return "by its energy counter"

    def take(self, value: MeterValue, now_s: float) -> None:
        """Take a reading that came now."""
        if self.lost_after_s is not None:
            return
        self._read_s = now_s
        moved = value.energy_j is not None and self._count(value, value.energy_j, now_s)
        power_w = value.power_w
        if power_w is None and self._counter is not None:
            power_w = self._counter.power_w(now_s)
        if self._power_w is None:
            self._power_w = power_w  # the first one stands for the time before it too
        self._hold_until(now_s)
        self._power_w = self.last_power_w = power_w
        if moved and self._counter is not None:
            self._due_j = self._counter.unaccounted_j(self._total_j + self._held_j)

    def advance(self, now_s: float, own_j: float) -> float:
        """Return the machine's joules since the last call.

        Args:
            now_s: the moment up to which.
            own_j: what the components' own sources say of the same time.
        """
        elapsed_s = now_s - self._advanced_s
        if elapsed_s <= 0:
            return 0.0
        self._advanced_s = now_s
        if now_s - self._read_s > self._patience_s and self.lost_after_s is None:
            self._hold_until(min(now_s, self._read_s + self._patience_s))
            self.lost_after_s, self._power_w = self._read_s - self._begun_s, None
        self._hold_until(now_s)
        paid_j = max(-_MOST_BACK * self._held_j, min(_MOST_AHEAD * self._held_j, self._due_j))
        covered = min(1.0, self._held_s / elapsed_s)
        stood_in_j = own_j * (1 - covered) * self._ratio()
        self._due_j -= paid_j
        self._metered_j += self._held_j + paid_j
        self._own_beside_j += own_j * covered
        joules = self._held_j + paid_j + stood_in_j
        self._total_j += joules
        self._held_j = self._held_s = 0.0
        return joules

    def _hold_until(self, now_s: float) -> None:
        if now_s <= self._at_s:
            return
        if self._power_w is not None:
            self._held_j += self._power_w * (now_s - self._at_s)
            self._held_s += now_s - self._at_s
        self._at_s = now_s

    def _ratio(self) -> float:
        """The meter's figures over the components' own; 1 before both are known."""
        known = self._metered_j > 0 and self._own_beside_j > 0
        return self._metered_j / self._own_beside_j if known else 1.0

    def _count(self, value: MeterValue, energy_j: float, now_s: float) -> bool:
        """Take the counter's value; say whether it has moved."""
        if self._counter is None or not self._counter.may_become(energy_j, now_s):
            self._due_j = 0.0
            self._counter = _Counter(energy_j, now_s, with_power=value.power_w is not None)
            self._counter.accounted_j = self._total_j
            return False
        if energy_j == self._counter.last_j:
            return False
        if self._counter.moves == 0:  # exact from here on; what is held until now comes before it
            since_s = max(0.0, now_s - self._at_s)
            self._counter.accounted_j = (
                self._total_j + self._held_j + (self._power_w or 0.0) * since_s
            )
        self._counter.move(energy_j, now_s)
        return True


class _Counter:
    """An energy counter from the first moment at which it is exact.

    Beside a power reading that is its first move; alone it is its first value, which is late by as
    much as its last one.
    """

    def __init__(self, energy_j: float, now_s: float, *, with_power: bool) -> None:
        self.with_power = with_power
        self.moves = 0 if with_power else 1
        self.accounted_j = 0.0  # what was summed up at that moment
        self.smallest_j = math.inf
        self.last_j = self._first_j = energy_j
        self._moved_s = now_s
        self._step_j = self._step_s = 0.0

    def may_become(self, energy_j: float, now_s: float) -> bool:
        """Say whether it goes on to this value; else it was set back, or forth again."""
        most_j = MOST_W * (1.0 + now_s - self._moved_s)
        return 0 <= energy_j - self.last_j <= most_j

    def move(self, energy_j: float, now_s: float) -> None:
        """Take its next value."""
        self.moves += 1
        self._step_j, self._step_s = energy_j - self.last_j, now_s - self._moved_s
        self.smallest_j = min(self.smallest_j, self._step_j)
        self.last_j, self._moved_s = energy_j, now_s
        if self.moves == 1:
            self._first_j = energy_j

    def power_w(self, now_s: float) -> float | None:
        """The mean of its last step; less once the next one is late. None before the first."""
        longest_s = max(self._step_s, now_s - self._moved_s)
        return self._step_j / longest_s if self._step_j > 0 and longest_s > 0 else None

    def unaccounted_j(self, summed_j: float) -> float:
        """What it counts beyond what was summed up, since it is exact."""
        return (self.last_j - self._first_j) - (summed_j - self.accounted_j)
