"""Reads and writes the ledger; every write is one transaction that is on the disk when it returns.

Open one with `opening.open_to_write` or `opening.open_to_read`.
"""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sqlalchemy import exc, insert, select, update

from carbon_advisor.advisor.ledger import sqlite_file
from carbon_advisor.advisor.ledger.records import Pair
from carbon_advisor.advisor.ledger.rows import prediction_from, prediction_row, run_from, run_row
from carbon_advisor.advisor.ledger.tables import predictions, runs
from carbon_advisor.measurement.errors import InputError, StorageError, UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path
    from types import TracebackType

    from sqlalchemy import Connection, Engine, Select

    from carbon_advisor.advisor.ledger.records import Prediction, Run

SHORTEST_ID = 4  # characters that are enough to name a run, if no other begins with them
_RUN_COLUMNS = [column for column in runs.c if column.name != "profile"]  # up to megabytes each


class Ledger:
    """A store of predictions and runs, open.

    Args:
        engine: of its database; disposed of by `close`.
        path: of its file.
    """

    def __init__(self, engine: Engine, path: Path) -> None:
        self._engine = engine
        self._path = path

    def __enter__(self) -> Ledger:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close every connection; a later use opens a new one."""
        self._engine.dispose()

    def write_prediction(self, prediction: Prediction) -> None:
        """Add a prediction.

        Raises:
            StorageError: it could not be written.
        """
        with self._writing() as connection:
            connection.execute(insert(predictions).values(prediction_row(prediction)))

    def start_run(self, run: Run) -> None:
        """Add a run that is about to start.

        Raises:
            StorageError: it could not be written.
        """
        with self._writing() as connection:
            connection.execute(insert(runs).values(run_row(run)))

    def finish_run(self, run: Run, profile: Mapping[str, Any] | None = None) -> None:
        """Write how a started run ended.

        Args:
            run: with the id of a run whose state is still "running".
            profile: what was measured, in JSON's types.

        Raises:
            StorageError: it could not be written, or no such run is running.
        """
        running = (runs.c.id == run.id) & (runs.c.state == "running")
        with self._writing() as connection:
            ended = {**run_row(run), "profile": profile}
            done = connection.execute(update(runs).where(running).values(ended))
            if done.rowcount != 1:
                raise StorageError(f"{self._path} has no run {run.id} that is running")

    def runs(self, last: int | None = None) -> list[Run]:
        """Return the runs in the order they started, the `last` ones only if given."""
        query = select(*_RUN_COLUMNS).order_by(runs.c.started_at.desc(), runs.c.id.desc())
        rows = self._rows(query.limit(last))
        return [run_from(row) for row in reversed(rows)]

    def run(self, name: str) -> Run:
        """Return the run with this id, or whose id alone begins so (4 characters at least).

        Raises:
            UnknownNameError: there is no such run.
            InputError: several runs' ids begin so.
        """
        query = select(*_RUN_COLUMNS).where(runs.c.id.startswith(name.lower(), autoescape=True))
        found = self._rows(query.limit(2)) if len(name) >= SHORTEST_ID else []
        if not found:
            raise UnknownNameError("run", name, [run.id for run in self.runs(last=1000)])
        if len(found) > 1:
            raise InputError(f"several runs have an id that begins with '{name}'; write more of it")
        return run_from(found[0])

    def profile_of(self, run_id: str) -> dict[str, Any] | None:
        """Return what was measured in a run, in JSON's types; None if nothing was."""
        rows = self._rows(select(runs.c.profile).where(runs.c.id == run_id))
        return rows[0]["profile"] if rows else None

    def pairs(self, last: int | None = None, run_id: str | None = None) -> list[Pair]:
        """Return the measured runs that had a prediction, with it, in the order they started.

        Args:
            last: at most so many, the latest.
            run_id: only this run.
        """
        query = (
            select(
                *(column.label(f"run_{column.name}") for column in _RUN_COLUMNS),
                *(column.label(f"prediction_{column.name}") for column in predictions.c),
            )
            .join_from(runs, predictions)
            .where(runs.c.energy_kwh.is_not(None))
            .order_by(runs.c.started_at.desc(), runs.c.id.desc())
        )
        if run_id is not None:
            query = query.where(runs.c.id == run_id)
        return [
            Pair(prediction_from(row, "prediction_"), run_from(row, "run_"))
            for row in reversed(self._rows(query.limit(last)))
        ]

    def _rows(self, query: Select[Any]) -> list[dict[str, Any]]:
        with translated(self._engine, self._path), self._engine.connect() as connection:
            return [dict(row) for row in connection.execute(query).mappings()]

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        with (
            translated(self._engine, self._path),
            self._engine.execution_options(writes=True).begin() as connection,
        ):
            yield connection


@contextmanager
def translated(engine: Engine, path: Path) -> Iterator[None]:
    """Turn what the database driver raises into a StorageError; a corrupt file is kept aside."""
    try:
        yield
    except (exc.DBAPIError, sqlite3.Error) as error:
        cause = error.orig if isinstance(error, exc.DBAPIError) else error
        if not isinstance(cause, sqlite3.DatabaseError):
            raise
        if sqlite_file.is_corruption(cause):
            engine.dispose()
            sqlite_file.keep_aside_if_corrupt(path)
        raise StorageError(f"cannot use the ledger {path}: {sqlite_file.reason(cause)}") from error
