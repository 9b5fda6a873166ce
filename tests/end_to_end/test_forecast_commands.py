"""`advisor backtest`, `advisor zones` and `advisor intensity` as a user runs them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from synthetic_traces import BEGIN, solar_and_wind

if TYPE_CHECKING:
    from conftest import Advisor, Conforms

WIDTH = 100


@pytest.fixture
def trace_file(tmp_path: Path) -> Path:
    """A synthetic trace of three zones over 40 days, wide."""
    trace = solar_and_wind(40)
    lines = [",".join(("utc", *trace.zones))]
    for step, values in enumerate(trace.values.T):
        cells = [f"{trace.time_of(step):%Y-%m-%dT%H:%M:%SZ}", *(f"{value:.1f}" for value in values)]
        lines.append(",".join(cells))
    path = tmp_path / "trace.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_backtest(advisor: Advisor, conforms: Conforms, trace_file: Path) -> None:
    asked = ("backtest", "--trace", trace_file, "--zones", "EU", "--starts", "8", "--seed", "3")
    done = advisor(*asked, "--json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    conforms(document, "backtest")
    assert document["zones"] == ["ES", "DE", "DK-DK1"]
    assert document["starts"] == 8
    assert advisor(*asked, "--json").stdout == done.stdout
    table = advisor(*asked, "--home", "ES", "--replan-hours", "0")
    assert table.returncode == 0, table.stderr
    assert "mix (default)" in table.stdout
    assert "anew" not in table.stdout
    assert all(len(line) <= WIDTH for line in table.stdout.splitlines())


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--zones", "JP"), "no zone of JP"),
        (("--zones", "DEE"), "nearest known"),
        (("--home", "FR"), "no zone of FR"),
        (("--job-hours", "-1"), "--job-hours"),
        (("--history-days", "60"), "too short"),
    ],
)
def test_a_wrong_backtest_is_one_line(
    advisor: Advisor, trace_file: Path, options: tuple[str, ...], says: str
) -> None:
    done = advisor("backtest", "--trace", trace_file, *options)
    assert done.returncode == 2
    assert says in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_zones(advisor: Advisor, conforms: Conforms) -> None:
    done = advisor("zones", "--country", "SE", "--json")
    document = json.loads(done.stdout)
    conforms(document, "zones")
    by_id = {zone["zone"]: zone for zone in document["zones"]}
    assert "aws:eu-north-1" in by_id["SE-SE3"]["regions"]
    assert len(json.loads(advisor("zones", "--json").stdout)["zones"]) > 300
    table = advisor("zones", "--country", "EU").stdout
    assert "SE-SE3" in table
    assert all(len(line) <= WIDTH for line in table.splitlines())
    wrong = advisor("zones", "--country", "Q")
    assert wrong.returncode == 2


def test_intensity_of_the_catalogue(advisor: Advisor, conforms: Conforms) -> None:
    done = advisor("intensity", "aws:eu-north-1", "--at", "2026-06-01T08:00Z", "--json")
    document = json.loads(done.stdout)
    conforms(document, "intensity")
    assert document["zone"] == "SE-SE3"
    assert document["past_days"] == 0
    assert document["waiting_pays"] is None
    assert len(document["hours"]) == 48
    assert all(hour["low"] <= hour["g_per_kwh"] <= hour["high"] for hour in document["hours"])
    text = advisor("intensity", "SE-SE3", "--at", "2026-06-01T08:00Z")
    assert "no recent data" in text.stdout
    assert all(len(line) <= WIDTH for line in text.stdout.splitlines())
    direct = advisor("intensity", "DE", "--scope", "direct", "--json")
    assert json.loads(direct.stdout)["scope"] == "direct"
    assert advisor("intensity", "AE", "--scope", "direct").returncode == 2
    assert advisor("intensity", "SE-SE33").returncode == 2


def test_intensity_of_a_trace(advisor: Advisor, conforms: Conforms, trace_file: Path) -> None:
    moment = f"{BEGIN.replace(month=4, day=5):%Y-%m-%dT%H:%MZ}"
    done = advisor("intensity", "ES", "--trace", trace_file, "--at", moment, "--json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    conforms(document, "intensity")
    assert document["past_days"] == 28
    assert document["waiting_pays"] is True
    late = advisor("intensity", "ES", "--trace", trace_file, "--at", "2027-01-01T00:00Z")
    assert late.returncode == 2
    assert "does not know the day before" in late.stderr


def test_a_plot(advisor: Advisor, tmp_path: Path) -> None:
    target = tmp_path / "hours.png"
    done = advisor("intensity", "DE", "--plot", target)
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        assert done.returncode == 2
        assert "carbon-advisor[dashboard]" in done.stderr
    else:
        assert target.read_bytes().startswith(b"\x89PNG")
