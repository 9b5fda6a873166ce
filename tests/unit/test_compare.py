"""Predicted against actual: the arithmetic, and the tables at their worst."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carbon_advisor.advisor.cli import compare as screen
from carbon_advisor.advisor.compare import (
    QUANTITIES,
    Accuracy,
    Comparison,
    accuracies,
    compare_run,
    comparison_json,
)
from carbon_advisor.advisor.interval import Interval, lognormal_interval
from carbon_advisor.advisor.ledger.records import Pair, Prediction, Run, new_id

if TYPE_CHECKING:
    from collections.abc import Sequence

NOW = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)
POSITIVE = st.floats(1e-9, 1e9)


def pair(predicted: Sequence[float], actual: Sequence[float | None], **changes: Any) -> Pair:
    """Return a finished run; duration in s, energy in kWh, emissions in g; intervals of ±10 %."""
    duration, energy, emissions = (Interval(value, value * 0.9, value * 1.1) for value in predicted)
    prediction = Prediction(
        id=new_id(),
        created_at=NOW,
        profile_name="train",
        profile_sha256="0" * 64,
        candidate="here",
        zone="SE-SE3",
        start_at=NOW,
        duration_s=duration,
        energy_kwh=energy,
        emissions_g=emissions,
        intensity_g_per_kwh=30.0,
        pue=1.0,
        provenance={},
    )
    run = Run(
        id=new_id(),
        prediction_id=prediction.id,
        name="train",
        state="finished",
        started_at=NOW,
        ended_at=NOW + timedelta(seconds=1),
        exit_code=0,
        duration_s=actual[0],
        energy_kwh=actual[1],
        emissions_g=actual[2],
    )
    return Pair(prediction, replace(run, **changes))


def overall(pairs: Sequence[Pair]) -> dict[str, Accuracy]:
    return {each.quantity: each for each in accuracies([compare_run(one) for one in pairs])}


def test_errors_by_hand() -> None:
    found = overall(
        [
            pair((110, 2.0, 30), (100, 2.0, 60)),  # +10 %, 0, −50 %
            pair((80, 3.0, 30), (100, 2.0, 20)),  # −20 %, +50 %, +50 %
            pair((130, 2.2, 30), (100, 2.0, 30)),  # +30 %, +10 %, 0
        ]
    )
    duration = found["duration_s"]
    assert duration.count == 3
    assert duration.bias == pytest.approx(0.2 / 3)
    assert duration.mape == pytest.approx(0.2)
    assert duration.median_ape == pytest.approx(0.2)
    assert duration.coverage == pytest.approx(1 / 3)  # 110 · 0.9 … 110 · 1.1 holds 100
    assert found["energy_kwh"].bias == pytest.approx(0.2)
    assert found["energy_kwh"].median_ape == pytest.approx(0.1)
    assert found["energy_kwh"].coverage == pytest.approx(2 / 3)
    assert found["emissions_g"].bias == pytest.approx(0, abs=1e-12)
    assert found["emissions_g"].mape == pytest.approx(1 / 3)


@given(st.lists(st.tuples(POSITIVE, POSITIVE), min_size=1, max_size=30))
def test_bias_never_exceeds_the_mean_size_of_errors(values: list[tuple[float, float]]) -> None:
    found = overall([pair((p, p, p), (a, a, a)) for p, a in values])["energy_kwh"]
    assert found.count == len(values)
    assert found.bias is not None
    assert found.mape is not None
    assert abs(found.bias) <= found.mape * (1 + 1e-9)
    assert found.bias >= -1
    assert 0 <= found.coverage <= 1


@given(POSITIVE, POSITIVE, st.floats(1e-3, 1e3))
def test_errors_do_not_depend_on_the_unit(predicted: float, actual: float, factor: float) -> None:
    one = Comparison("energy_kwh", lognormal_interval(predicted, 0.1), actual)
    other = Comparison("energy_kwh", one.predicted.scaled(factor), actual * factor)
    assert other.relative_error == pytest.approx(one.relative_error, rel=1e-6, abs=1e-9)


@given(POSITIVE)
def test_a_perfect_prediction_has_no_error_and_is_inside(value: float) -> None:
    found = overall([pair((value,) * 3, (value,) * 3)])
    assert {each.bias for each in found.values()} == {0.0}
    assert {each.coverage for each in found.values()} == {1.0}


@pytest.mark.parametrize("actual", [0.0, 5e-324])
def test_an_actual_of_nothing_has_no_relative_error(actual: float) -> None:
    found = overall([pair((1, 1, 1), (1, actual, 1))])["energy_kwh"]
    assert found == Accuracy("energy_kwh", 1, None, None, None, 0.0)


@pytest.mark.parametrize("state", ["failed", "interrupted", "running"])
def test_what_did_not_finish_is_shown_but_not_counted(state: str) -> None:
    compared = compare_run(pair((1, 1, 1), (2, 2, 2), state=state, exit_code=1))
    assert compared.of("energy_kwh") is not None
    assert accuracies([compared]) == []


def test_emissions_are_compared_only_where_both_are_known() -> None:
    unknown = pair((1, 1, 1), (1, 1, None))
    assert set(overall([unknown])) == {"duration_s", "energy_kwh"}
    assert overall([unknown, pair((1, 1, 1), (1, 1, 1))])["emissions_g"].count == 1


def test_nothing_gives_nothing() -> None:
    assert accuracies([]) == []
    assert comparison_json([])["runs"] == []


@given(st.lists(st.tuples(*[st.floats(0, 1e300)] * 3), max_size=5))
def test_the_json_has_no_nan_whatever_the_figures(values: list[tuple[float, ...]]) -> None:
    compared = [compare_run(pair((1, 1, 1), actual)) for actual in values]
    document = json.loads(json.dumps(comparison_json(compared), allow_nan=False))
    assert len(document["runs"]) == len(values)
    assert set(document["overall"]) == (set(QUANTITIES) if values else set())


@given(
    st.lists(
        st.tuples(st.floats(1e-3, 1e9), st.floats(1e-8, 1e6), st.floats(1e-5, 1e9)),
        min_size=1,
        max_size=4,
    )
)
def test_tables_fit_100_columns_whatever_the_figures(values: list[tuple[float, ...]]) -> None:
    from carbon_advisor.advisor.cli.output import console

    wide = "a [bold]very long[/bold] name " * 9
    compared = [
        compare_run(pair(actual[::-1], actual, name=wide, state="failed", exit_code=137))
        for actual in values
    ]
    shown = console()
    with shown.capture() as captured:
        shown.print(screen._runs_table(compared))
        shown.print(screen.run_table(compared[0]))
    text = captured.get()
    assert max(map(len, text.splitlines())) <= 100
    assert text.count("…") == len(values) + 1  # only names are cut
    assert text.count("a [bold]ver…") == len(values)  # and their brackets are no markup


@pytest.mark.parametrize("name", ["\x1b[2Jgone", "\x1b]0;title\x07", "a\nb\rc", "a\u202eb"])
def test_a_name_cannot_drive_the_terminal(name: str) -> None:
    assert all(character.isprintable() for character in screen.printable(name, 20))


@pytest.mark.parametrize(
    ("error", "shown"),
    [(None, "–"), (0.123, "+12%"), (-0.5, "-50%"), (12.0, "×13"), (1e6, ">×999")],
)
def test_errors_as_people_read_them(error: float | None, shown: str) -> None:
    assert screen._percent(error) == shown
