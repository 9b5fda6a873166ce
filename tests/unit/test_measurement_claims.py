"""Claims of real processes: they come and go, are killed, and lie; nothing of it harms a run."""

from __future__ import annotations

import fcntl
import os
import stat
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from carbon_advisor.measurement import Tracker
from carbon_advisor.measurement.claims import Claim
from carbon_advisor.measurement.held_share import HeldShare

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="flock is not Windows's")

WHOLE = HeldShare(1.0, 1.0)
ID = "{:032x}".format
HOLD = """
import sys, time
from carbon_advisor.measurement.claims import Claim
from carbon_advisor.measurement.held_share import HeldShare
claim = Claim(sys.argv[1], HeldShare(float(sys.argv[2]), 1.0))
print(claim.parent_id, flush=True)
sys.stdin.readline()
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("ADVISOR_PARENT_RUN", raising=False)
    monkeypatch.setenv("ADVISOR_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("ADVISOR_CLAIMS_FOLDER", str(tmp_path / "claims"))
    return tmp_path / "claims"


@pytest.fixture
def claim() -> Iterator[Claim]:
    made = Claim(ID(1), WHOLE)
    yield made
    made.release()


class Other:
    """A process of its own that holds a part."""

    def __init__(self, number: int, part: float = 1.0, *, under: list[str] | None = None) -> None:
        self.process = subprocess.Popen(
            [*(under or []), sys.executable, "-c", HOLD, ID(number), str(part)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        told = self.process.stdout.readline().strip()
        self.parent_id = None if told == "None" else told

    def __enter__(self) -> Other:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.communicate("\n", timeout=20)


def strangers(number: int, part: float = 1.0) -> Other:
    """A process that is no descendant of this one: its parent starts it and is gone."""
    launch = "import os, sys\nif os.fork(): os._exit(0)\nos.execv(sys.argv[1], sys.argv[1:])"
    return Other(number, part, under=[sys.executable, "-c", launch])


def eventually(claim: Claim, threads: float, limit_s: float = 10) -> None:
    deadline_s = time.monotonic() + limit_s
    while claim.share().threads != pytest.approx(threads, abs=1e-5):
        assert time.monotonic() < deadline_s, claim.share()
        time.sleep(0.01)


def test_the_folder_is_for_everybody_and_claims_are_readable(folder: Path, claim: Claim) -> None:
    assert stat.S_IMODE(folder.stat().st_mode) == 0o1777
    (file,) = folder.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o644
    assert file.read_text() == "1.000000 1.000000\n"
    assert claim.share() == WHOLE
    claim.release()
    assert list(folder.iterdir()) == []
    assert claim.share() == WHOLE


def test_runs_that_come_and_go_share(folder: Path, claim: Claim) -> None:
    with strangers(2), strangers(3, 0.5):
        eventually(claim, 1 / 2.5)
    eventually(claim, 1)
    assert any("up to 2 at once" in note for note in claim.notes())


def test_a_killed_run_is_forgotten_and_its_file_removed(
    folder: Path, claim: Claim, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("carbon_advisor.measurement.claims._RECHECK_S", 0.3)
    other = strangers(2)
    time.sleep(0.1)  # beyond doubt about the folder's time
    eventually(claim, 0.5)
    name = next(each.name for each in folder.iterdir() if each.name.startswith(ID(2)))
    os.kill(int(name.rsplit(".", 1)[1]), 9)
    eventually(claim, 1, limit_s=20)
    assert not (folder / name).exists()
    other.process.communicate(timeout=20)


def test_a_descendants_run_is_within_this_one(claim: Claim) -> None:
    with Other(2) as other:
        assert other.parent_id == ID(1)
        assert claim.share() == WHOLE
    with strangers(3) as stranger:
        assert stranger.parent_id is None


def test_a_second_tracker_in_a_process_is_within_the_first() -> None:
    with Tracker() as first, Tracker() as second, Tracker() as third:
        assert first.identity.parent_id is None
        assert second.identity.parent_id == first.identity.id
        assert third.identity.parent_id == first.identity.id
    with Tracker() as later:
        assert later.identity.parent_id is None
    for tracker in (first, second, third):
        assert not any("idle energy was shared" in note for note in tracker.result.notes)


def test_a_forked_child_neither_keeps_the_claim_nor_gives_it_back(
    folder: Path, claim: Claim
) -> None:
    child = os.fork()
    if child == 0:
        claim.release()
        time.sleep(60)
        os._exit(0)
    try:
        time.sleep(0.2)
        (file,) = folder.iterdir()
        with file.open() as opened, pytest.raises(BlockingIOError):
            fcntl.flock(opened, fcntl.LOCK_SH | fcntl.LOCK_NB)
        claim.release()
        file.touch()
        with file.open() as opened:
            fcntl.flock(opened, fcntl.LOCK_SH | fcntl.LOCK_NB)
    finally:
        os.kill(child, 9)
        os.waitpid(child, 0)


def test_a_variable_alone_makes_no_parent(monkeypatch: pytest.MonkeyPatch, claim: Claim) -> None:
    """It came along to another machine (srun, ssh), or its run has ended."""
    monkeypatch.setenv("ADVISOR_PARENT_RUN", ID(9))
    with strangers(2) as other:
        assert other.parent_id is None


@pytest.mark.parametrize("content", [b"", b"9.0 9.0\n", b"0.5 0.5", b"x" * 10_000, b"1e9 nan\n"])
def test_what_is_not_two_small_numbers_is_ignored(
    folder: Path, claim: Claim, content: bytes
) -> None:
    file = folder / f"{ID(2)}.0.1.1"
    file.write_bytes(content)
    with file.open() as opened:
        fcntl.flock(opened, fcntl.LOCK_EX)
        assert claim.share() == WHOLE


def test_traps_in_the_folder_are_not_followed(folder: Path, claim: Claim, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("0.500000 0.500000\n")
    (folder / f"{ID(2)}.0.1.1").symlink_to(secret)
    os.mkfifo(folder / f"{ID(3)}.0.1.1")
    (folder / f"{ID(4)}.0.1.1").mkdir()
    (folder / "unrelated").write_text("kept")
    with secret.open() as opened:
        fcntl.flock(opened, fcntl.LOCK_EX)
        assert claim.share() == WHOLE
    assert secret.exists()
    assert (folder / "unrelated").exists()
    assert any("could not be read" in note for note in claim.notes())


def test_a_folder_that_is_a_link_is_refused_with_a_note(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    folder.symlink_to(tmp_path / "elsewhere")
    claim = Claim(ID(1), WHOLE)
    assert claim.share() == WHOLE
    assert any("could not be seen" in note for note in claim.notes())
    assert list((tmp_path / "elsewhere").iterdir()) == []
    claim.release()


def test_what_a_kill_left_half_made_is_removed_after_a_while(folder: Path, claim: Claim) -> None:
    young, old = folder / f".{ID(2)}", folder / f".{ID(3)}"
    young.touch()
    old.touch()
    os.utime(old, (time.time() - 120,) * 2)
    claim.share()
    assert (young.exists(), old.exists()) == (True, False)


def test_runs_that_start_together_all_see_each_other(claim: Claim) -> None:
    """Each lists the folder while others make their claims in it."""
    others = [subprocess.Popen(
        [sys.executable, "-c", HOLD, ID(number), "1.0"], stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, text=True,
    ) for number in range(2, 10)]  # fmt: skip
    for other in others:
        assert other.stdout is not None
        other.stdout.readline()
    time.sleep(0.1)
    claim.share()
    assert len(claim._rivals) == len(others)
    for other in others:
        other.communicate("\n", timeout=20)


def test_a_look_at_the_others_is_cheap(claim: Claim) -> None:
    """5 µs hot on a quiet machine; the limit leaves room for a busy one."""
    time.sleep(0.1)
    claim.share()
    begun_s = time.process_time()
    for _ in range(2000):
        claim.share()
    assert (time.process_time() - begun_s) / 2000 < 50e-6
