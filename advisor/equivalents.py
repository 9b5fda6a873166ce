"""Emissions in things people know: km by car, hours of TV, days of a household's electricity."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from carbon_advisor.advisor.formatting import format_number

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
            source=factor.source,
            year=str(factor.year),
        )
        for factor in catalog.equivalents
    )


def in_words(equivalents: tuple[Equivalence, ...]) -> str:
    """Return them as one phrase: "1.2 km by car, 3.4 hours of TV or ..."."""
    parts = [f"{format_number(each.amount)} {each.unit} {each.label}" for each in equivalents]
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} or {parts[-1]}"
