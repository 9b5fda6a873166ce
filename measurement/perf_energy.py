"""CPU and DRAM energy from Linux perf events: RAPL where powercap is missing or may not be read.

Tested on recorded trees and with a software event of this kernel, not on RAPL hardware.
"""

from __future__ import annotations

import errno
import os
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING

from carbon_advisor.measurement.energy_counter import AMD_VENDORS
from carbon_advisor.measurement.power_source import Reading, SourceLostError
from carbon_advisor.measurement.rapl import RELATIVE_ERROR

if TYPE_CHECKING:
    from collections.abc import Callable

    from carbon_advisor.measurement.profile import Component, Method

EVENT_ROOT = Path("/sys/bus/event_source/devices")
CPU_ROOT = Path("/sys/devices/system/cpu")
# Counting on a whole CPU, not on a process of one's own, needs this or CAP_PERFMON.
GRANT_PERF = "sudo sysctl kernel.perf_event_paranoid=0"
_EVENT: dict[Component, str] = {"cpu": "energy-pkg", "memory": "energy-ram"}
_CONFIG = re.compile(r"event=(0x[0-9a-fA-F]+)")
_SYSCALL = {"x86_64": 298, "aarch64": 241}
_ATTRIBUTES = "<IIQQQQQIIQ"  # perf_event_attr, first version: 64 bytes
_CLOSE_ON_EXEC = 8  # PERF_FLAG_FD_CLOEXEC


class PerfEnergySource:
    """The summed energy of every socket's package, or of its DRAM, since this object was made.

    The kernel undoes the counters' wrap-around itself and counts in 64 bits.

    Args:
        domain: "cpu" for the packages, "memory" for their DRAM.
        root: the folder of event sources.
        cpus: the folder of CPUs, for their sockets.
        cpu_vendor: the CPUID vendor; some kernels open AMD's counter once per die.
        open_event: opens an event of (type, config) on a CPU; returns its descriptor.
    """

    method: Method = "measured"
    idle_power_w: float | None = None

    def __init__(
        self,
        domain: Component,
        root: Path = EVENT_ROOT,
        *,
        cpus: Path = CPU_ROOT,
        cpu_vendor: str = "",
        open_event: Callable[[int, int, int], int] | None = None,
    ) -> None:
        self.domain: Component = domain
        self.relative_error = RELATIVE_ERROR[domain]
        self.refused = False
        self.missing = ""
        self._descriptors: list[int] = []
        try:
            self._open(root / "power", cpus, cpu_vendor, open_event or open_perf_event)
        except PermissionError:
            self.refused = True
            self.missing = f"perf's {_EVENT[domain]} event is there, but not for this user"
        except FileNotFoundError:
            self.missing = f"no {_EVENT[domain]} event in {root / 'power'}"
        except (OSError, ValueError) as error:
            self.missing = f"perf's {_EVENT[domain]} event cannot be opened: {error}"
        if self.missing:
            self._close()
        self.remedy = GRANT_PERF if self.refused else ""
        self.source = (
            f"RAPL {_EVENT[domain]} events by Linux perf, {len(self._descriptors)} socket(s)"
        )

    def available(self) -> bool:
        """Say whether the event is open on every socket."""
        return bool(self._descriptors)

    def read(self) -> Reading:
        """Return the joules since this object was made.

        Raises:
            SourceLostError: the kernel has stopped an event.
        """
        if not self._descriptors:
            raise SourceLostError(self.missing)
        counts = 0
        for descriptor in self._descriptors:
            try:
                raw = os.read(descriptor, 8)
            except OSError as error:
                raise SourceLostError(f"perf {_EVENT[self.domain]} lost: {error}") from error
            if len(raw) != 8:  # the event is in error, as after its CPU went offline
                raise SourceLostError(f"perf {_EVENT[self.domain]} lost: the event has ended")
            counts += int.from_bytes(raw, "little")
        return Reading(time.monotonic(), energy_j=counts * self._joules_per_count)

    def _open(
        self, unit: Path, cpus: Path, cpu_vendor: str, open_event: Callable[[int, int, int], int]
    ) -> None:
        event = unit / "events" / _EVENT[self.domain]
        match = _CONFIG.fullmatch(event.read_text().strip())
        if not match:
            raise ValueError(f"event {event.read_text().strip()!r} is not understood")
        self._joules_per_count = float(event.with_name(f"{event.name}.scale").read_text())
        kind = int((unit / "type").read_text())
        one_each = _cpu_list((unit / "cpumask").read_text())
        if cpu_vendor in AMD_VENDORS:
            one_each = _one_per_package(one_each, cpus)
        for cpu in one_each:
            self._descriptors.append(open_event(kind, int(match[1], 16), cpu))

    def _close(self) -> None:
        while self._descriptors:
            os.close(self._descriptors.pop())

    def __del__(self) -> None:
        if hasattr(self, "_descriptors"):
            self._close()


def open_perf_event(kind: int, config: int, cpu: int) -> int:
    """Open a counting event for everything on one CPU; return its descriptor (close-on-exec).

    Raises:
        OSError: with the kernel's errno; PermissionError where this user may not.
    """
    import ctypes
    import struct

    number = _SYSCALL.get(os.uname().machine)
    if number is None:
        raise OSError(errno.ENOSYS, f"perf_event_open on {os.uname().machine}")
    attributes = struct.pack(_ATTRIBUTES, kind, 64, config, 0, 0, 0, 0, 0, 0, 0)
    syscall = ctypes.CDLL(None, use_errno=True).syscall
    syscall.restype = ctypes.c_long
    descriptor: int = syscall(
        ctypes.c_long(number), attributes, -1, cpu, -1, ctypes.c_ulong(_CLOSE_ON_EXEC)
    )
    if descriptor < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return descriptor


def _cpu_list(text: str) -> list[int]:
    """The CPUs of a kernel list such as "0,18" or "0-1"."""
    cpus: list[int] = []
    for part in text.strip().split(","):
        first, _, last = part.partition("-")
        cpus += range(int(first), int(last or first) + 1)
    return cpus


def _one_per_package(cpus: list[int], root: Path) -> list[int]:
    packages: dict[str, int] = {}
    for cpu in cpus:
        package = root / f"cpu{cpu}" / "topology" / "physical_package_id"
        packages.setdefault(package.read_text().strip(), cpu)
    return list(packages.values())
