"""What may befall a program with a tracker in it: exec, forks, suspensions, clocks that are set."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from carbon_advisor.measurement.clock_notes import Clocks, clock_notes, read_clocks
from carbon_advisor.measurement.recovery import journalled_runs

if TYPE_CHECKING:
    from pathlib import Path

    from carbon_advisor.measurement.run_result import RunResult

TIMEOUT_S = 30


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ADVISOR_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def told_by(script: str) -> str:
    """What a program prints; it must end well, in time, and complain of nothing."""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=TIMEOUT_S
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def only_run(home: Path) -> RunResult:
    (run,) = journalled_runs(home)
    return run


def test_a_run_whose_program_was_exchanged_by_exec_is_interrupted(home: Path) -> None:
    script = """
import os, sys, time
from carbon_advisor.measurement import Tracker
Tracker("exec", interval_s=0.05).start()
time.sleep(0.3)
next_program = "import time; print(1, flush=True); time.sleep(20)"
os.execv(sys.executable, [sys.executable, "-S", "-c", next_program])
"""
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as program:
        assert program.stdout is not None
        program.stdout.readline()
        run = only_run(home)
        assert program.poll() is None  # the process lives on, the tracker does not
        assert run.identity.pid == program.pid
        program.kill()
    assert run.state == "interrupted"
    assert run.duration_s >= 0.2


def test_a_fork_in_the_middle_of_a_sample_neither_hangs_nor_ends_the_run(home: Path) -> None:
    told = told_by("""
import os, threading, time
from carbon_advisor.measurement import Tracker
tracker = Tracker(interval_s=0.01).start()
time.sleep(0.1)
inside, leave = threading.Event(), threading.Event()
def sample_for_ever():
    with tracker._recording._lock:
        inside.set(); leave.wait()
threading.Thread(target=sample_for_ever).start()
inside.wait()
child = os.fork()
if child == 0:
    with tracker.task("in the child"):
        pass
    tracker.stop("failed")
    print(tracker.result.state, flush=True)
    os._exit(0)
leave.set()
assert os.waitpid(child, 0)[1] == 0
print(tracker.stop().state, len(tracker.result.tasks))
""")
    assert told.split() == ["running", "finished", "0"]
    assert only_run(home).state == "finished"


def test_a_forked_child_may_have_a_tracker_of_its_own(home: Path) -> None:
    told_by("""
import os
from carbon_advisor.measurement import Tracker
with Tracker(run_name="parent", interval_s=0.02):
    child = os.fork()
    if child == 0:
        with Tracker(run_name="child", interval_s=0.02):
            pass
        os._exit(0)
    os.waitpid(child, 0)
""")
    runs = journalled_runs(home)
    assert sorted(run.run_name for run in runs) == ["child", "parent"]
    assert all(run.state == "finished" for run in runs)


def test_a_forked_child_that_lives_on_does_not_keep_its_parents_run_open(home: Path) -> None:
    script = """
import os, signal, time
from carbon_advisor.measurement import Tracker
Tracker(interval_s=0.05).start()
time.sleep(0.2)
child = os.fork()
if child == 0:
    time.sleep(20)
    os._exit(0)
print(child, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as program:
        assert program.stdout is not None
        child = int(program.stdout.readline())
        program.wait(TIMEOUT_S)
        try:
            deadline_s = time.monotonic() + 10  # the child's own first steps let the journal go
            while only_run(home).state == "running" and time.monotonic() < deadline_s:
                time.sleep(0.01)
            assert only_run(home).state == "interrupted"
        finally:
            subprocess.run(["kill", "-9", str(child)], check=True)


def test_a_multiprocessing_pool_counts_and_ends(home: Path) -> None:
    told = told_by("""
import multiprocessing, time
from carbon_advisor.measurement import Tracker
def burn(seconds):
    end = time.process_time() + seconds
    while time.process_time() < end: pass
if __name__ == "__main__":
    with Tracker(interval_s=0.05) as tracker:
        with multiprocessing.get_context("fork").Pool(2) as pool:
            pool.map(burn, [0.2] * 4)
    print(tracker.result.cpu_time_s)
""")
    assert float(told) >= 0.78
    assert only_run(home).state == "finished"


def test_stopping_twice_or_before_the_start_does_no_harm() -> None:
    told = told_by("""
from carbon_advisor.measurement import Tracker
tracker = Tracker()
print(tracker.stop().state)
tracker.start().start()
print(tracker.stop().state, tracker.stop("failed").state)
""")
    assert told.split() == ["running", "finished", "finished"]


def test_a_source_that_raises_ends_the_measuring_and_not_the_program(home: Path) -> None:
    told = told_by("""
import time
from carbon_advisor.measurement import Tracker
with Tracker(interval_s=0.02) as tracker:
    time.sleep(0.1)
    tracker._recording.sampler.sample = lambda: 1 / 0
    time.sleep(0.1)
print(*tracker.result.notes, tracker.result.energy_kwh > 0)
""")
    assert "measuring ended early: ZeroDivisionError" in told
    assert told.endswith("True\n")


def test_a_hanging_driver_does_not_hang_the_program(home: Path) -> None:
    begun_s = time.monotonic()
    told = told_by("""
import time
from carbon_advisor.measurement import Tracker
with Tracker(interval_s=0.02) as tracker:
    time.sleep(0.1)
    tracker._recording.sampler.sample = lambda: time.sleep(60)
    time.sleep(0.1)
print(tracker.result.state)
""")
    assert told == "finished\n"
    assert time.monotonic() - begun_s < 15
    assert only_run(home).state == "finished"


START = Clocks(wall_s=1_000_000.0, running_s=500.0, elapsed_s=700.0)


@pytest.mark.parametrize(
    ("end", "said"),
    [
        (Clocks(1_000_060.0, 560.0, 760.0), None),
        (Clocks(1_000_061.0, 560.0, 760.5), None),
        (Clocks(1_003_660.0, 560.0, 4360.0), "suspended for 3600 s"),
        (Clocks(996_460.0, 560.0, 760.0), "set back by 3600 s"),
        (Clocks(1_003_660.0, 560.0, 760.0), "set forward by 3600 s"),
    ],
)
def test_what_the_clocks_did_is_said(end: Clocks, said: str | None) -> None:
    notes = clock_notes(START, end)
    assert [said in note for note in notes] == ([True] if said else [])


def test_the_clocks_of_this_machine_agree() -> None:
    start = read_clocks()
    time.sleep(0.05)
    assert clock_notes(start, read_clocks()) == []
