"""What part of a machine each tracked run holds, so that idle energy is shared out once.

Runs that hold more than there is, together, share it; a run within a run shares its parent's part.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from carbon_advisor.measurement.hardware import Hardware
    from carbon_advisor.measurement.machine_clock import MachineClock

_DEEPEST = 16  # runs within runs; also ends a circle that somebody forged


@dataclass(frozen=True, slots=True)
class HeldShare:
    """What part of the machine the job holds, used or not (its limits over the machine), 0..1."""

    threads: float
    memory: float

    def mean_with(self, other: HeldShare) -> HeldShare:
        """Return what was held over a time that began with one and ended with the other."""
        if self == other:
            return self
        return HeldShare((self.threads + other.threads) / 2, (self.memory + other.memory) / 2)


WHOLE_MACHINE = HeldShare(1.0, 1.0)


@dataclass(frozen=True, slots=True)
class Holding:
    """A live run and what its job holds.

    Attributes:
        run_id: of the run.
        parent_id: of the run that counts this one too; None for one of its own.
        process: that measures: its namespace and number.
        held: by its limits, whoever else holds the same.
    """

    run_id: str
    parent_id: str | None
    process: tuple[int, int]
    held: HeldShare


def held_share(hardware: Hardware, clock: MachineClock, machine_memory: float) -> HeldShare:
    """Return what part of the machine the job holds by its limits (memory in GB)."""
    return HeldShare(
        threads=min(1.0, hardware.vcpus / clock.threads),
        memory=min(1.0, hardware.memory_gb / machine_memory),
    )


def share_left(own: Holding, others: Iterable[Holding]) -> HeldShare:
    """Return r of a run: held × min(1, 1/Σ held) over the live runs of the machine.

    A run within another shares in the same way what is left to that one. Runs that one process
    measures are of the same processes, so they count once in Σ.
    """
    live = {holding.run_id: holding for holding in (*others, own)}
    scale = _scale(own, live, 0)
    return HeldShare(own.held.threads * scale.threads, own.held.memory * scale.memory)


def _scale(one: Holding, live: Mapping[str, Holding], depth: int) -> HeldShare:
    """Return the factor by which a run's held share is reduced."""
    parent = _parent(one, live)
    if depth > _DEEPEST:
        return WHOLE_MACHINE
    room = WHOLE_MACHINE if parent is None else parent.held
    before = WHOLE_MACHINE if parent is None else _scale(parent, live, depth + 1)
    threads: dict[tuple[int, int], float] = {}
    memory: dict[tuple[int, int], float] = {}
    for each in live.values():
        if _parent(each, live) is parent:
            threads[each.process] = max(threads.get(each.process, 0.0), each.held.threads)
            memory[each.process] = max(memory.get(each.process, 0.0), each.held.memory)
    return HeldShare(
        before.threads * _fitting(room.threads, sum(threads.values())),
        before.memory * _fitting(room.memory, sum(memory.values())),
    )


def _parent(one: Holding, live: Mapping[str, Holding]) -> Holding | None:
    """The live parent; a run whose parent has ended stands for itself."""
    return None if one.parent_id is None else live.get(one.parent_id)


def _fitting(room: float, wanted: float) -> float:
    return 1.0 if wanted <= room else room / wanted
