"""The git commit that a run was started at."""

from __future__ import annotations

import subprocess

_TIMEOUT_S = 2.0


def git_commit() -> str | None:
    """Return the commit that the working folder's repository is at; None outside of one."""
    try:
        asked = subprocess.run(
            ["git", "rev-parse", "--verify", "HEAD"],
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return asked.stdout.strip() if asked.returncode == 0 else None
