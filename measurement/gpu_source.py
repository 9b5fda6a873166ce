"""One GPU board as a source of energy: its counter while that can be trusted, else polled power.

Of any vendor: a `Board` reads, this decides what to believe and keeps one sum through all of it.
"""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Protocol

from carbon_advisor.measurement.power_source import Reading, SourceLostError

if TYPE_CHECKING:
    from carbon_advisor.measurement.profile import Component, Method

# The slowest counters known are updated every 100 ms, so that one which stands still for a second
# while the board draws power is broken (seen on AMD MI100, ROCm/amdsmi issues 22 and 38; on boards
# under a hypervisor it may stay 0).
_STILL_S = 1.0
_DRAWS_POWER_W = 1.0
# Counter against power, read now and then: further apart than chance explains at six readings of a
# load that jumps between a fifth and all of its power (27 % of the mean, one standard deviation).
_CHECK_EVERY_S = 10.0
_CHECKS = 6
_DISAGREES_BEYOND = 3.0
_PASSING_FAILURES = 3
_SHORT_RUN_S = 1.0


class BoardError(Exception):
    """A board did not answer.

    Attributes:
        passing: it may well answer the next time (a time-out).
    """

    def __init__(self, message: str, *, passing: bool = False) -> None:
        super().__init__(message)
        self.passing = passing


class Polled(Protocol):
    """The integral of a board's power."""

    @property
    def words(self) -> str:
        """How it is read, in words for people."""

    def advance(self, now_s: float) -> float:
        """Return the joules since the last call, or since this was made.

        Raises:
            BoardError: the board does not answer; nothing is lost if it does so later.
        """

    def relative_error(self, duration_s: float | None) -> float:
        """Return the relative error of a run's energy; of a minute's run if None."""


class Board(Protocol):
    """What a vendor's library can read of one board. Everything raises BoardError."""

    name: str
    counter_words: str

    def energy_j(self) -> float:
        """Return the energy counter; BoardError also where there is none."""

    def power_w(self) -> float:
        """Return one reading of the power."""

    def polled(self, now_s: float) -> Polled:
        """Start polling."""

    def counter_error(self, duration_s: float | None) -> float:
        """Return the relative error of a run's energy by the counter; of a minute's if None."""


class BoardSource:
    """The energy of one board, everything on it included.

    A counter that a read finds unchanged has lost nothing: the next read gets it. One that stands
    still or contradicts the power readings is given up for them, which the notes say.

    Args:
        board: what reads it.
        part: how the job's part of it is estimated, if only a slice of it is the job's: this makes
            the figure a modelled one.
        part_error: relative error that comes with it.

    Raises:
        BoardError: it reports neither energy nor power (Tegra, some virtual GPUs).
    """

    domain: Component = "gpu"
    idle_power_w: float | None = 0.0  # the board's energy is shared out whole, by g

    def __init__(self, board: Board, part: str = "", part_error: float = 0.0) -> None:
        self._board = board
        self._part, self._part_error = part, part_error
        self.method: Method = "modelled" if part else "measured"
        self._since_s = self._read_s = self._moved_s = time.monotonic()
        self._total_j = 0.0
        self._failures = 0
        self._notes: list[str] = []
        self._polled: Polled | None = None
        self._check = _Check(self._since_s)
        self._counter_j = 0.0
        try:
            self._counter_j = board.energy_j()
        except BoardError:
            self._polled = board.polled(self._since_s)

    @property
    def source(self) -> str:
        """How this board is read now."""
        how = self._polled.words if self._polled else self._board.counter_words
        part = f", {self._part}" if self._part else ""
        return f"{how}, {self._board.name}{part}"

    @property
    def relative_error(self) -> float:
        """Half-width of the 90 % interval over the value, of the run so far."""
        duration_s = self._read_s - self._since_s
        return self.relative_error_over(duration_s if duration_s > 0 else None)

    def relative_error_over(self, duration_s: float | None) -> float:
        """Return the relative error of a part of the run that lasted so long, in seconds."""
        error = self._polled.relative_error if self._polled else self._board.counter_error
        return math.hypot(error(duration_s), self._part_error)

    def available(self) -> bool:
        """Say whether a reading succeeds."""
        try:
            self.read()
        except SourceLostError:
            return False
        return True

    def read(self) -> Reading:
        """Return the joules since this object was made.

        Raises:
            SourceLostError: the board does not answer any more.
        """
        now_s = time.monotonic()
        try:
            self._total_j += self._advance(now_s)
        except BoardError as error:
            self._failures += 1
            if not error.passing or self._failures > _PASSING_FAILURES:
                raise SourceLostError(
                    f"{self._board.name} was lost {self._read_s - self._since_s:.0f} s into the "
                    f"run ({error}): its energy is counted until then"
                ) from error
        else:
            self._failures = 0
            self._read_s = now_s
        return Reading(now_s, energy_j=self._total_j)

    def notes(self) -> list[str]:
        """Return what was given up, and for what; and what a short or polled run means."""
        notes = list(self._notes)
        duration_s = self._read_s - self._since_s
        error = self.relative_error_over(duration_s or None)
        if self._polled:
            notes.append(f"GPU power is polled ({self._polled.words}): ±{error:.0%}")
        elif 0 < duration_s < _SHORT_RUN_S:
            notes.append(
                f"GPU energy over {duration_s:.2g} s, few updates of its counter: ±{error:.0%}"
            )
        return notes

    def _advance(self, now_s: float) -> float:
        """Return the joules since the last successful call."""
        if self._polled is not None:
            return self._polled.advance(now_s)
        counter_j = self._board.energy_j()
        step_j, self._counter_j = counter_j - self._counter_j, counter_j
        if step_j > 0:
            self._moved_s = now_s
            if self._check.contradicts(self._board, step_j, now_s):
                self._give_up_counter("contradicts its power readings", now_s)
            return step_j
        if step_j < 0:  # the driver was reset: the counter begins again
            self._moved_s = now_s
            return 0.0
        return self._if_it_stands_still(now_s)

    def _if_it_stands_still(self, now_s: float) -> float:
        still_s = now_s - self._moved_s
        if still_s < _STILL_S:
            return 0.0
        power_w = self._board.power_w()
        if power_w < _DRAWS_POWER_W:
            return 0.0
        self._give_up_counter("stands still", now_s)
        return power_w * still_s

    def _give_up_counter(self, why: str, now_s: float) -> None:
        try:
            self._polled = self._board.polled(now_s)
        except BoardError:  # then the counter is still the best there is
            return
        self._notes.append(
            f"the energy counter of {self._board.name} {why}: "
            f"power is polled from {now_s - self._since_s:.0f} s into the run"
        )


class _Check:
    """Compares a counter with power readings, over a minute at a time."""

    def __init__(self, now_s: float) -> None:
        self._due_s = now_s + _CHECK_EVERY_S
        self._begin(now_s)

    def contradicts(self, board: Board, step_j: float, now_s: float) -> bool:
        """Count a step of the counter; say whether the minute that it ends makes no sense."""
        self._energy_j += step_j
        if now_s < self._due_s:
            return False
        self._due_s = now_s + _CHECK_EVERY_S
        try:
            self._powers_w.append(board.power_w())
        except BoardError:
            return False
        if len(self._powers_w) < _CHECKS:
            return False
        by_power_w = sum(self._powers_w) / len(self._powers_w)
        by_counter_w = self._energy_j / (now_s - self._since_s)
        self._begin(now_s)
        if by_power_w < _DRAWS_POWER_W:
            return False
        return not 1 / _DISAGREES_BEYOND < by_counter_w / by_power_w < _DISAGREES_BEYOND

    def _begin(self, now_s: float) -> None:
        self._since_s, self._energy_j = now_s, 0.0
        self._powers_w: list[float] = []
