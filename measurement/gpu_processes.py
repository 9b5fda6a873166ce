"""Who uses a GPU: the job, others, or nobody can tell from here. Of any vendor.

Drivers number processes as the host does; within a container the same process has another number.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

# PROC_PID_INIT_INO of Linux (include/linux/proc_ns.h), the namespace of the host's processes
_HOSTS_NAMESPACE = "pid:[4026531836]"
# The list of processes is asked for after 1, 2, 4 s and then every 5 s: each call can cost
# milliseconds, and a job that begins to use a GPU does so early.
_LONGEST_BETWEEN_LISTS_S = 5.0

HIDDEN_NOTE = (
    "the processes on a GPU cannot be told apart from within this container: "
    "all its energy is counted as the job's"
)
RANK_NOTE = (
    "the processes on the GPUs cannot be told apart here: by LOCAL_RANK, "
    "this process is taken to use GPU {rank} of those it sees, and no other"
)

Presence = Literal["alone", "shared", "absent", "nobody", "hidden"]


@dataclass(frozen=True, slots=True)
class Use:
    """What a job has of one GPU.

    Attributes:
        share: g, 0..1.
        memory_bytes: the job's; None where it cannot be told from everybody's.
        present: the job has a process there, as far as can be told.
    """

    share: float
    memory_bytes: int | None
    present: bool


@dataclass(frozen=True, slots=True)
class ProcessView:
    """Which process numbers mean something here.

    Attributes:
        whole: every process of the machine has its own number here.
        exists: says whether a number is in use.
    """

    whole: bool
    exists: Callable[[int], bool]

    def presence(self, listed: Collection[int], ours: Collection[int]) -> Presence:
        """Say who uses a GPU on which these processes are listed.

        Nobody's number being known here while some are listed means that they are the host's
        numbers: then the job may be among them. One that is known and not the job's is a rival.
        """
        if not listed:
            return "nobody"
        strangers = [pid for pid in listed if pid not in ours]
        if not strangers:
            return "alone"
        if len(strangers) < len(listed):
            return "shared"
        if self.whole or any(self.exists(pid) for pid in strangers):
            return "absent"
        return "hidden"


def view_here() -> ProcessView:
    """Return what this process can see of the others."""
    if sys.platform != "linux":
        return ProcessView(whole=True, exists=lambda _pid: True)
    try:
        whole = os.readlink("/proc/self/ns/pid") == _HOSTS_NAMESPACE  # noqa: PTH115 - a label
    except OSError:
        whole = False
    return ProcessView(whole, lambda pid: Path(f"/proc/{pid}").exists())


def device_of_rank(environment: Mapping[str, str], devices: int) -> int | None:
    """Return the device that a local rank of a distributed job takes where nothing else tells.

    None if this is no such rank, or if the launcher already divided the devices: then there are
    fewer than ranks.
    """
    rank, size = environment.get("LOCAL_RANK", ""), environment.get("LOCAL_WORLD_SIZE", "")
    if not rank.isdigit() or size == "1" or devices < 2:
        return None
    if size.isdigit() and int(size) > devices:
        return None
    return int(rank) if int(rank) < devices else None


@dataclass(slots=True)
class ListingTimes:
    """When a list of processes is to be asked for again."""

    began_s: float
    due_s: float = float("-inf")

    def due(self, now_s: float) -> bool:
        """Say whether it is time, and note that it was asked for."""
        if now_s < self.due_s:
            return False
        age_s = now_s - self.began_s
        self.due_s = now_s + min(_LONGEST_BETWEEN_LISTS_S, max(1.0, age_s))
        return True


def share_unseen(rank: tuple[int, int] | None, notes: list[str], *, hidden: bool) -> float:
    """Return g of a GPU on which nobody, or nobody's number, can be seen: the job may use it.

    Args:
        rank: (the device of this rank, this device) in a distributed job.
        notes: where it is written down.
        hidden: somebody does use it.
    """
    if hidden:
        once(notes, HIDDEN_NOTE if rank is None else RANK_NOTE.format(rank=rank[0]))
    return 1.0 if rank is None or rank[0] == rank[1] else 0.0


def once(notes: list[str], note: str) -> None:
    """Add a note that is not there yet."""
    if note not in notes:
        notes.append(note)


def part_by_number(ours: Collection[int], everyone: Sequence[int] | Collection[int]) -> float:
    """Return the job's part of the processes, 0..1: who holds a GPU that nobody computes on."""
    return len(set(ours) & set(everyone)) / len(everyone) if everyone else 1.0
