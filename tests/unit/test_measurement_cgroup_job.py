"""A control group per job, with the kernel's own where this machine lets us make one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from carbon_advisor.measurement.cgroup_job import (
    JobGroup,
    _may_make_groups,
    job_group,
    own_group_folder,
)
from carbon_advisor.measurement.supervisor import Supervisor

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="control groups are Linux's")


def can_make_groups() -> bool:
    if sys.platform != "linux" or (group := job_group()) is None:
        return False
    group.close()
    return True


real = pytest.mark.skipif(
    not can_make_groups(), reason="NOT TESTED HERE: this user may make no cgroup v2 group"
)
BURN = "import time\nend = time.process_time() + {}\nwhile time.process_time() < end: pass"


def burn(cpu_s: float) -> list[str]:
    return [sys.executable, "-S", "-c", BURN.format(cpu_s)]


def folder_of(job: Supervisor) -> Path:
    assert job._group is not None
    return Path(job._group.folder)


@real
def test_children_that_their_parent_never_waited_for_are_counted() -> None:
    """With SIGCHLD ignored the kernel adds them to nobody: only a group knows."""
    script = (
        "import signal, subprocess, os, time\n"
        "signal.signal(signal.SIGCHLD, signal.SIG_IGN)\n"
        f"for _ in range(4): os.spawnvp(os.P_NOWAIT, {burn(0.2)[0]!r}, {burn(0.2)!r})\n"
        "while True:\n"
        "    try: os.waitpid(-1, 0)\n"
        "    except ChildProcessError: break"
    )
    with Supervisor([sys.executable, "-S", "-c", script]) as job:
        assert job.wait(60)
        assert 0.8 <= job.usage().cpu_time_s < 1.6
        assert "control group of its own" in job.notes()[0]


@real
def test_our_own_time_in_the_group_is_not_the_jobs() -> None:
    with Supervisor(["true"]) as job:
        assert job.wait(30)
        assert 0 < job.usage().cpu_time_s < 0.02


@real
def test_the_group_is_left_at_once_and_removed_at_the_end() -> None:
    before = own_group_folder()
    with Supervisor(["sleep", "60"]) as job:
        folder = folder_of(job)
        assert own_group_folder() == before
        (member,) = (folder / "cgroup.procs").read_text().split()
        assert job.usage().pids == (int(member),)
        job.send_signal(signal.SIGKILL)
        assert job.wait(10)
    assert not folder.exists()


@real
def test_a_process_that_stays_keeps_the_group() -> None:
    script = "import subprocess as s; print(s.Popen(['sleep', '60'], start_new_session=True).pid)"
    with Supervisor([sys.executable, "-S", "-W", "ignore", "-c", script]) as job:
        assert job.wait(30)
        folder = folder_of(job)
        assert job.left_behind() == 1
        (daemon,) = job.usage().pids
        assert any(str(folder) in note for note in job.notes())
    assert folder.exists()
    os.kill(daemon, signal.SIGKILL)
    os.waitpid(daemon, 0)
    folder.rmdir()


@real
def test_what_a_killed_supervisor_left_is_swept_away() -> None:
    parent = own_group_folder()
    assert parent is not None
    left = Path(parent) / "carbon-advisor-4194305-1"  # above the largest process number
    left.mkdir()
    in_use = Path(parent) / f"carbon-advisor-{os.getpid()}-1"
    in_use.mkdir()
    group = job_group()
    assert group is not None
    group.close()
    assert not left.exists()
    in_use.rmdir()


@real
def test_a_job_within_a_job_has_a_group_within_the_group() -> None:
    inner = (
        "from carbon_advisor.measurement.supervisor import Supervisor\n"
        f"with Supervisor({burn(0.3)!r}) as job:\n"
        "    assert job.wait(60)\n"
        "    assert job.usage().cpu_time_s >= 0.3\n"
        "    print(job.notes()[0])"
    )
    reading, writing = os.pipe()
    with Supervisor([sys.executable, "-c", inner], stdout=writing) as job:
        assert job.wait(60)
        assert job.exit_code == 0
        assert job.usage().cpu_time_s >= 0.3
    assert b"control group of its own" in os.read(reading, 1000)
    os.close(reading)
    os.close(writing)


@real
@pytest.mark.skipif(os.geteuid() != 0, reason="NOT TESTED HERE: only root can hand a group over")
def test_a_user_to_whom_a_group_was_handed_over_uses_it() -> None:
    """As systemd does for user@1000.service: the folder and its cgroup.procs are the user's."""
    handed = Path(own_group_folder() or "") / "handed-over"
    handed.mkdir()
    script = (
        "import os, sys\n"
        "os.setgid(65534); os.setuid(65534)\n"
        "from carbon_advisor.measurement.supervisor import Supervisor\n"
        "loop = 'i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done'\n"
        "with Supervisor(['/bin/sh', '-c', loop]) as job:\n"
        "    assert job.wait(60) and job.usage().cpu_time_s >= 0.01\n"
        "    print(job.notes()[0])"
    )
    # Imported before the user changes: this checkout may be another's alone.
    ahead = "import carbon_advisor.measurement.supervisor, ctypes, resource\n"
    try:
        for name in ("", "cgroup.procs", "cgroup.threads", "cgroup.subtree_control"):
            os.chown(handed / name, 65534, 65534)
        enter = f"open({str(handed / 'cgroup.procs')!r}, 'w').write('0')\n"
        told = subprocess.run(
            [sys.executable, "-c", ahead + enter + script],
            capture_output=True,
            text=True,
            cwd="/",
            check=False,
        )
        assert "control group of its own" in told.stdout, told.stderr
    finally:
        handed.rmdir()


def test_systemds_own_groups_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.access", lambda path, mode: True)
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr("os.path.isdir", lambda path: True)
    marks = {("/sys/fs/cgroup/a.service", "user.delegate"): b"1"}

    def getxattr(path: str, name: str) -> bytes:
        if (path, name) not in marks:
            raise OSError(61, "No data available")
        return marks[path, name]

    monkeypatch.setattr("os.getxattr", getxattr)
    assert _may_make_groups("/sys/fs/cgroup/a.service/below")
    assert not _may_make_groups("/sys/fs/cgroup/b.service")


@real
def test_a_reading_is_cheap() -> None:
    """5 µs hot on a quiet machine; the limit leaves room for a busy one."""
    group = job_group()
    assert group is not None
    begun_s = time.process_time()
    for _ in range(2000):
        group.cpu_time_s()
        group.pids()
    assert (time.process_time() - begun_s) / 2000 < 30e-6
    group.close()


def test_without_a_group_the_processes_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("carbon_advisor.measurement.supervisor.job_group", lambda: None)
    with Supervisor(burn(0.2)) as job:
        assert job.wait(30)
        assert job.usage().cpu_time_s >= 0.2
        assert "its processes and their children" in job.notes()[0]


def test_a_group_that_takes_no_process_is_given_up(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Refusing:
        closed = False

        def enter(self) -> None:
            raise OSError(95, "Operation not supported")

        def close(self) -> bool:
            Refusing.closed = True
            return True

    monkeypatch.setattr("carbon_advisor.measurement.supervisor.job_group", Refusing)
    with Supervisor(["true"]) as job:
        assert job.wait(30)
    assert (job.exit_code, Refusing.closed) == (0, True)


def test_a_group_that_cannot_be_left_is_not_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    class Sticky:
        entered = True

        def enter(self) -> None: ...

        def leave(self) -> None:
            raise OSError(16, "Device or resource busy")

        def close(self) -> bool:
            return False

    monkeypatch.setattr("carbon_advisor.measurement.supervisor.job_group", Sticky)
    with Supervisor(burn(0.1)) as job:
        assert job.wait(30)
        assert job.usage().cpu_time_s >= 0.1
        assert any("Device or resource busy" in note for note in job.notes())


def test_a_folder_that_is_no_group_is_cleaned_up(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"cpu\.stat"):
        JobGroup(str(tmp_path))
    assert list(tmp_path.iterdir()) == []


UNIFIED = "30 23 0:26 {root} /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"


@pytest.mark.parametrize(
    ("groups", "mounts", "expected"),
    [
        ("0::/\n", UNIFIED.format(root="/"), "/sys/fs/cgroup"),
        (
            "0::/user.slice/user-1000.slice/user@1000.service/app.slice/a.scope\n",
            UNIFIED.format(root="/"),
            "/sys/fs/cgroup/user.slice/user-1000.slice/user@1000.service/app.slice/a.scope",
        ),
        ("0::/docker/abc/in\n", UNIFIED.format(root="/docker/abc"), "/sys/fs/cgroup/in"),
        ("0::/docker/abcd\n", UNIFIED.format(root="/docker/abc"), None),
        ("0::/../elsewhere\n", UNIFIED.format(root="/"), None),
        (
            "1:cpu:/x\n0::/\n",
            "41 31 0:38 / /sys/fs/cgroup/uni\\040fied rw - cgroup2 cgroup2 rw\n",
            "/sys/fs/cgroup/uni fied",
        ),
        ("1:cpu:/x\n", "32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n", None),
        ("", "", None),
    ],
)
def test_the_own_group_is_found(
    tmp_path: Path, groups: str, mounts: str, expected: str | None
) -> None:
    (tmp_path / "cgroup").write_text(groups)
    (tmp_path / "mountinfo").write_text(mounts)
    assert own_group_folder(str(tmp_path)) == expected
    assert own_group_folder(str(tmp_path / "missing")) is None
