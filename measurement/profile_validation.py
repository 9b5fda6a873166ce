"""Turns decoded JSON into a `Profile`, or says which field does not fit and what was expected."""

from __future__ import annotations

import math
from dataclasses import fields
from datetime import datetime
from typing import TYPE_CHECKING, Any, get_args

from carbon_advisor.measurement.errors import nearest_names
from carbon_advisor.measurement.hardware import Gpu, Hardware
from carbon_advisor.measurement.profile import (
    Component,
    ComponentEnergy,
    Method,
    Profile,
    ScaleBasis,
    Series,
)

if TYPE_CHECKING:
    from collections.abc import Callable

# What no machine does: beyond these a file is wrong, or its units are.
MAX_DURATION_S = 10 * 365.25 * 86_400
MAX_CORES = 4_096
MAX_MEMORY_GB = 100_000
MAX_GPUS = 1_024
MAX_MACHINE_W = 20_000
MAX_GPU_W = 2_000
MAX_UTILIZATION = 1.05
MAX_RELATIVE_ERROR = 10
MAX_EXIT_CODE = 2**32 - 1  # Windows
MAX_STEPS = 1_000_000
MAX_SCALE = 1e9
_TOLERANCE = 0.05  # for sums that were rounded on the way


class InvalidFieldError(Exception):
    """A field does not fit; the message begins with its dotted path."""

    def __init__(self, path: str, expected: str) -> None:
        super().__init__(f"{path}: {expected}" if path else expected)


def profile_from(document: dict[str, Any]) -> Profile:
    """Return the profile that the decoded JSON holds, its schema's name taken out.

    Raises:
        InvalidFieldError: a field is missing, unknown, of the wrong type, absurd or contradicted
            by another one.
    """
    names = _checked_names(document, Profile, "")
    values: dict[str, Any] = {}
    for name in names:
        values[name] = _PROFILE_FIELDS[name](document[name], name)
    profile = Profile(**values)
    _check_series(profile)
    _check_sums(profile)
    _check_power(profile)
    return profile


def _checked_names(document: Any, kind: type, path: str) -> list[str]:
    """The names of a dataclass' fields, all of them there and no others."""
    if not isinstance(document, dict):
        raise InvalidFieldError(path, f"expected an object, not {_shown(document)}")
    known = [field.name for field in fields(kind)]
    for name in document:
        if name not in known:
            nearest = nearest_names(name, known, count=1)
            hint = f"; did you mean '{nearest[0]}'?" if nearest else ""
            raise InvalidFieldError(_join(path, name), f"unknown field{hint}")
    for name in known:
        if name not in document:
            raise InvalidFieldError(_join(path, name), "missing")
    return known


def _number(low: float, high: float, unit: str = "") -> Callable[[Any, str], float]:
    expected = f"expected a number from {low:g} to {high:g}{unit and ' ' + unit}"

    def read(value: Any, path: str) -> float:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise InvalidFieldError(path, f"{expected}, not {_shown(value)}")
        if not low <= value <= high:  # also refuses NaN
            raise InvalidFieldError(path, f"{expected}, not {_shown(value)}")
        return float(value)

    return read


def _integer(low: int, high: int) -> Callable[[Any, str], int]:
    def read(value: Any, path: str) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise InvalidFieldError(
                path, f"expected a whole number from {low} to {high}, not {_shown(value)}"
            )
        return value

    return read


def _text(value: Any, path: str) -> str:
    if not isinstance(value, str):
        raise InvalidFieldError(path, f"expected text, not {_shown(value)}")
    return value


def _one_of(choices: tuple[str, ...]) -> Callable[[Any, str], str]:
    def read(value: Any, path: str) -> str:
        if not isinstance(value, str) or value not in choices:
            raise InvalidFieldError(
                path, f"expected one of {', '.join(choices)}, not {_shown(value)}"
            )
        return value

    return read


def _or_none(read: Callable[[Any, str], Any]) -> Callable[[Any, str], Any]:
    return lambda value, path: None if value is None else read(value, path)


def _tuple_of(
    read: Callable[[Any, str], Any], longest: int, shortest: int = 0
) -> Callable[[Any, str], tuple[Any, ...]]:
    def read_all(value: Any, path: str) -> tuple[Any, ...]:
        if not isinstance(value, list):
            raise InvalidFieldError(path, f"expected a list, not {_shown(value)}")
        if not shortest <= len(value) <= longest:
            raise InvalidFieldError(
                path, f"expected {shortest} to {longest} entries, not {len(value)}"
            )
        return tuple(read(item, f"{path}.{index}") for index, item in enumerate(value))

    return read_all


def _object(kind: type, readers: dict[str, Callable[[Any, str], Any]]) -> Callable[[Any, str], Any]:
    def read(value: Any, path: str) -> Any:
        names = _checked_names(value, kind, path)
        return kind(**{name: readers[name](value[name], _join(path, name)) for name in names})

    return read


def _moment(value: Any, path: str) -> datetime:
    expected = "expected a date and time with its UTC offset (2026-01-31T12:00:00+00:00)"
    try:
        moment = datetime.fromisoformat(_text(value, path))
    except ValueError:
        raise InvalidFieldError(path, f"{expected}, not {_shown(value)}") from None
    if moment.tzinfo is None:
        raise InvalidFieldError(path, f"{expected}, not {_shown(value)}")
    return moment


_DURATION = _number(0, MAX_DURATION_S, "s")
_MAX_KWH = MAX_DURATION_S / 3600 * (MAX_MACHINE_W + MAX_GPUS * MAX_GPU_W) / 1000
_ENERGY = _number(0, _MAX_KWH, "kWh")
_CORES = _number(0, MAX_CORES, "cores")
_MEMORY = _number(0, MAX_MEMORY_GB, "GB")
_UTILIZATION = _number(0, MAX_UTILIZATION)

_GPU_FIELDS = {"name": _text, "memory_gb": _MEMORY}
_HARDWARE_FIELDS: dict[str, Callable[[Any, str], Any]] = {
    "cpu_name": _text,
    "cpu_vendor": _text,
    "cpu_family": _or_none(_integer(0, 2**31)),
    "cpu_model_number": _or_none(_integer(0, 2**31)),
    "microarchitecture": _or_none(_text),
    "architecture": _one_of(("x86_64", "arm64")),
    "vcpus": _integer(1, MAX_CORES),
    "memory_gb": _MEMORY,
    "gpus": _tuple_of(_object(Gpu, _GPU_FIELDS), MAX_GPUS),
    "operating_system": _text,
    "virtualization": _or_none(_text),
}
_ENERGY_FIELDS: dict[str, Callable[[Any, str], Any]] = {
    "component": _one_of(get_args(Component)),
    "energy_kwh": _ENERGY,
    "machine_energy_kwh": _ENERGY,
    "method": _one_of(get_args(Method)),
    "source": _text,
    "relative_error": _number(0, MAX_RELATIVE_ERROR),
}
_SERIES_FIELDS: dict[str, Callable[[Any, str], Any]] = {
    "step_s": _DURATION,
    "power_w": _tuple_of(_number(0, MAX_MACHINE_W + MAX_GPUS * MAX_GPU_W, "W"), MAX_STEPS),
    "busy_cores": _tuple_of(_CORES, MAX_STEPS),
    "memory_gb": _tuple_of(_MEMORY, MAX_STEPS),
    "gpu_utilization": _tuple_of(_UTILIZATION, MAX_STEPS),
}
_PROFILE_FIELDS: dict[str, Callable[[Any, str], Any]] = {
    "name": _text,
    "command": _tuple_of(_text, 100_000),
    "started_at": _moment,
    "exit_code": _integer(-(2**31), MAX_EXIT_CODE),
    "duration_s": _number(1e-6, MAX_DURATION_S, "s"),
    "measured_duration_s": _number(1e-6, MAX_DURATION_S, "s"),
    "scale": _number(1e-9, MAX_SCALE),
    "scale_basis": _one_of(get_args(ScaleBasis)),
    "cpu_time_s": _number(0, MAX_DURATION_S * MAX_CORES, "s"),
    "busy_cores_mean": _CORES,
    "busy_cores_peak": _CORES,
    "memory_mean_gb": _MEMORY,
    "memory_peak_gb": _MEMORY,
    "gpu_utilization_mean": _UTILIZATION,
    "gpu_memory_peak_gb": _MEMORY,
    "energy": _tuple_of(_object(ComponentEnergy, _ENERGY_FIELDS), 10_000, shortest=1),
    "hardware": _object(Hardware, _HARDWARE_FIELDS),
    "series": _object(Series, _SERIES_FIELDS),
    "notes": _tuple_of(_text, 10_000),
}


def _check_series(profile: Profile) -> None:
    """Equal lengths, and the steps add up to the measured duration."""
    series = profile.series
    count = len(series.power_w)
    for name in ("busy_cores", "memory_gb", "gpu_utilization"):
        found = len(getattr(series, name))
        if found != count:
            raise InvalidFieldError(
                f"series.{name}", f"expected {count} entries as in series.power_w, not {found}"
            )
    if count:
        _expect_close(
            "series.step_s",
            series.step_s * count,
            profile.measured_duration_s,
            f"{count} steps to add up to measured_duration_s",
        )


def _check_sums(profile: Profile) -> None:
    """Duration, CPU time and energies agree with each other."""
    _expect_close(
        "duration_s",
        profile.duration_s,
        profile.measured_duration_s * profile.scale,
        "measured_duration_s × scale",
    )
    _expect_close(
        "cpu_time_s",
        profile.cpu_time_s,
        profile.busy_cores_mean * profile.duration_s,
        "busy_cores_mean × duration_s",
        slack=0.05 * profile.scale,
    )
    for name, mean, peak in (
        ("busy_cores_peak", profile.busy_cores_mean, profile.busy_cores_peak),
        ("memory_peak_gb", profile.memory_mean_gb, profile.memory_peak_gb),
    ):
        if peak < mean * (1 - _TOLERANCE):
            raise InvalidFieldError(name, f"expected at least the mean, {mean:g}, not {peak:g}")
    for index, part in enumerate(profile.energy):
        if part.energy_kwh > part.machine_energy_kwh * (1 + 1e-9):
            raise InvalidFieldError(
                f"energy.{index}.energy_kwh",
                f"expected at most machine_energy_kwh ({part.machine_energy_kwh:g}), "
                f"not {part.energy_kwh:g}",
            )
    if profile.series.power_w:
        series_kwh = sum(profile.series.power_w) * profile.series.step_s / 3.6e6
        _expect_close(
            "energy",
            profile.energy_kwh,
            series_kwh * profile.scale,
            "kWh in all, as series.power_w × step_s × scale says",
            slack=1e-9 * profile.scale,
        )


def _check_power(profile: Profile) -> None:
    """No machine draws this much."""
    hours = profile.duration_s / 3600
    limits_w: dict[str, float] = {
        "gpu": MAX_GPU_W * max(1, len(profile.hardware.gpus)),
        "cpu": MAX_MACHINE_W,
        "memory": MAX_MACHINE_W,
    }
    for index, part in enumerate(profile.energy):
        power_w = part.machine_energy_kwh * 1000 / hours
        if power_w > limits_w[part.component]:
            raise InvalidFieldError(
                f"energy.{index}.machine_energy_kwh",
                f"expected at most {limits_w[part.component]:g} W on average, not {power_w:.4g} W",
            )


def _expect_close(
    path: str, found: float, expected: float, meaning: str, slack: float = 0.0
) -> None:
    if abs(found - expected) > _TOLERANCE * max(abs(found), abs(expected)) + slack:
        raise InvalidFieldError(path, f"expected {expected:.6g} ({meaning}), not {found:.6g}")


def _shown(value: Any) -> str:
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "infinity"
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list"
    if value is None:
        return "null"
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
