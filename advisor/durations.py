"""Lengths of time as people write them (500ms, 1s, 5m, 2h, 3d, 1h30m), and back."""

from __future__ import annotations

import math
import re

from carbon_advisor.measurement.errors import InputError

_UNITS_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}
_PART = re.compile(r"(\d+(?:\.\d+)?|\.\d+)\s*([a-z]+)\s*")
_PAIRS = (
    (60, "m", 1, "s", 3600),
    (3600, "h", 60, "m", 86_400),
    (86_400, "d", 3600, "h", 100 * 86_400),
)
_LONGEST_S = 10 * 365.25 * 86_400


def parse_duration(text: str) -> float:
    """Return the seconds of "500ms", "1s", "5m", "2h", "3d", "1w" or a sum such as "1h30m".

    Raises:
        InputError: it is something else, or not between 1 ms and ten years.
    """
    rest, seconds = text.strip().lower(), 0.0
    while rest and (part := _PART.match(rest)) and part[2] in _UNITS_S:
        seconds += float(part[1]) * _UNITS_S[part[2]]
        rest = rest[part.end() :]
    if rest or not text.strip():
        raise InputError(f"'{text}' is not a length of time; write 500ms, 90s, 5m, 36h or 3d")
    if not 0.001 <= seconds <= _LONGEST_S:
        raise InputError(f"'{text}' is not between 1 ms and ten years")
    return seconds


def format_duration(seconds: float) -> str:
    """Return a length of time in one or two fitting units: "850 ms", "12.3 s", "1 d 12 h"."""
    if not math.isfinite(seconds):
        return str(seconds)
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 59.95:
        return f"{seconds:.3g} s"
    for size_s, name, small_s, small_name, end_s in _PAIRS:
        count = round(seconds / small_s)
        if count * small_s < end_s:
            large, small = divmod(count, size_s // small_s)
            return f"{large} {name} {small} {small_name}" if small else f"{large} {name}"
    return f"{seconds / 86_400:,.0f} d"
