"""Quantities as people read them: three significant digits and a fitting unit."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from carbon_advisor.advisor.interval import Interval

_ENERGY_UNITS = ((1e6, "GWh"), (1e3, "MWh"), (1.0, "kWh"), (1e-3, "Wh"), (1e-6, "mWh"))
_EMISSION_UNITS = ((1e6, "t"), (1e3, "kg"), (1.0, "g"), (1e-3, "mg"))


def format_number(value: float) -> str:
    """Three significant digits without an exponent below a million: 0.0123, 12.3, 1,230."""
    if value == 0 or not math.isfinite(value):
        return "0" if value == 0 else str(value)
    rounded = float(f"{value:.3g}")
    digits = max(0, 2 - math.floor(math.log10(abs(rounded))))
    return f"{rounded:,.{digits}f}"


def _with_unit(value: float, units: tuple[tuple[float, str], ...]) -> str:
    size, unit = next((pair for pair in units if abs(value) >= pair[0]), units[-1])
    if value == 0:
        size, unit = next(pair for pair in units if pair[0] == 1.0)
    return f"{format_number(value / size)} {unit}"


def format_energy(energy_kwh: float) -> str:
    """Energy in the unit that fits, from mWh to GWh."""
    return _with_unit(energy_kwh, _ENERGY_UNITS)


def format_emissions(emissions_g: float) -> str:
    """Emissions (CO2eq) in mg, g, kg or t."""
    return _with_unit(emissions_g, _EMISSION_UNITS)


def format_range(interval: Interval) -> str:
    """The ends of an interval of emissions in g, in one unit: "1.2-3.4 kg"."""
    size, unit = next(
        (pair for pair in _EMISSION_UNITS if abs(interval.high) >= pair[0]), _EMISSION_UNITS[-1]
    )
    return f"{format_number(interval.low / size)}–{format_number(interval.high / size)} {unit}"


def format_price(price_usd: float) -> str:
    """US dollars with cents, more digits below a cent; a dash when the price is unknown."""
    if math.isnan(price_usd):
        return "–"
    return f"${price_usd:,.2f}" if price_usd >= 1 else f"${price_usd:.3g}"
