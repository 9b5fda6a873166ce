"""The ledger as a store: what is written comes back, by many writers at once, in real files."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.exc import IntegrityError, StatementError

from carbon_advisor.advisor.interval import Interval
from carbon_advisor.advisor.ledger.opening import ledger_path, open_to_read, open_to_write
from carbon_advisor.advisor.ledger.records import Details, Pair, Prediction, Run, new_id
from carbon_advisor.measurement.errors import InputError, StorageError, UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from carbon_advisor.advisor.ledger.store import Ledger

NOW = datetime(2026, 11, 23, 6, 0, 0, 123456, tzinfo=UTC)
WRITERS, ROWS_EACH = 8, 50


def a_prediction(**changes: Any) -> Prediction:
    values: dict[str, Any] = {
        "id": new_id(),
        "created_at": NOW,
        "profile_name": "train",
        "profile_sha256": "0" * 64,
        "candidate": "here",
        "zone": "SE-SE3",
        "start_at": NOW,
        "duration_s": Interval(60.0, 50.0, 72.0),
        "energy_kwh": Interval(1e-3, 8e-4, 1.25e-3),
        "emissions_g": Interval(0.03, 0.02, 0.045),
        "intensity_g_per_kwh": 30.0,
        "pue": 1.1,
        "provenance": {"energy": "the profile's", "catalog_version": "2026-01"},
    }
    return Prediction(**(values | changes))


def a_run(prediction: Prediction | None, **changes: Any) -> Run:
    values: dict[str, Any] = {
        "id": new_id(),
        "prediction_id": prediction.id if prediction else None,
        "name": "train",
        "state": "running",
        "started_at": NOW,
        "pue": 1.1,
        "zone": "SE-SE3",
        "host": "a-machine",
        "git_commit": "0123456789abcdef0123456789abcdef01234567",
        "project": "bert",
        "command": ("python", "train.py"),
        "rank": 3,
    }
    return Run(**(values | changes))


def ended(run: Run, **changes: Any) -> Run:
    values: dict[str, Any] = {
        "state": "finished",
        "ended_at": NOW + timedelta(seconds=66),
        "exit_code": 0,
        "duration_s": 66.0,
        "energy_kwh": 1.1e-3,
        "emissions_g": 0.0363,
        "intensity_g_per_kwh": 30.0,
    }
    return replace(run, **(values | changes))


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("ADVISOR_DATABASE_URL", raising=False)
    monkeypatch.setenv("ADVISOR_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def ledger(home: Path) -> Iterator[Ledger]:
    with open_to_write() as opened:
        yield opened


def test_a_run_and_its_prediction_come_back_as_written(ledger: Ledger) -> None:
    prediction = a_prediction()
    run = a_run(prediction)
    ledger.write_prediction(prediction)
    ledger.start_run(run)
    assert ledger.runs() == [run]
    assert ledger.pairs() == []  # nothing has been measured yet
    details = Details({"schema": "profile"}, {"notes": ["Ω"]}, {"power_w": [1.5]})
    ledger.finish_run(ended(run), details)
    assert ledger.run(run.id) == ended(run)
    assert ledger.pairs() == [Pair(prediction, ended(run))]
    assert ledger.details_of(run.id) == details
    assert ledger.prediction(prediction.id) == prediction


def test_what_is_not_known_comes_back_as_none(ledger: Ledger) -> None:
    prediction = a_prediction(zone=None, emissions_g=None, intensity_g_per_kwh=None)
    run = a_run(prediction, zone=None, git_commit=None)
    ledger.write_prediction(prediction)
    ledger.start_run(run)
    failed = ended(run, state="failed", exit_code=3, emissions_g=None, intensity_g_per_kwh=None)
    ledger.finish_run(failed)
    assert ledger.pairs() == [Pair(prediction, failed)]
    assert ledger.details_of(run.id) == Details()
    assert ledger.prediction("0" * 32) is None


def test_a_reader_sees_what_a_writer_wrote(ledger: Ledger) -> None:
    reader = open_to_read()
    assert reader is not None
    with reader:
        assert reader.runs() == []
        run = a_run(None)
        ledger.start_run(run)
        assert reader.runs() == [run]


def test_without_a_ledger_there_is_nothing_to_read_and_nothing_is_made(home: Path) -> None:
    assert open_to_read() is None
    assert not home.exists()


def test_times_are_utc_whatever_zone_they_were_in(ledger: Ledger) -> None:
    run = a_run(None, started_at=NOW.astimezone(timezone(timedelta(hours=-9))))
    ledger.start_run(run)
    assert ledger.run(run.id).started_at == NOW
    assert ledger.run(run.id).started_at.tzinfo is UTC


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.text(),
    values=st.tuples(*[st.floats(0, 1e300)] * 3).map(sorted),
    actual=st.floats(0, 1e300),
    started_at=st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 hypothesis wants its bounds naive
)
def test_every_figure_time_and_text_survives(
    ledger: Ledger, name: str, values: list[float], actual: float, started_at: datetime
) -> None:
    low, middle, high = values
    prediction = a_prediction(
        profile_name=name, energy_kwh=Interval(middle, low, high), start_at=started_at
    )
    run = a_run(prediction, name=name, started_at=started_at)
    ledger.write_prediction(prediction)
    ledger.start_run(run)
    ledger.finish_run(ended(run, energy_kwh=actual))
    assert ledger.pairs(run_id=run.id) == [Pair(prediction, ended(run, energy_kwh=actual))]


def test_a_name_that_is_not_utf_8_is_kept_as_far_as_it_can_be(ledger: Ledger) -> None:
    run = a_run(None, name=os.fsdecode(b"caf\xe9"))
    ledger.start_run(run)
    assert ledger.run(run.id).name == "caf?"


def test_a_run_ends_once(ledger: Ledger) -> None:
    run = a_run(None)
    with pytest.raises(StorageError, match=r"no run .* that is running"):
        ledger.finish_run(ended(run))
    ledger.start_run(run)
    ledger.finish_run(ended(run))
    with pytest.raises(StorageError, match=r"no run .* that is running"):
        ledger.finish_run(ended(run, energy_kwh=5.0))
    assert ledger.run(run.id).energy_kwh == 1.1e-3


@pytest.mark.parametrize(
    "changes",
    [
        {"energy_kwh": Interval(1.0, -1.0, 2.0)},
        {"duration_s": Interval(float("nan"), 0.0, 1.0)},
        {"pue": float("nan")},
        {"provenance": {"factor": float("nan")}},
    ],
    ids=["negative", "nan", "nan-pue", "nan-in-json"],
)
def test_the_database_itself_refuses_impossible_figures(
    ledger: Ledger, changes: dict[str, Any]
) -> None:
    with pytest.raises((IntegrityError, StatementError, StorageError)):
        ledger.write_prediction(a_prediction(**changes))


def test_a_found_run_is_recorded_once_and_completes_the_one_that_was_started(
    ledger: Ledger,
) -> None:
    prediction = a_prediction()
    run = a_run(prediction)
    found = ended(replace(run, prediction_id=None, origin="track", name="other", project="x"))
    ledger.write_prediction(prediction)
    ledger.start_run(run)
    assert ledger.record_run(found, Details(document={"notes": ["cut"]})) == "completed"
    assert ledger.runs() == [ended(run)]
    assert ledger.record_run(replace(found, energy_kwh=5.0), Details()) == "known"
    assert ledger.runs() == [ended(run)]
    assert ledger.details_of(run.id).document == {"notes": ["cut"]}
    alone = ended(a_run(None, origin="tracker"))
    assert [ledger.record_run(alone, Details()) for _ in range(2)] == ["added", "known"]


def test_a_run_thought_to_be_interrupted_may_still_end(ledger: Ledger) -> None:
    run = a_run(None)
    ledger.start_run(run)
    assert ledger.running() == [run]
    ledger.mark_interrupted(run.id)
    assert (ledger.run(run.id).state, ledger.running()) == ("interrupted", [])
    ledger.finish_run(ended(run))
    ledger.mark_interrupted(run.id)
    assert ledger.runs() == [ended(run)]


def test_runs_of_one_project(ledger: Ledger) -> None:
    for project in ("a", "b", "a"):
        ledger.start_run(a_run(None, project=project))
    assert [run.project for run in ledger.runs(project="a")] == ["a", "a"]
    assert len(ledger.runs(project="a", last=1)) == 1


def test_a_run_names_a_prediction_that_exists(ledger: Ledger) -> None:
    with pytest.raises(StorageError, match="FOREIGN KEY"):
        ledger.start_run(a_run(a_prediction()))
    assert ledger.runs() == []


def test_runs_are_in_the_order_they_started(ledger: Ledger) -> None:
    for minute in (2, 0, 1):
        ledger.start_run(a_run(None, name=str(minute), started_at=NOW + timedelta(minutes=minute)))
    assert [run.name for run in ledger.runs()] == ["0", "1", "2"]
    assert [run.name for run in ledger.runs(last=2)] == ["1", "2"]


def test_a_run_is_found_by_the_beginning_of_its_id(ledger: Ledger) -> None:
    one, other = (a_run(None, id=f"abcd{n}234-0000-4000-8000-000000000000") for n in (1, 2))
    ledger.start_run(one)
    ledger.start_run(other)
    assert ledger.run("ABCD1") == one
    with pytest.raises(InputError, match="several runs"):
        ledger.run("abcd")
    with pytest.raises(UnknownNameError, match="nearest known: abcd1234"):
        ledger.run("abcd1234-0000-4000-8000-000000000001")
    for not_an_id in ("", "abc", "%%%%", "____", "' OR 1=1 --"):
        with pytest.raises(UnknownNameError):
            ledger.run(not_an_id)


def test_the_file_is_in_wal_mode_and_nobody_elses_to_read(ledger: Ledger, home: Path) -> None:
    with closing(sqlite3.connect(home / "ledger.sqlite")) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert (home / "ledger.sqlite").stat().st_mode & 0o077 == 0
    assert home.stat().st_mode & 0o077 == 0


def test_the_ledger_is_where_the_url_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "else where?" / "l%41.sqlite"
    monkeypatch.setenv("ADVISOR_DATABASE_URL", f"sqlite:///{file}".replace("?", "%3F"))
    assert ledger_path(f"sqlite:///{tmp_path}/x.sqlite") == tmp_path / "x.sqlite"
    with open_to_write(f"sqlite:///{tmp_path}/x.sqlite") as ledger:
        ledger.start_run(a_run(None))
    assert (tmp_path / "x.sqlite").exists()


@pytest.mark.parametrize(
    "url", ["postgresql://user:hunter2@host/db", "sqlite://", "hunter2", "sqlite:///:memory:"]
)
def test_another_kind_of_url_is_refused_without_repeating_its_password(url: str) -> None:
    with pytest.raises(StorageError) as refusal:
        open_to_write(url)
    assert "ADVISOR_DATABASE_URL" in str(refusal.value)
    assert "hunter2" not in str(refusal.value)


def write_many() -> None:
    """Be one of the writers: this file run as a program."""
    print("ready", flush=True)  # noqa: T201 the parent waits for it
    sys.stdin.readline()
    with open_to_write() as ledger:
        for number in range(ROWS_EACH):
            prediction = a_prediction(profile_name=f"{os.getpid()}-{number}")
            run = a_run(prediction, name=f"{os.getpid()}-{number}")
            ledger.write_prediction(prediction)
            ledger.start_run(run)
            ledger.finish_run(ended(run))


@pytest.mark.slow
def test_many_processes_create_one_ledger_and_lose_no_row(home: Path) -> None:
    writers = [
        subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(WRITERS)
    ]
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("go\n")
        writer.stdin.flush()
    for writer in writers:
        writer.communicate(timeout=120)
    assert [writer.returncode for writer in writers] == [0] * WRITERS
    ledger = open_to_read()
    assert ledger is not None
    with ledger:
        pairs = ledger.pairs()
    assert len({pair.run.name for pair in pairs}) == len(pairs) == WRITERS * ROWS_EACH
    assert all(pair.run.name == pair.prediction.profile_name for pair in pairs)
    assert {path.name for path in home.iterdir()} == {"ledger.sqlite", "ledger.sqlite.lock"}


if __name__ == "__main__":
    write_many()
