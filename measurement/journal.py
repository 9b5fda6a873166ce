"""A run's journal: one JSON line appended per sample, so that a kill loses the last one at most."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

FOLDER = "journal"
SUFFIX = ".jsonl"


class Journal:
    """Appends records to a file of its own; a disk that fills up ends it, not the program.

    Args:
        path: a file that does not exist yet; its folder is made.

    Raises:
        OSError: the file cannot be made.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
        self._descriptor: int | None = os.open(path, flags, 0o600)
        self.path = path
        self.failure: str | None = None

    def append(self, record: dict[str, Any]) -> None:
        """Write one record in one system call; after a failure, do nothing (see `failure`)."""
        if self._descriptor is None:
            return
        line = json.dumps(record, separators=(",", ":"), allow_nan=False).encode() + b"\n"
        try:
            if os.write(self._descriptor, line) != len(line):
                self._give_up("the disk is full")
        except OSError as error:
            self._give_up(error.strerror or str(error))

    def close(self) -> None:
        """Force what was written to the disk and close the file."""
        if self._descriptor is None:
            return
        descriptor, self._descriptor = self._descriptor, None
        try:
            os.fsync(descriptor)
        except OSError as error:
            self.failure = error.strerror or str(error)
        finally:
            os.close(descriptor)

    def _give_up(self, reason: str) -> None:
        self.failure = f"the journal {self.path} could not be continued: {reason}"
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def read_journal(path: Path) -> list[dict[str, Any]]:
    """Return the whole records of a journal, in order; a torn or corrupt tail is cut.

    Raises:
        OSError: the file cannot be read.
    """
    records: list[dict[str, Any]] = []
    for line in path.read_bytes().split(b"\n")[:-1]:  # what follows the last newline is torn
        try:
            record = json.loads(line)
        except ValueError:
            break
        if not isinstance(record, dict):
            break
        records.append(record)
    return records
