"""`advisor run` and `advisor compare` as a user runs them: real jobs, real ledgers, bad input."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import Advisor, Conforms

ADVISOR = Path(sys.executable).parent / "advisor"
JOB = (sys.executable, "-c", "sum(i * i for i in range(3_000_000)); print('done')")
LOOK_INTO_THE_LEDGER = """
import sqlite3, sys
ledger = sqlite3.connect(sys.argv[1])
print(ledger.execute(
    "SELECT runs.state, predictions.energy_kwh > 0, runs.energy_kwh"
    " FROM runs JOIN predictions ON predictions.id = runs.prediction_id").fetchall())
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def profile(cpu_profile: Path, tmp_path: Path) -> Path:
    """A profile of another job: enough where the prediction's figures do not matter."""
    return Path(shutil.copy(cpu_profile, tmp_path / "job.json"))


@pytest.fixture
def measured_profile(advisor: Advisor, tmp_path: Path) -> Path:
    """A profile of JOB, measured now."""
    file = tmp_path / "measured.json"
    assert advisor("profile", "--out", file, "--", *JOB).returncode == 0
    return file


def rows(home: Path, query: str) -> list[Any]:
    with closing(sqlite3.connect(home / "ledger.sqlite")) as ledger:
        return ledger.execute(query).fetchall()


def refused(tried: subprocess.CompletedProcess[str]) -> str:
    """Return the one line of an error, which is all that was printed."""
    assert tried.returncode == 2, tried.stderr
    assert tried.stdout == ""
    assert tried.stderr.count("\n") == 1, tried.stderr
    assert "Traceback" not in tried.stderr
    return tried.stderr


def test_the_main_path(
    advisor: Advisor, conforms: Conforms, measured_profile: Path, home: Path
) -> None:
    ran = advisor("run", measured_profile, "--here", "SE-SE3", "--", *JOB)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout == "done\n"
    for word in ("predicted", "90 % interval", "actual", "duration", "energy", "emissions"):
        assert word in ran.stderr
    ((state, duration_s, energy_kwh, emissions_g, pue, intensity, zone),) = rows(
        home,
        "SELECT state, duration_s, energy_kwh, emissions_g, pue, intensity_g_per_kwh, zone"
        " FROM runs",
    )
    assert (state, zone) == ("finished", "SE-SE3")
    assert duration_s > 0
    assert emissions_g == pytest.approx(energy_kwh * pue * intensity)

    shown = advisor("compare")
    assert shown.returncode == 0
    assert shown.stderr == ""
    assert "Overall" in shown.stdout
    assert max(map(len, shown.stdout.splitlines())) <= 100

    document = json.loads(advisor("compare", "--json").stdout)
    conforms(document, "comparison")
    (run,) = document["runs"]
    low, high = run["energy_kwh"]["interval_90"]
    assert low < run["energy_kwh"]["predicted"] < high
    assert run["energy_kwh"]["actual"] == energy_kwh
    assert document["overall"]["emissions_g"]["count"] == 1
    one = advisor("compare", run["run_id"][:8])
    assert run["run_id"][:8] in one.stdout
    assert one.returncode == 0


def test_the_prediction_is_in_the_ledger_before_the_job_runs(
    advisor: Advisor, profile: Path, home: Path
) -> None:
    look = (sys.executable, "-c", LOOK_INTO_THE_LEDGER, str(home / "ledger.sqlite"))
    assert advisor("run", profile, "--", *look).stdout == "[('running', 1, None)]\n"


def test_a_job_that_fails_passes_its_code_on_and_its_energy_is_kept(
    advisor: Advisor, profile: Path, home: Path
) -> None:
    ran = advisor("run", profile, "--", sys.executable, "-c", "import sys; sys.exit(41)")
    assert ran.returncode == 41
    ((state, code, energy_kwh),) = rows(home, "SELECT state, exit_code, energy_kwh FROM runs")
    assert (state, code) == ("failed", 41)
    assert energy_kwh > 0
    shown = advisor("compare")
    assert "did not finish" in shown.stdout
    assert "No finished run yet" in shown.stdout


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_run_is_closed_as_interrupted(
    profile: Path, home: Path, tmp_path: Path, number: signal.Signals
) -> None:
    wait = f"import time; open({str(tmp_path / 'started')!r}, 'w'); time.sleep(60)"
    running = subprocess.Popen(
        [ADVISOR, "run", profile, "--", sys.executable, "-c", wait],
        env=os.environ | {"ADVISOR_HOME": str(home)},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    deadline_s = time.monotonic() + 60
    while not (tmp_path / "started").exists() and time.monotonic() < deadline_s:
        time.sleep(0.05)
    running.send_signal(number)
    _, errors = running.communicate(timeout=60)
    assert running.returncode == 128 + number
    assert "interrupted" in errors
    ((state, energy_kwh),) = rows(home, "SELECT state, energy_kwh FROM runs")
    assert state == "interrupted"
    assert energy_kwh > 0


def test_with_json_stdout_is_json_and_the_jobs_output_is_not_lost(
    advisor: Advisor, conforms: Conforms, profile: Path
) -> None:
    ran = advisor("run", profile, "--here", "DE", "--name", "mine", "--json", "--", *JOB)
    document = json.loads(ran.stdout)
    conforms(document, "run")
    assert (document["name"], document["zone"], document["state"]) == ("mine", "DE", "finished")
    assert document["emissions_g"]["inside"] in {True, False}
    assert "done\n" in ran.stderr


def test_without_a_place_emissions_are_not_known_and_the_user_is_told(
    advisor: Advisor, conforms: Conforms, profile: Path, home: Path
) -> None:
    ran = advisor("run", profile, "--", *JOB)
    assert ran.returncode == 0
    assert "--here" in ran.stderr
    assert rows(home, "SELECT emissions_g, zone FROM runs") == [(None, None)]
    document = json.loads(advisor("compare", "--json").stdout)
    conforms(document, "comparison")
    assert set(document["overall"]) == {"duration_s", "energy_kwh"}


def test_the_prediction_from_a_sample_is_of_the_whole_job(advisor: Advisor, tmp_path: Path) -> None:
    sample = tmp_path / "sample.json"
    assert advisor("profile", "--out", sample, "--repeat", "50", "--", *JOB).returncode == 0
    measured = json.loads(sample.read_text())
    ran = advisor("run", sample, "--json", "--", *JOB)
    predicted = json.loads(ran.stdout)["duration_s"]["predicted"]
    assert predicted == pytest.approx(50 * measured["measured_duration_s"])


def test_secrets_of_the_command_line_do_not_reach_the_ledger(
    advisor: Advisor, profile: Path, home: Path
) -> None:
    ran = advisor("run", profile, "--", sys.executable, "-c", "pass", "--password", "hunter2")
    assert ran.returncode == 0
    ((kept,),) = rows(home, "SELECT profile FROM runs")
    assert "--password" in kept
    files = (path for path in home.rglob("*") if path.is_file())
    assert "hunter2" not in "".join(path.read_text("latin-1") for path in files)


def test_what_the_ledger_cannot_take_is_kept_elsewhere(
    advisor: Advisor, profile: Path, home: Path
) -> None:
    lose = f"import os; os.remove({str(home / 'ledger.sqlite')!r}); raise SystemExit(3)"
    ran = advisor("run", profile, "--", sys.executable, "-c", lose)
    assert ran.returncode == 3
    assert "Traceback" not in ran.stderr
    assert "was not recorded" in ran.stderr
    kept = Path(ran.stderr.split("is kept in ")[1].strip())
    assert json.loads(kept.read_text())["exit_code"] == 3
    kept.unlink()
    kept.parent.rmdir()


def test_with_nothing_to_compare_it_says_how_to_get_it(advisor: Advisor, home: Path) -> None:
    shown = advisor("compare")
    assert shown.returncode == 0
    assert "advisor run" in shown.stdout
    assert json.loads(advisor("compare", "--json").stdout)["runs"] == []
    assert "unknown run" in refused(advisor("compare", "0a1b2c3d"))
    assert not home.exists()


def _a_file(home: Path) -> None:
    home.write_text("not a folder")


def _corrupt(home: Path) -> None:
    home.mkdir()
    (home / "ledger.sqlite").write_text("rubbish")


def _of_something_else(home: Path) -> None:
    home.mkdir()
    with closing(sqlite3.connect(home / "ledger.sqlite")) as database:
        database.execute("CREATE TABLE recipes (name TEXT)")


def _link_into_proc(home: Path) -> None:
    home.symlink_to("/proc/advisor")


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (_a_file, "a file is in its place"),
        (_link_into_proc, "cannot write in the folder"),
        (_corrupt, "kept aside as ledger.sqlite.corrupt-"),
        (_of_something_else, "not a ledger"),
    ],
)
def test_a_ledger_that_cannot_be_used_stops_everything_before_the_job(
    advisor: Advisor,
    profile: Path,
    home: Path,
    tmp_path: Path,
    spoil: Callable[[Path], None],
    says: str,
) -> None:
    spoil(home)
    mark = tmp_path / "the-job-ran"
    assert says in refused(advisor("run", profile, "--here", "aws:eu-north-1", "--", "touch", mark))
    assert not mark.exists()


def test_a_corrupt_ledger_does_not_stop_the_next_run(
    advisor: Advisor, profile: Path, home: Path
) -> None:
    _corrupt(home)
    assert "kept aside" in refused(advisor("compare"))
    assert advisor("run", profile, "--", *JOB).returncode == 0
    (kept,) = home.glob("ledger.sqlite.corrupt-*Z")
    assert kept.read_text() == "rubbish"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("missing.json", "--", "true"), "missing.json: no such file"),
        (("job.json", "--", "no-such-program-here"), "cannot start 'no-such-program-here'"),
        (("job.json", "--here", "SE-SE33", "--", "true"), "nearest known: SE-SE3"),
        (("job.json",), "COMMAND"),
    ],
)
def test_bad_input_writes_nothing(
    advisor: Advisor, profile: Path, home: Path, arguments: tuple[str, ...], says: str
) -> None:
    assert says in refused(advisor("run", *arguments))
    assert not home.exists()


def test_an_edited_profile_names_the_field_and_writes_nothing(
    advisor: Advisor, profile: Path, home: Path
) -> None:
    document = json.loads(profile.read_text())
    document["duration_s"] = -1
    profile.write_text(json.dumps(document))
    assert "duration_s" in refused(advisor("run", profile, "--", *JOB))
    assert not home.exists()
