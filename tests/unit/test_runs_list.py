"""What a list of runs adds up to: nothing twice, nothing invented; a run on the screen."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carbon_advisor.advisor.ledger.records import Details, Run
from carbon_advisor.advisor.run_summary import recorded_run_json, summary_lines
from carbon_advisor.advisor.runs_list import how_measured, runs_json, total_of

NOW = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)


def a_run(run_id: str, **values: Any) -> Run:
    given_values = {"state": "finished", "duration_s": 10.0, "energy_kwh": 1.0, "emissions_g": 5.0}
    return Run(
        id=run_id, prediction_id=None, name="job", started_at=NOW, **(given_values | values)
    )  # fmt: skip


def test_a_run_within_another_is_counted_there() -> None:
    runs = [a_run("a"), a_run("b", parent_id="a", energy_kwh=0.4), a_run("c", parent_id="b")]
    total = total_of(runs)
    assert (total.runs, total.nested, total.energy_kwh, total.duration_s) == (3, 2, 1.0, 10.0)
    assert total_of(runs[1:]).energy_kwh == 0.4  # its parent is not among these
    assert total_of([runs[0], runs[2]]).energy_kwh == 2.0  # nobody says what b is within
    assert total_of([runs[0], runs[2]], {"b": "a"}).energy_kwh == 1.0


def test_what_is_not_known_is_said_and_not_zero() -> None:
    unmeasured = a_run("a", energy_kwh=None, emissions_g=None, state="running")
    total = total_of([unmeasured, a_run("b", emissions_g=None), a_run("c", parent_id="a")])
    assert (total.unmeasured, total.without_emissions, total.nested) == (1, 1, 0)
    assert (total.energy_kwh, total.emissions_g) == (2.0, 5.0)
    assert total_of([]).energy_kwh == 0


@given(
    st.lists(
        st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=10, unique_by=lambda pair: pair[0]
    )
)
def test_whoever_is_whose_parent_the_sum_is_between_nothing_and_all(
    pairs: list[tuple[int, int]],
) -> None:
    """Also for what cannot be: runs that are their own ancestors."""
    runs = [a_run(str(own), parent_id=str(parent) if parent else None) for own, parent in pairs]
    total = total_of(runs)
    assert 0 <= total.energy_kwh <= len(runs)
    assert total.energy_kwh + total.nested == len(runs)


@pytest.mark.parametrize(
    ("values", "word"),
    [
        ({"method": "measured"}, "measured"),
        ({"method": "modelled"}, "modelled"),
        ({"method": "imported"}, "imported"),
        ({"method": "mixed", "measured_kwh": 0.62}, "measured 62%"),
        ({"method": "mixed", "measured_kwh": 0.0}, "modelled"),
        ({"method": "mixed", "energy_kwh": 0.0}, "modelled"),
        ({"method": None}, "–"),
    ],
)
def test_how_the_energy_was_obtained_is_a_word(values: dict[str, Any], word: str) -> None:
    assert how_measured(a_run("a", **values)) == word


def test_a_run_on_the_screen_fits_and_hides_no_control_characters() -> None:
    part = {
        "component": "cpu", "energy_kwh": 0.6, "machine_energy_kwh": 0.9, "method": "modelled",
        "source": "a model " * 30, "relative_error": 0.2,
    }  # fmt: skip
    imported = {**part, "component": "machine", "relative_error": None, "method": "imported"}
    tasks = [{"name": "epoch\x1b[31m", "duration_s": 1.0, "energy_kwh": 0.1} for _ in range(3)]
    tasks += [{"name": f"task {n}", "duration_s": 1.0, "energy_kwh": 0.1} for n in range(30)]
    document = {"components": [part, imported], "tasks": tasks, "notes": ["n\x07ote " * 40]}
    run = a_run(
        "0123456789abcdef", project="p\x1b[2J" + "x" * 200, command=("sh", "-c", "\x1b]0;x\x07"),
        memory_peak_gb=0.5, cpu_time_s=3.0, parent_id="f" * 32, group_id="slurm:7", rank=3,
        machine_energy_kwh=2.0, zone="DE", intensity_g_per_kwh=340.0, exit_code=3, state="failed",
    )  # fmt: skip
    lines = summary_lines(run, Details(document=document))
    text = "\n".join(lines)
    assert max(map(len, lines)) <= 100
    assert all(character.isprintable() or character == "\n" for character in text)
    for word in ("failed, exit code 3", "±20%", "3 ×", "11 more", "slurm:7, rank 3", "fffffff"):
        assert word in text


def test_every_run_conforms(conforms: Any) -> None:
    runs = [a_run("a"), a_run("b", state="running", energy_kwh=None, duration_s=None)]
    conforms(runs_json(runs, total_of(runs), ["a note"]), "runs")
    conforms(recorded_run_json(runs[1], Details(), None), "recorded_run")
