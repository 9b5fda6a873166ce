"""A source's meter, and how its energy is shared out between the job and the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from carbon_advisor.measurement.power_source import EnergyMeter

if TYPE_CHECKING:
    from carbon_advisor.measurement.held_share import HeldShare
    from carbon_advisor.measurement.power_source import PowerSource

SHORTEST_FOR_RATES_S = 0.3  # below it, the kernel's 10 ms ticks make rates too coarse

Split = Literal["activity", "capacity", "gpu"]


class SharedMeter:
    """A source's meter, and how its energy is shared out between the job and the rest.

    Args:
        source: what is metered.
        split: "activity": idle power by what the job holds, the rest by what it runs;
            "capacity": all by the memory it holds; "gpu": all by its share of each GPU.
    """

    def __init__(self, source: PowerSource, split: Split) -> None:
        self.source = source
        self.split = split
        self._meter = EnergyMeter(source)
        self._lowest_w: float | None = None

    @property
    def lost(self) -> str | None:
        """Why the source stopped working; None while it works."""
        return self._meter.lost

    @property
    def idle_power_w(self) -> float:
        """P_idle to be kept apart: known to a model; of a counter, the lowest power it showed."""
        if self.source.idle_power_w is not None:
            return self.source.idle_power_w
        return self._lowest_w or 0.0

    @property
    def idle_is_learnt(self) -> bool:
        """Say whether P_idle is the lowest power that was seen."""
        return self.source.idle_power_w is None

    def advance(self, elapsed_s: float) -> float:
        """Return the joules since the last call, `elapsed_s` ago."""
        energy_j = self._meter.advance()
        if self.lost is None and elapsed_s >= SHORTEST_FOR_RATES_S:
            power_w = energy_j / elapsed_s
            self._lowest_w = power_w if self._lowest_w is None else min(power_w, self._lowest_w)
        return energy_j

    def shares(self, busy: float, gpu: float, held: HeldShare) -> tuple[float, float]:
        """Return f and r: the job's share of what runs and of what is held.

        Args:
            busy: the job's share of the CPU time of the machine.
            gpu: g, its share of this GPU.
            held: its part of the machine.
        """
        if self.split == "gpu":
            return gpu, gpu
        part = held.memory if self.source.domain == "memory" else held.threads
        return (part if self.split == "capacity" else busy), part


def split_rule(source: PowerSource) -> Split:
    """Memory that is modelled by its capacity costs the same whoever is active."""
    modelled_memory = source.domain == "memory" and source.method != "measured"
    return "capacity" if modelled_memory else "activity"
