"""The tracker in real programs: what it counts, how it ends, and that it never harms them."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carbon_advisor.measurement import Tracker, track
from carbon_advisor.measurement.errors import InputError, UnknownNameError
from carbon_advisor.measurement.journal import Journal, read_journal
from carbon_advisor.measurement.place import place_of
from carbon_advisor.measurement.recovery import journalled_runs, run_from_journal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from carbon_advisor.measurement.run_result import RunResult

BURN = "import time\nend = time.process_time() + {}\nwhile time.process_time() < end: pass"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("HERE", "PUE", "PROJECT", "RUN_NAME", "INTERVAL_S"):
        monkeypatch.delenv(f"ADVISOR_{name}", raising=False)
    monkeypatch.setenv("ADVISOR_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def only_run(home: Path) -> RunResult:
    (run,) = journalled_runs(home)
    return run


def burn(cpu_s: float) -> None:
    end = time.process_time() + cpu_s
    while time.process_time() < end:
        pass


def program(script: str, *arguments: str) -> subprocess.Popen[str]:
    """A program of its own that has the tracker in it."""
    return subprocess.Popen(
        [sys.executable, "-c", script, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_block_is_measured_and_journalled(home: Path) -> None:
    with Tracker("bert", "lr-3e-4", interval_s=0.05, here="SE-SE3") as tracker:
        with tracker.task("warm-up"):
            burn(0.1)
        with tracker.task("epoch"):
            burn(0.3)
    result = tracker.result
    assert (result.project, result.run_name, result.state) == ("bert", "lr-3e-4", "finished")
    assert 0.38 <= result.cpu_time_s <= 0.6
    assert result.duration_s >= 0.4
    assert {part.component for part in result.energy} >= {"cpu", "memory"}
    assert all(part.source and part.method and part.relative_error > 0 for part in result.energy)
    assert result.emissions_g == pytest.approx(result.energy_kwh * 20)
    assert [task.name for task in result.tasks] == ["warm-up", "epoch"]
    warm_up, epoch = (task.energy_kwh for task in result.tasks)
    assert 0 < warm_up < epoch
    assert warm_up + epoch == pytest.approx(result.energy_kwh, rel=0.1)
    kept = only_run(home)
    assert kept.energy_kwh == pytest.approx(result.energy_kwh)
    assert (kept.id, kept.state, kept.tasks) == (result.id, "finished", result.tasks)
    assert kept.hardware == result.hardware


def test_children_that_came_and_went_between_two_samples_count() -> None:
    with Tracker(interval_s=3600) as tracker:
        for _ in range(4):
            subprocess.run([sys.executable, "-S", "-c", BURN.format(0.2)], check=True)
    assert 0.8 <= tracker.result.cpu_time_s <= 1.2


def test_an_async_function_is_measured_to_its_end(home: Path) -> None:
    @track(project="aio")
    async def train() -> str:
        await asyncio.sleep(0.5)
        return "done"

    assert asyncio.run(train()) == "done"
    run = only_run(home)
    assert 0.49 <= run.duration_s <= 1.5  # and not the 5 ms until it first waits
    assert run.project == "aio"
    assert "train" in run.run_name


def test_generators_are_measured_until_they_are_exhausted(home: Path) -> None:
    @track
    def numbers() -> Iterator[int]:
        for number in range(3):
            time.sleep(0.1)
            yield number

    @track
    async def later() -> AsyncIterator[int]:
        for number in range(3):
            await asyncio.sleep(0.1)
            yield number

    async def collected() -> list[int]:
        return [number async for number in later()]

    assert list(numbers()) == [0, 1, 2]
    assert asyncio.run(collected()) == [0, 1, 2]
    for run in journalled_runs(home):
        assert 0.29 <= run.duration_s <= 1.3
        assert run.state == "finished"


def test_a_decorated_function_keeps_its_name_arguments_and_errors(home: Path) -> None:
    @track(run_name="named")
    def fails(what: str, *, loud: bool) -> None:
        """Say so."""
        raise ValueError(f"{what} {loud}")

    assert (fails.__name__, fails.__doc__) == ("fails", "Say so.")
    with pytest.raises(ValueError, match="it True"):
        fails("it", loud=True)
    assert (only_run(home).state, only_run(home).run_name) == ("failed", "named")


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (KeyboardInterrupt(), "interrupted"),
        (SystemExit(0), "finished"),
        (SystemExit(3), "failed"),
        (RuntimeError("no"), "failed"),
    ],
)
def test_the_state_tells_how_the_program_ended(error: BaseException, state: str) -> None:
    tracker = Tracker()
    with pytest.raises(type(error)), tracker:
        raise error
    assert tracker.result.state == state


def test_settings_come_from_the_environment_and_the_file(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.mkdir()
    (home / "config.toml").write_text('here = "FR"\nproject = "filed"\ninterval_s = 5\n')
    monkeypatch.setenv("ADVISOR_PROJECT", "set")
    tracker = Tracker()
    assert (tracker.identity.project, tracker.identity.interval_s) == ("set", 5)
    with tracker:
        pass
    assert tracker.result.place == place_of("FR")
    assert Tracker("given", interval_s=0.5).identity.project == "given"


@pytest.mark.parametrize("interval_s", [0, -1, float("nan"), 1e9])
def test_an_interval_out_of_range_is_an_error(interval_s: float) -> None:
    with pytest.raises(InputError, match="interval_s"):
        Tracker(interval_s=interval_s)


def test_an_unknown_place_is_an_error() -> None:
    with pytest.raises(UnknownNameError, match="SE-SE3"):
        Tracker(here="SE-SE33")
    assert place_of("aws:eu-north-1").zone == "SE-SE3"
    assert place_of("aws:eu-north-1").pue > 1


TRACKED = """
import sys, time
from carbon_advisor.measurement import Tracker
with Tracker("killed", interval_s=0.05):
    print("begun", flush=True)
    time.sleep(60)
"""


def begun(script: str) -> subprocess.Popen[str]:
    running = program(script)
    assert running.stdout is not None
    assert running.stdout.readline() == "begun\n"
    return running


def ended(running: subprocess.Popen[str]) -> int:
    running.communicate(timeout=20)
    return running.returncode


@pytest.mark.parametrize("seed", range(5))
def test_a_kill_loses_the_last_sample_at_most(home: Path, seed: int) -> None:
    with begun(TRACKED) as running:
        begun_s = time.monotonic()
        time.sleep(random.Random(seed).uniform(0.6, 1.0))
        lived_s = time.monotonic() - begun_s
        assert only_run(home).state == "running"
        running.kill()
        ended(running)
    run = only_run(home)
    assert run.state == "interrupted"
    assert lived_s - 0.5 <= run.duration_s <= lived_s + 1
    assert run.energy_kwh > 0


def test_sigterm_closes_the_run_and_ends_the_program(home: Path) -> None:
    with begun(TRACKED) as running:
        running.send_signal(signal.SIGTERM)
        assert ended(running) == -signal.SIGTERM
    assert only_run(home).state == "interrupted"
    journal = next((home / "journal").iterdir())
    assert read_journal(journal)[-1]["state"] == "interrupted"


def test_a_program_that_handles_sigterm_goes_on_doing_so(home: Path) -> None:
    script = TRACKED.replace(
        "with Tracker", "import signal\nsignal.signal(15, lambda *_: sys.exit(7))\nwith Tracker"
    )
    with begun(script) as running:
        running.send_signal(signal.SIGTERM)
        assert ended(running) == 7
    assert only_run(home).state == "failed"


def test_a_run_that_nobody_stopped_is_closed_at_exit(home: Path) -> None:
    script = "from carbon_advisor.measurement import Tracker\nTracker('open').start()\nprint(1)"
    with program(script) as running:
        assert ended(running) == 0
    assert only_run(home).state == "finished"


def test_a_forked_child_leaves_the_run_alone(home: Path) -> None:
    script = """
import os
from carbon_advisor.measurement import Tracker
tracker = Tracker(interval_s=0.02).start()
child = os.fork()
if child == 0:
    tracker.stop("failed")
    os._exit(0)
os.waitpid(child, 0)
assert tracker.stop().state == "finished"
"""
    with program(script) as running:
        assert ended(running) == 0
    assert only_run(home).state == "finished"


def test_a_full_disk_is_a_note_and_no_error(home: Path) -> None:
    script = """
import resource, time
from carbon_advisor.measurement import Tracker
with Tracker(interval_s=0.01) as tracker:
    resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000))
    time.sleep(0.5)
print(tracker.result.energy_kwh > 0, *tracker.result.notes)
"""
    with program(script) as running:
        told, wrong = running.communicate(timeout=20)
    assert (running.returncode, wrong) == (0, "")
    assert told.startswith("True")
    assert "could not be continued" in told
    assert only_run(home).energy_kwh > 0


def test_a_home_that_cannot_be_written_is_a_note_and_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("ADVISOR_HOME", str(tmp_path / "file" / "home"))
    with Tracker(interval_s=0.05) as tracker:
        burn(0.1)
    assert tracker.result.cpu_time_s >= 0.09
    assert any("no journal is kept" in note for note in tracker.result.notes)


@settings(max_examples=100, deadline=None)
@given(cut=st.integers(0, 400), tail=st.binary(max_size=20))
def test_a_torn_or_corrupt_tail_is_cut(
    tmp_path_factory: pytest.TempPathFactory, cut: int, tail: bytes
) -> None:
    path = tmp_path_factory.mktemp("journal") / "run.jsonl"
    journal = Journal(path)
    written = [{"sample": number, "text": "x" * number} for number in range(12)]
    for record in written:
        journal.append(record)
    journal.close()
    kept = path.read_bytes()[:cut]
    path.write_bytes(kept + tail)
    records = read_journal(path)
    whole = [record for record in records if record in written]
    assert whole == written[: len(whole)]
    assert len(records) - len(whole) <= 1  # random bytes may spell a record of their own
    assert len(whole) >= kept.count(b"\n")


def test_what_is_no_journal_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.jsonl"
    for text in ("", '{"schema": "carbon-advisor/journal/9"}\n', '{"schema"', "[]\n"):
        path.write_text(text)
        with pytest.raises(InputError, match="no journal"):
            run_from_journal(path)


def test_the_tracker_is_light() -> None:
    heavy = ("numpy", "pandas", "requests", "psutil", "pynvml", "sqlalchemy", "typer", "rich")
    script = (
        "import sys; from carbon_advisor.measurement import Tracker, track\n"
        "with Tracker(): pass\n"
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    told = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": ""},
    )  # fmt: skip
    assert told.stdout == "[]\n"
