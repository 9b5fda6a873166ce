"""How busy the whole machine has been: CPU seconds over all its threads since it started."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

PROC_STAT = Path("/proc/stat")
_SAME_SAMPLE_S = 0.002  # the sampler and a modelled CPU ask one after the other


@dataclass(frozen=True, slots=True)
class MachineTimes:
    """Cumulative CPU seconds of every thread of the machine.

    Attributes:
        busy_s: spent running anything.
        stolen_s: wanted by this virtual machine but given to others by its host.
    """

    busy_s: float
    stolen_s: float


class MachineClock(Protocol):
    """Reads the machine's CPU time."""

    threads: int

    def read(self) -> MachineTimes:
        """Return the times up to now."""


class LinuxMachineClock:
    """/proc/stat through one kept descriptor (15 µs a read)."""

    def __init__(self, path: Path = PROC_STAT) -> None:
        self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self._ticks_per_s = os.sysconf("SC_CLK_TCK")
        self._read_at_s = -1.0
        self._times = MachineTimes(0.0, 0.0)
        text = path.read_bytes()
        self.threads = sum(
            line.startswith(b"cpu") and line[3:4].isdigit() for line in text.splitlines()
        )

    def read(self) -> MachineTimes:
        """Return the first line of /proc/stat; waiting for I/O is not busy."""
        now_s = time.monotonic()
        if now_s - self._read_at_s > _SAME_SAMPLE_S:
            fields = os.pread(self._descriptor, 256, 0).split(None, 9)
            user, nice, system, _idle, _iowait, interrupts, soft, stolen = map(int, fields[1:9])
            busy = user + nice + system + interrupts + soft
            self._times = MachineTimes(busy / self._ticks_per_s, stolen / self._ticks_per_s)
            self._read_at_s = now_s
        return self._times

    def __del__(self) -> None:
        if hasattr(self, "_descriptor"):
            os.close(self._descriptor)


class PsutilMachineClock:
    """The same by psutil, for macOS and Windows."""

    def __init__(self) -> None:
        self.threads = os.cpu_count() or 1

    def read(self) -> MachineTimes:
        """Return the sum of the busy states that this system tells apart."""
        import psutil

        times = psutil.cpu_times()._asdict()
        busy = sum(times.get(state, 0.0) for state in ("user", "nice", "system", "irq", "softirq"))
        return MachineTimes(busy, 0.0)


def machine_clock() -> MachineClock:
    """Return the clock that fits this system."""
    if sys.platform == "linux" and PROC_STAT.exists():
        return LinuxMachineClock()
    return PsutilMachineClock()
