"""Where energy figures come from: one small Protocol that counters, meters and models implement.

An `EnergyMeter` turns any source into joules used since it was last asked.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from carbon_advisor.measurement.profile import Component, Method


@dataclass(frozen=True, slots=True)
class Reading:
    """What a source says at one moment: a counter gives energy, a meter without one gives power.

    Attributes:
        time_s: `time.monotonic()` when it was read.
        energy_j: joules since a fixed moment in the past; None if the source has no counter.
        power_w: watts at that moment; used only where there is no counter.
    """

    time_s: float
    energy_j: float | None = None
    power_w: float | None = None


class SourceLostError(Exception):
    """A source that worked stopped working; the run goes on without it. The message says why."""


@runtime_checkable
class PowerSource(Protocol):
    """One source of energy figures for one component of the machine."""

    @property
    def domain(self) -> Component:
        """The component it sees."""

    @property
    def method(self) -> Method:
        """How it knows."""

    @property
    def source(self) -> str:
        """The counter, or the model with the origin of its figures, in words for people."""

    @property
    def relative_error(self) -> float:
        """Half-width of the 90 % interval divided by the value."""

    @property
    def idle_power_w(self) -> float | None:
        """What the component draws when nothing runs; None if the source cannot know."""

    def available(self) -> bool:
        """Say whether `read` can be expected to work here."""

    def read(self) -> Reading:
        """Take one reading.

        Raises:
            SourceLostError: it worked before and does not any more.
        """


class EnergyMeter:
    """Joules used between two calls, from a source's energy or, failing that, its power."""

    def __init__(self, source: PowerSource) -> None:
        self.source = source
        self.lost: str | None = None
        self._last: Reading | None = self._try_read()

    def advance(self) -> float:
        """Return the joules since the last call; 0 once the source is lost (see `lost`).

        A counter that runs backwards (a driver reset) counts as nothing for that one step.
        """
        reading = None if self._last is None else self._try_read()
        if reading is None:
            return 0.0
        before, self._last = self._last, reading
        assert before is not None
        if reading.energy_j is not None and before.energy_j is not None:
            return max(0.0, reading.energy_j - before.energy_j)
        mean_w = ((reading.power_w or 0.0) + (before.power_w or 0.0)) / 2
        return mean_w * (reading.time_s - before.time_s)

    def _try_read(self) -> Reading | None:
        if self.lost is not None:
            return None
        try:
            return self.source.read()
        except SourceLostError as error:
            self.lost = str(error)
            return None
