"""Which live run counts this process already: the one that measures it or an ancestor of it.

The variable alone proves nothing: it travels to other machines and outlives its run.
"""

from __future__ import annotations

import os
import re
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from carbon_advisor.measurement.held_share import Holding

PARENT_VARIABLE = "ADVISOR_PARENT_RUN"
_RUN_ID = re.compile(r"[0-9a-f]{32}")


def named_parent() -> str | None:
    """Return the run that this process's environment names as its parent; None without one."""
    named = os.environ.get(PARENT_VARIABLE, "")
    return named if _RUN_ID.fullmatch(named) else None


def process_here() -> tuple[int, int]:
    """Return this process's namespace (0 where there are none) and number."""
    try:
        space = os.stat("/proc/self/ns/pid").st_ino  # noqa: PTH116 - a fifth of the time
    except OSError:
        space = 0
    return space, os.getpid()


def parent_run(live: Sequence[Holding]) -> str | None:
    """Return the id of the live run that counts this process; None if no run does.

    Args:
        live: the runs of this machine. One that measures an ancestor of this process counts it,
            and so does one outside this process's namespace that the environment names: ancestors
            cannot be followed out of a namespace.
    """
    if not live:
        return None
    space, pid = process_here()
    for ancestor in (pid, *_ancestors(pid)):
        there = [each for each in live if each.process == (space, ancestor)]
        within = {each.run_id for each in there}
        for each in there:
            if each.parent_id not in within:  # the first of several in one process
                return each.run_id
    named = named_parent()
    outside = {each.run_id for each in live if each.process[0] != space or space == 0}
    return named if named is not None and named in outside else None


def _ancestors(pid: int) -> list[int]:
    """Return the parent, its parent and so on, as far as they may be seen."""
    if sys.platform != "linux":
        import psutil

        return [each.pid for each in psutil.Process(pid).parents()]
    found: list[int] = []
    while (pid := _parent_of(pid)) > 0 and pid not in found:
        found.append(pid)
    return found


def _parent_of(pid: int) -> int:
    try:
        descriptor = os.open(f"/proc/{pid}/stat", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return 0
    try:
        text = os.read(descriptor, 1024)
    except OSError:
        return 0
    finally:
        os.close(descriptor)
    return int(text[text.rindex(b")") + 2 :].split()[1])
