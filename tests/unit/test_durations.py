"""Lengths of time as people write and read them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carbon_advisor.advisor.durations import format_duration, parse_duration
from carbon_advisor.measurement.errors import InputError


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("500ms", 0.5),
        ("1s", 1),
        (" 5M ", 300),
        ("2h", 7200),
        ("3d", 259_200),
        ("1w", 604_800),
        ("1h30m", 5400),
        ("1.5 h", 5400),
        ("1 d 12 h", 129_600),
        (".5s", 0.5),
    ],
)
def test_what_people_write(text: str, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "text", ["", " ", "5", "h", "-1h", "1y", "1h-30m", "nan s", "1e3s", "1,5h"]
)
def test_what_is_no_length_of_time(text: str) -> None:
    with pytest.raises(InputError, match="is not a length of time"):
        parse_duration(text)


@pytest.mark.parametrize("text", ["0s", "0.1ms", "11w 9999d"])
def test_what_is_out_of_range(text: str) -> None:
    with pytest.raises(InputError, match="between 1 ms and ten years"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0123, "12 ms"),
        (12.345, "12.3 s"),
        (59.94, "59.9 s"),
        (59.96, "1 m"),
        (320, "5 m 20 s"),
        (3599.7, "1 h"),
        (5400, "1 h 30 m"),
        (86_399, "1 d"),
        (129_600, "1 d 12 h"),
        (365 * 86_400, "365 d"),
    ],
)
def test_what_people_read(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


@given(st.floats(0.001, 80 * 86_400))
def test_what_is_printed_can_be_read_again(seconds: float) -> None:
    assert parse_duration(format_duration(seconds)) == pytest.approx(seconds, rel=0.03)
