"""`--meter` as people use it: the installed command, a file with watts, what becomes of errors."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pytest

from carbon_advisor.measurement.profile_file import read_profile

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Advisor, Conforms

J_PER_KWH = 3.6e6


def test_a_profile_by_meter_is_its_watts_times_the_seconds(
    advisor: Advisor, tmp_path: Path
) -> None:
    (tmp_path / "watts").write_text('{"here": {"power": "0.321"}}')
    run = advisor("profile", "--meter", "file:watts#here.power:kW", "--", "sleep", "1.5")
    assert run.returncode == 0, run.stderr
    profile = read_profile(tmp_path / "profile.json")
    machine_j = sum(part.machine_energy_kwh for part in profile.energy) * J_PER_KWH
    assert machine_j == pytest.approx(321 * profile.duration_s, rel=0.05)
    assert {part.method for part in profile.energy} == {"measured"}
    assert all("external meter file watts" in part.source for part in profile.energy)
    assert profile.energy_kwh * J_PER_KWH <= machine_j
    assert all(0 < part.relative_error < 1 for part in profile.energy)


def test_a_command_meter_is_not_the_jobs(advisor: Advisor, tmp_path: Path) -> None:
    burn = "import time; e=time.process_time()+0.5\nwhile time.process_time()<e: pass\nprint(150)"
    (tmp_path / "burn.py").write_text(burn)
    meter = f"command:{sys.executable} burn.py"
    run = advisor("profile", "--wait-for-all", "--meter", meter, "--", "sleep", "3")
    assert run.returncode == 0, run.stderr
    profile = read_profile(tmp_path / "profile.json")
    assert profile.cpu_time_s < 0.3
    assert profile.duration_s < 3.5
    machine_j = sum(part.machine_energy_kwh for part in profile.energy) * J_PER_KWH
    assert machine_j == pytest.approx(150 * profile.duration_s, rel=0.05)
    assert not any("outlived" in note for note in profile.notes)


@pytest.mark.parametrize(
    ("meter", "message"),
    [
        ("file:nowhere", "the meter file nowhere cannot be read: No such file or directory"),
        ("210 W", "a meter is file:PATH"),
        ("http://user:s3cret@127.0.0.1:1/x", "the meter http://127.0.0.1:1/x cannot be read"),
    ],
)
def test_a_meter_that_cannot_be_read_stops_before_anything_has_run(
    advisor: Advisor, tmp_path: Path, meter: str, message: str
) -> None:
    run = advisor("profile", "--meter", meter, "--", "touch", "ran")
    assert run.returncode == 2
    assert message in run.stderr
    assert len(run.stderr.strip().splitlines()) == 1
    assert "s3cret" not in run.stderr
    assert not (tmp_path / "ran").exists()
    assert not (tmp_path / "profile.json").exists()


def test_run_takes_a_meter_and_writes_nothing_where_it_cannot_be_read(
    advisor: Advisor, tmp_path: Path
) -> None:
    (tmp_path / "watts").write_text("200")
    assert advisor("profile", "--", "sleep", "0.3").returncode == 0
    profile = tmp_path / "profile.json"
    run = advisor("run", profile, "--meter", "file:nowhere", "--here", "DE", "--", "touch", "ran")
    assert (run.returncode, (tmp_path / "ran").exists()) == (2, False)
    assert not list((tmp_path / "home").rglob("ledger*"))
    run = advisor("run", profile, "--meter", "file:watts", "--here", "DE", "--json", "--", "true")
    assert run.returncode == 0, run.stderr
    run = advisor("track", "--meter", "file:watts", "--json", "--", "sleep", "0.5")
    assert run.returncode == 0, run.stderr
    assert "external meter file watts" in run.stdout
    assert advisor("track", "--meter", "file:nowhere", "--", "touch", "ran").returncode == 2
    assert not (tmp_path / "ran").exists()


def test_doctor_says_what_the_meter_reads_or_why_not(
    advisor: Advisor, conforms: Conforms, tmp_path: Path
) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "config.toml").write_text('meter = "file:watts"')
    run = advisor("doctor", "--json")
    conforms(json.loads(run.stdout), "diagnosis")
    assert json.loads(run.stdout)["findings"][0]["why"].endswith("No such file or directory")
    (tmp_path / "watts").write_text("123.4")
    run = advisor("doctor")
    assert run.returncode == 0
    assert "meter  measured ±2%" in run.stdout
    assert "external meter file watts: 123.4 W" in run.stdout
