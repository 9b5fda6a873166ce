"""The migrations make exactly the tables that the code knows, in one transaction, once."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, inspect
from sqlalchemy.pool import NullPool

from carbon_advisor.advisor.ledger import migrate as module
from carbon_advisor.advisor.ledger.migrate import migrate
from carbon_advisor.advisor.ledger.opening import make_engine, open_to_read, open_to_write
from carbon_advisor.advisor.ledger.tables import REVISIONS, metadata

FOLDER = Path(module.__file__).parent / "migrations"
OLD = Path(__file__).parents[1] / "fixtures" / "ledger_0001.sql"
FIRST, SECOND, THIRD = (f"{n}0000000-0000-4000-8000-000000000000" for n in (1, 2, 3))


def test_the_known_versions_are_the_migrations() -> None:
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    scripts = ScriptDirectory.from_config(config)
    known = [script.revision for script in scripts.walk_revisions()]
    assert tuple(reversed(known)) == REVISIONS


def test_migrations_and_tables_say_the_same(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path}/ledger.sqlite", poolclass=NullPool)
    migrate(engine, "it")
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
        reflected = inspect(connection)
        for name, table in metadata.tables.items():
            columns = {column["name"]: column["nullable"] for column in reflected.get_columns(name)}
            assert columns == {column.name: column.nullable for column in table.columns}
            checks = {check["name"] for check in reflected.get_check_constraints(name)}
            assert checks == {
                constraint.name for constraint in table.constraints if "ck_" in str(constraint.name)
            }


def test_a_migration_that_is_cut_off_leaves_nothing_behind(tmp_path: Path) -> None:
    file = tmp_path / "ledger.sqlite"
    file.touch()
    engine = make_engine(file)
    with engine.execution_options(writes=True).connect() as connection:
        transaction = connection.begin()
        module.upgrade(connection)
        assert "runs" in inspect(connection).get_table_names()
        transaction.rollback()
        assert inspect(connection).get_table_names() == []
    engine.dispose()


def test_a_current_ledger_is_opened_without_alembic(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ADVISOR_HOME", str(tmp_path))
    script = (
        "import sys\n"
        "from carbon_advisor.advisor.ledger.opening import open_to_write\n"
        "open_to_write().close()\n"
        "print('alembic' in sys.modules)\n"
    )
    asked = [
        subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
        for _ in range(2)
    ]
    assert [each.stdout.strip() for each in asked] == ["True", "False"]


def test_the_commands_do_not_import_the_database_before_they_need_it() -> None:
    script = (
        "import sys, carbon_advisor.advisor.ledger.records, carbon_advisor.measurement.home\n"
        "import carbon_advisor.advisor.compare, carbon_advisor.advisor.cli.compare\n"
        "import carbon_advisor.advisor.cli.run\n"
        "print({'sqlalchemy', 'alembic', 'numpy', 'pandas', 'rich.table'} & set(sys.modules))\n"
    )
    asked = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert asked.stdout.strip() == "set()"


@pytest.fixture
def old_ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What version 0001 wrote: a finished run with its profile, a failed one, one that runs."""
    monkeypatch.delenv("ADVISOR_DATABASE_URL", raising=False)
    monkeypatch.setenv("ADVISOR_HOME", str(tmp_path / "home"))
    file = tmp_path / "home" / "ledger.sqlite"
    file.parent.mkdir()
    with closing(sqlite3.connect(file)) as database:
        database.executescript(OLD.read_text("utf-8"))
    return file


def rows(file: Path, query: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(file)) as database:
        return database.execute(query).fetchall()


def test_an_old_ledger_is_upgraded_and_keeps_all(old_ledger: Path) -> None:
    names = [name for _, name, *_ in rows(old_ledger, "PRAGMA table_info(runs)")]
    old = f"SELECT {', '.join(map(str, names))} FROM runs ORDER BY id"
    before = rows(old_ledger, old), rows(old_ledger, "SELECT * FROM predictions")
    with open_to_write() as ledger:
        first, second, third = ledger.runs()
        (pair,) = ledger.pairs()
    assert (rows(old_ledger, old), rows(old_ledger, "SELECT * FROM predictions")) == before
    assert pair.run == first
    assert pair.prediction.energy_kwh.low < pair.prediction.energy_kwh.value
    assert [run.id for run in (first, second, third)] == [FIRST, SECOND, THIRD]
    assert [run.state for run in (first, second, third)] == ["finished", "failed", "running"]
    assert first.started_at == datetime(2026, 11, 23, 6, 0, 0, 123456, tzinfo=UTC)
    assert (first.project, first.origin, first.attribution) == (
        "default", "advisor-run", "proportional",
    )  # fmt: skip
    assert first.command == ("python", "train_forest.py", "--trees", "4000")
    assert (first.cpu_time_s, first.memory_peak_gb, first.method) == (27360.0, 6.2, "modelled")
    assert (first.measured_kwh, first.machine_energy_kwh) == (0.0, pytest.approx(0.0342))
    assert (second.method, second.command, second.machine_energy_kwh) == (None, (), None)


def test_an_old_ledger_that_cannot_be_written_is_read_from_a_copy(
    old_ledger: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = old_ledger.read_bytes()
    allowed = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK and allowed(path, mode))
    ledger = open_to_read()
    assert ledger is not None
    with ledger:
        assert [run.id for run in ledger.runs()] == [FIRST, SECOND, THIRD]
        assert ledger.run("1000").method == "modelled"
    assert old_ledger.read_bytes() == before
    assert [path.name for path in old_ledger.parent.iterdir()] == ["ledger.sqlite"]


def test_an_upgrade_that_is_cut_off_leaves_the_old_ledger(old_ledger: Path) -> None:
    kept = old_ledger.with_name("kept.sqlite")
    shutil.copy(old_ledger, kept)
    engine = make_engine(old_ledger)
    with engine.execution_options(writes=True).connect() as connection:
        transaction = connection.begin()
        module.upgrade(connection)
        transaction.rollback()
    engine.dispose()
    for query in (
        "SELECT * FROM runs",
        "SELECT sql FROM sqlite_master",
        "SELECT * FROM alembic_version",
    ):
        assert rows(old_ledger, query) == rows(kept, query)


def test_many_upgrade_one_ledger_at_once(old_ledger: Path) -> None:
    script = (
        "from carbon_advisor.advisor.ledger.opening import open_to_read\n"
        "with open_to_read() as ledger: print(len(ledger.runs()))"
    )
    command = [sys.executable, "-c", script]
    readers = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    told = [reader.communicate(timeout=60) for reader in readers]
    assert told == [("3\n", "")] * 3
