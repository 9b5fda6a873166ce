"""The ledger's file in trouble: corrupt, newer, somebody else's, read-only, on a full disk."""

from __future__ import annotations

import os
import resource
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from carbon_advisor.advisor.ledger.opening import open_to_read, open_to_write
from carbon_advisor.advisor.ledger.records import Run, new_id
from carbon_advisor.measurement.errors import StorageError
from carbon_advisor.measurement.home import home_folder, prove_writable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from carbon_advisor.advisor.ledger.store import Ledger

NOW = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)


def a_run(name: str = "train") -> Run:
    return Run(id=new_id(), prediction_id=None, name=name, state="running", started_at=NOW)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("ADVISOR_DATABASE_URL", raising=False)
    monkeypatch.setenv("ADVISOR_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def file(home: Path) -> Path:
    """A sound ledger with 200 runs, closed."""
    with open_to_write() as ledger:
        for number in range(200):
            ledger.start_run(a_run(str(number)))
    return home / "ledger.sqlite"


def read_names() -> list[str]:
    ledger = open_to_read()
    assert ledger is not None
    with ledger:
        return [run.name for run in ledger.runs()]


def garble(file: Path) -> None:
    """Overwrite a page in the middle, as a failing disk does."""
    content = bytearray(file.read_bytes())
    middle = len(content) // 2 // 4096 * 4096
    content[middle : middle + 4096] = b"\xa5" * 4096
    file.write_bytes(content)


DAMAGES: dict[str, Callable[[Path], object]] = {
    "not-a-database": lambda file: file.write_text("once upon a time"),
    "truncated": lambda file: os.truncate(file, file.stat().st_size // 2),
    "cut-to-nothing": lambda file: os.truncate(file, 0),
    "a-page-garbled": garble,
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
@pytest.mark.parametrize("opening", [open_to_write, open_to_read])
def test_a_corrupt_ledger_is_kept_aside_byte_for_byte(
    file: Path, damage: Callable[[Path], object], opening: Callable[[], object]
) -> None:
    damage(file)
    content = file.read_bytes()
    with pytest.raises(StorageError, match="was corrupt and is kept aside as") as refusal:
        opening()
    assert "\n" not in str(refusal.value)
    (kept,) = file.parent.glob("ledger.sqlite.corrupt-*Z")
    assert kept.name in str(refusal.value)
    assert kept.read_bytes() == content
    assert not file.exists()
    with open_to_write() as ledger:
        ledger.start_run(a_run("fresh"))
    assert read_names() == ["fresh"]
    assert kept.read_bytes() == content


def test_corruption_that_shows_later_keeps_the_ledger_aside_too(file: Path) -> None:
    with open_to_write() as ledger:
        file.write_bytes(file.read_bytes()[:4096] + b"\xa5" * (file.stat().st_size - 4096))
        with pytest.raises(StorageError, match="kept aside"):
            ledger.runs()
    assert list(file.parent.glob("ledger.sqlite.corrupt-*Z"))


def test_each_corrupt_ledger_is_kept(file: Path) -> None:
    for text in ("one", "two"):
        file.write_text(text)
        with pytest.raises(StorageError):
            open_to_write()
    assert {kept.read_text() for kept in file.parent.glob("*.corrupt-*")} == {"one", "two"}


def test_its_log_goes_aside_with_a_corrupt_ledger(file: Path) -> None:
    file.write_text("rubbish")
    log = file.with_name("ledger.sqlite-wal")
    log.write_bytes(b"what had not been moved into it")
    with pytest.raises(StorageError):
        open_to_write()
    (kept,) = file.parent.glob("ledger.sqlite.corrupt-*Z-wal")
    assert kept.read_bytes() == b"what had not been moved into it"
    assert not log.exists()


def test_the_log_of_a_lost_ledger_is_not_played_into_a_new_one(file: Path) -> None:
    log = file.with_name("ledger.sqlite-wal")
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("UPDATE runs SET name = 'ghost'")
        connection.commit()
        shutil.copy(log, f"{log}.copy")
    file.unlink()
    shutil.move(f"{log}.copy", log)
    with open_to_write() as ledger:
        assert ledger.runs() == []
    assert len(list(file.parent.glob("ledger.sqlite.corrupt-*Z-wal"))) == 1


def test_rows_in_the_log_of_a_killed_writer_are_read(file: Path) -> None:
    script = (
        "import os, sys, sqlite3\n"
        "c = sqlite3.connect(sys.argv[1])\n"
        "c.execute(\"UPDATE runs SET name = 'late'\"); c.commit(); os._exit(9)\n"
    )
    subprocess.run([sys.executable, "-c", script, file], check=False)
    assert file.with_name("ledger.sqlite-wal").stat().st_size > 0
    assert set(read_names()) == {"late"}


def test_a_ledger_of_a_newer_version_is_refused_untouched(file: Path) -> None:
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()
    content = file.read_bytes()
    for opening in (open_to_write, open_to_read):
        with pytest.raises(StorageError, match=r"newer version of carbon-advisor.*upgrade"):
            opening()
    assert file.read_bytes() == content


def test_a_database_of_something_else_is_refused_untouched(home: Path) -> None:
    home.mkdir()
    file = home / "ledger.sqlite"
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE recipes (name TEXT)")
    content = file.read_bytes()
    for opening in (open_to_write, open_to_read):
        with pytest.raises(StorageError, match="not a ledger; left untouched"):
            opening()
    assert file.read_bytes() == content


def test_a_ledger_that_is_a_folder_or_a_link_to_nothing_is_refused(home: Path) -> None:
    file = home / "ledger.sqlite"
    file.mkdir(parents=True)
    for opening in (open_to_write, open_to_read):
        with pytest.raises(StorageError, match="is not a file"):
            opening()
    file.rmdir()
    file.symlink_to(home / "unmounted" / "ledger.sqlite")
    for opening in (open_to_write, open_to_read):
        with pytest.raises(StorageError, match="link to nothing"):
            opening()
    assert [path.name for path in home.iterdir()] == ["ledger.sqlite"]


def test_behind_a_link_the_file_itself_is_kept_aside(file: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    file.rename(elsewhere / "real.sqlite")
    file.symlink_to(elsewhere / "real.sqlite")
    assert len(read_names()) == 200
    (elsewhere / "real.sqlite").write_text("rubbish")
    with pytest.raises(StorageError, match="kept aside"):
        open_to_write()
    assert next(elsewhere.glob("real.sqlite.corrupt-*Z")).read_text() == "rubbish"


def test_the_home_is_where_the_variable_says_or_the_platform(
    home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert home_folder() == home
    assert not home.exists()
    monkeypatch.setenv("ADVISOR_HOME", "")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "xdg"))
    assert home_folder().name == "carbon-advisor"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ADVISOR_HOME", "near")
    assert home_folder() == tmp_path / "near"


def test_a_writable_home_is_made_and_left_empty(home: Path) -> None:
    prove_writable(home_folder())
    assert list(home.iterdir()) == []


@pytest.mark.parametrize(
    "place", ["file", "file/below", "/proc/advisor", "a" * 300], ids=lambda place: place[:12]
)
def test_a_home_that_cannot_be_is_an_error_and_leaves_nothing(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("a file")
    monkeypatch.setenv("ADVISOR_HOME", str(tmp_path / "new" / ".." / place))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StorageError, match="cannot write in the folder") as refusal:
        prove_writable(home_folder())
    assert "\n" not in str(refusal.value)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


PROVE_WRITABLE = (
    "from carbon_advisor.measurement.home import home_folder, prove_writable\n"
    "prove_writable(home_folder())"
)
# Root is not bound by permissions, unless it gives up the right to pass over them.
GIVE_UP = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]


def bound_by_permissions(script: str) -> subprocess.CompletedProcess[str]:
    """Run a script as a user whom chmod binds: this one, or root without its capabilities."""
    root = os.geteuid() == 0
    if root and shutil.which("setpriv") is None:
        pytest.skip("chmod does not bind root, and there is no setpriv: run it as another user")
    command = [*(GIVE_UP if root else []), sys.executable, "-c", script]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_home_without_permission_is_an_error(home: Path) -> None:
    home.mkdir()
    home.chmod(0o500)
    tried = bound_by_permissions(PROVE_WRITABLE)
    assert "StorageError: cannot write in the folder" in tried.stderr
    assert "Permission denied" in tried.stderr
    assert list(home.iterdir()) == []


def test_a_ledger_without_permission_can_be_read_but_not_written(file: Path) -> None:
    file.chmod(0o400)
    before = file.read_bytes()
    read = bound_by_permissions(
        "from carbon_advisor.advisor.ledger.opening import open_to_read\n"
        "with open_to_read() as ledger: print(len(ledger.runs()))"
    )
    assert read.stdout == "200\n", read.stderr
    written = bound_by_permissions(
        "from datetime import UTC, datetime\n"
        "from carbon_advisor.advisor.ledger.opening import open_to_write\n"
        "from carbon_advisor.advisor.ledger.records import Run\n"
        "run = Run('1', None, 'job', 'running', datetime.now(UTC))\n"
        "with open_to_write() as ledger: ledger.start_run(run)"
    )
    assert "StorageError" in written.stderr
    assert "it is read-only" in written.stderr
    assert file.read_bytes() == before


def mounted(folder: Path, options: str) -> bool:
    folder.mkdir(exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    return (
        shutil.which("mount") is not None
        and subprocess.run(mount, capture_output=True, check=False).returncode == 0
    )


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system with room for 512 KiB."""
    folder = tmp_path / "disk"
    if not mounted(folder, "size=512k"):
        pytest.skip("this user may not mount a small file system")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def test_a_full_disk_is_found_before_anything_is_written(
    small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (small_disk / "ballast").write_bytes(bytes(400_000))
    monkeypatch.setenv("ADVISOR_HOME", str(small_disk / "home"))
    with pytest.raises(StorageError, match="No space left on device"):
        open_to_write()
    assert [path.name for path in small_disk.iterdir()] == ["ballast"]


def test_a_disk_that_fills_up_later_costs_no_row(
    small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ADVISOR_HOME", str(small_disk / "home"))
    written: list[str] = []

    def write_on(ledger: Ledger) -> None:
        while True:
            name = f"{len(written)}-{'x' * 5000}"
            ledger.start_run(a_run(name))
            written.append(name)

    with open_to_write() as ledger, pytest.raises(StorageError, match="the disk is full"):
        write_on(ledger)
    assert len(written) > 5
    assert sorted(read_names()) == sorted(written)


def test_a_file_size_limit_is_like_a_full_disk(home: Path) -> None:
    script = PROVE_WRITABLE
    tried = subprocess.run(
        [sys.executable, "-c", script],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert "StorageError: cannot write in the folder" in tried.stderr
    assert "File too large" in tried.stderr
    assert not home.exists()


def test_a_read_only_ledger_can_be_read_but_not_written(file: Path, tmp_path: Path) -> None:
    remount = ["mount", "-o", "remount,ro"]
    bound = ["mount", "--bind", str(file.parent), str(file.parent)]
    if subprocess.run(bound, capture_output=True, check=False).returncode:
        pytest.skip("this user may not mount a folder read-only")
    try:
        subprocess.run([*remount, "-o", "bind", file.parent], check=True, capture_output=True)
        assert len(read_names()) == 200
        with pytest.raises(StorageError, match="Read-only file system"):
            open_to_write()
    finally:
        subprocess.run(["umount", "-l", file.parent], check=True)
    assert not list(file.parent.glob("ledger.sqlite.corrupt*"))
