"""CPU and DRAM energy from Linux powercap (RAPL), Intel and AMD, one counter per socket summed.

Core, uncore, psys and mmio are parts or repeats. Tested on trees like recorded ones, no hardware.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from carbon_advisor.measurement.power_source import Reading, SourceLostError

if TYPE_CHECKING:
    from carbon_advisor.measurement.profile import Component, Method

POWERCAP_ROOT = Path("/sys/class/powercap")
_PACKAGE = re.compile(r"package-\d+(-die-\d+)?")
# Half-widths of 90 %: package within 5 %, DRAM within 20 % of a wall-side instrument (Khan et al.,
# "RAPL in Action", ACM TOMPECS 2018; Desrochers et al., MEMSYS 2016).
_RELATIVE_ERROR: dict[Component, float] = {"cpu": 0.05, "memory": 0.20}


@dataclass(slots=True)
class _Zone:
    """One powercap zone; `last_uj` is its raw counter, which wraps at `range_uj`."""

    path: Path
    range_uj: int
    last_uj: int
    total_uj: int = 0

    def advance(self) -> None:
        raw = int(self.path.read_bytes())
        step = raw - self.last_uj
        self.total_uj += step if step >= 0 else step + self.range_uj
        self.last_uj = raw


class RaplSource:
    """The summed energy of every socket's package, or of every socket's DRAM.

    A counter wraps after `max_energy_range_uj` (about 20 minutes at 200 W on Intel), so `read` is
    to be called more often than that.

    Args:
        domain: "cpu" for the packages, "memory" for their DRAM.
        root: the powercap class folder.
    """

    method: Method = "measured"
    idle_power_w: float | None = None

    def __init__(self, domain: Component, root: Path = POWERCAP_ROOT) -> None:
        self.domain: Component = domain
        self.relative_error = _RELATIVE_ERROR[domain]
        self.refused = False  # a counter is there, but this user may not read it
        self._zones: list[_Zone] = []
        for folder in _zone_folders(domain, root):
            try:
                self._zones.append(_open_zone(folder))
            except PermissionError:
                self.refused = True
            except (OSError, ValueError):
                continue
        what = "package" if domain == "cpu" else "DRAM"
        self.source = f"RAPL {what} energy counters by powercap, {len(self._zones)} socket(s)"

    def available(self) -> bool:
        """Say whether every counter that exists can be read, and at least one does."""
        return bool(self._zones) and not self.refused

    def read(self) -> Reading:
        """Return the joules since this object was made, wrap-around undone.

        Raises:
            SourceLostError: a counter's file cannot be read any more.
        """
        try:
            for zone in self._zones:
                zone.advance()
        except (OSError, ValueError) as error:
            raise SourceLostError(f"RAPL {self.domain} counter lost: {error}") from error
        return Reading(time.monotonic(), energy_j=sum(zone.total_uj for zone in self._zones) / 1e6)


def _open_zone(folder: Path) -> _Zone:
    counter = folder / "energy_uj"
    return _Zone(
        path=counter,
        range_uj=int((folder / "max_energy_range_uj").read_bytes()),
        last_uj=int(counter.read_bytes()),
    )


def _zone_folders(domain: Component, root: Path) -> list[Path]:
    """Folders of the domain's zones, each socket once: by MSR if it is there, else by MMIO."""
    for control_type in ("intel-rapl", "intel-rapl-mmio"):
        names = {folder: _zone_name(folder) for folder in sorted(root.glob(f"{control_type}:*"))}
        packages = {
            name: folder for folder, name in reversed(names.items()) if _PACKAGE.fullmatch(name)
        }
        if not packages:
            continue
        sockets = list(packages.values())
        if domain == "cpu":
            return sockets
        return [
            folder
            for folder, name in names.items()
            if name == "dram" and any(folder.name.startswith(f"{s.name}:") for s in sockets)
        ]
    return []


def _zone_name(folder: Path) -> str:
    try:
        return (folder / "name").read_text().strip()
    except OSError:
        return ""
