"""Says that a process keeps a run: a locked file beside the ledger, whose lock ends with it.

A run that the ledger has as running and that nobody keeps was killed.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from carbon_advisor.measurement.errors import StorageError
from carbon_advisor.measurement.journal import still_written
from carbon_advisor.measurement.recovery import process_lives

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def kept(ledger: Path, run_id: str) -> Iterator[None]:
    """Keep a run for as long as it is entered; the file is removed at the end.

    Raises:
        StorageError: the file cannot be made.
    """
    path = _file(ledger, run_id)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StorageError(f"cannot write {path}: {error.strerror}") from error
    try:
        with suppress(OSError):  # a file system without locks
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        os.write(descriptor, str(os.getpid()).encode())
        yield
    finally:
        os.close(descriptor)
        let_go(ledger, run_id)


def is_kept(ledger: Path, run_id: str) -> bool:
    """Say whether a living process keeps a run: by its lock, else by its number."""
    path = _file(ledger, run_id)
    try:
        locked = still_written(path)
        return process_lives(int(path.read_text())) if locked is None else locked
    except (OSError, ValueError):
        return False


def let_go(ledger: Path, run_id: str) -> None:
    """Remove what a process that was killed has left."""
    with suppress(OSError):
        _file(ledger, run_id).unlink(missing_ok=True)


def _file(ledger: Path, run_id: str) -> Path:
    return ledger.with_name(f"{ledger.name}.running") / run_id
