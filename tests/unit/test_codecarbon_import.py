"""CodeCarbon's files: the columns of each of its versions (3.3 wrote its own), and spoilt ones."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carbon_advisor.advisor.ledger.codecarbon import read_emissions
from carbon_advisor.advisor.run_summary import recorded_run_json
from carbon_advisor.measurement.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from carbon_advisor.advisor.ledger.codecarbon import Emissions
    from tests.conftest import Conforms

FILES = Path(__file__).parents[1] / "fixtures" / "codecarbon"
V1, V2_0, V2_3, V3_3 = (
    (FILES / f"v{version}.csv").read_text("utf-8") for version in ("1", "2.0", "2.3", "3.3")
)
RUN = "32a60dd2-8e27-4bd6-8143-c824f0beb593"  # of the last one, flushed once before it stopped


@pytest.fixture(autouse=True)
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Local time is an hour, in summer two, ahead of UTC."""
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "emissions.csv"


def read(file: Path, text: str) -> Emissions:
    file.write_text(text, encoding="utf-8")
    return read_emissions(file)


@pytest.mark.parametrize("text", [V1, V2_0, V2_3, V3_3], ids=["1", "2.0", "2.3", "3.3"])
def test_every_version_is_read_and_shown(file: Path, text: str, conforms: Conforms) -> None:
    found = read(file, text)
    assert found.skipped == ()
    for run, details in found.runs:
        assert (run.state, run.origin, run.method) == ("finished", "codecarbon-import", "imported")
        conforms(recorded_run_json(run, details, None), "recorded_run")
        assert details.document is not None
        parts = details.document["components"]
        assert sum(part["energy_kwh"] for part in parts) == pytest.approx(run.energy_kwh)
        assert {part["method"] for part in parts} == {"imported"}


def test_units_times_and_places_are_converted(file: Path) -> None:
    (first, details), (second, _) = read(file, V1).runs
    assert (first.project, first.duration_s, first.energy_kwh) == ("mnist", 3600.5, 0.031)
    assert first.emissions_g == pytest.approx(12)
    assert first.intensity_g_per_kwh == pytest.approx(12 / 0.031)
    assert f"{first.ended_at:%H:%M %z}" == "09:00 +0000"
    assert f"{first.started_at:%H:%M:%S}" == "07:59:59"
    assert first.id != second.id
    assert details.document is not None
    assert details.document["imported"]["country_iso_code"] == "FRA"
    assert details.document["components"][0]["component"] == "machine"


def test_pue_is_taken_out_of_the_energy_and_stays_in_the_emissions(file: Path) -> None:
    ((run, details),) = read(file, V2_3).runs
    assert (run.pue, run.energy_kwh) == (1.25, pytest.approx(0.00695 / 1.25))
    assert run.emissions_g == pytest.approx(0.47)
    assert run.energy_kwh is not None
    assert run.intensity_g_per_kwh is not None
    assert run.energy_kwh * run.pue * run.intensity_g_per_kwh == pytest.approx(run.emissions_g)
    assert details.document is not None
    assert details.document["components"][0]["source"] == "CodeCarbon 2.3.1, tracking_mode machine"
    assert run.machine_energy_kwh == run.energy_kwh


def test_the_rows_of_one_run_are_not_added_up(file: Path) -> None:
    found = read(file, V3_3)
    ((run, _),) = found.runs
    assert (found.rows, run.id, run.project) == (2, RUN.replace("-", ""), "digits")
    assert run.duration_s == pytest.approx(4.088181799001177)
    assert run.energy_kwh == pytest.approx(1.5155665627649092e-05)
    assert run.emissions_g == pytest.approx(0.0057735508208529215)
    assert run.machine_energy_kwh is None  # tracking_mode process
    assert f"{run.started_at:%H:%M:%S}" == "08:39:46"


def test_a_tracker_that_was_started_again_goes_on_counting_but_for_its_time(file: Path) -> None:
    header = "timestamp,project_name,run_id,duration,emissions,energy_consumed\n"
    rows = (
        f"2026-01-01T10:00:10,p,{RUN},10,0.001,0.01\n2026-01-01T10:01:04,p,{RUN},4,0.0015,0.015\n"
    )
    ((run, _),) = read(file, header + rows + rows).runs
    assert (run.duration_s, run.energy_kwh) == (14, 0.015)


def test_a_bad_row_is_told_and_the_rest_kept(file: Path) -> None:
    header = "timestamp,project_name,run_id,duration,emissions,energy_consumed,of_the_future\n"
    good = f"2026-01-01T10:00:10,p,{RUN},10,0.001,0.01,x\n"
    bad = [
        "2026-01-01T10:00:10,p,a,10,0.001,0.01",
        "yesterday,p,a,10,0.001,0.01,x",
        "9999-12-31T23:59:59,p,a,10,0.001,0.01,x",
        "2026-01-01T10:00:10,p,a,ten,0.001,0.01,x",
        "2026-01-01T10:00:10,p,a,10,-0.001,0.01,x",
        "2026-01-01T10:00:10,p,a,10,0.001,nan,x",
        "2026-01-01T10:00:10,p,a,10,0.001,,x",
        "2026-01-01T10:00:10,p,a,10,0.001,inf,x",
        '2026-01-01T10:00:10,"p,a,10,0.001,0.01,x',
        "\0\0\0",
    ]
    found = read(file, header + "\n".join(bad) + "\n\n" + good)
    assert [each.line for each in found.skipped] == list(range(2, 2 + len(bad)))
    assert all(each.reason for each in found.skipped)
    ((run, _),) = found.runs
    assert run.energy_kwh == 0.01


def test_a_file_appended_to_one_of_another_version_is_read(file: Path) -> None:
    found = read(file, V1 + V2_3 + V3_3)
    assert (len(found.runs), found.skipped) == (4, ())


def test_ids_do_not_change_from_one_reading_to_the_next(file: Path) -> None:
    text = V1 + V2_3.replace("aaaa1111-0000-4000-8000-000000000002", "my own id / 7")
    first, second = ([run.id for run, _ in read(file, text).runs] for _ in range(2))
    assert first == second
    assert len(set(first)) == 3
    assert all(len(each) == 32 for each in first)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no column 'timestamp'"),
        ("a,b\n1,2\n", "no column 'timestamp'"),
        ("timestamp,duration,emissions\n", "no column 'energy_consumed'"),
        ("task_name,timestamp,duration,emissions,energy_consumed\n", "tasks of one run"),
    ],
)
def test_what_is_no_such_file_is_refused(file: Path, text: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        read(file, text)
    with pytest.raises(InputError, match="cannot read"):
        read_emissions(file.with_name("missing.csv"))
    with pytest.raises(InputError, match="cannot read"):
        read_emissions(file.parent)


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_whatever_is_in_a_file_it_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    file = tmp_path_factory.mktemp("emissions") / "emissions.csv"
    content = bytearray((V2_3 + V3_3).encode())
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(content) - 1))
        content[place : place + data.draw(st.integers(0, 9))] = data.draw(st.binary(max_size=9))
    file.write_bytes(content)
    try:
        found = read_emissions(file)
    except InputError:
        return
    for run, _ in found.runs:
        assert run.energy_kwh is not None
        assert run.energy_kwh >= 0
    os.unlink(file)  # noqa: PTH108 many examples
