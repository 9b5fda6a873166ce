"""CPU and DRAM energy from Linux powercap (RAPL), Intel and AMD, one counter per socket summed.

Core, uncore, psys and mmio are parts or repeats. Tested on recorded trees, not on hardware.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from carbon_advisor.measurement.energy_counter import AMD_VENDORS, EnergyCounter, KeptFile
from carbon_advisor.measurement.power_source import Reading, SourceLostError

if TYPE_CHECKING:
    from carbon_advisor.measurement.profile import Component, Method

POWERCAP_ROOT = Path("/sys/class/powercap")
# Lets the members of one group read the counters, from the next start on and at once. Root alone
# may read them since Linux 5.10, because fine readings can reveal keys (CVE-2020-8694, PLATYPUS);
# hence a group and not everybody.
GRANT_RAPL = (
    "sudo groupadd --force --system rapl && sudo usermod --append --groups rapl $USER && "
    r'echo "SUBSYSTEM==\"powercap\", ACTION==\"add|change\", '
    r"RUN+=\"/bin/sh -c 'chgrp rapl /sys%p/energy_uj; chmod g+r /sys%p/energy_uj'\""
    '" | sudo tee /etc/udev/rules.d/70-rapl.rules && '
    "sudo udevadm control --reload && sudo udevadm trigger --subsystem-match=powercap"
)
# Half-widths of 90 %: package within 5 %, DRAM within 20 % of a wall-side instrument (Khan et al.,
# "RAPL in Action", ACM TOMPECS 2018; Desrochers et al., MEMSYS 2016).
RELATIVE_ERROR: dict[Component, float] = {"cpu": 0.05, "memory": 0.20}
_PACKAGE = re.compile(r"(package-\d+)(-die-\d+)?")
_MICROJOULE = 1e-6


@dataclass(frozen=True, slots=True)
class _Zone:
    """One powercap zone's counter."""

    file: KeptFile
    counter: EnergyCounter


class RaplSource:
    """The summed energy of every socket's package, or of every socket's DRAM.

    A counter wraps after `max_energy_range_uj` (about 20 minutes at 200 W on Intel), so `read` is
    to be called more often than that.

    Args:
        domain: "cpu" for the packages, "memory" for their DRAM.
        root: the powercap class folder.
        cpu_vendor: the CPUID vendor; AMD's dies repeat their socket's counter, Intel's do not.
    """

    method: Method = "measured"
    idle_power_w: float | None = None

    def __init__(
        self, domain: Component, root: Path = POWERCAP_ROOT, *, cpu_vendor: str = ""
    ) -> None:
        self.domain: Component = domain
        self.relative_error = RELATIVE_ERROR[domain]
        self.refused = False
        self.missing = ""
        self._zones: list[_Zone] = []
        try:
            self._zones = [_open_zone(folder) for folder in _zone_folders(domain, root, cpu_vendor)]
        except PermissionError:
            self.refused = True
            self.missing = "its RAPL counters are there, but this user may not read them"
        except (OSError, ValueError) as error:
            self.missing = f"a RAPL counter cannot be read: {error}"
        if not self._zones and not self.missing:
            self.missing = f"no {_WHAT[domain]} zone in {root}"
        self.remedy = GRANT_RAPL if self.refused else ""
        self.source = (
            f"RAPL {_WHAT[domain]} energy counters by powercap, {len(self._zones)} socket(s)"
        )

    def available(self) -> bool:
        """Say whether every counter that exists can be read, and at least one does."""
        return bool(self._zones)

    def read(self) -> Reading:
        """Return the joules since this object was made, wrap-around undone.

        Raises:
            SourceLostError: a counter's file cannot be read any more.
        """
        if not self._zones:
            raise SourceLostError(f"RAPL {self.domain} counter: {self.missing}")
        try:
            energy_j = sum(zone.counter.advance(zone.file.read_int()) for zone in self._zones)
        except (OSError, ValueError) as error:
            raise SourceLostError(f"RAPL {self.domain} counter lost: {error}") from error
        return Reading(time.monotonic(), energy_j=energy_j)


_WHAT: dict[Component, str] = {"cpu": "package", "memory": "DRAM"}


def _open_zone(folder: Path) -> _Zone:
    file = KeptFile(folder / "energy_uj")
    range_uj = int((folder / "max_energy_range_uj").read_bytes())
    return _Zone(file, EnergyCounter(file.read_int(), _MICROJOULE, range_uj))


def _zone_folders(domain: Component, root: Path, cpu_vendor: str) -> list[Path]:
    """Folders of the domain's zones, each socket once: by MSR if it is there, else by MMIO."""
    try:
        folders = sorted(folder.name for folder in root.iterdir())
    except OSError:
        return []
    for control_type in ("intel-rapl:", "intel-rapl-mmio:"):
        names = {name: _zone_name(root / name) for name in folders if name.startswith(control_type)}
        packages = _each_package_once(names, cpu_vendor)
        if packages and domain == "cpu":
            return [root / folder for folder in packages]
        if packages:
            parents = tuple(f"{folder}:" for folder in packages)
            return [
                root / folder
                for folder, name in names.items()
                if name == "dram" and folder.startswith(parents)
            ]
    return []


def _each_package_once(names: dict[str, str], cpu_vendor: str) -> list[str]:
    """Zone folders of the packages; psys, which is the whole board, is none."""
    chosen: dict[str, str] = {}
    for folder, name in names.items():
        match = _PACKAGE.fullmatch(name)
        if match:
            counter = match[1] if cpu_vendor in AMD_VENDORS else name
            chosen.setdefault(counter, folder)
    return list(chosen.values())


def _zone_name(folder: Path) -> str:
    try:
        return (folder / "name").read_text().strip()
    except OSError:
        return ""
