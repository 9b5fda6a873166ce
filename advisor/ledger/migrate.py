"""Brings a stored ledger to this version's tables; Alembic is imported only when it has work."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import inspect, text

from carbon_advisor.advisor.ledger.tables import REVISIONS
from carbon_advisor.measurement.errors import StorageError

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

_FOLDER = Path(__file__).parent / "migrations"


def migrate(engine: Engine, label: str) -> None:
    """Create or upgrade the tables in one transaction; nothing is done where they are current.

    Args:
        engine: of the database.
        label: its name in messages.

    Raises:
        StorageError: it is not a ledger, or one of a newer version; it is left untouched.
    """
    if is_current(engine, label):
        return
    with engine.execution_options(writes=True).begin() as connection:
        if _stored_version(connection, label) != REVISIONS[-1]:  # nobody else did it meanwhile
            upgrade(connection)


def is_current(engine: Engine, label: str) -> bool:
    """Say whether the tables are this version's.

    Raises:
        StorageError: it is not a ledger, or one of a newer version.
    """
    with engine.connect() as connection:
        return _stored_version(connection, label) == REVISIONS[-1]


def _stored_version(connection: Connection, label: str) -> str | None:
    """Return the version of the stored tables, None for an empty database."""
    tables = inspect(connection).get_table_names()
    if not tables:
        return None
    if "alembic_version" not in tables:
        raise StorageError(f"{label} is a database of something else, not a ledger; left untouched")
    version = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    if version is not None and version not in REVISIONS:
        raise StorageError(
            f"{label} was written by a newer version of carbon-advisor (its tables are {version}, "
            f"this one knows {REVISIONS[-1]}); left untouched, upgrade carbon-advisor to use it"
        )
    return None if version is None else str(version)


def upgrade(connection: Connection) -> None:
    """Apply the missing migrations on a connection, in the transaction that it is in."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, REVISIONS[-1])
