"""`advisor track`, `runs` and `ledger` as a user runs them: any command, all its processes."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.unit.test_ledger_files import bound_by_permissions

if TYPE_CHECKING:
    from tests.conftest import Advisor, Conforms

ADVISOR = Path(sys.executable).parent / "advisor"
CODECARBON = Path(__file__).parents[1] / "fixtures" / "codecarbon"
BURN = "import time\nend = time.process_time() + {}\nwhile time.process_time() < end: pass"
TRACKED = """
from carbon_advisor.measurement import Tracker
with Tracker("inner", interval_s=0.05) as tracker:
    with tracker.task("epoch"):
        sum(i * i for i in range(1_000_000))
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def python(script: str) -> list[str]:
    return [sys.executable, "-S", "-W", "ignore", "-c", script]


def listed(advisor: Advisor, *options: str) -> dict[str, Any]:
    shown = advisor("runs", "--json", *options)
    assert shown.returncode == 0, shown.stderr
    document: dict[str, Any] = json.loads(shown.stdout)
    return document


def refused(tried: subprocess.CompletedProcess[str]) -> str:
    assert tried.returncode == 2, tried.stderr
    assert tried.stdout == ""
    assert tried.stderr.count("\n") == 1, tried.stderr
    return tried.stderr


def test_a_command_is_measured_recorded_listed_and_shown(
    advisor: Advisor, conforms: Conforms, home: Path
) -> None:
    job = python(BURN.format(0.4) + "\nprint('done')")
    ran = advisor(
        "track", "--project", "bert", "--name", "lr-3", "--interval", "100ms", "--here", "DE",
        "--", *job,
    )  # fmt: skip
    assert (ran.returncode, ran.stdout) == (0, "done\n"), ran.stderr
    for word in ("bert / lr-3", "finished", "energy", "emissions", "in DE", "CPU", "memory"):
        assert word in ran.stderr
    document = listed(advisor)
    conforms(document, "runs")
    (run,) = document["runs"]
    assert (run["project"], run["name"], run["origin"]) == ("bert", "lr-3", "track")
    assert 0.4 <= run["cpu_time_s"] <= run["duration_s"] + 0.1
    assert run["emissions_g"] == pytest.approx(
        run["energy_kwh"] * run["pue"] * run["intensity_g_per_kwh"]
    )
    assert document["total"]["energy_kwh"] == run["energy_kwh"]
    table = advisor("runs").stdout
    assert "bert / lr-3" in table
    assert "1 run(s)" in table
    assert max(map(len, table.splitlines())) <= 100
    shown = advisor("runs", "show", run["run_id"][:8])
    assert max(map(len, shown.stdout.splitlines())) <= 100
    assert "bert / lr-3" in shown.stdout
    whole = json.loads(advisor("runs", "show", run["run_id"], "--json").stdout)
    conforms(whole, "recorded_run")
    assert sum(part["energy_kwh"] for part in whole["components"]) == pytest.approx(
        run["energy_kwh"]
    )
    assert len(whole["steps"]["power_w"]) >= 3
    assert list((home / "journal").iterdir()) == []


def test_with_json_stdout_is_json_and_the_jobs_output_is_not_lost(
    advisor: Advisor, conforms: Conforms
) -> None:
    ran = advisor("track", "--json", "--", "echo", "the job's own words")
    conforms(json.loads(ran.stdout), "recorded_run")
    assert "the job's own words\n" in ran.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="subreapers are Linux's")
def test_daemonised_grandchildren_are_waited_for_and_counted(advisor: Advisor) -> None:
    """The child forks, leaves its session and is not waited for; the command ends at once."""
    script = (
        f"import subprocess\nsubprocess.Popen({python(BURN.format(0.5))!r}, start_new_session=True)"
    )
    middle = f"import subprocess\nsubprocess.Popen({python(script)!r}, start_new_session=True)"
    ran = advisor("track", "--", *python(middle))
    assert ran.returncode == 0
    (run,) = listed(advisor)["runs"]
    assert run["cpu_time_s"] >= 0.5
    assert run["duration_s"] >= 0.5


def left_in_the_background(mark: Path) -> list[str]:
    """A command that ends at once and leaves a process that sleeps for long."""
    sleeper = (
        "import os, pathlib, time\n"
        f"pathlib.Path({str(mark)!r}).write_text(str(os.getpid()))\n"
        "time.sleep(60)"
    )
    return python(
        "import subprocess\n"
        f"subprocess.Popen({python(sleeper)!r}, start_new_session=True,"
        " stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)"
    )


def pid_in(mark: Path) -> int:
    deadline_s = time.monotonic() + 30
    while not (mark.exists() and mark.read_text()):
        assert time.monotonic() < deadline_s
        time.sleep(0.02)
    return int(mark.read_text())


def test_without_waiting_it_ends_with_the_command(advisor: Advisor, tmp_path: Path) -> None:
    mark = tmp_path / "pid"
    begun_s = time.monotonic()
    ran = advisor("track", "--no-wait", "--", *left_in_the_background(mark))
    assert time.monotonic() - begun_s < 30
    os.kill(pid_in(mark), signal.SIGKILL)  # it has been let go on
    assert ran.returncode == 0
    assert "outlived its command" in " ".join(ran.stderr.split())


@pytest.mark.skipif(sys.platform != "linux", reason="subreapers are Linux's")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_waiting_and_not_what_is_waited_for(
    home: Path, tmp_path: Path, number: signal.Signals
) -> None:
    mark = tmp_path / "pid"
    with subprocess.Popen(
        [ADVISOR, "track", "--", *left_in_the_background(mark)],
        env=os.environ | {"ADVISOR_HOME": str(home)},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as tracking:
        assert tracking.stderr is not None
        told = tracking.stderr.readline()
        assert "waiting for 1 process" in told
        tracking.send_signal(number)
        _, errors = tracking.communicate(timeout=30)
    assert tracking.returncode == 0
    assert "finished" in errors
    os.kill(pid_in(mark), signal.SIGKILL)


def test_a_command_that_fails_passes_its_code_on_and_its_energy_is_kept(
    advisor: Advisor,
) -> None:
    ran = advisor("track", "--", *python(BURN.format(0.1) + "\nraise SystemExit(41)"))
    assert ran.returncode == 41
    assert "failed, exit code 41" in ran.stderr
    (run,) = listed(advisor)["runs"]
    assert (run["state"], run["exit_code"]) == ("failed", 41)
    assert run["energy_kwh"] > 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--", "no-such-program-here"), "cannot start 'no-such-program-here'"),
        (("--here", "SE-SE33", "--", "touch", "ran"), "nearest known: SE-SE3"),
        (("--interval", "1 parsec", "--", "touch", "ran"), "not a length of time"),
        (("--interval", "1ms", "--", "touch", "ran"), "interval_s"),
        (("--attribution", "half", "--", "touch", "ran"), "attribution"),
        ((), "COMMAND"),
    ],
)
def test_bad_input_runs_nothing_and_leaves_nothing(
    advisor: Advisor, tmp_path: Path, home: Path, arguments: tuple[str, ...], says: str
) -> None:
    assert says in refused(advisor("track", *arguments))
    assert not (tmp_path / "ran").exists()
    assert not list(home.rglob("*.jsonl"))
    assert listed(advisor)["runs"] == []


def test_a_tracker_within_a_tracked_command_is_listed_and_not_added_twice(
    advisor: Advisor,
) -> None:
    ran = advisor("track", "--project", "outer", "--", sys.executable, "-c", TRACKED)
    assert ran.returncode == 0, ran.stderr
    document = listed(advisor)
    outer, inner = document["runs"]
    assert (outer["project"], inner["project"], inner["origin"]) == ("outer", "inner", "tracker")
    assert inner["parent_id"] == outer["run_id"]
    assert document["total"]["nested"] == 1
    assert document["total"]["energy_kwh"] == outer["energy_kwh"]
    assert listed(advisor, "--project", "inner")["total"]["energy_kwh"] == inner["energy_kwh"]
    assert "epoch" in advisor("runs", "show", inner["run_id"]).stdout


def test_nothing_recorded_says_how_to_begin_and_makes_nothing(advisor: Advisor, home: Path) -> None:
    assert "advisor track" in advisor("runs").stdout
    assert "Nothing to recover" in advisor("ledger", "recover").stdout
    assert "unknown run" in refused(advisor("runs", "show", "0a1b2c3d"))
    assert not home.exists()


def test_a_ledger_that_cannot_be_used_costs_no_result(advisor: Advisor, home: Path) -> None:
    home.mkdir()
    (home / "ledger.sqlite").mkdir()
    ran = advisor("track", "--", "true")
    assert ran.returncode == 0
    assert "energy" in ran.stderr
    kept = Path(ran.stderr.split("it is kept in ")[1].split(", and")[0])
    assert kept.exists()
    (home / "ledger.sqlite").rmdir()
    (run,) = listed(advisor)["runs"]
    assert (run["run_id"], run["state"], run["origin"]) == (kept.stem, "finished", "track")
    assert not kept.exists()


def test_a_full_disk_costs_neither_the_job_nor_its_result(home: Path) -> None:
    ran = subprocess.run(
        [ADVISOR, "track", "--", "echo", "done"],
        env=os.environ | {"ADVISOR_HOME": str(home)},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (2500, 2500)),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ran.returncode, ran.stdout) == (0, "done\n"), ran.stderr
    assert "energy" in ran.stderr
    assert "the run is not in the ledger" in ran.stderr
    assert "Traceback" not in ran.stderr


def test_a_home_that_cannot_be_written_is_listed_and_nothing_is_taken_in(
    advisor: Advisor, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert advisor("track", "--", "true").returncode == 0
    script = "from carbon_advisor.measurement import Tracker\nwith Tracker('open'): pass"
    environment = os.environ | {"ADVISOR_HOME": str(home)}
    subprocess.run([sys.executable, "-c", script], env=environment, check=True)
    (journal,) = (home / "journal").iterdir()
    monkeypatch.setenv("ADVISOR_HOME", str(home))
    before = (home / "ledger.sqlite").read_bytes()
    for path in (home / "ledger.sqlite", home / "journal", home):
        path.chmod(0o500 if path.is_dir() else 0o400)
    try:
        read = bound_by_permissions(
            "import sys; sys.argv = ['advisor', 'runs', '--json']\n"
            "from carbon_advisor.advisor.cli.main import main; main()"
        )
    finally:
        home.chmod(0o700)
        (home / "journal").chmod(0o700)
    assert read.returncode == 0, read.stderr
    assert len(json.loads(read.stdout)["runs"]) == 2
    assert "not in the ledger" in read.stderr
    assert journal.exists()
    assert (home / "ledger.sqlite").read_bytes() == before


def test_codecarbons_files_are_imported_once(
    advisor: Advisor, conforms: Conforms, tmp_path: Path
) -> None:
    files = [CODECARBON / f"v{version}.csv" for version in ("1", "2.0", "2.3", "3.3")]
    done = advisor("ledger", "import", *files, "--json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    conforms(document, "import")
    assert [each["runs"]["added"] for each in document["files"]] == [2, 1, 1, 1]
    again = json.loads(advisor("ledger", "import", *files, "--json").stdout)
    assert [each["runs"]["known"] for each in again["files"]] == [2, 1, 1, 1]
    listing = listed(advisor)
    conforms(listing, "runs")
    assert listing["total"]["runs"] == 5
    assert {run["method"] for run in listing["runs"]} == {"imported"}
    shown = advisor("runs", "show", "32a60dd2").stdout
    assert "CodeCarbon 3.3.2, tracking_mode process" in " ".join(shown.split())

    spoilt = tmp_path / "spoilt.csv"
    lines = files[3].read_text().splitlines()
    longer = lines[2].replace("4.088181799001177", "5.5").replace("1.5155665", "1.7155665")
    spoilt.write_text("\n".join([lines[0], "a,b", lines[1], longer]))
    kept = advisor("ledger", "import", spoilt)
    assert kept.returncode == 0
    assert "0 run(s) imported, 1 brought up to date" in kept.stdout
    assert "spoilt.csv:2: skipped: 2 values for 38 columns" in kept.stderr
    assert listed(advisor)["total"]["runs"] == 5


def test_a_file_that_is_none_imports_nothing(advisor: Advisor, tmp_path: Path, home: Path) -> None:
    (tmp_path / "none.csv").write_text("a,b\n1,2\n")
    assert "no emissions.csv" in refused(
        advisor("ledger", "import", CODECARBON / "v1.csv", tmp_path / "none.csv")
    )
    bad = (CODECARBON / "v1.csv").read_text().replace("2021-", "then-")
    (tmp_path / "bad.csv").write_text(bad)
    assert "line 2: timestamp is" in refused(advisor("ledger", "import", tmp_path / "bad.csv"))
    assert not home.exists()
