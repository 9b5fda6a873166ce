"""What this process and its descendants have used: the job of a tracker inside the program."""

from __future__ import annotations

import os
import sys
import time

from carbon_advisor.measurement.process_tree import JobUsage, process_tree

if sys.platform != "win32":
    from resource import RUSAGE_CHILDREN, RUSAGE_SELF, getrusage

_MEMORY_INTERVAL_S = 0.5  # memory changes more slowly than it is asked for at 10 Hz
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096


class OwnUsage:
    """Called, it returns the use of this process, its living descendants and its ended children.

    The kernel adds an ended child's CPU time to its parent when the parent waits for it, so a child
    of 0.5 s counts in full at any sampling interval. Not seen: what a descendant used that was
    handed to another parent (daemonised) and ended; `advisor track` and `advisor run` see it.
    """

    def __init__(self) -> None:
        self._tree = process_tree()
        self._pid = os.getpid()
        self._seen_cpu_s = 0.0
        self._memory_bytes, self._memory_read_at_s = 0, -_MEMORY_INTERVAL_S
        self._memory_file: int | None = None
        if sys.platform == "linux":
            self._memory_file = os.open("/proc/self/statm", os.O_RDONLY | os.O_CLOEXEC)

    def __call__(self) -> JobUsage:
        """Return the use so far; its CPU time never goes back."""
        if self._memory_file is not None and _without_children():
            cpu_time_s, memory_bytes = _own_cpu_time_s(), self._own_memory_bytes(self._memory_file)
            pids: tuple[int, ...] = (self._pid,)
        else:
            tree = self._tree.read([self._pid])
            cpu_time_s, memory_bytes, pids = tree.cpu_time_s, int(tree.memory_bytes), tree.pids
        self._seen_cpu_s = max(self._seen_cpu_s, cpu_time_s)
        return JobUsage(self._seen_cpu_s, memory_bytes, pids)

    def _own_memory_bytes(self, file: int) -> int:
        now_s = time.monotonic()
        if now_s - self._memory_read_at_s >= _MEMORY_INTERVAL_S:
            self._memory_bytes = int(os.pread(file, 64, 0).split()[1]) * _PAGE_BYTES
            self._memory_read_at_s = now_s
        return self._memory_bytes

    def __del__(self) -> None:
        descriptor: int | None = getattr(self, "_memory_file", None)
        if descriptor is not None:
            os.close(descriptor)


def _without_children() -> bool:
    """Say whether this process has no child, ended ones that nobody waited for included (1 µs)."""
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return True
    return False


def _own_cpu_time_s() -> float:
    own, ended = getrusage(RUSAGE_SELF), getrusage(RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + ended.ru_utime + ended.ru_stime
