"""CPU energy from hwmon energy counters: the drivers amd_energy and zenergy, sockets only.

Tested on trees built from the drivers' documentation, not on hardware.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from carbon_advisor.measurement.energy_counter import EnergyCounter, KeptFile
from carbon_advisor.measurement.power_source import Reading, SourceLostError
from carbon_advisor.measurement.rapl import RELATIVE_ERROR

if TYPE_CHECKING:
    from carbon_advisor.measurement.profile import Component, Method

HWMON_ROOT = Path("/sys/class/hwmon")
# By name, never "every energy counter": graphics cards (i915, xe), boards and disks have them too.
_CPU_DRIVERS = ("amd_energy", "zenergy")
_SOCKET = "Esocket"  # beside Ecore000…, which are parts of it
_MICROJOULE = 1e-6


class HwmonEnergySource:
    """The summed energy of every socket; the driver undoes wrap-around and counts in 64 bits.

    Args:
        domain: "cpu"; these drivers know no other.
        root: the hwmon class folder.
    """

    method: Method = "measured"
    idle_power_w: float | None = None

    def __init__(self, domain: Component = "cpu", root: Path = HWMON_ROOT) -> None:
        self.domain: Component = domain
        self.relative_error = RELATIVE_ERROR[domain]
        self.refused = False
        self.missing = ""
        self.remedy = ""
        self._sockets: list[tuple[KeptFile, EnergyCounter]] = []
        driver, files = _socket_files(root)
        try:
            self._sockets = [_open(file) for file in files]
        except PermissionError:
            self.refused = True
            self.missing = f"{driver}'s counters are there, but this user may not read them"
            self.remedy = _grant(files)
        except (OSError, ValueError) as error:
            self.missing = f"{driver}'s counters cannot be read: {error}"
        if not files:
            self.missing = f"no {' or '.join(_CPU_DRIVERS)} in {root}"
        self.source = f"energy counters of the driver {driver}, {len(self._sockets)} socket(s)"

    def available(self) -> bool:
        """Say whether every socket's counter can be read, and there is one."""
        return bool(self._sockets)

    def read(self) -> Reading:
        """Return the joules since this object was made.

        Raises:
            SourceLostError: a counter cannot be read any more.
        """
        if not self._sockets:
            raise SourceLostError(self.missing)
        try:
            energy_j = sum(counter.advance(file.read_int()) for file, counter in self._sockets)
        except (OSError, ValueError) as error:
            raise SourceLostError(f"hwmon energy counter lost: {error}") from error
        return Reading(time.monotonic(), energy_j=energy_j)


def _open(path: Path) -> tuple[KeptFile, EnergyCounter]:
    file = KeptFile(path)
    return file, EnergyCounter(file.read_int(), _MICROJOULE)


def _socket_files(root: Path) -> tuple[str, list[Path]]:
    """The first driver of the CPU that is loaded, and its sockets' counters."""
    try:
        devices = sorted(root.iterdir())
    except OSError:
        return "", []
    for device in devices:
        name = _text(device / "name")
        if name in _CPU_DRIVERS:
            labels = sorted(device.glob("energy*_label"))
            sockets = [label for label in labels if _text(label).startswith(_SOCKET)]
            return name, [
                label.with_name(label.name.replace("_label", "_input")) for label in sockets
            ]
    return "", []


def _grant(files: list[Path]) -> str:
    """The command that lets a group read them until the machine is started again."""
    paths = " ".join(map(str, files))
    return (
        "sudo groupadd --force --system rapl && sudo usermod --append --groups rapl $USER && "
        f"sudo chgrp rapl {paths} && sudo chmod g+r {paths}"
    )


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
