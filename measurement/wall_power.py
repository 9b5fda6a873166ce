"""What an external meter says of the machine, divided over the components that profiles know.

In each step by what the components' own sources say of it, so that their sum is what was metered.
Power supply, fans and disks go with the components: whoever uses those needs these.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from carbon_advisor.measurement.shared_meter import SHORTEST_FOR_RATES_S

if TYPE_CHECKING:
    from collections.abc import Sequence

    from carbon_advisor.measurement.meter import ExternalMeter
    from carbon_advisor.measurement.profile import ComponentEnergy
    from carbon_advisor.measurement.shared_meter import SharedMeter


class WallPower:
    """Divides a meter's energy over the meters of components, from a moment on.

    Args:
        meter: of the whole machine.
        parts: of its components.
        begun_s: `time.monotonic()` at the first sample.
    """

    def __init__(self, meter: ExternalMeter, parts: Sequence[SharedMeter], begun_s: float) -> None:
        self._meter = meter
        self._parts = parts
        self._own_j = [0.0] * len(parts)
        self._divided_j = [0.0] * len(parts)
        self._lowest_w: list[float | None] = [None] * len(parts)
        domains = [part.source.domain for part in parts]
        self._cpu = domains.index("cpu") if "cpu" in domains else 0
        meter.begin(begun_s)

    def divided(self, own_j: list[float], now_s: float, elapsed_s: float) -> list[float]:
        """Return each component's part of the metered joules of a step.

        Args:
            own_j: what its own source says of the step.
            now_s: the end of the step.
            elapsed_s: its length.
        """
        metered_j = self._meter.advance(now_s, sum(own_j))
        joules = _in_proportion(metered_j, own_j, self._cpu)
        for index, part_j in enumerate(joules):
            self._own_j[index] += own_j[index]
            self._divided_j[index] += part_j
            if elapsed_s >= SHORTEST_FOR_RATES_S:
                lowest_w = self._lowest_w[index]
                power_w = part_j / elapsed_s
                self._lowest_w[index] = power_w if lowest_w is None else min(lowest_w, power_w)
        return joules

    def idle_power_w(self, index: int) -> float:
        """Return P_idle of a component as divided.

        Of a model it is the model's, times what the meter says over what the model says, but not
        more than the component was ever given. Of a counter it is the least it was given: a
        counter sees no power supply and no fans, and what these take when idle is idle power too.
        """
        lowest_w, own_w = self._lowest_w[index], self._parts[index].source.idle_power_w
        if own_w is None:
            return lowest_w or 0.0
        own_j = self._own_j[index]
        idle_w = own_w * self._divided_j[index] / own_j if own_j > 0 else own_w
        return idle_w if lowest_w is None else min(idle_w, lowest_w)

    def described(self, energy: tuple[ComponentEnergy, ...]) -> tuple[ComponentEnergy, ...]:
        """Return the components' energy, which `divided` gave, with the meter as its source.

        The error of a part s of the sum, whose own source has the error e: the sum's and the
        share's, √(m² + ((1 − s)·e)² + Σ (s_o·e_o)² over the others). A single part has the sum's.
        Over components these errors are not independent: the sum's own error is m.
        """
        metered = self._meter.energy
        if metered.lost_after_s is not None and metered.metered_share <= 0:
            return energy
        total = sum(part.machine_energy_kwh for part in energy)
        shares = [part.machine_energy_kwh / total if total else 1 / len(energy) for part in energy]
        whole = self.relative_error
        names = _listed(list(dict.fromkeys(part.component for part in energy)))
        result = []
        for index, part in enumerate(energy):
            squares = [whole**2]
            for other, share in enumerate(shares):
                weight = 1 - share if other == index else share
                squares.append((weight * energy[other].relative_error) ** 2)
            error = math.sqrt(sum(squares))
            by_meter = metered.metered_share
            result.append(
                replace(
                    part,
                    method="measured" if metered.lost_after_s is None else "modelled",
                    source=f"external meter {self._meter.shown} ({metered.by}), divided over "
                    f"{names} by their own sources: {part.source}{self._until()}",
                    relative_error=by_meter * error + (1 - by_meter) * part.relative_error,
                )
            )
        return tuple(result)

    @property
    def relative_error(self) -> float:
        """Of the metered sum: the meter's, and half an interval in doubt at the run's ends."""
        duration_s = self._meter.energy.duration_s
        ends = min(1.0, self._meter.interval_s / 2 / duration_s) if duration_s > 0 else 0.0
        return math.hypot(self._meter.relative_error, ends)

    def notes(self) -> list[str]:
        """Return what the reader of the figures is to know of the meter."""
        lost_s = self._meter.energy.lost_after_s
        if lost_s is None:
            return []
        why = f" ({self._meter.failure})" if self._meter.failure else ""
        shown = self._meter.shown
        if self._meter.energy.metered_share <= 0:
            return [f"external meter {shown} never answered{why}: the ordinary sources are used"]
        since = f"external meter {shown} was lost {lost_s:.0f} s into the run{why}"
        then = "the ordinary sources, times what the meter showed over what they showed until then"
        return [f"{since}: from then on {then}"]

    def close(self) -> None:
        """Read the meter no more."""
        self._meter.close()

    def _until(self) -> str:
        lost_s = self._meter.energy.lost_after_s
        return "" if lost_s is None else f"; from {lost_s:.0f} s on by these, scaled alike"


def _in_proportion(total_j: float, own_j: list[float], fallback: int) -> list[float]:
    """Divide a total as the parts are; where they are nothing, one part gets all of it."""
    whole = sum(own_j)
    if whole > 0:
        return [total_j * part / whole for part in own_j]
    return [total_j if index == fallback else 0.0 for index in range(len(own_j))]


def _listed(names: Sequence[str]) -> str:
    """Return "cpu, memory and gpu" of three names."""
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last
