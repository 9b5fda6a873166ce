"""What this process and its descendants have used: the job of a tracker inside the program."""

from __future__ import annotations

import os

from carbon_advisor.measurement.process_tree import JobUsage, process_tree


class OwnUsage:
    """Called, it returns the use of this process, its living descendants and its ended children.

    The kernel adds an ended child's CPU time to its parent when the parent waits for it, so a child
    of 0.5 s counts in full at any sampling interval. Not seen: what a descendant used that was
    handed to another parent (daemonised) and ended; `advisor profile` and `advisor run` see it.
    """

    def __init__(self) -> None:
        self._tree = process_tree()
        self._pid = os.getpid()

    def __call__(self) -> JobUsage:
        """Return the use so far."""
        usage = self._tree.read([self._pid])
        return JobUsage(usage.cpu_time_s, usage.memory_bytes, usage.pids)
