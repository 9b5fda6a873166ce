"""A control group (version 2) of its own for one job, where this process may make one.

Its CPU time is exact and survives every exit, whoever was a process's parent. Its memory is not
used: it includes cached files, which are no need of the job's.
"""

from __future__ import annotations

import os
import re
import time
from contextlib import suppress

_PREFIX = "carbon-advisor-"
_NAME = re.compile(rf"{_PREFIX}(\d+)-\d+")
_DELEGATED = (
    "user.delegate",
    "trusted.delegate",
)  # systemd's mark: below it others may make groups


class JobGroup:
    """A new group below this process's own; what is started between `enter` and `leave` is in it.

    Args:
        parent: the folder of this process's group.

    Raises:
        OSError: it cannot be made or used.
    """

    def __init__(self, parent: str) -> None:
        self.folder = f"{parent}/{_PREFIX}{os.getpid()}-{time.monotonic_ns()}"
        self.entered = False
        self._ours_s = self._entered_s = 0.0
        self._descriptors: list[int] = []
        os.mkdir(self.folder)  # noqa: PTH102 - strings and descriptors throughout
        try:
            self._cpu = self._opened(f"{self.folder}/cpu.stat", os.O_RDONLY)
            self._members = self._opened(f"{self.folder}/cgroup.procs", os.O_RDWR)
            self._home = self._opened(f"{parent}/cgroup.procs", os.O_WRONLY)
            self._used_s()
        except OSError:
            self.close()
            raise

    def enter(self) -> None:
        """Have this process in the group, so that a child starts in it (7 ms: the kernel waits).

        Raises:
            OSError: the group takes no process: its parent is threaded or may hold none itself.
        """
        self._entered_s = time.process_time()
        os.pwrite(self._members, b"0", 0)
        self.entered = True

    def leave(self) -> None:
        """Return to where this process was; its own time in the group is left out.

        Raises:
            OSError: that group takes no process any more.
        """
        os.pwrite(self._home, b"0", 0)
        self.entered = False
        self._ours_s += time.process_time() - self._entered_s

    def cpu_time_s(self) -> float:
        """Return what the group and those below it have used so far (8 µs)."""
        return max(0.0, self._used_s() - self._ours_s)

    def pids(self) -> list[int]:
        """Return the processes that live in the group, zombies and those of subgroups left out."""
        try:
            text = os.pread(self._members, 1 << 16, 0)
        except OSError:
            return []
        return [int(line) for line in text.split() if line != b"0"]  # 0: of another namespace

    def close(self) -> bool:
        """Remove the group; say whether it is gone. It stays while processes live in it."""
        while self._descriptors:
            os.close(self._descriptors.pop())
        try:
            os.rmdir(self.folder)  # noqa: PTH106
        except FileNotFoundError:
            return True
        except OSError:
            return False
        return True

    def _opened(self, path: str, how: int) -> int:
        descriptor = os.open(path, how | os.O_CLOEXEC)
        self._descriptors.append(descriptor)
        return descriptor

    def _used_s(self) -> float:
        name, _, rest = os.pread(self._cpu, 64, 0).partition(b" ")
        if name != b"usage_usec":
            raise OSError("cpu.stat does not begin with usage_usec")
        return int(rest.split(maxsplit=1)[0]) / 1e6


def job_group() -> JobGroup | None:
    """Return a new group below this process's own; None where none may be made."""
    parent = own_group_folder()
    if parent is None or not _may_make_groups(parent):
        return None
    try:
        _sweep(parent)
        return JobGroup(parent)
    except (OSError, ValueError):
        return None


def own_group_folder(proc: str = "/proc/self") -> str | None:
    """Return the folder of this process's group in the tree of version 2; None without one.

    That tree is mounted at /sys/fs/cgroup or, beside version 1, at /sys/fs/cgroup/unified.
    """
    try:
        with open(f"{proc}/cgroup", encoding="utf-8") as file:  # noqa: PTH123
            groups = [line.rstrip("\n")[3:] for line in file if line.startswith("0::")]
        with open(f"{proc}/mountinfo", encoding="utf-8") as file:  # noqa: PTH123
            mounts = [_mount(line) for line in file if " - cgroup2 " in line]
    except (OSError, ValueError):
        return None
    for group in groups:
        for root, mounted_at in mounts:
            # A group outside the namespace is shown as /../..: nothing of it is ours to change.
            if ".." not in group.split("/") and f"{group}/".startswith(f"{root.rstrip('/')}/"):
                return mounted_at + group[len(root.rstrip("/")) :].rstrip("/")
    return None


def _mount(line: str) -> tuple[str, str]:
    """Return which group of the tree a line of mountinfo shows, and where."""
    fields = line.split()
    root, mounted_at = (
        re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), field) for field in fields[3:5]
    )
    return root, mounted_at


def _may_make_groups(parent: str) -> bool:
    """Say whether this process may and should: systemd's groups are its own unless delegated."""
    if not all(os.access(path, os.W_OK) for path in (parent, f"{parent}/cgroup.procs")):
        return False
    if os.geteuid() != 0 or not os.path.isdir("/run/systemd/system"):  # noqa: PTH112
        return True  # a user can write only where it was delegated
    folder = parent
    while len(folder) > 1:
        for mark in _DELEGATED:
            with suppress(OSError):
                if os.getxattr(folder, mark) == b"1":
                    return True
        folder = os.path.dirname(folder)  # noqa: PTH120
    return False


def _sweep(parent: str) -> None:
    """Remove what killed supervisors left; a group in use cannot be removed."""
    for name in os.listdir(parent):  # noqa: PTH208
        match = _NAME.fullmatch(name)
        if match and not os.path.exists(f"/proc/{match[1]}"):  # noqa: PTH110
            with suppress(OSError):
                os.rmdir(f"{parent}/{name}")  # noqa: PTH106
