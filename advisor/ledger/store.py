"""Reads and writes the ledger; every write is one transaction that is on the disk when it returns.

Open one with `opening.open_to_write` or `opening.open_to_read`.
"""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sqlalchemy import exc, insert, select, update

from carbon_advisor.advisor.ledger import sqlite_file
from carbon_advisor.advisor.ledger.records import Details, Pair, completed, supersedes
from carbon_advisor.advisor.ledger.rows import (
    DETAILS,
    details_row,
    prediction_from,
    prediction_row,
    run_from,
    run_row,
)
from carbon_advisor.advisor.ledger.tables import predictions, runs
from carbon_advisor.measurement.errors import InputError, StorageError, UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path
    from types import TracebackType

    from sqlalchemy import Connection, Engine, Select

    from carbon_advisor.advisor.ledger.records import Prediction, Recorded, Run

SHORTEST_ID = 4  # characters that are enough to name a run, if no other begins with them
_RUN_COLUMNS = [column for column in runs.c if column.name not in DETAILS]  # up to megabytes each
_AT_ONCE = 500  # values in a query: SQLite has a limit
_UNMEASURED = (runs.c.state == "running") | (
    (runs.c.state == "interrupted") & runs.c.energy_kwh.is_(None)
)


class Ledger:
    """A store of predictions and runs, open.

    Args:
        engine: of its database; disposed of by `close`.
        path: of its file.
    """

    def __init__(self, engine: Engine, path: Path) -> None:
        self._engine = engine
        self.path = path

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

    def finish_run(self, run: Run, details: Details | None = None) -> None:
        """Write how a started run ended.

        Args:
            run: with the id of a run that is running, or was thought to have been interrupted.
            details: what else was found.

        Raises:
            StorageError: it could not be written, or no such run is running.
        """
        ended = {**run_row(run), **details_row(details or Details())}
        with self._writing() as connection:
            change = update(runs).where((runs.c.id == run.id) & _UNMEASURED)
            if connection.execute(change.values(ended)).rowcount != 1:
                raise StorageError(f"{self.path} has no run {run.id} that is running")

    def record_run(self, run: Run, details: Details) -> Recorded:
        """Add a run that has ended, or complete the one of its id; nothing is recorded twice.

        Raises:
            StorageError: it could not be written.
        """
        return self.record_runs([(run, details)])[0]

    def record_runs(self, found: Sequence[tuple[Run, Details]]) -> list[Recorded]:
        """Record several ended runs of different ids as `record_run` does, all or none of them.

        Raises:
            StorageError: they could not be written.
        """
        done: dict[str, Recorded] = {}
        new = []
        with self._writing() as connection:
            stored = _stored(connection, [run.id for run, _ in found])
            for run, details in found:
                if run.id in stored:
                    done[run.id] = _complete(connection, stored[run.id], run, details)
                else:
                    done[run.id] = "added"
                    new.append({**run_row(run), **details_row(details)})
            if new:
                connection.execute(insert(runs), new)
        return [done[run.id] for run, _ in found]

    def mark_interrupted(self, run_id: str) -> bool:
        """Write that a run of which nothing more will be heard was interrupted, if it still runs.

        Say whether it did.

        Raises:
            StorageError: it could not be written.
        """
        running = (runs.c.id == run_id) & (runs.c.state == "running")
        with self._writing() as connection:
            change = update(runs).where(running).values(state="interrupted")
            return connection.execute(change).rowcount == 1

    def runs(self, last: int | None = None, project: str | None = None) -> list[Run]:
        """Return the runs in the order they started, the `last` ones only if given."""
        query = select(*_RUN_COLUMNS).order_by(runs.c.started_at.desc(), runs.c.id.desc())
        if project is not None:
            query = query.where(runs.c.project == project)
        return [run_from(row) for row in reversed(self._rows(query.limit(last)))]

    def find(self, run_id: str) -> Run | None:
        """Return the run of this whole id, None if there is none."""
        rows = self._rows(select(*_RUN_COLUMNS).where(runs.c.id == run_id))
        return run_from(rows[0]) if rows else None

    def running(self) -> list[Run]:
        """Return the runs that have not been ended."""
        query = select(*_RUN_COLUMNS).where(runs.c.state == "running")
        return [run_from(row) for row in self._rows(query)]

    def run(self, name: str) -> Run:
        """Return the run with this id, or whose id alone begins so (4 characters at least).

        Raises:
            UnknownNameError: there is no such run.
            InputError: several runs' ids begin so.
        """
        return the_only(self.beginning(name), name, lambda: self.runs(last=1000))

    def parents(self) -> dict[str, str]:
        """Return the parents of the runs that have one, by the runs' ids."""
        query = select(runs.c.id, runs.c.parent_id).where(runs.c.parent_id.is_not(None))
        return {row["id"]: row["parent_id"] for row in self._rows(query)}

    def beginning(self, name: str) -> list[Run]:
        """Return the run of this id, or some whose ids begin so; none for less than 4 characters.

        Two are enough to say that there are several.
        """
        begins = runs.c.id.startswith(name.lower(), autoescape=True)
        query = select(*_RUN_COLUMNS).where(begins).limit(2)
        return [run_from(row) for row in self._rows(query)] if len(name) >= SHORTEST_ID else []

    def details_of(self, run_id: str) -> Details:
        """Return what is kept of a run beside its figures; nothing for one that is not there."""
        query = select(*(runs.c[name] for name in DETAILS)).where(runs.c.id == run_id)
        rows = self._rows(query)
        return Details(**rows[0]) if rows else Details()

    def prediction(self, prediction_id: str) -> Prediction | None:
        """Return a prediction, None if there is none of that id."""
        rows = self._rows(select(predictions).where(predictions.c.id == prediction_id))
        return prediction_from(rows[0]) if rows else None

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
        with translated(self._engine, self.path), self._engine.connect() as connection:
            return [dict(row) for row in connection.execute(query).mappings()]

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        with (
            translated(self._engine, self.path),
            self._engine.execution_options(writes=True).begin() as connection,
        ):
            yield connection


def _stored(connection: Connection, ids: Sequence[str]) -> dict[str, Run]:
    """Return those runs that are there, by id."""
    found: dict[str, Run] = {}
    for begin in range(0, len(ids), _AT_ONCE):
        query = select(*_RUN_COLUMNS).where(runs.c.id.in_(ids[begin : begin + _AT_ONCE]))
        rows = connection.execute(query).mappings()
        found |= {row["id"]: run_from(dict(row)) for row in rows}
    return found


def _complete(connection: Connection, stored: Run, run: Run, details: Details) -> Recorded:
    if not supersedes(run, stored):
        return "known"
    values = {**run_row(completed(stored, run)), **details_row(details)}
    connection.execute(update(runs).where(runs.c.id == run.id).values(values))
    return "completed"


def the_only(found: list[Run], name: str, known: Callable[[], list[Run]]) -> Run:
    """Return the one run that was found.

    Args:
        found: whose ids begin with `name`.
        name: what was asked for.
        known: returns the runs that could have been meant.

    Raises:
        UnknownNameError: there is none.
        InputError: there are several.
    """
    if not found:
        raise UnknownNameError("run", name, [run.id for run in known()])
    if len(found) > 1:
        raise InputError(f"several runs have an id that begins with '{name}'; write more of it")
    return found[0]


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
