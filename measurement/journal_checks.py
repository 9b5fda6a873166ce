"""Checks what a journal's records hold, so that a foreign or damaged one is refused as a whole."""

from __future__ import annotations

import math
import re
from typing import Any

_ID = re.compile(r"[0-9a-f][0-9a-f-]{6,34}[0-9a-f]")
_TEXTS = ("project", "run_name", "host", "started_at")
_COMPONENT_TEXTS = ("component", "method", "source")
_STATES = frozenset({"finished", "failed", "interrupted"})


def check_header(header: dict[str, Any]) -> None:
    """Raise KeyError, TypeError or ValueError where a header is not as we write it."""
    if not _ID.fullmatch(header["id"]):
        raise ValueError(f"'{header['id']}' is not the id of a run")
    for name in _TEXTS:
        _check_text(header[name], name)
    _check_number(header["interval_s"], "interval_s")
    _check_whole(header["pid"], "pid")
    for part in header["components"]:
        for name in _COMPONENT_TEXTS:
            _check_text(part[name], name)
        _check_number(part["relative_error"], "relative_error")
    if header["place"]:
        _check_text(header["place"]["zone"], "zone")
        for name in ("intensity_g_per_kwh", "pue"):
            _check_number(header["place"][name], name)


def check_sample(sample: dict[str, Any], parts: int) -> None:
    """Raise TypeError or ValueError where a sample's figures are not those of `parts` components.

    An empty sample, of a run that has none, is right.
    """
    for name in ("duration_s", "cpu_time_s", "memory_peak_gb"):
        _check_number(sample.get(name, 0.0), name)
    for name in ("energy_kwh", "machine_energy_kwh"):
        energies = sample.get(name, [0.0] * parts)
        if len(energies) != parts:
            raise ValueError(f"{name} has {len(energies)} values for {parts} components")
        for energy_kwh in energies:
            _check_number(energy_kwh, name)


def check_task(task: dict[str, Any]) -> None:
    """Raise KeyError, TypeError or ValueError where a task is not as we write it."""
    _check_text(task["name"], "name")
    for name in ("duration_s", "energy_kwh"):
        _check_number(task[name], name)


def check_end(end: dict[str, Any]) -> None:
    """Raise TypeError or ValueError where an end has no known state; an empty one is right."""
    if end and end["state"] not in _STATES:
        raise ValueError(f"unknown state '{end['state']}'")
    if end.get("exit_code") is not None:
        _check_whole(end["exit_code"], "exit_code")


def _check_text(value: object, name: str) -> None:
    if not isinstance(value, str):
        raise TypeError(f"{name} is not text")


def _check_whole(value: object, name: str) -> None:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{name} is not a whole number")


def _check_number(value: object, name: str) -> None:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise TypeError(f"{name} is not a number")
    if not (value >= 0 and math.isfinite(value)):
        raise ValueError(f"{name} is {value}")
