"""What the clocks did during a run: a suspended machine, a wall clock that was set.

Durations come from the monotonic clock, which neither of the two disturbs; readers are told.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

_TELLING_S = 2.0  # smaller differences are clocks being disciplined


@dataclass(frozen=True, slots=True)
class Clocks:
    """Three clocks at one moment, in seconds.

    Attributes:
        wall_s: since 1970; can be set.
        running_s: counts while the machine runs.
        elapsed_s: counts while it is suspended too; equal to `running_s` where that is not known.
    """

    wall_s: float
    running_s: float
    elapsed_s: float


def read_clocks() -> Clocks:
    """Read the clocks of this machine."""
    running_s = time.monotonic()
    elapsed_s = running_s
    if hasattr(time, "CLOCK_BOOTTIME"):
        elapsed_s = time.clock_gettime(time.CLOCK_BOOTTIME)
    return Clocks(time.time(), running_s, elapsed_s)


def clock_notes(start: Clocks, end: Clocks) -> list[str]:
    """Return what happened to the clocks between two moments."""
    notes = []
    elapsed_s = end.elapsed_s - start.elapsed_s
    suspended_s = elapsed_s - (end.running_s - start.running_s)
    if suspended_s > _TELLING_S:
        notes.append(f"the machine was suspended for {suspended_s:.0f} s, which do not count")
    set_s = end.wall_s - start.wall_s - elapsed_s
    if abs(set_s) > _TELLING_S:
        way = "forward" if set_s > 0 else "back"
        notes.append(
            f"the clock was set {way} by {abs(set_s):.0f} s during the run; "
            "its duration is right, its times of day may not be"
        )
    return notes
