"""A run's journal: one JSON line appended per sample, so that a kill loses the last one at most.

A lock on the file says that its run still goes on; it ends with the process, and with os.exec.
"""

from __future__ import annotations

import json
import os
import sys
import weakref
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if sys.platform != "win32":
    import fcntl


if TYPE_CHECKING:
    from pathlib import Path

FOLDER = "journal"
SUFFIX = ".jsonl"
_to_json = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode  # made once
_open_journals: weakref.WeakSet[Journal] = weakref.WeakSet()


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
        if sys.platform != "win32":
            with suppress(OSError):  # a file system without locks
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _open_journals.add(self)

    def abandon(self) -> None:
        """Close the file in a forked child, which would keep its parent's lock otherwise."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    def append(self, record: dict[str, Any]) -> None:
        """Write one record in one system call; after a failure, do nothing (see `failure`)."""
        if self._descriptor is None:
            return
        line = _to_json(record).encode() + b"\n"
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


def still_written(path: Path) -> bool | None:
    """Say whether a living process keeps this journal; None where locks cannot tell.

    Raises:
        OSError: the file cannot be opened.
    """
    if sys.platform == "win32":
        return None
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return None
    finally:
        os.close(descriptor)
    return False


def _abandon_all() -> None:
    for journal in list(_open_journals):
        journal.abandon()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_abandon_all)


def read_journal(path: Path) -> list[dict[str, Any]]:
    """Read the whole records of a journal, in order; a torn or corrupt tail is cut.

    Raises:
        OSError: the file cannot be read.
    """
    return read_records(path)[0]


def read_records(path: Path) -> tuple[list[dict[str, Any]], bytes]:
    """Return the whole records of a journal, in order, and the torn or corrupt tail after them.

    Raises:
        OSError: the file cannot be read.
    """
    content, end = path.read_bytes(), 0
    records: list[dict[str, Any]] = []
    while (newline := content.find(b"\n", end)) >= 0:  # what follows the last newline is torn
        try:
            record = json.loads(content[end:newline])
        except (ValueError, RecursionError):
            break
        if not isinstance(record, dict):
            break
        records.append(record)
        end = newline + 1
    return records, content[end:]
