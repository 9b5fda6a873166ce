"""`advisor profile` as people run it: real jobs, real signals, exit codes, files."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from importlib.resources import files
from pathlib import Path

import jsonschema
import pytest

from carbon_advisor.measurement.errors import InputError
from carbon_advisor.measurement.profile_command import profile_command
from carbon_advisor.measurement.profile_file import read_profile

EXAMPLE = Path(__file__).parents[2] / "scripts" / "examples" / "train_digits.py"
BURN = "import time\nend = time.process_time() + {}\nwhile time.process_time() < end: pass"


def advisor(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "carbon_advisor.advisor", "profile", *arguments]
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, timeout=120
    )


def python(script: str) -> list[str]:
    return [sys.executable, "-S", "-c", script]


def test_a_job_is_measured_and_its_output_left_alone(tmp_path: Path) -> None:
    job = python(BURN.format(1.2) + "\nprint('done')")
    run = advisor(
        "--out", "p.json", "--name", "burn", "--interval", "200ms", "--", *job, folder=tmp_path
    )
    assert (run.returncode, run.stdout) == (0, "done\n")
    profile = read_profile(tmp_path / "p.json")
    assert profile.name == "burn"
    assert 1.2 <= profile.cpu_time_s < 2
    assert profile.duration_s >= 1.2
    assert 0 < profile.busy_cores_mean <= 1.05
    assert profile.memory_peak_gb > 0.003
    assert {part.component for part in profile.energy} >= {"cpu", "memory"}
    assert profile.component_kwh("cpu") > 0
    assert all(part.source and 0 < part.relative_error < 1 for part in profile.energy)
    assert len(profile.series.power_w) >= 5
    assert "burn: " in run.stderr
    assert "modelled" in run.stderr or "measured" in run.stderr
    assert run.stderr.rstrip().endswith("written to p.json; next: advisor recommend p.json")


def test_a_failing_job_passes_its_code_on_and_its_energy_counts(tmp_path: Path) -> None:
    run = advisor("--", *python(BURN.format(0.2) + "\nraise SystemExit(7)"), folder=tmp_path)
    assert run.returncode == 7
    assert "FAILED with exit code 7" in run.stderr
    profile = read_profile(tmp_path / "profile.json")
    assert profile.exit_code == 7
    assert profile.energy_kwh > 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--", "no-such-program-anywhere"], "cannot start 'no-such-program-anywhere'"),
        (["--out", "nowhere/p.json", "--", "touch", "ran"], "does not exist"),
        (["--out", ".", "--", "touch", "ran"], "it is a folder"),
        (["--interval", "1 parsec", "--", "touch", "ran"], "'1 parsec' is not a length of time"),
        (["--interval", "1ms", "--", "touch", "ran"], "sampling interval must be"),
        (["--interval", "2d", "--", "touch", "ran"], "sampling interval must be"),
        (["--sample-of", "0", "--", "touch", "ran"], "--sample-of '0'"),
        (["--sample-of", "nan", "--", "touch", "ran"], "--sample-of 'nan'"),
        (["--sample-of", "200%", "--", "touch", "ran"], "--sample-of '200%'"),
        (["--repeat", "0", "--", "touch", "ran"], "--repeat 0"),
        (["--repeat", "2", "--sample-of", "2%", "--", "touch", "ran"], "only one of"),
        (["--full-duration", "-1h", "--", "touch", "ran"], "'-1h' is not a length of time"),
        (["--no-such-option", "--", "touch", "ran"], "--no-such-option"),
        ([], "COMMAND"),
    ],
)
def test_bad_input_is_one_line_and_nothing_is_run_or_written(
    tmp_path: Path, arguments: list[str], message: str
) -> None:
    run = advisor(*arguments, folder=tmp_path)
    assert run.returncode == 2
    assert message in run.stderr
    assert len(run.stderr.strip().splitlines()) == 1
    assert "Traceback" not in run.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_sample_stands_for_the_whole(tmp_path: Path) -> None:
    for option, value, scale in (
        ("--sample-of", "2%", 50),
        ("--sample-of", "0.25", 4),
        ("--repeat", "3", 3),
    ):
        advisor(option, value, "--", "sleep", "0.1", folder=tmp_path)
        profile = read_profile(tmp_path / "profile.json")
        assert profile.scale == pytest.approx(scale)
        assert profile.duration_s == pytest.approx(profile.measured_duration_s * scale)
    advisor("--full-duration", "36h", "--", "sleep", "0.1", folder=tmp_path)
    profile = read_profile(tmp_path / "profile.json")
    assert (profile.duration_s, profile.scale_basis) == (pytest.approx(36 * 3600), "full_duration")


def test_a_run_longer_than_the_whole_job_is_kept_with_a_note(tmp_path: Path) -> None:
    run = advisor("--full-duration", "10ms", "--", "sleep", "0.2", folder=tmp_path)
    profile = read_profile(tmp_path / "profile.json")
    assert (run.returncode, profile.scale_basis) == (0, "whole")
    assert any("not scaled" in note for note in profile.notes)


def test_json_on_stdout_is_the_profile_and_nothing_else(tmp_path: Path) -> None:
    run = advisor("--json", "--", "echo", "the job's own words", folder=tmp_path)
    document = json.loads(run.stdout)
    schema = json.loads((files("carbon_advisor.data") / "schemas/profile.schema.json").read_text())
    jsonschema.validate(document, schema)
    assert document == json.loads((tmp_path / "profile.json").read_text())
    assert "the job's own words" in run.stderr


def test_secrets_of_the_command_line_are_not_stored(tmp_path: Path) -> None:
    run = advisor(
        "--json", "--", "true", "--password", "hunter2", "--api-key=abc123", folder=tmp_path
    )
    for text in (run.stdout, run.stderr, (tmp_path / "profile.json").read_text()):
        assert "hunter2" not in text
        assert "abc123" not in text
    assert read_profile(tmp_path / "profile.json").command[2:] == ("***", "--api-key=***")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_goes_to_the_job_and_the_profile_is_written(
    tmp_path: Path, number: signal.Signals, code: int
) -> None:
    command = [sys.executable, "-m", "carbon_advisor.advisor", "profile", "--"]
    job = ["sh", "-c", "touch started; exec sleep 60"]
    # A session of its own: not in a terminal's foreground, which would signal the job itself.
    with subprocess.Popen(
        [*command, *job], cwd=tmp_path, stderr=subprocess.PIPE, start_new_session=True
    ) as process:
        deadline_s = time.monotonic() + 30
        while not (tmp_path / "started").exists():
            assert time.monotonic() < deadline_s
            time.sleep(0.02)
        process.send_signal(number)
        _, errors = process.communicate(timeout=30)
    assert process.returncode == code
    assert b"Traceback" not in errors
    assert read_profile(tmp_path / "profile.json").exit_code == code


@pytest.mark.skipif(sys.platform != "linux", reason="subreapers are Linux's")
def test_sixteen_children_of_half_a_second_are_counted() -> None:
    """What a sampler of the live tree gets 14 % of, at a one-second interval."""
    child = python(BURN.format(0.05))
    script = (
        "import subprocess\n"
        f"for _ in range(8): subprocess.run({child!r})\n"
        f"for _ in range(8): subprocess.Popen({child!r}, start_new_session=True)\n"
    )
    profile = profile_command(
        [sys.executable, "-S", "-W", "ignore", "-c", script], wait_for_all=True
    )
    assert profile.cpu_time_s >= 16 * 0.05
    assert sum(profile.series.busy_cores) * profile.series.step_s == pytest.approx(
        profile.cpu_time_s, rel=0.01
    )


def test_the_profile_of_this_machine_is_believed_when_read_back(tmp_path: Path) -> None:
    from carbon_advisor.measurement.profile_file import write_profile

    profile = profile_command(["true"])
    write_profile(profile, tmp_path / "p.json")
    assert read_profile(tmp_path / "p.json") == profile
    assert profile.hardware.vcpus >= 1


def test_an_interval_out_of_range_is_refused_before_the_job_starts(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="sampling interval"):
        profile_command(["touch", str(tmp_path / "ran")], interval_s=float("nan"))
    assert not (tmp_path / "ran").exists()


@pytest.mark.slow
def test_the_example_trains_and_is_measured(tmp_path: Path) -> None:
    run = advisor("--", sys.executable, str(EXAMPLE), "--epochs", "2", folder=tmp_path)
    assert run.returncode == 0, run.stderr
    assert "test accuracy" in run.stdout
    profile = read_profile(tmp_path / "profile.json")
    assert profile.name == "train_digits"
    assert profile.cpu_time_s > 1
