"""kill -9 at random moments: `advisor track` and `advisor run` lose the last sample at most."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.conftest import Advisor, Conforms

ADVISOR = Path(sys.executable).parent / "advisor"
AT_ONCE = 4
LONG, SHORT = ("sleep", "60"), ("sleep", "0.3")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def killed_after(home: Path, delays_s: list[float], command: list[str | Path]) -> list[int]:
    """Start as many at once as there are delays, kill each after its own, and all of its job."""
    environment = os.environ | {"ADVISOR_HOME": str(home), "ADVISOR_INTERVAL_S": "0.02"}
    pids = []
    with ExitStack() as stack:
        begun_s = time.monotonic()
        started = [
            stack.enter_context(
                subprocess.Popen(
                    [ADVISOR, *command],
                    env=environment,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    start_new_session=True,
                )
            )
            for _ in delays_s
        ]
        for delay_s, each in sorted(zip(delays_s, started, strict=True), key=lambda pair: pair[0]):
            time.sleep(max(0.0, begun_s + delay_s - time.monotonic()))
            each.kill()
            with suppress(ProcessLookupError):  # the job outlives a tracker that is killed
                os.killpg(each.pid, signal.SIGKILL)
            pids.append(each.pid)
    return pids


def journals(home: Path) -> list[Path]:
    return list((home / "journal").glob("*.jsonl"))


def recovered(advisor: Advisor, conforms: Conforms) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return what `ledger recover` says, and all runs then."""
    done = advisor("ledger", "recover", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    conforms(told, "recovery")
    listed = json.loads(advisor("runs", "--last", "100", "--json").stdout)
    conforms(listed, "runs")
    return told, listed["runs"]


def whole_journals(home: Path) -> set[str]:
    """Ids of the journals that have at least their header."""
    return {path.stem for path in journals(home) if b"\n" in path.read_bytes()}


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_a_tracked_command_that_is_killed_is_a_run(
    advisor: Advisor, conforms: Conforms, home: Path, seed: int
) -> None:
    delays_s = [random.Random(seed * 10 + n).uniform(0.1, 2.5) for n in range(AT_ONCE)]
    killed_after(home, delays_s, ["track", "--", *(LONG if seed % 2 else SHORT)])
    left = whole_journals(home)
    recorded = {run["run_id"] for run in json.loads(advisor("runs", "--json").stdout)["runs"]}
    _, runs = recovered(advisor, conforms)
    assert left <= recorded == {run["run_id"] for run in runs}
    assert {run["state"] for run in runs} <= {"interrupted", "finished"}
    assert whole_journals(home) == set()
    for run in runs:
        assert run["energy_kwh"] is not None
        assert run["duration_s"] <= max(delays_s) + 1


@pytest.mark.slow
def test_all_but_the_last_sample_is_there(advisor: Advisor, conforms: Conforms, home: Path) -> None:
    killed_after(home, [3.0] * 2, ["track", "--name", "long", "--", *LONG])
    last = [json.loads(path.read_bytes().splitlines()[-2]) for path in journals(home)]
    told, runs = recovered(advisor, conforms)
    assert len(told["recovered"]) == len(runs) == len(last) == 2
    for run in runs:
        assert (run["state"], run["name"]) == ("interrupted", "long")
        assert run["energy_kwh"] > 0
        assert run["duration_s"] >= max(sample.get("duration_s", 0) for sample in last) - 1
        shown = advisor("runs", "show", run["run_id"]).stdout
        assert "was not closed" in " ".join(shown.split())


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_a_predicted_run_that_is_killed_keeps_its_prediction_and_does_not_run_for_ever(
    advisor: Advisor, conforms: Conforms, home: Path, cpu_profile: Path, tmp_path: Path, seed: int
) -> None:
    profile = Path(shutil.copy(cpu_profile, tmp_path / "job.json"))
    delays_s = [random.Random(seed * 10 + n).uniform(0.5, 4.0) for n in range(AT_ONCE)]
    killed_after(
        home, delays_s, ["run", profile, "--here", "DE", "--", *(LONG if seed % 2 else SHORT)]
    )
    left = whole_journals(home)
    _, runs = recovered(advisor, conforms)
    assert left <= {run["run_id"] for run in runs}
    for run in runs:
        assert run["state"] in {"interrupted", "finished"}
        assert run["prediction_id"]
        assert (run["zone"], run["origin"], run["name"]) == ("DE", "advisor-run", "train_forest")
        if run["run_id"] in left:
            assert run["energy_kwh"] is not None
            assert run["emissions_g"] == pytest.approx(
                run["energy_kwh"] * run["intensity_g_per_kwh"]
            )
            whole = json.loads(advisor("runs", "show", run["run_id"], "--json").stdout)
            conforms(whole, "recorded_run")
            assert whole["prediction"]["zone"] == "DE"
    assert whole_journals(home) == set()
    assert not list((home / "ledger.sqlite.running").glob("*"))
    again, runs_again = recovered(advisor, conforms)
    assert runs_again == runs
    assert (again["recovered"], again["interrupted"]) == ([], [])
