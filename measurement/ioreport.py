"""CPU, memory and GPU energy of Apple Silicon by IOReport's "Energy Model" channels, without root.

Tested on recorded channel lists and values, not on hardware. Intel Macs have no such channels.
"""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Protocol

from carbon_advisor.measurement.power_source import Reading, SourceLostError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from carbon_advisor.measurement.profile import Component, Method

# The counters are the chip's own estimate; Apple's manual page of powermetrics warns against
# comparing machines by them, and we know of no published comparison with an instrument.
RELATIVE_ERROR = 0.20
# For each domain, the groups that make it up; of a group, the first pattern that names a channel
# counts: totals before dies, so that nothing is counted twice. The neural engine has no component
# of its own here and goes with the CPU. DCS and AMCC are controllers, not DRAM.
_GROUPS: dict[Component, tuple[tuple[str, ...], ...]] = {
    "cpu": ((r"CPU Energy", r"DIE_\d+_CPU Energy"), (r"ANE\d*(_\d+)?",)),
    "memory": ((r"DRAM\d*(_\d+)?",),),
    "gpu": ((r"GPU Energy", r"GPU\d*(_\d+)?"),),
}
_JOULES = {"J": 1.0, "mJ": 1e-3, "uJ": 1e-6, "µJ": 1e-6, "μJ": 1e-6, "nJ": 1e-9}
_FRESH_S = 0.05  # sources of several domains read one after the other share a sample (3.5 ms)
# Some chips publish their millijoule channels every 1.7 s, one (M5 Ultra without a screen) was
# seen to do so every 30 minutes: what then arrives is mostly from before the run.
_SILENT_S = 60.0


class EnergyModel(Protocol):
    """The system's energy channels."""

    def channels(self) -> list[tuple[str, str]]:
        """Return each channel's name and unit."""

    def deltas(self) -> list[tuple[str, int]]:
        """Return each channel's name and what it counted since the last call.

        Raises:
            OSError: the system gives no sample.
        """


class EnergyModelTotals:
    """Joules of every channel since this object was made; sources share one."""

    def __init__(self, model: EnergyModel) -> None:
        self._model = model
        self._units = dict(model.channels())
        self._joules = dict.fromkeys(self._units, 0.0)
        self._time_s = float("-inf")

    @property
    def names(self) -> Iterable[str]:
        """Channels whose unit is known."""
        return [name for name, unit in self._units.items() if unit in _JOULES]

    def joules(self, names: list[str]) -> float:
        """Return the sum of some channels, at most 0.05 s old; one that runs backwards stays.

        Raises:
            OSError: the system gives no sample.
        """
        now_s = time.monotonic()
        if now_s - self._time_s >= _FRESH_S:
            for name, count in self._model.deltas():
                unit_j = _JOULES.get(self._units.get(name, ""))
                if unit_j is not None and count > 0:
                    self._joules[name] += count * unit_j
            self._time_s = now_s
        return sum(self._joules[name] for name in names)


class IoReportSource:
    """One domain's energy on an Apple chip.

    Args:
        domain: "cpu" (with the neural engine), "memory" or "gpu".
        open_totals: opens the system's channels; raises OSError where there are none.
    """

    method: Method = "measured"
    idle_power_w: float | None = None
    relative_error = RELATIVE_ERROR
    refused = False
    remedy = ""

    def __init__(
        self, domain: Component, open_totals: Callable[[], EnergyModelTotals] | None = None
    ) -> None:
        self.domain: Component = domain
        self.missing = ""
        self._channels: list[str] = []
        try:
            self._totals = (open_totals or open_energy_model)()
            self._channels = chosen_channels(domain, self._totals.names)
            if not self._channels:
                self.missing = f"IOReport's Energy Model has no {domain} channel"
        except OSError as error:
            self.missing = f"IOReport's Energy Model cannot be read: {error}"
        self.source = f"IOReport Energy Model: {', '.join(self._channels)}"
        self._joules = 0.0
        self._moved_s = time.monotonic()

    def available(self) -> bool:
        """Say whether there are channels of this domain."""
        return bool(self._channels)

    def read(self) -> Reading:
        """Return the joules since the channels were opened.

        Raises:
            SourceLostError: the channels are gone, or have not moved for a minute.
        """
        if not self._channels:
            raise SourceLostError(self.missing)
        try:
            joules = self._totals.joules(self._channels)
        except OSError as error:
            raise SourceLostError(f"IOReport {self.domain} energy lost: {error}") from error
        now_s = time.monotonic()
        if joules > self._joules:
            self._joules, self._moved_s = joules, now_s
        elif now_s - self._moved_s > _SILENT_S and self.domain != "gpu":  # which may be off
            raise SourceLostError(
                f"IOReport {self.domain} energy lost: the system publishes it too rarely here"
            )
        return Reading(now_s, energy_j=self._joules)


def chosen_channels(domain: Component, names: Iterable[str]) -> list[str]:
    """Return the channels that add up to a domain's energy, each part once."""
    known = list(names)
    chosen: list[str] = []
    for patterns in _GROUPS[domain]:
        found = ([name for name in known if re.fullmatch(p, name)] for p in patterns)
        chosen += next((names for names in found if names), [])
    if domain == "cpu" and not any(name.endswith("CPU Energy") for name in chosen):
        return []
    return chosen


def open_energy_model() -> EnergyModelTotals:
    """Open this system's channels.

    Raises:
        OSError: there are none.
    """
    from carbon_advisor.measurement.ioreport_library import IoReportLibrary

    return EnergyModelTotals(IoReportLibrary())
