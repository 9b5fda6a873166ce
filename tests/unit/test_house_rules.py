"""Rules of the house that no linter holds: light imports, no bare names of rooms, small files."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
ROOMS = ("advisor", "data", "measurement", "providers")
LONGEST_FILE = 400
HEAVY = ("numpy", "pandas", "requests", "sqlalchemy", "alembic", "boto3", "google.cloud", "azure")


def python_files(*folders: str) -> list[Path]:
    """Python files below folders of the checkout, sorted."""
    return sorted(file for folder in folders for file in (ROOT / folder).rglob("*.py"))


def name_of(file: Path) -> str:
    return str(file.relative_to(ROOT))


def parsed(file: Path) -> ast.Module:
    return ast.parse(file.read_text("utf-8"), name_of(file))


def imported_modules(tree: ast.Module) -> set[str]:
    """Modules that a file imports by absolute name."""
    nodes = list(ast.walk(tree))
    plain = {name.name for node in nodes if isinstance(node, ast.Import) for name in node.names}
    return plain | {
        node.module
        for node in nodes
        if isinstance(node, ast.ImportFrom) and node.module and not node.level
    }


def climbs(file: Path, tree: ast.Module) -> bool:
    """Does a relative import of this file leave its room?"""
    depth = len(file.relative_to(ROOT).parts) - 1
    levels = [node.level for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    return max(levels, default=0) > depth


def test_rooms_are_imported_by_their_full_names() -> None:
    """`import data` works in a checkout only, or finds somebody else's; so does `from ..data`."""
    for file in python_files(*ROOMS):
        tree = parsed(file)
        bare = {name for name in imported_modules(tree) if name.split(".")[0] in ROOMS}
        assert not bare, name_of(file)
        assert not climbs(file, tree), name_of(file)


def test_a_file_says_what_it_is_for_and_is_small() -> None:
    for file in python_files(*ROOMS, "scripts", "tests"):
        assert ast.get_docstring(parsed(file)), name_of(file)
        assert len(file.read_text("utf-8").splitlines()) <= LONGEST_FILE, name_of(file)


def test_data_holds_facts_and_no_logic() -> None:
    for file in python_files("data"):
        statements = parsed(file).body
        assert all(isinstance(statement, ast.Expr) for statement in statements), name_of(file)


@pytest.mark.parametrize(
    "module", ["carbon_advisor.measurement", "carbon_advisor.advisor.cli.main"]
)
def test_what_starts_every_command_imports_nothing_heavy(module: str) -> None:
    code = f"import sys, {module}; print(*(name for name in {HEAVY!r} if name in sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd="/"
    )
    assert done.stdout.split() == []


def test_no_module_of_measurement_imports_anything_heavy() -> None:
    heavy = {
        name_of(file): found
        for file in python_files("measurement")
        if (found := {name for name in imported_modules(parsed(file)) if name.startswith(HEAVY)})
    }
    assert heavy == {}
