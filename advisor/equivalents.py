"""Emissions in things people know: km by car, hours of TV, days of a household's electricity."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from carbon_advisor.advisor.durations import format_duration
from carbon_advisor.advisor.formatting import format_number
from carbon_advisor.advisor.provenance import cited

if TYPE_CHECKING:
    from carbon_advisor.advisor.catalog import Catalog


@dataclass(frozen=True)
class Equivalence:
    """An amount of something that emits as much."""

    key: str
    label: str
    amount: float
    unit: str
    source: str
    year: str


def equivalents_of(emissions_g: float, catalog: Catalog) -> tuple[Equivalence, ...]:
    """Return what emits as much as `emissions_g` grams of CO2eq, by every factor we have."""
    return tuple(
        Equivalence(
            key=factor.key,
            label=factor.label,
            amount=emissions_g / factor.g_per_unit,
            unit=factor.unit,
            source=cited(catalog, factor.source),
            year=str(factor.year),
        )
        for factor in catalog.equivalents
    )


# Those that a line on the screen names: the ones that the most people can picture.
ON_SCREEN = ("car_km_eu", "tv_hour", "home_day_us")
_SECONDS = {"hours": 3600.0, "days": 86_400.0}
_METRES = {"km": 1000.0}


def in_words(equivalents: tuple[Equivalence, ...]) -> str:
    """Return a few as one phrase: "driving an average European car for 36.6 m, ... or ..."."""
    by_key = {each.key: each for each in equivalents}
    parts = [_phrase(by_key[key]) for key in ON_SCREEN if key in by_key]
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} or {parts[-1]}"


def _phrase(each: Equivalence) -> str:
    if each.unit in _SECONDS:
        amount = format_duration(each.amount * _SECONDS[each.unit])
    elif each.unit in _METRES and each.amount < 1:
        amount = f"{format_number(each.amount * _METRES[each.unit])} m"
    else:
        amount = f"{format_number(each.amount)} {each.unit}"
    return f"{each.label} for {amount}"
