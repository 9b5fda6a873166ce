"""CPU time and memory of the processes of a job that are alive now.

Linux reads /proc (about 9 µs a process); elsewhere psutil. Ended children: see `supervisor.py`.
"""

from __future__ import annotations

import os
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096
_TICKS_PER_S = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100
_MOST_FILES = 128  # of the 1,024 that a process may usually have open
_MANY_THREADS = 500  # beyond this, one scan of /proc is cheaper than every thread's children file
_SHARED_MEMORY_BUDGET = 0.0005  # of one core, for telling shared pages apart


@dataclass(frozen=True, slots=True)
class TreeUsage:
    """The living part of a process tree.

    Attributes:
        cpu_time_s: of the living and of the children they have waited for.
        memory_bytes: resident, each shared page counted once where that is known.
        pids: who is alive.
    """

    cpu_time_s: float
    memory_bytes: float
    pids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class JobUsage:
    """What a job has used since it started.

    Attributes:
        cpu_time_s: of all its processes, those that ended included.
        memory_bytes: of those alive.
        pids: who is alive.
    """

    cpu_time_s: float
    memory_bytes: float
    pids: tuple[int, ...]


class ProcessTree(Protocol):
    """Reads a tree of processes from its roots."""

    def read(self, roots: Iterable[int]) -> TreeUsage:
        """Return what the roots and all their living descendants used."""

    def children(self, pid: int) -> list[int]:
        """Return the living and not yet waited-for children of one process."""


@dataclass(frozen=True, slots=True)
class _Stat:
    """The fields of /proc/PID/stat that matter here."""

    parent: int
    cpu_time_s: float
    threads: int
    resident_bytes: int


class LinuxProcessTree:
    """Walks /proc; a process that ends while being read is left out."""

    def __init__(self) -> None:
        self._found: dict[int, _Stat] = {}
        self._roots: tuple[int, ...] = ()
        self._newest_pid = b""
        self._files = _StatFiles()
        self._shared = _SharedMemory()

    def read(self, roots: Iterable[int]) -> TreeUsage:
        """Return what the roots and all their living descendants used, parents read first.

        Parents first means that a child that ends meanwhile is missed once, never counted twice.
        """
        roots, newest_pid = tuple(roots), _newest_pid()
        known = newest_pid == self._newest_pid != b"" and roots == self._roots
        found = (self._read_again() if known else None) or self._walk(roots)
        self._found, self._roots, self._newest_pid = found, roots, newest_pid
        self._files.keep(found)
        return TreeUsage(
            cpu_time_s=sum(stat.cpu_time_s for stat in found.values()),
            memory_bytes=self._shared.counted_once(
                {pid: stat.resident_bytes for pid, stat in found.items()}
            ),
            pids=tuple(found),
        )

    def _walk(self, roots: tuple[int, ...]) -> dict[int, _Stat]:
        many = sum(stat.threads for stat in self._found.values()) > _MANY_THREADS
        by_parent = _scan_proc() if many else None
        found: dict[int, _Stat] = {}
        waiting = list(roots)
        while waiting:
            pid = waiting.pop()
            stat = _read_stat(pid)
            if stat is None or pid in found:
                continue
            found[pid] = stat
            if by_parent is None:
                waiting += _children(pid, stat.threads)
            else:
                waiting += by_parent.get(pid, ())
        return found

    def _read_again(self) -> dict[int, _Stat] | None:
        """Read the processes of the last walk, half the cost of one; None if any is gone or moved.

        No process was started since, as the newest number is still the same.
        """
        found: dict[int, _Stat] = {}
        for pid, before in self._found.items():
            stat = self._files.read(pid)
            if stat is None or stat.parent != before.parent:
                return None
            found[pid] = stat
        return found

    def children(self, pid: int) -> list[int]:
        """Return the children of one process, zombies included."""
        stat = _read_stat(pid)
        return [] if stat is None else _children(pid, stat.threads)


class _StatFiles:
    """Keeps /proc/PID/stat open between reads, which halves their cost; a bounded number of them.

    An open one belongs to its process: when that has ended, reading fails, whoever has its number.
    """

    def __init__(self) -> None:
        self._descriptors: dict[int, int] = {}

    def keep(self, pids: Collection[int]) -> None:
        """Close the files of all other processes."""
        for pid in self._descriptors.keys() - pids:
            os.close(self._descriptors.pop(pid))

    def read(self, pid: int) -> _Stat | None:
        """Return what a process used; None if it is gone."""
        descriptor = self._descriptors.get(pid)
        if descriptor is None:
            if len(self._descriptors) >= _MOST_FILES:
                return _read_stat(pid)
            try:
                descriptor = os.open(f"/proc/{pid}/stat", os.O_RDONLY | os.O_CLOEXEC)
            except OSError:
                return None
            self._descriptors[pid] = descriptor
        try:
            return _parsed_stat(os.pread(descriptor, 1024, 0))
        except OSError:
            return None

    def __del__(self) -> None:
        self.keep(())


class _SharedMemory:
    """Estimates proportional set size: measured within a small time budget, else by its ratio."""

    def __init__(self) -> None:
        self._ratio = 1.0  # of proportional to resident, over the tree
        self._measured_at_s = -1e9
        self._cost_s = 0.0

    def counted_once(self, resident: dict[int, int]) -> float:
        """Return the bytes of the processes together, given each one's resident bytes."""
        total = sum(resident.values())
        if len(resident) < 2:
            return total
        begun = time.monotonic()
        if self._cost_s <= _SHARED_MEMORY_BUDGET * (begun - self._measured_at_s):
            proportional = sum(_proportional_bytes(pid, size) for pid, size in resident.items())
            self._ratio = proportional / total if total else 1.0
            self._measured_at_s = time.monotonic()
            self._cost_s = self._measured_at_s - begun
        return total * self._ratio


class PsutilProcessTree:
    """The same by psutil, for macOS and Windows; shared pages are counted in every process."""

    def read(self, roots: Iterable[int]) -> TreeUsage:
        """Return what the roots and all their living descendants used."""
        import psutil

        cpu_time_s, memory_bytes, pids = 0.0, 0, []
        for root in roots:
            with suppress(psutil.Error):
                process = psutil.Process(root)
                for member in (process, *process.children(recursive=True)):
                    with suppress(psutil.Error):
                        times = member.cpu_times()
                        cpu_time_s += times.user + times.system
                        memory_bytes += member.memory_info().rss
                        pids.append(member.pid)
        return TreeUsage(cpu_time_s, memory_bytes, tuple(pids))

    def children(self, pid: int) -> list[int]:
        """Return the children of one process."""
        import psutil

        with suppress(psutil.Error):
            return [child.pid for child in psutil.Process(pid).children()]
        return []


def process_tree() -> ProcessTree:
    """Return the reader that fits this system."""
    return LinuxProcessTree() if sys.platform == "linux" else PsutilProcessTree()


def _newest_pid() -> bytes:
    """The process number given out last, in this namespace; empty if it cannot be read."""
    return (_read_file("/proc/loadavg") or b"").rpartition(b" ")[2]


def _read_stat(pid: int) -> _Stat | None:
    text = _read_file(f"/proc/{pid}/stat")
    return _parsed_stat(text) if text else None


def _parsed_stat(text: bytes) -> _Stat:
    # After the command's name, which may itself contain ")" and spaces, fields count from state.
    fields = text[text.rindex(b")") + 2 :].split(None, 22)
    ticks = int(fields[11]) + int(fields[12]) + int(fields[13]) + int(fields[14])
    return _Stat(
        parent=int(fields[1]),
        cpu_time_s=ticks / _TICKS_PER_S,  # utime stime cutime cstime
        threads=int(fields[17]),
        resident_bytes=int(fields[21]) * _PAGE_BYTES,
    )


def _children(pid: int, threads: int) -> list[int]:
    """Children of every thread of a process; by a scan where the kernel has no children files."""
    if threads <= 1:
        text = _read_file(f"/proc/{pid}/task/{pid}/children")
        return [int(child) for child in text.split()] if text is not None else _scanned(pid)
    try:
        tasks = os.listdir(f"/proc/{pid}/task")  # noqa: PTH208 - half the time of iterdir
    except OSError:
        return []
    texts = [_read_file(f"/proc/{pid}/task/{task}/children") for task in tasks]
    if tasks and all(text is None for text in texts):
        return _scanned(pid)
    return [int(child) for text in texts if text for child in text.split()]


def _scanned(pid: int) -> list[int]:
    return _scan_proc().get(pid, []) if _read_stat(pid) else []


def _scan_proc() -> dict[int, list[int]]:
    by_parent: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):  # noqa: PTH208 - half the time of iterdir
        if name.isdigit() and (stat := _read_stat(int(name))):
            by_parent.setdefault(stat.parent, []).append(int(name))
    return by_parent


def _proportional_bytes(pid: int, resident_bytes: int) -> int:
    text = _read_file(f"/proc/{pid}/smaps_rollup") or b""
    start = text.find(b"\nPss:")
    return int(text[start:].split(maxsplit=2)[1]) * 1024 if start >= 0 else resident_bytes


def _read_file(path: str) -> bytes | None:
    """Return a small file's content, None if it is gone or refused; `open` costs twice as much."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        return os.read(descriptor, 1 << 16)
    except OSError:
        return None
    finally:
        os.close(descriptor)
