"""What the sources of energy have in common: kept descriptors, sums of counters that wrap.

And `CounterSource`: what a counter says of itself where it cannot be used.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from carbon_advisor.measurement.power_source import PowerSource

if TYPE_CHECKING:
    from pathlib import Path

AMD_VENDORS = ("AuthenticAMD", "HygonGenuine")
# More than any one socket draws (the largest of 2025 are built for 500 W). A counter that ran
# backwards and would have wrapped to more than this was reset: by suspend, or by its driver.
_MOST_W = 2000.0
_SLACK_S = 1.0  # counters are refreshed now and then, not at the moment they are read


@runtime_checkable
class CounterSource(PowerSource, Protocol):
    """A source that can say why it does not work here."""

    @property
    def refused(self) -> bool:
        """It is there, but this user may not read it."""

    @property
    def missing(self) -> str:
        """Why it cannot be used, in words for people; empty where it can."""

    @property
    def remedy(self) -> str:
        """The command that would let this user read it; empty where none would."""


class KeptFile:
    """A file of sysfs that stays open: a read costs 2 µs, with an open it is 16 µs.

    The kernel answers each pread at 0 with a new value, and with ENODEV once the device is gone.

    Raises:
        OSError: it cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)

    def read_int(self) -> int:
        """Return the number in the file.

        Raises:
            OSError: the device is gone.
            ValueError: there is no number in it.
        """
        return int(os.pread(self._descriptor, 64, 0))

    def __del__(self) -> None:
        if hasattr(self, "_descriptor"):
            os.close(self._descriptor)


class EnergyCounter:
    """Joules since this object was made, from a raw counter that may wrap or be reset.

    Args:
        raw: the counter now.
        unit_j: joules of one count.
        range_raw: where it starts again at 0; 0 if it never does.
    """

    def __init__(self, raw: int, unit_j: float, range_raw: int = 0) -> None:
        self._last = raw
        self._unit_j = unit_j
        self._range = range_raw
        self._sum = 0
        self._time_s = time.monotonic()

    def advance(self, raw: int) -> float:
        """Take the counter's new value; return all joules so far. A reset counts as nothing."""
        now_s = time.monotonic()
        step = raw - self._last
        if step < 0:
            step += self._range
            most_j = _MOST_W * (now_s - self._time_s + _SLACK_S)
            if step < 0 or step * self._unit_j > most_j:
                step = 0
        self._sum += step
        self._last, self._time_s = raw, now_s
        return self._sum * self._unit_j
