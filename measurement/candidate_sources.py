"""The counters that may be there on each system, best first; none is imported before its turn."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from carbon_advisor.measurement.energy_counter import CounterSource
    from carbon_advisor.measurement.ioreport import EnergyModelTotals
    from carbon_advisor.measurement.profile import Component

SYSFS = Path("/sys")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A kind of counter that is worth looking for.

    Attributes:
        name: in words for people.
        domains: the components that it may know.
        look: looks for it; never raises.
        needs: without this folder it need not be looked for, which saves importing what would.
    """

    name: str
    domains: tuple[Component, ...]
    look: Callable[[Component], CounterSource]
    needs: Path | None = None


def candidates(
    cpu_vendor: str = "", *, sysfs: Path = SYSFS, platform: str = sys.platform
) -> tuple[Candidate, ...]:
    """Return the candidates of a system, best first; Intel Macs have none that we can read.

    Args:
        cpu_vendor: the CPUID vendor.
        sysfs: where Linux shows its devices.
        platform: as `sys.platform`.
    """
    if platform == "linux":
        return _on_linux(cpu_vendor, sysfs)
    if platform == "darwin":
        return _on_macos()
    if platform == "win32":
        return (Candidate("Energy Metering Interface (EMI)", ("cpu", "memory"), _emi),)
    return ()


def _on_linux(cpu_vendor: str, sysfs: Path) -> tuple[Candidate, ...]:
    zones, events = sysfs / "class/powercap", sysfs / "bus/event_source/devices"
    monitors = sysfs / "class/hwmon"

    def powercap(domain: Component) -> CounterSource:
        from carbon_advisor.measurement.rapl import RaplSource

        return RaplSource(domain, zones, cpu_vendor=cpu_vendor)

    def perf(domain: Component) -> CounterSource:
        from carbon_advisor.measurement.perf_energy import PerfEnergySource

        return PerfEnergySource(
            domain,
            events,
            cpus=sysfs / "devices/system/cpu",
            cpu_vendor=cpu_vendor,
        )

    def hwmon(domain: Component) -> CounterSource:
        from carbon_advisor.measurement.hwmon_energy import HwmonEnergySource

        return HwmonEnergySource(domain, monitors)

    return (
        Candidate("RAPL by powercap", ("cpu", "memory"), powercap, zones),
        Candidate("RAPL by perf events", ("cpu", "memory"), perf, events / "power"),
        Candidate("hwmon energy counters", ("cpu",), hwmon, monitors),
    )


def _on_macos() -> tuple[Candidate, ...]:
    @lru_cache(maxsize=1)
    def totals() -> EnergyModelTotals:
        from carbon_advisor.measurement.ioreport import open_energy_model

        return open_energy_model()

    def ioreport(domain: Component) -> CounterSource:
        from carbon_advisor.measurement.ioreport import IoReportSource

        return IoReportSource(domain, totals)

    def powermetrics(domain: Component) -> CounterSource:
        from carbon_advisor.measurement.powermetrics import PowermetricsSource

        return PowermetricsSource(domain)

    return (
        Candidate("IOReport", ("cpu", "memory"), ioreport),
        Candidate("powermetrics", ("cpu",), powermetrics),
    )


def _emi(domain: Component) -> CounterSource:
    from carbon_advisor.measurement.windows_emi import EmiSource

    return EmiSource(domain)
