"""What an external meter says, in watts and joules, and the units it may say it in."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

MOST_W = 100_000.0  # no single machine: beyond it the unit is wrong, or the value is an energy
_NOISE_W = 1.0  # a plug without load shows a little less than nothing now and then

_POWER = {"mw": 1e-3, "w": 1.0, "watt": 1.0, "watts": 1.0, "kw": 1e3}
_ENERGY = {
    "j": 1.0,
    "joule": 1.0,
    "joules": 1.0,
    "kj": 1e3,
    "mj": 1e6,  # Home Assistant's megajoules
    "gj": 1e9,
    "wmin": 60.0,
    "mwh": 3.6,
    "wh": 3600.0,
    "kwh": 3.6e6,
}
_CASE_MATTERS = {"MW": 1e6, "MWh": 3.6e9}  # against mW and mWh


class MeterError(Exception):
    """A meter cannot be read, or what it says is no reading. The message carries no secret."""


@dataclass(frozen=True, slots=True)
class MeterValue:
    """One answer of a meter: power, an energy counter, or both.

    Attributes:
        power_w: of the whole machine now; None if it does not say.
        energy_j: a counter since some fixed moment; None if there is none.
    """

    power_w: float | None = None
    energy_j: float | None = None

    def __post_init__(self) -> None:
        if self.power_w is None and self.energy_j is None:
            raise MeterError("it gives no value")

    def joined(self, other: MeterValue) -> MeterValue:
        """Return both values' figures, this one's first."""
        return MeterValue(
            other.power_w if self.power_w is None else self.power_w,
            other.energy_j if self.energy_j is None else self.energy_j,
        )


def is_unit(text: str) -> bool:
    """Say whether this is a unit of power or energy."""
    return text in _CASE_MATTERS or text.lower() in _POWER or text.lower() in _ENERGY


def value_in(unit: str, number: Any) -> MeterValue:
    """Return a number, or a text with one, that is in this unit.

    Raises:
        MeterError: it is no number, not finite, negative or more than any machine takes; or there
            is no such unit.
    """
    if not is_unit(unit):
        raise MeterError(f"'{unit[:20]}' is no unit of power or energy")
    amount = _finite(number)
    lower = unit.lower()
    if unit in _CASE_MATTERS:
        is_power, factor = unit == "MW", _CASE_MATTERS[unit]
    else:
        is_power = lower in _POWER
        factor = _POWER[lower] if is_power else _ENERGY[lower]
    return _power(amount * factor) if is_power else _energy(amount * factor)


def _finite(number: Any) -> float:
    try:
        amount = math.nan if isinstance(number, bool) else float(number)
    except (TypeError, ValueError, OverflowError):
        amount = math.nan
    if not math.isfinite(amount):
        raise MeterError("its value is no number")
    return amount


def _power(watts: float) -> MeterValue:
    if not -_NOISE_W <= watts <= MOST_W:
        raise MeterError(f"{watts:g} W is not what one machine takes")
    return MeterValue(power_w=max(0.0, watts))


def _energy(joules: float) -> MeterValue:
    if joules < 0:
        raise MeterError("its energy counter is negative")
    return MeterValue(energy_j=joules)
