"""Emissions in things people know: km by car, hours of TV, days of a household's electricity."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

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
