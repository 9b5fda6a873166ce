"""What pyproject.toml promises is what the folders hold: packages, data files, commands, extras."""

from __future__ import annotations

import re
import tomllib
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent.parent
PYPROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
SETUPTOOLS = PYPROJECT["tool"]["setuptools"]
ROOMS = {
    name.removeprefix("carbon_advisor."): folder
    for name, folder in SETUPTOOLS["package-dir"].items()
}
CODE_OR_CACHE = {".py", ".pyc"}


def python_packages(room: str) -> set[str]:
    """The dotted names of a room's folders that hold Python files."""
    folders = {file.parent for file in (ROOT / room).rglob("*.py")}
    return {".".join(("carbon_advisor", *folder.relative_to(ROOT).parts)) for folder in folders}


def files_of(package: str) -> set[Path]:
    """The files below a package that are not Python code."""
    folder = ROOT / SETUPTOOLS["package-dir"][package]
    files = {path for path in folder.rglob("*") if path.is_file()}
    return {file for file in files if file.suffix not in CODE_OR_CACHE}


def shipped_files(package: str) -> set[Path]:
    """The files that the globs of package-data put into the wheel."""
    folder = ROOT / SETUPTOOLS["package-dir"][package]
    globs = SETUPTOOLS["package-data"].get(package, [])
    return {file for pattern in globs for file in folder.glob(pattern)}


def test_the_four_rooms_are_mapped_to_one_import_package() -> None:
    assert all(name == folder for name, folder in ROOMS.items())
    assert set(ROOMS) == {"advisor", "data", "measurement", "providers"}


@pytest.mark.parametrize("room", ROOMS)
def test_every_folder_with_python_files_is_a_listed_package(room: str) -> None:
    name = f"carbon_advisor.{room}"
    listed = {entry for entry in SETUPTOOLS["packages"] if f"{entry}.".startswith(f"{name}.")}
    assert listed == python_packages(room)


def test_listed_packages_are_sorted_and_unique() -> None:
    packages = SETUPTOOLS["packages"]
    assert packages == sorted(set(packages))


@pytest.mark.parametrize("package", [f"carbon_advisor.{room}" for room in ROOMS])
def test_every_file_that_is_not_code_is_package_data(package: str) -> None:
    assert files_of(package) == shipped_files(package)


@pytest.mark.parametrize("room", ROOMS)
def test_type_checkers_are_told_that_a_room_is_typed(room: str) -> None:
    assert (ROOT / room / "py.typed").is_file()
    assert "py.typed" in SETUPTOOLS["package-data"][f"carbon_advisor.{room}"]


def test_the_import_package_itself_is_a_namespace() -> None:
    """Only so can four folders be mapped into it; an __init__.py beside them would hide three."""
    assert import_module("carbon_advisor").__file__ is None


@pytest.mark.parametrize("command", PYPROJECT["project"]["scripts"])
def test_a_command_resolves(command: str) -> None:
    (entry,) = entry_points(group="console_scripts", name=command)
    assert entry.value == PYPROJECT["project"]["scripts"][command]
    assert callable(entry.load())


def test_the_extras_are_those_of_the_documentation() -> None:
    extras = PYPROJECT["project"]["optional-dependencies"]
    for_users = {"aws", "gcp", "azure", "submit", "dashboard", "all"}
    assert set(extras) == for_users | {"dev", "integrations-test"}
    assert extras["all"] == ["carbon-advisor[aws,gcp,azure,submit,dashboard]"]


def test_licence_and_notices_go_with_the_distribution() -> None:
    for name in PYPROJECT["project"]["license-files"]:
        assert (ROOT / name).is_file(), name


def test_version_is_the_newest_one_of_the_changelog() -> None:
    headings = re.findall(
        r"^## \[?(\d+\.\d+\.\d+)", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.M
    )
    assert headings, "no version heading"
    assert headings[0] == PYPROJECT["project"]["version"]
