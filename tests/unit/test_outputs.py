"""How outputs are chosen, and that one that fails or hangs harms neither program nor others."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from dataclasses import replace
from importlib.metadata import EntryPoint, EntryPoints
from typing import TYPE_CHECKING

import pytest
from runs_made_up import RUN

from carbon_advisor.measurement import Tracker, track
from carbon_advisor.measurement.command_run import run_command
from carbon_advisor.measurement.errors import InputError, UnknownNameError
from carbon_advisor.measurement.outputs import registry
from carbon_advisor.measurement.outputs.background import Background
from carbon_advisor.measurement.outputs.fan_out import Outputs
from carbon_advisor.measurement.outputs.output import Output
from carbon_advisor.measurement.outputs.registry import outputs_of
from carbon_advisor.measurement.profile_command import profile_command
from carbon_advisor.measurement.recovery import journalled_runs
from carbon_advisor.measurement.run_identity import new_identity

if TYPE_CHECKING:
    from pathlib import Path

    from carbon_advisor.measurement.run_result import RunResult

RUNNING = replace(RUN, state="running")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("HERE", "PROJECT", "RUN_NAME", "INTERVAL_S", "OUTPUTS"):
        monkeypatch.delenv(f"ADVISOR_{name}", raising=False)
    monkeypatch.setenv("ADVISOR_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "home"


class Kept(Output):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.samples: list[RunResult] = []
        self.end: RunResult | None = None

    def sampled(self, run: RunResult) -> None:
        self.samples.append(run)

    def ended(self, run: RunResult) -> None:
        self.end = run


class Failing(Output):
    """Fails in the named calls."""

    def __init__(self, *calls: str) -> None:
        self.calls = calls
        self.told: list[str] = []

    def started(self, run: RunResult) -> None:
        self._fail("started")

    def sampled(self, run: RunResult) -> None:
        self._fail("sampled")

    def ended(self, run: RunResult) -> None:
        self._fail("ended")

    def _fail(self, call: str) -> None:
        self.told.append(call)
        if call in self.calls:
            raise OSError(f"no {call},\nhttp://user:hunter2@host")


class Slow(Output):
    """Waits in `sampled` until it is let go."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.ends = 0

    def sampled(self, run: RunResult) -> None:
        self.go.wait(20)

    def ended(self, run: RunResult) -> None:
        self.ends += 1


def test_an_unknown_output_is_an_error_that_names_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="nearest known: prometheus-textfile"):
        Tracker(outputs="prometheus-texfile:x.prom")
    with pytest.raises(InputError, match="is no output"):
        Tracker(outputs=[object()])  # type: ignore[list-item]
    with pytest.raises(InputError, match="http://HOST:9091"):
        Tracker(outputs="prometheus-push:gateway:9091")


def test_outputs_come_from_the_environment_and_the_file(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.mkdir()
    (home / "config.toml").write_text('outputs = ["jsonl:filed.jsonl", "csv:filed.csv"]\n')
    with Tracker():
        pass
    assert {path.name for path in tmp_path.iterdir()} == {"home", "filed.jsonl", "filed.csv"}
    monkeypatch.setenv("ADVISOR_OUTPUTS", "json:set.json, csv:set.csv")
    with Tracker():
        pass
    with Tracker(outputs=[]):
        pass
    assert (tmp_path / "set.json").exists()
    assert len((tmp_path / "set.csv").read_text().splitlines()) == 2
    assert len((tmp_path / "filed.jsonl").read_text().splitlines()) == 1


def test_a_function_and_a_command_have_outputs_too(tmp_path: Path) -> None:
    kept = Kept()

    @track(outputs=["jsonl:runs.jsonl"])
    def train() -> None: ...

    train()
    train()
    assert len((tmp_path / "runs.jsonl").read_text().splitlines()) == 2
    command = [sys.executable, "-c", "import time; time.sleep(0.3)"]
    done = run_command(command, new_identity(interval_s=0.05), outputs=[kept, "json:run.json"])
    assert kept.end == done.result
    assert kept.samples
    assert (tmp_path / "run.json").exists()


def test_a_command_does_not_run_with_an_unknown_output(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "open('ran', 'w')"]
    with pytest.raises(UnknownNameError, match="josn"):
        run_command(command, new_identity(), outputs="josn:run.json")
    assert not (tmp_path / "ran").exists()


def test_a_program_that_changes_its_folder_finds_its_file_where_it_began(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    with Tracker(outputs=["json:run.json"]):
        monkeypatch.chdir(tmp_path / "elsewhere")
    assert (tmp_path / "run.json").exists()


def test_a_profile_is_no_run_for_the_outputs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ADVISOR_OUTPUTS", "json:set.json")
    profile_command([sys.executable, "-c", ""])
    assert not (tmp_path / "set.json").exists()


def test_an_output_of_another_package_is_found_by_its_entry_point(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    points = EntryPoints(
        EntryPoint(name, value, registry.GROUP)
        for name, value in (("kept", f"{__name__}:Kept"), ("broken", "no_such_module:Output"))
    )
    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: points)
    monkeypatch.setitem(sys.modules, __name__, sys.modules[Kept.__module__])
    monkeypatch.setattr(Kept, "__init__", lambda self, target: None)
    outputs_of("kept:x")
    with pytest.raises(InputError, match=r"output broken \(no_such_module:Output\) is broken"):
        outputs_of("broken")
    assert "kept" in registry.known_names()


def test_a_failure_is_a_note_and_the_others_go_on(home: Path) -> None:
    at_begin, between, at_end = Failing("started"), Failing("sampled"), Failing("ended")
    kept = Kept()
    with Tracker(interval_s=0.02, outputs=[at_begin, between, at_end, kept]) as tracker:
        time.sleep(0.2)
    notes = [note for note in tracker.result.notes if note.startswith("output")]
    assert sorted(notes) == [
        f"output Failing failed: no {call}, http://user:***@host"
        for call in ("ended", "sampled", "started")
    ]
    assert at_begin.told == ["started"]
    assert between.told == ["started", "sampled", "ended"]  # left in peace for half a minute
    assert kept.end is not None
    assert len(kept.samples) >= 3
    (run,) = journalled_runs(home)
    assert (run.state, run.notes) == ("finished", tracker.result.notes)


def test_an_output_that_hangs_is_left_behind_and_the_rest_is_measured(home: Path) -> None:
    slow, kept = Slow(), Kept()
    with Tracker(interval_s=0.05, outputs=[slow, kept]) as tracker:
        time.sleep(0.3)
    assert slow.ends == 0
    slow.go.set()
    assert "output Slow hangs: it is left behind" in tracker.result.notes
    assert tracker.result.duration_s >= 2  # the last sample was taken
    assert kept.end is not None


def test_in_the_background_a_slow_output_keeps_nobody_waiting() -> None:
    slow = Slow()
    background = Background(slow, every_s=0.0, patience_s=0.2)
    background.started(RUNNING)
    begun_s = time.monotonic()
    for _ in range(5):
        background.sampled(RUNNING)
    with pytest.raises(TimeoutError, match=r"no answer within 0\.2 s"):
        background.ended(RUN)
    assert time.monotonic() - begun_s < 1
    slow.go.set()
    for _ in range(100):
        if slow.ends:
            break
        time.sleep(0.01)
    assert slow.ends == 1


def test_in_the_background_failures_are_told_at_the_next_call() -> None:
    failing = Failing("sampled", "ended")
    background = Background(failing, every_s=0.0, patience_s=5)
    background.started(RUNNING)
    background.sampled(RUNNING)
    time.sleep(0.1)
    with pytest.raises(OSError, match="no sampled"):
        background.sampled(RUNNING)
    with pytest.raises(OSError, match="no ended"):
        background.ended(RUN)


def test_samples_are_made_only_for_those_who_want_them() -> None:
    class Patient(Kept):
        every_s = 3600.0

    patient = Patient()
    outputs = Outputs([("end", Failing.__new__(type("End", (Output,), {}))), ("patient", patient)])
    assert outputs.due()
    outputs.sampled(RUNNING)
    assert not outputs.due()
    assert len(patient.samples) == 1
    assert not outputs_of(["csv:runs.csv", "json:run.json"]).due()


def test_an_error_that_nobody_catches_ends_a_run_as_failed(home: Path, tmp_path: Path) -> None:
    script = (
        "from carbon_advisor.measurement import Tracker\n"
        "tracker = Tracker(outputs='jsonl:runs.jsonl').start()\n"
        "raise RuntimeError('no')"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False)
    assert done.returncode == 1
    (run,) = journalled_runs(home)
    assert run.state == "failed"
    assert '"failed"' in (tmp_path / "runs.jsonl").read_text()


def test_outputs_are_imported_only_by_who_wants_them() -> None:
    script = (
        "import sys; from carbon_advisor.measurement import Tracker\n"
        "with Tracker({}): pass\n"
        "print(*sorted(m for m in sys.modules if 'measurement.outputs' in m or "
        "m in ('csv', 'urllib.request', 'logging', 'opentelemetry', 'importlib.metadata')))"
    )

    def imported(arguments: str) -> list[str]:
        told = subprocess.run(
            [sys.executable, "-c", script.format(arguments)],
            capture_output=True, text=True, check=True,
            env={**os.environ, "CUDA_VISIBLE_DEVICES": ""},
        )  # fmt: skip
        return told.stdout.split()

    assert not any("outputs" in module for module in imported(""))
    for_json = imported("outputs='json:run.json'")
    assert "carbon_advisor.measurement.outputs.json_file" in for_json
    assert not {"urllib.request", "logging", "opentelemetry"} & set(for_json)
