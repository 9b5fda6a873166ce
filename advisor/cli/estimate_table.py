"""An estimate of stated inputs on the screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from carbon_advisor.advisor.cli.output import console
from carbon_advisor.advisor.cli.provenance_tree import provenance_tree
from carbon_advisor.advisor.equivalents import equivalents_of, in_words
from carbon_advisor.advisor.formatting import format_emissions, format_energy, format_range

if TYPE_CHECKING:
    from carbon_advisor.advisor.catalog import Catalog
    from carbon_advisor.advisor.estimate.stated import StatedEstimate


def print_estimate(estimate: StatedEstimate, catalog: Catalog) -> None:
    """Print the estimate, its equivalents and the chain behind it to stdout."""
    screen = console()
    screen.print(
        f"[bold]{format_emissions(estimate.emissions_g.value)} CO2eq[/bold] "
        f"(90 %: {format_range(estimate.emissions_g)}) from {format_energy(estimate.energy_kwh)}"
    )
    if estimate.emissions_g.value > 0:
        screen.print(f"As much as {in_words(equivalents_of(estimate.emissions_g.value, catalog))}.")
    screen.print(provenance_tree(estimate.provenance))
    screen.print(provenance_tree(estimate.water))
