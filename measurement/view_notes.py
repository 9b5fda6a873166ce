"""What a container sees of its host, in words: where a figure is the host's and not the job's."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from carbon_advisor.measurement.hardware import Hardware
    from carbon_advisor.measurement.power_source import PowerSource

_CONTAINERS = frozenset({"docker", "podman", "kubernetes", "lxc"})  # as detect.py names them
_HOSTS_NAMESPACE = 0xEFFFFFFC  # PROC_PID_INIT_INO, the kernel's fixed number of the first one


@dataclass(frozen=True, slots=True)
class View:
    """What this process sees of its machine.

    Attributes:
        contained: it runs in a container, or in a namespace of processes of its own.
        own_processes: it sees the processes of its own namespace only.
        threads: of the machine, as its CPU time counts them.
        vcpus: that this process may use.
        own_cpu_time: /proc/stat is the container's (lxcfs) and not the host's.
        counters: energy is measured by counters of the machine.
        gpus: it sees accelerators.
    """

    contained: bool
    own_processes: bool
    threads: int
    vcpus: int
    own_cpu_time: bool
    counters: bool
    gpus: bool


def view_here(hardware: Hardware, threads: int, sources: Iterable[PowerSource]) -> View:
    """Return what this process sees; `threads` are those of the machine's CPU time."""
    own_processes = sys.platform == "linux" and _own_process_namespace()
    container = (hardware.virtualization or "").partition(" in ")[0] in _CONTAINERS
    return View(
        contained=container or own_processes,
        own_processes=own_processes,
        threads=threads,
        vcpus=hardware.vcpus,
        own_cpu_time=container and _by_lxcfs(),
        counters=any(source.method == "measured" for source in sources),
        gpus=bool(hardware.gpus),
    )


def view_notes(view: View) -> tuple[str, ...]:
    """Return what the reader is to know; nothing outside a container."""
    if not view.contained:
        return ()
    notes = []
    if not view.own_cpu_time and view.vcpus < view.threads:
        notes.append(
            f"the machine here is the container's host: all its {view.threads} threads are "
            f"counted, this container may use {view.vcpus}"
        )
    if view.counters:
        notes.append("energy counters are of the whole host, its other containers included")
    if view.counters and view.own_cpu_time:
        notes.append(
            "CPU time is the container's own (lxcfs) and energy the host's: "
            "the job's share of it is an upper bound"
        )
    if view.own_processes:
        notes.append(
            "jobs in other containers of the host cannot be seen from here: tracked runs there "
            "share idle energy only through one ADVISOR_CLAIMS_FOLDER mounted in all of them"
        )
    if view.own_processes and view.gpus:
        notes.append(
            "GPU drivers number processes as the host does: "
            "this job's cannot be told from others' on a GPU that is shared"
        )
    return tuple(notes)


def _own_process_namespace() -> bool:
    try:
        return os.stat("/proc/self/ns/pid").st_ino != _HOSTS_NAMESPACE  # noqa: PTH116
    except OSError:
        return False


def _by_lxcfs(mounts: str = "/proc/self/mountinfo") -> bool:
    try:
        with open(mounts, encoding="utf-8", errors="replace") as file:  # noqa: PTH123
            return any(" /proc/stat " in line and "lxcfs" in line for line in file)
    except OSError:
        return False
