"""Opens the ledger: finds it, creates it whole or not at all, checks it, brings it up to date."""

from __future__ import annotations

import json
import os
import secrets
import sqlite3
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import create_engine, event, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import QueuePool, StaticPool

from carbon_advisor.advisor.ledger import sqlite_file
from carbon_advisor.advisor.ledger.migrate import is_current, migrate
from carbon_advisor.advisor.ledger.store import Ledger, translated
from carbon_advisor.measurement.errors import StorageError
from carbon_advisor.measurement.home import home_folder, prove_writable

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

FILE_NAME = "ledger.sqlite"
URL_VARIABLE = "ADVISOR_DATABASE_URL"


def open_to_write(url: str | None = None) -> Ledger:
    """Open the ledger, creating it if there is none.

    Args:
        url: a database as "sqlite:////path/to/file"; ADVISOR_DATABASE_URL or the file in the
            user's folder if None.

    Raises:
        StorageError: it cannot be written, is corrupt (and is now kept aside), is of a newer
            version, or the URL is of another kind.
    """
    path = ledger_path(url)
    prove_writable(path.parent)
    if not os.path.lexists(path):
        _create(path)
    return _open(path)


def open_to_read(url: str | None = None) -> Ledger | None:
    """Open the ledger, also in a folder that cannot be written; None if there is none.

    One of an older version that cannot be written is read from an upgraded copy in memory.

    Args and Raises: as `open_to_write`.
    """
    path = ledger_path(url)
    return _open(path, to_read=True) if os.path.lexists(path) else None


def ledger_path(url: str | None = None) -> Path:
    """Return the file that the URL, ADVISOR_DATABASE_URL or the user's folder says.

    Raises:
        StorageError: the URL is not one of a SQLite file.
    """
    url = url or os.environ.get(URL_VARIABLE)
    if not url:
        return home_folder() / FILE_NAME
    try:
        parsed = make_url(url)
    except ArgumentError:  # its message repeats the URL, which may hold a password
        raise StorageError(
            f"{URL_VARIABLE} is not a database URL such as sqlite:////path"
        ) from None
    if parsed.get_backend_name() != "sqlite" or parsed.database in {None, "", ":memory:"}:
        raise StorageError(
            f"{URL_VARIABLE}: the ledger is kept in a SQLite file (sqlite:////path), "
            f"not in '{parsed.get_backend_name()}'"
        )
    return Path(str(parsed.database)).absolute()


def _open(path: Path, *, to_read: bool = False) -> Ledger:
    if not path.is_file():
        raise StorageError(f"the ledger {path} is not a file, or a link to nothing")
    path = path.resolve()  # SQLite keeps its log beside the file itself, not beside a link to it
    engine, label = make_engine(path), f"the ledger {path}"
    try:
        with translated(engine, path):
            sqlite_file.check(path)
            if to_read and not sqlite_file.is_writable(path) and not is_current(engine, label):
                engine.dispose()
                engine = _engine_in_memory(path)
            migrate(engine, label)
    except OSError as error:
        engine.dispose()
        raise StorageError(f"cannot open the ledger {path}: {error.strerror}") from error
    except BaseException:
        engine.dispose()
        raise
    return Ledger(engine, path)


def _create(path: Path) -> None:
    """Make the new ledger under another name, then rename it: nobody sees half a ledger."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    engine = make_engine(draft)
    try:
        with translated(engine, path), sqlite_file.creation_lock(path):
            if path.exists():
                return
            sqlite_file.keep_orphaned_log_aside(path)
            draft.touch(mode=0o600, exist_ok=False)
            with closing(sqlite3.connect(draft)) as connection:
                connection.execute("PRAGMA journal_mode = WAL")
            migrate(engine, f"the ledger {path}")
            engine.dispose()
            draft.rename(path)
    except OSError as error:
        raise StorageError(f"cannot create the ledger {path}: {error.strerror}") from error
    finally:
        engine.dispose()
        sqlite_file.remove(draft)


def _engine_in_memory(path: Path) -> Engine:
    """Return an engine on a copy of a SQLite file, which ends with the engine."""
    copy = sqlite_file.copy_in_memory(path)
    engine = create_engine("sqlite://", creator=lambda: copy, poolclass=StaticPool)
    event.listen(engine, "begin", _begin)
    return engine


def make_engine(path: Path) -> Engine:
    """Return an engine on an existing SQLite file; its option `writes` begins as a writer."""
    engine = create_engine(
        "sqlite://",
        creator=lambda: sqlite_file.connect(path),
        poolclass=QueuePool,  # keeps the connection: opening and closing one costs a dozen writes
        pool_size=1,
        json_serializer=partial(json.dumps, allow_nan=False),
    )
    event.listen(engine, "begin", _begin)
    return engine


def _begin(connection: Connection) -> None:
    """Begin as a writer where one will write: SQLite lets no reader become one when it is busy."""
    options: Any = connection.get_execution_options()
    connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get("writes") else "BEGIN")
