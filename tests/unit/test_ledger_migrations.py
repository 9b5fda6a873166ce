"""The migrations make exactly the tables that the code knows, in one transaction, once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, inspect
from sqlalchemy.pool import NullPool

from carbon_advisor.advisor.ledger import migrate as module
from carbon_advisor.advisor.ledger.migrate import migrate
from carbon_advisor.advisor.ledger.opening import make_engine
from carbon_advisor.advisor.ledger.tables import REVISIONS, metadata

if TYPE_CHECKING:
    import pytest

FOLDER = Path(module.__file__).parent / "migrations"


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
