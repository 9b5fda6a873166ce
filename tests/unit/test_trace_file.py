"""Reading traces: both shapes, gzip, gaps and duplicates, and errors that say what is wrong."""

from __future__ import annotations

import gzip
import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from carbon_advisor.advisor.catalog import load_catalog
from carbon_advisor.advisor.trace_file import read_trace
from carbon_advisor.advisor.trace_zones import informing, rows_of
from carbon_advisor.measurement.errors import InputError, UnknownNameError

CATALOG = load_catalog()
LONG = """utc,zone,value
2026-03-29T00:00:00Z,DE,300
2026-03-29T01:00:00Z,DE,310
2026-03-29T02:00:00Z,DE,320
2026-03-29T03:00:00Z,DE,330
2026-03-29T00:00:00Z,FR,30
2026-03-29T01:00:00Z,FR,
2026-03-29T03:00:00Z,FR,33
"""
WIDE = """utc,DE,FR
2026-03-29 00:00,300,30
2026-03-29 01:00,310,
2026-03-29 02:00,320,
2026-03-29 03:00,330,33
"""


def write(folder: Path, text: str, name: str = "trace.csv") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_long_and_wide_are_the_same_trace(tmp_path: Path) -> None:
    long, wide = read_trace(write(tmp_path, LONG)), read_trace(write(tmp_path, WIDE, "w.csv"))
    assert long.zones == wide.zones == ("DE", "FR")
    assert long.begin == wide.begin == datetime(2026, 3, 29, tzinfo=UTC)
    assert long.step_h == wide.step_h == 1
    np.testing.assert_array_equal(long.values, wide.values)
    np.testing.assert_array_equal(long.values[0], [300, 310, 320, 330])
    assert np.isnan(long.values[1, 1:3]).all()
    assert any("FR: 50.0%" in note for note in long.notes)


def test_gzip_is_seen_by_content(tmp_path: Path) -> None:
    path = tmp_path / "trace.data"
    path.write_bytes(gzip.compress(LONG.encode()))
    np.testing.assert_array_equal(read_trace(path).values, read_trace(write(tmp_path, LONG)).values)


def test_local_times_with_offsets_are_utc(tmp_path: Path) -> None:
    text = "utc,DE\n2026-03-29T01:00+01:00,1\n2026-03-29T03:00+02:00,2\n2026-03-29T02:00Z,3\n"
    trace = read_trace(write(tmp_path, text))
    assert trace.values.tolist() == [[1, 2, 3]]


def test_five_minutes_shuffled_rows_and_duplicates(tmp_path: Path) -> None:
    rows = [f"2026-01-01T00:{minute:02}:00Z,A,{minute}" for minute in range(0, 60, 5)]
    rows = [*rows[::-1], "2026-01-01T00:10:00Z,A,99"]
    trace = read_trace(write(tmp_path, "utc,zone,value\n" + "\n".join(rows)))
    assert trace.step_h == pytest.approx(1 / 12)
    assert trace.values[0, 2] == 99
    assert any("repeat" in note for note in trace.notes)


def test_values_below_zero_are_said(tmp_path: Path) -> None:
    trace = read_trace(write(tmp_path, WIDE.replace("310", "-5")))
    assert trace.values[0, 1] == 0
    assert any("below 0" in note for note in trace.notes)


def test_namibia_is_a_zone_and_not_a_gap(tmp_path: Path) -> None:
    assert read_trace(write(tmp_path, LONG.replace("FR", "NA"))).zones == ("DE", "NA")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no trace"),
        ("time,DE\n2026-01-01,1\n", "column utc"),
        ("utc\n2026-01-01T00:00Z\n2026-01-01T01:00Z\n", "column per zone"),
        ("utc,DE\nyesterday,1\ntoday,2\n", "no times"),
        ("utc,DE\n2026-01-01T00:00Z,1\n,2\n", "row 3 has no time"),
        ("utc,DE\n2026-01-01T00:00Z,1\n", "two steps"),
        ("utc,DE\n2026-01-01T00:00Z,1\n2026-01-01T03:00Z,2\n", "180 min"),
        ("utc,DE\n2026-01-01T00:00Z,1\n2026-01-01T00:07Z,2\n", "7 min"),
        (WIDE + "2026-03-29 03:30,1,1\n2026-03-29 04:00,1,1\n", "not on the grid"),
        (WIDE + "2626-03-29 03:00,1,1\n", "too long"),
        (WIDE.replace("310", "much"), "not all values are numbers"),
        ("utc,DE\n2026-01-01T00:00Z,\n2026-01-01T01:00Z,\n", "no values"),
        ("utc,zone,a,b\n2026-01-01T00:00Z,DE,1,2\n", "utc, zone and value"),
        ("utc,zone,value\n2026-01-01T00:00Z,,1\n", "row 2 has no zone"),
    ],
)
def test_what_is_no_trace_is_named(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(InputError, match=says) as caught:
        read_trace(write(tmp_path, text))
    assert "\n" not in str(caught.value)


def test_a_missing_or_broken_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        read_trace(tmp_path / "none.csv")
    (tmp_path / "cut.gz").write_bytes(gzip.compress(LONG.encode())[:40])
    with pytest.raises(InputError, match="cannot read"):
        read_trace(tmp_path / "cut.gz")


def test_parquet_without_its_library_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("pyarrow", "fastparquet"):
        monkeypatch.setitem(sys.modules, name, None)
    path = tmp_path / "trace.parquet"
    path.write_bytes(b"PAR1 and so on")
    with pytest.raises(InputError, match="pip install pyarrow"):
        read_trace(path)


def test_zones_countries_and_groups() -> None:
    zones = ("AT", "DK-DK1", "GB", "FR", "NO-NO1", "US-CAL-CISO")
    assert rows_of("all", zones, CATALOG) == [0, 1, 2, 3, 4, 5]
    assert rows_of("EU", zones, CATALOG) == [0, 1, 3]
    assert rows_of("us, dk-dk1,AT", zones, CATALOG) == [0, 1, 5]
    with pytest.raises(UnknownNameError, match="DK-DK1"):
        rows_of("DK-DK3", zones, CATALOG)
    with pytest.raises(InputError, match="no zone of JP"):
        rows_of("JP", zones, CATALOG)


def test_near_zones_inform_and_far_ones_do_not() -> None:
    positions = {"DE": (51.0, 10.0), "FR": (47.0, 2.5), "AU": (-25.0, 135.0)}
    assert informing([1], ("AU", "DE", "FR", "??"), positions) == [1, 2]
    assert informing([3], ("AU", "DE", "FR", "??"), positions) == [3]


def test_forecasts_in_a_trace_are_kept_apart(tmp_path: Path) -> None:
    head, *rows = LONG.splitlines()
    lines = [f"{head},issued_utc", *(f"{row}," for row in rows)]
    lines.append("2026-03-29T03:00:00Z,DE,333,2026-03-29T01:00:00Z")
    trace = read_trace(write(tmp_path, "\n".join(lines)))
    assert trace.values[0, 3] == 330
    assert trace.feed is not None
    said = trace.feed.at(trace.time_of(2), trace.time_of(2), 2)
    assert said[0, 1] == 333
    assert np.isnan(said[1]).all()
    assert trace.only([1]).feed is not None
