"""The ledger as a SQLite file: how it is opened, checked, and kept aside when it is corrupt.

Creating and keeping aside happen under a lock file, so that no process acts on another's new file.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from carbon_advisor.measurement.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BUSY_TIMEOUT_S = 60.0  # a write takes about a millisecond: this is many processes' worth of queue
CHECKED_WHEN_OPENED_BYTES = 16_000_000  # a quick_check reads about a megabyte per millisecond
_COMPANIONS = ("-wal", "-shm")


def connect(path: Path, *, to_look: bool = False) -> sqlite3.Connection:
    """Open an existing file; transactions are begun by us, commits reach the disk.

    Args:
        path: of the database.
        to_look: for reading only: leaves file and log as they are, also on closing. Where the
            file cannot be written it is opened so in any case.
    """
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?{_access(path, to_look=to_look)}",
        uri=True,
        timeout=BUSY_TIMEOUT_S,
        isolation_level=None,
    )
    try:
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA synchronous = FULL")  # what was written stays written
    except sqlite3.Error:  # not a database
        connection.close()
        raise
    return connection


def is_writable(path: Path) -> bool:
    """Say whether this user may write to the file and beside it."""
    return os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)


def copy_in_memory(path: Path) -> sqlite3.Connection:
    """Return a copy of the database that is gone when its connection is closed."""
    copy = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    with closing(connect(path, to_look=True)) as source:
        source.backup(copy)
    return copy


def check(path: Path) -> None:
    """Look whether the file is a sound database; a large one is only looked at in part.

    Raises:
        StorageError: it is corrupt, and has been kept aside.
    """
    if _is_corrupt(path, whole=path.stat().st_size <= CHECKED_WHEN_OPENED_BYTES):
        keep_aside_if_corrupt(path)


def keep_aside_if_corrupt(path: Path) -> None:
    """Check the whole file; if it is corrupt, rename it and say so.

    Raises:
        StorageError: it was corrupt.
    """
    try:
        with creation_lock(path):
            if not path.exists() or not _is_corrupt(path, whole=True):
                return
            kept = _rename(path)
    except OSError as error:
        raise StorageError(
            f"the ledger {path} is corrupt and cannot be renamed ({error.strerror}); "
            "move it away to begin a new one"
        ) from error
    raise StorageError(
        f"the ledger {path} was corrupt and is kept aside as {kept.name}; "
        "run the command again to begin a new ledger"
    )


@contextmanager
def creation_lock(path: Path) -> Iterator[None]:
    """Hold the lock under which a ledger is created or kept aside.

    Raises:
        OSError: the folder does not allow it.
    """
    lock = path.with_name(path.name + ".lock")
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def remove(path: Path) -> None:
    """Remove a database that nobody has open, with its companions."""
    for suffix in ("", *_COMPANIONS):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def keep_orphaned_log_aside(path: Path) -> None:
    """Rename the log of a ledger that is gone: it would be played into the new one.

    Call it under the creation lock, with no file at `path`.
    """
    _rename(path)


def _access(path: Path, *, to_look: bool) -> str:
    """Return how the file is to be opened, as parameters of a SQLite URI."""
    if is_writable(path):
        return "mode=ro" if to_look else "mode=rw"
    log = path.with_name(path.name + "-wal")
    has_log = log.exists() and log.stat().st_size > 0
    return "mode=ro" if has_log else "mode=ro&immutable=1"  # without a log nobody is writing


def _is_corrupt(path: Path, *, whole: bool) -> bool:
    """Have SQLite look: reading the file by ourselves would, on closing, drop SQLite's locks."""
    if path.stat().st_size == 0:  # SQLite would take it for a new database; ours never are empty
        return True
    try:
        with closing(connect(path, to_look=True)) as connection:
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
            return whole and connection.execute("PRAGMA quick_check(1)").fetchone() != ("ok",)
    except sqlite3.DatabaseError as error:
        if is_corruption(error):
            return True
        raise


def is_corruption(error: sqlite3.Error) -> bool:
    """Say whether SQLite found that the file is malformed or no database."""
    return _code(error) in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


def reason(error: sqlite3.Error) -> str:
    """Return in a few words why SQLite could not do it."""
    known = {
        sqlite3.SQLITE_FULL: "the disk is full",
        sqlite3.SQLITE_READONLY: "it is read-only",
        sqlite3.SQLITE_CANTOPEN: "it cannot be opened",
        sqlite3.SQLITE_BUSY: f"it was busy for {BUSY_TIMEOUT_S:.0f} s",
    }
    return known.get(_code(error), str(error))


def _code(error: sqlite3.Error) -> int:
    extended: int = getattr(error, "sqlite_errorcode", 0)
    return extended & 0xFF


def _rename(path: Path) -> Path:
    """Give a database and its companions a name of their own; call it under the creation lock."""
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    kept = path.with_name(f"{path.name}.corrupt-{stamp}")
    for suffix in (*_COMPANIONS, ""):  # the log first: no new ledger is to find it beside itself
        with suppress(FileNotFoundError):
            path.with_name(path.name + suffix).rename(kept.with_name(kept.name + suffix))
    return kept
