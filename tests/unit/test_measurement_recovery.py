"""Journals as they are found: cut, continued, foreign, of other machines, damaged at any place."""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carbon_advisor.measurement import Tracker
from carbon_advisor.measurement.errors import InputError
from carbon_advisor.measurement.power_steps import power_steps
from carbon_advisor.measurement.recovery import (
    UNCLOSED,
    journalled_runs,
    journals_in,
    read_journalled,
    run_from_journal,
)
from carbon_advisor.measurement.steps import MAX_STEPS

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("HERE", "PUE", "PROJECT", "RUN_NAME", "INTERVAL_S"):
        monkeypatch.delenv(f"ADVISOR_{name}", raising=False)
    monkeypatch.setenv("ADVISOR_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def journal(home: Path) -> Path:
    """Of a run that ended, with one task and a place."""
    with Tracker("bert", here="DE", interval_s=0.02) as tracker, tracker.task("epoch"):
        time.sleep(0.1)
    (path,) = journals_in(home)
    return path


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def rewritten(path: Path, lines: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def killed(path: Path, **header: Any) -> Path:
    """The same journal, its end never written; some fields of its header changed."""
    lines = [line for line in lines_of(path) if "state" not in line]
    return rewritten(path, [lines[0] | header, *lines[1:]])


def test_a_run_without_its_end_is_interrupted_and_says_so(journal: Path) -> None:
    whole = read_journalled(journal)
    assert (whole.run.state, whole.tail) == ("finished", b"")
    cut = read_journalled(killed(journal))
    assert (cut.run.state, cut.run.notes[-1]) == ("interrupted", UNCLOSED)
    assert cut.run.energy_kwh == whole.run.energy_kwh
    assert cut.run.place == whole.run.place


def test_a_corrupt_tail_is_told_and_the_rest_kept(journal: Path) -> None:
    before = read_journalled(journal).run.duration_s
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(lines[:-2]) + b"\0" * 40 + b"\n" + lines[-1])
    found = read_journalled(journal)
    assert found.run.state == "interrupted"
    assert 0 < found.run.duration_s <= before
    assert found.tail == b"\0" * 40 + b"\n" + lines[-1]


def test_of_another_machine_it_goes_on_until_it_has_been_quiet_for_long(journal: Path) -> None:
    killed(journal, host="another-machine")
    assert run_from_journal(journal).state == "running"
    long_ago_s = time.time() - 120
    os.utime(journal, (long_ago_s, long_ago_s))
    assert run_from_journal(journal).state == "interrupted"
    killed(journal, host="another-machine", interval_s=3600)
    os.utime(journal, (long_ago_s, long_ago_s))
    assert run_from_journal(journal).state == "running"


@pytest.mark.parametrize(
    "changes",
    [
        {"id": "../../etc/passwd"},
        {"id": 7},
        {"project": None},
        {"started_at": "yesterday"},
        {"components": "none"},
        {"components": [{"component": "cpu"}]},
        {"place": {"zone": "DE", "intensity_g_per_kwh": "much", "intensity_year": 1, "pue": 1}},
        {"hardware": {"cpu_name": "no more than that"}},
        {"pid": True},
        {"interval_s": -1},
        {"command": 5},
    ],
)
def test_a_header_that_is_not_ours_is_refused(journal: Path, changes: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="is no journal"):
        run_from_journal(killed(journal, **changes))


@pytest.mark.parametrize(
    "record",
    [
        {"duration_s": float("nan"), "energy_kwh": []},
        {"duration_s": -1.0},
        {"duration_s": "1"},
        {"duration_s": 1.0, "energy_kwh": [1.0] * 9, "machine_energy_kwh": [1.0] * 9},
        {"duration_s": 1.0, "energy_kwh": 5},
        {"state": "exploded"},
        {"state": "failed", "exit_code": "no"},
        {"task": {"name": "epoch"}},
        {"task": {"name": 1, "duration_s": 1, "energy_kwh": 1}},
        {"task": []},
    ],
)
def test_a_record_that_is_not_ours_refuses_the_journal(
    journal: Path, record: dict[str, Any]
) -> None:
    with pytest.raises(InputError, match="is no journal"):
        run_from_journal(rewritten(journal, [*lines_of(journal), record]))


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_damage_at_any_place_is_an_error_or_a_cut_and_never_a_crash(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("damaged") / "journal" / "a.jsonl"
    path.parent.mkdir()
    content = bytearray(_SAMPLE)
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(content) - 1))
        content[place : place + data.draw(st.integers(0, 5))] = data.draw(st.binary(max_size=5))
        content = content or bytearray(b"\n")
    path.write_bytes(content)
    try:
        run = run_from_journal(path)
    except InputError:
        assert journalled_runs(path.parent.parent) == []
    else:
        assert run.energy_kwh >= 0
        assert run.state in {"running", "interrupted", "finished"}


_PART = {"method": "modelled", "source": "a model", "relative_error": 0.2}
_COMPONENTS = [{**_PART, "component": c, "energy_kwh": 0.0, "machine_energy_kwh": 0.0}
               for c in ("cpu", "memory")]  # fmt: skip
_RECORDS: list[dict[str, Any]] = [
    {
        "schema": "carbon-advisor/journal/1",
        "id": "0123456789abcdef0123456789abcdef",
        "project": "p",
        "run_name": "r",
        "started_at": "2026-11-23T06:00:00+00:00",
        "interval_s": 1.0,
        "place": None,
        "host": "here",
        "pid": 4_000_000,
        "command": ["true"],
        "hardware": None,
        "components": _COMPONENTS,
        "notes": [],
    },
    *(
        {"duration_s": n, "cpu_time_s": n, "memory_peak_gb": 0.1,
         "energy_kwh": [n * 1e-6, n * 1e-7], "machine_energy_kwh": [n * 2e-6, n * 2e-7]}
        for n in range(1, 5)
    ),
    {"state": "finished", "exit_code": 0, "notes": []},
]  # fmt: skip
_SAMPLE = b"".join(json.dumps(record).encode() + b"\n" for record in _RECORDS)


def test_power_over_time_keeps_the_energy_in_few_steps() -> None:
    samples = [{"duration_s": n / 10, "energy_kwh": [n * 1e-7, n * 2e-7]} for n in range(1, 5000)]
    steps = power_steps(samples)
    assert len(steps.power_w) == len(steps.duration_s) <= MAX_STEPS
    joules = sum(w * s for w, s in zip(steps.power_w, steps.duration_s, strict=True))
    assert joules == pytest.approx(4999 * 3e-7 * 3.6e6, rel=1e-3)
    assert sum(steps.duration_s) == pytest.approx(499.9)
    assert steps.power_w == pytest.approx([10.8] * len(steps.power_w))
    assert power_steps([]).power_w == ()
