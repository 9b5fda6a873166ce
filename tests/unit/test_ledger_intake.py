"""Journals come into the ledger once each: ended, killed, damaged, at once, without permission."""

from __future__ import annotations

import fcntl
import json
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from carbon_advisor.advisor.interval import Interval
from carbon_advisor.advisor.ledger.current import current_ledger
from carbon_advisor.advisor.ledger.intake import journals_here, take_in
from carbon_advisor.advisor.ledger.keeping import is_kept, kept
from carbon_advisor.advisor.ledger.opening import open_to_write
from carbon_advisor.advisor.ledger.records import Prediction, Run, new_id
from carbon_advisor.measurement.errors import StorageError, UnknownNameError
from carbon_advisor.measurement.run_identity import host_name

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from carbon_advisor.advisor.ledger.current import Current

NOW = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)
PART = {
    "component": "cpu", "energy_kwh": 0.0, "machine_energy_kwh": 0.0, "method": "measured",
    "source": "a counter", "relative_error": 0.05,
}  # fmt: skip
PLACE = {"zone": "DE", "intensity_g_per_kwh": 300.0, "intensity_year": 2024, "pue": 1.2}
IMPORTERS, JOURNALS = 4, 60


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("ADVISOR_DATABASE_URL", raising=False)
    monkeypatch.setenv("ADVISOR_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def a_journal(home: Path, *, end: str | None = "finished", samples: int = 3, **header: Any) -> Path:
    """Write the journal of a process that is gone."""
    run_id = header.get("id", new_id())
    head = {
        "schema": "carbon-advisor/journal/1", "id": run_id, "project": "bert", "run_name": "lr",
        "started_at": NOW.isoformat(), "interval_s": 1.0, "place": PLACE, "host": host_name(),
        "pid": 4_194_304, "command": ["python", "train.py"], "hardware": None,
        "components": [PART], "notes": ["a note"],
    }  # fmt: skip
    lines: list[dict[str, Any]] = [head | header]
    lines += [
        {"duration_s": float(n), "cpu_time_s": n * 0.5, "memory_peak_gb": 0.25,
         "energy_kwh": [n * 1e-3], "machine_energy_kwh": [n * 2e-3]}
        for n in range(1, samples + 1)
    ]  # fmt: skip
    lines += [{"task": {"name": "epoch", "duration_s": 1.0, "energy_kwh": 1e-3}}]
    lines += [{"state": end, "exit_code": 0, "notes": ["a note"]}] if end else []
    path = home / "journal" / f"{run_id}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


@contextmanager
def written_by_somebody(path: Path) -> Iterator[None]:
    """Keep a journal locked, as the process that writes it does."""
    with path.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def a_prediction() -> Prediction:
    return Prediction(
        new_id(), NOW, "train", "0" * 64, "here", "DE", NOW, Interval(60.0, 50.0, 72.0),
        Interval(1e-3, 8e-4, 1.25e-3), None, None, 1.2, {},
    )  # fmt: skip


def started(prediction_id: str | None = None, **changes: Any) -> Run:
    run = Run(new_id(), prediction_id, "train", "running", NOW, host=host_name(), zone="DE")
    return replace(run, pue=1.2, project="mine", **changes)


def look() -> tuple[list[Run], Current]:
    with current_ledger() as current:
        return current.runs(), current


def test_what_has_ended_is_taken_in_and_its_journal_removed(home: Path) -> None:
    ended, cut = a_journal(home), a_journal(home, end=None)
    runs, current = look()
    assert {run.id: run.state for run in runs} == {
        ended.stem: "finished", cut.stem: "interrupted",
    }  # fmt: skip
    assert not ended.exists()
    assert not cut.exists()
    assert len(current.intake.taken) == 2
    with current_ledger() as current:
        run, details = current.run(ended.stem[:8])
        assert current.intake.taken == []
    assert (run.project, run.name, run.origin, run.zone) == ("bert", "lr", "track", "DE")
    assert (run.energy_kwh, run.machine_energy_kwh, run.measured_kwh) == (3e-3, 6e-3, 3e-3)
    assert run.emissions_g == pytest.approx(3e-3 * 1.2 * 300)
    assert run.ended_at == NOW + timedelta(seconds=3)
    assert details.document is not None
    assert details.document["tasks"] == [{"name": "epoch", "duration_s": 1.0, "energy_kwh": 1e-3}]
    assert details.steps == {"duration_s": [1.0] * 3, "power_w": [3600.0] * 3}


def test_a_crash_between_commit_and_removal_imports_nothing_twice(home: Path) -> None:
    path = a_journal(home)
    content = path.read_bytes()
    look()
    path.write_bytes(content)
    runs, current = look()
    assert len(runs) == 1
    assert current.intake.taken == []
    assert not path.exists()


def test_a_living_run_is_left_alone_and_shown_with_what_it_has_taken(home: Path) -> None:
    path = a_journal(home, end=None, command=[])
    with written_by_somebody(path):
        (run,), current = look()
        assert (run.state, run.energy_kwh, run.origin) == ("running", 3e-3, "tracker")
        assert current.ledger is None  # none was made
        with current_ledger() as again:
            assert again.run(path.stem[:6])[0].state == "running"
    assert path.exists()
    (run,), _ = look()
    assert run.state == "interrupted"


def test_runs_of_the_ledger_and_of_journals_are_one_list(home: Path) -> None:
    for minute in (3, 1):
        a_journal(home, started_at=(NOW + timedelta(minutes=minute)).isoformat())
    look()
    two = (NOW + timedelta(minutes=2)).isoformat()
    paths = [
        a_journal(home, end=None, project=project, started_at=two) for project in ("bert", "other")
    ]
    with ExitStack() as stack:
        for path in paths:
            stack.enter_context(written_by_somebody(path))
        current = stack.enter_context(current_ledger())
        assert [run.started_at.minute for run in current.runs(project="bert")] == [1, 2, 3]
        assert [run.started_at.minute for run in current.runs(last=2, project="bert")] == [2, 3]
        assert len(current.runs()) == 4
        with pytest.raises(UnknownNameError):
            current.run("zzzz")


def test_a_killed_run_of_the_ledger_is_completed_from_its_journal(home: Path) -> None:
    prediction = a_prediction()
    run = started(prediction.id)
    with open_to_write() as ledger:
        ledger.write_prediction(prediction)
        ledger.start_run(run)
    a_journal(home, end=None, id=run.id)
    (found,), current = look()
    assert (found.id, found.state, found.prediction_id) == (run.id, "interrupted", prediction.id)
    assert (found.project, found.name, found.origin) == ("mine", "train", "advisor-run")
    assert found.energy_kwh == 3e-3
    assert current.ledger is not None
    with current.ledger as ledger:
        assert ledger.pairs()[0].prediction == prediction


def test_a_run_that_somebody_keeps_is_not_touched(home: Path) -> None:
    run = started()
    with open_to_write() as ledger:
        with kept(ledger.path, run.id):
            ledger.start_run(run)
            assert look()[0] == [run]
            path = a_journal(home, id=run.id)  # it ended a moment ago: its process writes it itself
            assert look()[0] == [run]
            assert path.exists()
        assert not is_kept(ledger.path, run.id)
    (found,), _ = look()
    assert found.state == "finished"


def test_a_run_without_journal_that_nobody_keeps_was_interrupted(home: Path) -> None:
    mine, elsewhere = started(), started(host="another-machine")
    with open_to_write() as ledger:
        ledger.start_run(mine)
        ledger.start_run(elsewhere)
    runs, current = look()
    assert {run.id: run.state for run in runs} == {
        mine.id: "interrupted", elsewhere.id: "running",
    }  # fmt: skip
    assert [run.id for run in current.intake.abandoned] == [mine.id]
    assert look()[1].intake.abandoned == []
    a_journal(home, end=None, id=mine.id)  # found later, in another folder
    assert {run.energy_kwh for run in look()[0]} == {3e-3, None}


@pytest.mark.parametrize("content", [b"", b"\n", b"{}\n", b"\0" * 4096, b'{"schema":"other/1"}\n'])
def test_what_is_no_journal_stays_where_it_is_and_is_named(home: Path, content: bytes) -> None:
    path = a_journal(home).with_name("other.jsonl")
    path.write_bytes(content)
    runs, current = look()
    assert len(runs) == 1
    assert path.read_bytes() == content
    ((named, why),) = current.journals.unreadable
    assert named == path
    assert "no journal" in why
    assert "recover" in current.notes()[0]


def test_a_torn_line_is_cut_and_a_damaged_journal_kept_aside(home: Path) -> None:
    torn, damaged = a_journal(home, end=None), a_journal(home, end=None)
    torn.write_bytes(torn.read_bytes() + b'{"duration_s":4.0,"cpu')
    damaged.write_bytes(damaged.read_bytes() + b"\0\0\0\n" + b'{"duration_s":5.0}\n')
    runs, current = look()
    assert [run.energy_kwh for run in runs] == [3e-3, 3e-3]
    assert not torn.exists()
    assert not damaged.exists()
    (aside,) = current.intake.cut
    assert aside.read_bytes().endswith(b'{"duration_s":5.0}\n')
    assert len(look()[0]) == 2


def test_a_tracker_that_measured_nothing_has_no_energy(home: Path) -> None:
    a_journal(home, components=[], samples=0)
    (run,), _ = look()
    assert (run.state, run.energy_kwh, run.method, run.emissions_g) == (
        "finished", None, None, None,
    )  # fmt: skip


def test_where_nothing_can_be_written_runs_are_shown_from_their_journals(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_to_write() as ledger:
        ledger.start_run(started())
    path = a_journal(home)

    def refuse(folder: Path) -> None:
        raise StorageError(f"cannot write in the folder {folder}: Read-only file system")

    monkeypatch.setattr("carbon_advisor.advisor.ledger.current.prove_writable", refuse)
    runs, current = look()
    assert {run.state for run in runs} == {"interrupted", "finished"}
    assert path.exists()
    assert "Read-only" in current.notes()[0]
    with current_ledger() as again:
        assert again.run(path.stem)[0].energy_kwh == 3e-3


def test_a_ledger_that_fills_up_keeps_the_journals_that_are_left(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [a_journal(home) for _ in range(3)]
    with open_to_write() as ledger:
        record, calls = ledger.record_run, []

        def full(*arguments: Any) -> Any:
            calls.append(arguments)
            if len(calls) == 2:
                raise StorageError("the disk is full")
            return record(*arguments)

        monkeypatch.setattr(ledger, "record_run", full)
        done = take_in(ledger, journals_here(home))
        assert (len(done.taken), len(done.left), len(calls)) == (1, 2, 2)
    assert sum(path.exists() for path in paths) == 2
    assert len(look()[0]) == 3


IMPORTER = """
import sys
from carbon_advisor.advisor.ledger.current import current_ledger
print("ready", flush=True)
sys.stdin.readline()
with current_ledger() as current:
    taken = len(current.intake.taken)
    print(taken, len(current.runs()), len(current.journals.unreadable), flush=True)
"""


@pytest.mark.slow
def test_many_who_import_at_once_give_each_run_once(home: Path) -> None:
    for number in range(JOURNALS):
        a_journal(home, end=None if number % 2 else "finished")
    importers = [
        subprocess.Popen(
            [sys.executable, "-c", IMPORTER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(IMPORTERS)
    ]
    for each in importers:
        assert each.stdout is not None
        assert each.stdout.readline() == "ready\n"
    told = []
    for each in importers:
        assert each.stdin is not None
        each.stdin.write("go\n")
        each.stdin.flush()
    for each in importers:
        out, _ = each.communicate(timeout=120)
        told.append([int(number) for number in out.split()])
    assert [each.returncode for each in importers] == [0] * IMPORTERS
    assert sum(taken for taken, _, _ in told) == JOURNALS
    assert {unreadable for _, _, unreadable in told} == {0}
    runs, _ = look()
    assert len(runs) == len({run.id for run in runs}) == JOURNALS
    assert list((home / "journal").iterdir()) == []
