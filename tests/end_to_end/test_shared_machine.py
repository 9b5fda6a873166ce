"""Several runs on one machine, with real processes: none of its energy is counted twice."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from carbon_advisor.measurement.claims_folder import ClaimsFolder
from carbon_advisor.measurement.held_share import share_left
from carbon_advisor.measurement.recovery import journalled_runs

if TYPE_CHECKING:
    from carbon_advisor.measurement.held_share import Holding
    from carbon_advisor.measurement.run_result import RunResult
    from tests.conftest import Advisor

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="runs share by flock"),
]

ADVISOR = str(Path(sys.executable).parent / "advisor")
PROGRAM = """
import sys, time
from carbon_advisor.measurement import Tracker
what, until_s = sys.argv[1], float(sys.argv[2])
with Tracker(interval_s=0.1) as tracker:
    while time.time() < until_s:
        if what == "sleep":
            time.sleep(0.05)
"""
LAUNCHER = """
import os, subprocess, sys
program, until_s, *what = sys.argv[1:]
ranks = []
for rank, each in enumerate(what):
    numbers = {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(len(what))}
    ranks.append(subprocess.Popen(
        [sys.executable, "-c", program, each, until_s],
        env={**os.environ, **numbers, "TORCHELASTIC_RUN_ID": "f3a1"},
    ))
sys.exit(max(rank.wait() for rank in ranks))
"""


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    for name in [name for name in os.environ if name.startswith("ADVISOR_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("ADVISOR_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("ADVISOR_CLAIMS_FOLDER", str(tmp_path / "claims"))
    return dict(os.environ)


def tracked(what: str, until_s: float, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", PROGRAM, what, str(until_s)], env=environment)


def live(count: int) -> list[Holding]:
    """The claims, once there are so many."""
    deadline_s = time.monotonic() + 20
    while True:
        folder = ClaimsFolder()
        found = folder.live()
        folder.close()
        if len(found) == count:
            return found
        assert time.monotonic() < deadline_s, found
        time.sleep(0.02)


def test_three_runs_at_once_make_up_no_more_than_the_machine(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    until_s = time.time() + 6
    running = [tracked(what, until_s, environment) for what in ("sleep", "burn", "burn")]
    claims = live(3)
    assert sum(share_left(each, claims).threads for each in claims) == pytest.approx(1)
    assert sum(share_left(each, claims).memory for each in claims) == pytest.approx(1)
    assert [each.wait(60) for each in running] == [0, 0, 0]
    runs = journalled_runs(tmp_path / "home")
    assert len(runs) == 3
    longest = max(runs, key=lambda run: run.duration_s)
    assert sum(run.energy_kwh for run in runs) <= 1.02 * longest.machine_energy_kwh
    assert all(run.identity.parent_id is None for run in runs)
    assert all(any("idle energy was shared" in note for note in run.notes) for run in runs)
    sleeper = min(runs, key=lambda run: run.cpu_time_s)
    burners = [run for run in runs if run is not sleeper]
    assert all(cpu_kwh(run) > 1.3 * cpu_kwh(sleeper) for run in burners)


def cpu_kwh(run: RunResult) -> float:
    return sum(part.energy_kwh for part in run.energy if part.component == "cpu")


def test_ranks_under_a_tracked_launcher_are_within_it(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    until_s = time.time() + 6
    out = tmp_path / "profile.json"
    launcher = [sys.executable, "-c", LAUNCHER, PROGRAM, str(until_s), "sleep", "burn"]
    whole = subprocess.Popen(
        [ADVISOR, "profile", "--interval", "100ms", "--out", str(out), "--", *launcher],
        env=environment,
        stderr=subprocess.DEVNULL,
    )
    claims = live(3)
    (outer,) = (each for each in claims if each.parent_id is None)
    assert share_left(outer, claims).threads == 1
    within = [share_left(each, claims).threads for each in claims if each is not outer]
    assert sum(within) == pytest.approx(1)
    assert whole.wait(60) == 0
    ranks = journalled_runs(tmp_path / "home")
    assert {run.identity.parent_id for run in ranks} == {outer.run_id}
    assert {run.identity.group_id for run in ranks} == {"torchrun:f3a1"}
    assert sorted(run.identity.ranks.rank for run in ranks if run.identity.ranks) == [0, 1]
    profile: dict[str, Any] = json.loads(out.read_text())
    energy_kwh = sum(part["energy_kwh"] for part in profile["energy"])
    assert sum(run.energy_kwh for run in ranks) <= 1.02 * energy_kwh


def test_a_run_in_a_namespace_of_its_own_believes_what_it_is_told(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    until_s = time.time() + 2
    outer = subprocess.Popen(
        [
            *(ADVISOR, "profile"),
            *("--out", str(tmp_path / "profile.json"), "--"),
            *("unshare", "--pid", "--fork", "--mount-proc"),
            *(sys.executable, "-c", PROGRAM, "sleep", str(until_s)),
        ],
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
    )
    _, told = outer.communicate(timeout=60)
    if outer.returncode and "Operation not permitted" in told:
        pytest.skip("NOT TESTED HERE: this user may make no process namespace")
    (run,) = journalled_runs(tmp_path / "home")
    assert run.identity.parent_id is not None


@pytest.mark.parametrize("command", ["profile", "run"])
def test_an_unknown_attribution_is_said_so_and_nothing_runs(
    advisor: Advisor, tmp_path: Path, cpu_profile: Path, command: str
) -> None:
    profile = [cpu_profile] if command == "run" else []
    done = advisor(command, *profile, "--attribution", "half", "--", "touch", tmp_path / "ran")
    assert done.returncode == 2
    assert done.stderr == "advisor: attribution is full, proportional or marginal, not 'half'\n"
    assert not (tmp_path / "ran").exists()


def test_full_attribution_is_the_whole_machine(advisor: Advisor, tmp_path: Path) -> None:
    out = tmp_path / "profile.json"
    assert advisor("profile", "--attribution", "full", "-o", out, "--", "true").returncode == 0
    profile = json.loads(out.read_text())
    for part in profile["energy"]:
        assert part["energy_kwh"] == part["machine_energy_kwh"] > 0
    assert any("attribution full" in note for note in profile["notes"])
