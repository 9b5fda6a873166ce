"""Expected intensity over time, and where here is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carbon_advisor.advisor.catalog import load_catalog
from carbon_advisor.advisor.cli.inputs import hours_until, names, parse_time, window_hours
from carbon_advisor.advisor.intensity import beginning, expected_trace, mean_intensity
from carbon_advisor.advisor.location import resolve_location
from carbon_advisor.measurement.errors import InputError, UnknownNameError

if TYPE_CHECKING:
    from pathlib import Path

catalog = load_catalog()
moments = st.datetimes(
    datetime(2024, 1, 1),  # noqa: DTZ001
    datetime(2028, 12, 31),  # noqa: DTZ001
    timezones=st.just(UTC),
)


@settings(max_examples=50, deadline=None)
@given(moments, st.integers(1, 24 * 40), st.sampled_from(["DE", "US-CAL-CISO", "HK", "AU-SA"]))
def test_each_step_is_the_level_times_the_profile_of_its_hour(
    now: datetime, hours: int, name: str
) -> None:
    zone = catalog.find_zone(name)
    trace = expected_trace(catalog, np.array([zone]), now, hours, "lifecycle")
    assert trace.steps == hours
    step = hours - 1
    moment = beginning(now) + timedelta(hours=step)
    shape = catalog.zones.profile[zone][moment.month - 1][int(moment.weekday() >= 5)][moment.hour]
    level = catalog.zones.lifecycle_g_per_kwh[zone]
    assert trace.values[0, step] == pytest.approx(float(level) * float(shape))


def test_a_year_averages_to_the_yearly_level() -> None:
    for name in ("DE", "GB", "US-CAL-CISO", "SE-SE3", "HK"):
        zone = catalog.find_zone(name)
        found = mean_intensity(catalog, zone, datetime(2026, 1, 1, tzinfo=UTC), 8760)
        assert found == pytest.approx(float(catalog.zones.lifecycle_g_per_kwh[zone]), rel=0.01)


def test_the_leap_day_and_a_local_time_are_right() -> None:
    zone = np.array([catalog.find_zone("DE")])
    local = datetime(2028, 2, 29, 1, 20, tzinfo=timezone(timedelta(hours=2)))
    trace = expected_trace(catalog, zone, local, 2, "lifecycle")
    profile = catalog.zones.profile[zone[0]]
    level = float(catalog.zones.lifecycle_g_per_kwh[zone[0]])
    assert trace.values[0, 0] == pytest.approx(level * float(profile[1][0][23]))  # 28 Feb, UTC
    assert trace.values[0, 1] == pytest.approx(level * float(profile[1][0][0]))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ADVISOR_HOME", str(tmp_path))
    monkeypatch.delenv("ADVISOR_HERE", raising=False)
    monkeypatch.delenv("ADVISOR_PUE", raising=False)
    return tmp_path


def test_nobody_said_where_here_is(home: Path) -> None:
    assert resolve_location(None, catalog) is None


def test_here_is_what_was_said_last(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "config.toml").write_text('here = "FR"\npue = 1.4\n')
    configured = resolve_location(None, catalog)
    assert configured is not None
    assert (configured.label, configured.pue, configured.pue_basis) == ("zone FR", 1.4, "stated")
    monkeypatch.setenv("ADVISOR_HERE", "zone:SE-SE3")
    monkeypatch.setenv("ADVISOR_PUE", "1.2")
    from_environment = resolve_location(None, catalog)
    assert from_environment is not None
    assert (from_environment.label, from_environment.pue) == ("zone SE-SE3", 1.2)
    given_here = resolve_location("aws:eu-north-1", catalog)
    assert given_here is not None
    assert given_here.region == catalog.find_region("aws:eu-north-1")
    assert given_here.pue == float(catalog.regions.pue[given_here.region])


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("here = ", "not valid TOML"),
        ('hear = "FR"', "unknown key 'hear'"),
        ('here = "FR"\npue = 0.9', "PUE"),
        ('here = "FR"\npue = "low"', "PUE"),
    ],
)
def test_a_wrong_configuration_is_named(home: Path, text: str, says: str) -> None:
    (home / "config.toml").write_text(text)
    with pytest.raises(InputError, match=says):
        resolve_location(None, catalog)


def test_an_unknown_place_names_the_nearest(home: Path) -> None:
    with pytest.raises(UnknownNameError, match="SE-SE3"):
        resolve_location("SE-SE33", catalog)
    with pytest.raises(UnknownNameError, match="aws:eu-north-1"):
        resolve_location("aws:eu-north-11", catalog)


def test_what_people_type() -> None:
    now = datetime(2026, 3, 10, 9, tzinfo=UTC)
    assert names(" a, b,,a ") == ("a", "b")
    assert window_hours("--within", "0h") == 0
    assert window_hours("--within", "1d12h") == 36
    assert hours_until("--deadline", "36h", now) == 36
    assert hours_until("--deadline", "2026-03-10T21:00Z", now) == 12
    assert hours_until("--deadline", "", now) is None
    assert parse_time("--at", "2026-03-10T09:00+01:00") == datetime(2026, 3, 10, 8, tzinfo=UTC)
    for wrong in ("2026-13-10", "0001-01-01T00:00", "9999-12-31T23:59", "tomorrow"):
        with pytest.raises(InputError, match="--at"):
            parse_time("--at", wrong)
    with pytest.raises(InputError, match="year"):
        window_hours("--within", "400d")
