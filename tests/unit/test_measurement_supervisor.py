"""The job's processes are all accounted for: short-lived, daemonised, killed. Real processes."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest

from carbon_advisor.measurement.errors import InputError
from carbon_advisor.measurement.process_tree import LinuxProcessTree, PsutilProcessTree
from carbon_advisor.measurement.supervisor import Supervisor

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="subreapers are Linux's")

BURN = "import time\nend = time.process_time() + {}\nwhile time.process_time() < end: pass"


def python(script: str) -> list[str]:
    return [sys.executable, "-S", "-W", "ignore", "-c", script]


def burn(cpu_s: float) -> list[str]:
    return python(BURN.format(cpu_s))


def wait_for_end(job: Supervisor, limit_s: float = 30) -> None:
    deadline_s = time.monotonic() + limit_s
    while not job.wait(0.1):
        job.usage()
        assert time.monotonic() < deadline_s, "the job does not end"


def wait_for(path: Path) -> str:
    deadline_s = time.monotonic() + 30
    while not (path.exists() and path.read_text()):
        assert time.monotonic() < deadline_s, f"{path.name} does not appear"
        time.sleep(0.01)
    return path.read_text()


def test_children_too_short_to_be_seen_are_counted() -> None:
    """Eight children of 0.1 CPU seconds each; nobody looks while they live."""
    with Supervisor(
        python(f"import subprocess\nfor _ in range(8): subprocess.run({burn(0.1)!r})")
    ) as job:
        assert job.wait(30)
        assert 0.8 <= job.usage().cpu_time_s < 1.6


def test_daemonised_children_come_back_and_are_counted() -> None:
    script = f"import subprocess\nsubprocess.Popen({burn(0.4)!r}, start_new_session=True)"
    with Supervisor(python(script), wait_for_all=True) as job:
        wait_for_end(job)
        usage = job.usage()
    assert job.exit_code == 0
    assert usage.cpu_time_s >= 0.4
    assert usage.pids == ()


def test_without_waiting_for_all_the_job_ends_with_its_command(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    script = (
        "import subprocess, pathlib, sys\n"
        "child = subprocess.Popen(['sleep', '60'], start_new_session=True)\n"
        f"pathlib.Path({str(pid_file)!r}).write_text(str(child.pid))"
    )
    with Supervisor(python(script)) as job:
        assert job.wait(30)
        alive, left = job.usage().pids, job.left_behind()
    daemon = int(pid_file.read_text())
    assert (alive, left) == ((daemon,), 1)
    os.kill(daemon, signal.SIGKILL)
    os.waitpid(daemon, 0)


def test_a_process_that_is_just_leaving_is_not_left_behind() -> None:
    script = "import subprocess; subprocess.Popen(['sleep', '0.2'], start_new_session=True)"
    with Supervisor(python(script)) as job:
        assert job.wait(30)
        assert job.left_behind() == 0


def test_cpu_time_never_goes_back_and_shows_while_it_runs() -> None:
    seen = []
    with Supervisor(burn(0.5)) as job:
        while not job.wait(0.05):
            seen.append(job.usage().cpu_time_s)
        seen.append(job.usage().cpu_time_s)
    assert seen == sorted(seen)
    assert any(0.05 < value < 0.5 for value in seen)
    assert seen[-1] >= 0.5


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGKILL, 137)])
def test_a_signal_is_128_and_its_number(number: signal.Signals, code: int) -> None:
    with Supervisor(["sleep", "60"]) as job:
        job.send_signal(number)
        assert job.wait(10)
        assert job.exit_code == code


def test_sigterm_to_us_reaches_the_job(tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    script = (
        "import signal, sys, pathlib, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))\n"
        f"pathlib.Path({str(ready)!r}).write_text('x')\n"
        "time.sleep(60)"
    )
    before = signal.getsignal(signal.SIGTERM)
    with Supervisor(python(script)) as job:
        wait_for(ready)
        threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGTERM)).start()
        wait_for_end(job)
    assert job.exit_code == 7
    assert signal.getsignal(signal.SIGTERM) == before


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda folder: "no-such-program-anywhere", "No such file"),
        (lambda folder: str(folder), "Permission denied"),
        (lambda folder: _file(folder / "plain", 0o644), "Permission denied"),
        (lambda folder: _file(folder / "noformat", 0o755), "Exec format error"),
        (lambda folder: "nul\0byte", "null byte"),
    ],
)
def test_a_command_that_cannot_start_is_named(tmp_path: Path, make: object, reason: str) -> None:
    program = make(tmp_path)  # type: ignore[operator]
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(InputError, match=reason), Supervisor([program]):
        pass
    assert signal.getsignal(signal.SIGINT) == before


def test_no_command_is_said_so() -> None:
    with pytest.raises(InputError, match="no command"), Supervisor([]):
        pass


def _file(path: Path, mode: int) -> str:
    path.write_text("neither a script nor a program")
    path.chmod(mode)
    return str(path)


def test_the_job_does_not_outlive_our_own_failure() -> None:
    with pytest.raises(RuntimeError), Supervisor(["sleep", "60"]) as job:
        raise RuntimeError("ours")
    assert job.exit_code == 143


def test_children_of_this_process_from_before_are_left_alone() -> None:
    import subprocess

    other = subprocess.Popen(["sleep", "0.2"])
    with Supervisor(["sleep", "0.5"], wait_for_all=True) as job:
        wait_for_end(job)
    assert other.wait(10) == 0


def test_shared_pages_are_counted_once(tmp_path: Path) -> None:
    """Three forks of a process with 60 MB: together about 60 MB, not 240."""
    ready = tmp_path / "ready"
    script = (
        "import os, time, pathlib\n"
        "data = b'x' * 60_000_000\n"
        "if all(os.fork() for _ in range(3)):\n"
        f"    pathlib.Path({str(ready)!r}).write_text('x')\n"
        "time.sleep(60)"
    )
    with Supervisor(python(script), wait_for_all=True) as job:
        wait_for(ready)
        usage = job.usage()
        for pid in usage.pids:
            os.kill(pid, signal.SIGKILL)
        wait_for_end(job)
    assert len(usage.pids) == 4
    assert 55e6 < usage.memory_bytes < 120e6


def test_both_readers_see_the_same_tree(tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    script = (
        "import subprocess, threading, pathlib, time\n"
        "def start(): subprocess.Popen(['sleep', '60'])\n"
        "thread = threading.Thread(target=lambda: (start(), time.sleep(60)), daemon=True)\n"
        "thread.start(); start(); time.sleep(0.3)\n"
        f"pathlib.Path({str(ready)!r}).write_text('x'); time.sleep(60)"
    )
    with Supervisor(python(script)) as job:
        wait_for(ready)
        (root,) = (pid for pid in LinuxProcessTree().children(os.getpid()))
        by_proc, by_psutil = LinuxProcessTree().read([root]), PsutilProcessTree().read([root])
        assert set(by_proc.pids) == set(by_psutil.pids)
        assert len(by_proc.pids) == 3
        assert by_proc.cpu_time_s == pytest.approx(by_psutil.cpu_time_s, abs=0.1)
        for pid in by_proc.pids:
            os.kill(pid, signal.SIGKILL)
        wait_for_end(job)


def test_a_process_that_is_gone_has_used_nothing() -> None:
    assert LinuxProcessTree().read([2**22 + 1]).pids == ()
    assert PsutilProcessTree().read([2**22 + 1]).pids == ()
    assert LinuxProcessTree().children(2**22 + 1) == []
