"""Where a run takes place, for its emissions: a grid zone's yearly intensity and a PUE.

Read from the bundled tables with the csv module; the advisor's estimates use the hours as well.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING

from carbon_advisor.measurement.cpu_lookup import read_rows
from carbon_advisor.measurement.errors import UnknownNameError

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable


@dataclass(frozen=True, slots=True)
class Place:
    """A grid zone with its yearly average lifecycle intensity, and a PUE."""

    zone: str
    intensity_g_per_kwh: float
    intensity_year: int
    pue: float

    def emissions_g(self, energy_kwh: float) -> float:
        """Return the emissions of energy used there, PUE included."""
        return energy_kwh * self.pue * self.intensity_g_per_kwh


def place_of(name: str, folder: Traversable | None = None) -> Place:
    """Return the place that a zone ("DE", "zone:DE") or a region ("aws:eu-north-1") names.

    Outside a known region the PUE is 1: nothing is known to be spent on cooling.

    Raises:
        UnknownNameError: neither a zone nor a region; names the nearest.
    """
    folder = folder or files("carbon_advisor.data")
    wanted = name.strip().lower().removeprefix("zone:")
    zones = {row["zone"].lower(): row for row in read_rows(folder / "zones.csv")}
    pue = 1.0
    if wanted not in zones:
        regions = {row["region"].lower(): row for row in read_rows(folder / "regions.csv")}
        if wanted not in regions:
            known = [row["zone"] for row in zones.values()]
            known += [row["region"] for row in regions.values()]
            raise UnknownNameError("zone or region", name, known)
        pue = float(regions[wanted]["pue"])
        wanted = regions[wanted]["zone"].lower()
    row = zones[wanted]
    return Place(row["zone"], float(row["lifecycle_g_per_kwh"]), int(row["lifecycle_year"]), pue)
