"""Runs a meter's command on request, outside the process tree that is being measured.

A process of its own: the command is neither taken for the job's child nor counted as its CPU time.
Its stdin: the command and time limit as one line of JSON, then one line per request; an empty line
or the end ends it. Its stdout: a line of JSON per request, [exit code, output] or [null, reason].
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

_MOST_BYTES = 1 << 20


def keep() -> None:
    """Answer requests until there are no more."""
    if hasattr(os, "fork") and os.fork():
        os._exit(0)  # so that init, and not the measured program, is the parent from now on
    command, timeout_s = json.loads(sys.stdin.buffer.readline())
    while sys.stdin.buffer.readline().strip():
        sys.stdout.write(json.dumps(_run(command, timeout_s)) + "\n")
        sys.stdout.flush()


def _run(command: list[str], timeout_s: float) -> list[int | str | None]:
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError as error:
        return [None, f"it cannot be started: {error.strerror}"]
    try:
        output, _ = process.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired:
        _end(process)
        return [None, f"no answer within {timeout_s:g} s"]
    return [process.returncode, output[:_MOST_BYTES].decode("utf-8", "replace")]


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the command and what it started."""
    if hasattr(os, "killpg"):
        os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.wait()
    assert process.stdout is not None
    process.stdout.close()


if __name__ == "__main__":
    keep()
