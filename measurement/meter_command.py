"""Reads a meter by a command of the user's: no shell, a time limit, and outside the job's tree."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from carbon_advisor.measurement.meter_units import MeterError

if TYPE_CHECKING:
    from collections.abc import Sequence

TIMEOUT_S = 2.0
_KEEPER = Path(__file__).with_name("meter_keeper.py")


class CommandMeter:
    """A command that prints a reading; make it before the job starts.

    Args:
        command: program and arguments.
        timeout_s: after which it is killed.
    """

    def __init__(self, command: Sequence[str], timeout_s: float = TIMEOUT_S) -> None:
        try:
            self._keeper = subprocess.Popen(
                [sys.executable, "-I", "-S", str(_KEEPER)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C is for the job
            )
        except OSError as error:
            raise MeterError(f"it cannot be started: {error.strerror}") from None
        # By stdin: a password among the arguments is not to stand in the process list all along.
        self._say(json.dumps([list(command), timeout_s]))
        if os.name == "posix":
            self._keeper.wait()  # it has left a process behind that is nobody's child

    def read(self) -> str:
        """Return what the command printed.

        Raises:
            MeterError: it failed, took too long or cannot be started.
        """
        self._say("read")
        assert self._keeper.stdout is not None
        try:
            code, output = json.loads(self._keeper.stdout.readline())
        except ValueError:
            raise MeterError("the process that runs it has ended") from None
        if code is None:
            raise MeterError(output)
        if code:
            raise MeterError(f"it ends with exit code {code}")
        return str(output)

    def close(self) -> None:
        """End the process that runs the command."""
        assert self._keeper.stdin is not None
        assert self._keeper.stdout is not None
        with suppress(MeterError):
            self._say("")
        with suppress(OSError):
            self._keeper.stdin.close()
        self._keeper.stdout.close()

    def _say(self, line: str) -> None:
        assert self._keeper.stdin is not None
        try:
            self._keeper.stdin.write(f"{line}\n".encode())
            self._keeper.stdin.flush()
        except (OSError, ValueError):
            raise MeterError("the process that runs it has ended") from None
