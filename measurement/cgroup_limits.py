"""What a control group leaves of the machine: a CPU quota and a memory limit, versions 1 and 2."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class CgroupLimits:
    """The tightest limits from this process's group up to the root; None where there is none."""

    cpus: float | None
    memory_bytes: int | None


def cgroup_limits(root: Path) -> CgroupLimits:
    """Read the limits of the calling process.

    Args:
        root: the folder that holds `proc` and `sys`, "/" outside tests.
    """
    cpus: list[float] = []
    memory: list[int] = []
    for folder in _group_folders(root):
        cpus += _cpu_quota(folder)
        memory += [
            int(text)
            for name in ("memory.max", "memory.limit_in_bytes")
            if (text := _read(folder / name)).isdigit() and int(text) < 1 << 60  # v1's "no limit"
        ]
    return CgroupLimits(min(cpus, default=None), min(memory, default=None))


def _group_folders(root: Path) -> Iterator[Path]:
    """Every cgroup folder that limits this process: its own groups and their parents."""
    mounts = root / "sys/fs/cgroup"
    for line in _read(root / "proc/self/cgroup").splitlines():
        _, _, rest = line.partition(":")
        controllers, _, group = rest.partition(":")
        bases = [mounts] if not controllers else [mounts / name for name in controllers.split(",")]
        for base in bases:
            if not base.is_dir():
                continue
            folder = base / group.lstrip("/")
            yield base
            while folder != base and base in folder.parents:
                yield folder
                folder = folder.parent


def _cpu_quota(folder: Path) -> list[float]:
    version_2 = _read(folder / "cpu.max").split()
    if len(version_2) == 2 and version_2[0] != "max":
        return [int(version_2[0]) / int(version_2[1])]
    quota, period = _read(folder / "cpu.cfs_quota_us"), _read(folder / "cpu.cfs_period_us")
    if quota.isdigit() and period.isdigit():  # "-1" is no quota
        return [int(quota) / int(period)]
    return []


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
