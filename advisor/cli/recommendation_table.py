"""A recommendation on the screen: the ranking, what it is compared with, what to know of it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from carbon_advisor.advisor.cli.output import console
from carbon_advisor.advisor.durations import format_duration
from carbon_advisor.advisor.equivalents import in_words
from carbon_advisor.advisor.formatting import (
    format_emissions,
    format_number,
    format_price,
    format_range,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path

    from rich.console import Console
    from rich.table import Table

    from carbon_advisor.advisor.estimate.estimates import Estimate
    from carbon_advisor.advisor.estimate.transfer import DataMove
    from carbon_advisor.advisor.recommend import Recommendation

LITTLE = 0.01  # a difference below one per cent is not worth a word


def print_recommendation(recommendation: Recommendation, profile: Path) -> None:
    """Print the recommendation to stdout."""
    screen = console()
    screen.print(
        f"[bold]Where {recommendation.name} emits least[/bold]   "
        f"{recommendation.eligible:,} of {recommendation.offers:,} offers × "
        f"{recommendation.starts} starts, catalogue of {recommendation.catalog_version}"
    )
    screen.print(ranking_table(recommendation.ranking))
    first = recommendation.best.region
    elsewhere = [each for each in recommendation.by_region if each.region != first]
    if elsewhere and recommendation.ranking[-1].region == first:
        screen.print("[bold]The best machine in other regions[/bold]")
        screen.print(ranking_table(elsewhere, first=2))
    _print_comparison(screen, recommendation)
    _print_constraint_costs(screen, recommendation)
    for note in recommendation.notes:
        screen.print(f"[dim]Note: {note}[/dim]")
    command = f"advisor explain {profile} --candidate {recommendation.best.candidate}"
    command += _data_options(recommendation.data)
    screen.print(f"Where every figure comes from: [bold]{command}[/bold]", soft_wrap=True)


def _data_options(data: DataMove | None) -> str:
    if data is None:
        return ""
    network = "" if data.kwh_per_gb is None else f" --transfer-kwh-per-gb {data.kwh_per_gb:g}"
    place = data.origin.label.replace("zone ", "zone:")
    return f" --data-gb {data.gb:g} --data-from {place}{network}"


def ranking_table(estimates: Sequence[Estimate], first: int = 1) -> Table:
    """Return the table of some estimates, numbered from `first`."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("#", justify="right")
    table.add_column("region", overflow="fold")
    table.add_column("machine", overflow="fold")
    table.add_column("start", no_wrap=True)
    for heading in ("takes", "CO2eq", "90 %", "price"):
        table.add_column(heading, justify="right", no_wrap=True)
    for place, each in enumerate(estimates, start=first):
        table.add_row(
            str(place),
            each.region,
            each.instance_type,
            local_time(each.start_at),
            format_duration(each.duration_h * 3600),
            format_emissions(each.emissions_g.value),
            format_range(each.emissions_g),
            format_price(each.price_usd),
        )
    return table


def local_time(moment: datetime) -> str:
    """A time as the user's clock shows it: "Tue 04:00"."""
    return moment.astimezone().strftime("%a %H:%M")


def _print_comparison(screen: Console, recommendation: Recommendation) -> None:
    best, baseline = recommendation.best, recommendation.baseline
    saving = format_emissions(abs(recommendation.saving_g))
    fraction = f"{abs(recommendation.saving_fraction):.0%}"
    verb = "saves" if recommendation.saving_g >= 0 else "emits more by"
    screen.print(
        f"Compared with {baseline.label}: {format_emissions(baseline.emissions_g)}. "
        f"The first place {verb} [bold]{saving} ({fraction})[/bold]."
    )
    if recommendation.saving_g > 0:
        screen.print(f"As much as {in_words(recommendation.equivalents)}.")
    screen.print(
        f"The first place is the best with a probability of {best.probability_best:.0%}, "
        f"its region with {recommendation.probability_region_best:.0%}.{_alike(recommendation)}"
    )
    screen.print(_about_waiting(best, recommendation.starts))
    screen.print(_beside(best))


def _beside(best: Estimate) -> str:
    moved = f"{format_emissions(best.transfer_g)} of it moves the data. " if best.transfer_g else ""
    if math.isnan(best.water_l):
        return f"{moved}How much water cools the first place is not known."
    return f"{moved}The first place evaporates {format_number(best.water_l)} l of water on site."


def _alike(recommendation: Recommendation) -> str:
    alike = [
        str(place)
        for place, each in enumerate(recommendation.ranking[1:], start=2)
        if not each.differs_from_first
    ]
    if not alike:
        return ""
    places = f"Place {alike[0]} does" if len(alike) == 1 else f"Places {', '.join(alike)} do"
    return f" {places} not differ significantly from it."


def _about_waiting(best: Estimate, starts: int) -> str:
    if starts == 1:
        return "Only a start now was looked at; --within 24h tries later ones."
    gain = 1 - best.emissions_g.value / best.emissions_now_g
    then = local_time(best.start_at)
    if gain < LITTLE:
        return f"Waiting there until {then} saves less than {LITTLE:.0%}: a start now is as good."
    return f"Waiting there until {then} saves {gain:.0%} of what a start now emits."


def _print_constraint_costs(screen: Console, recommendation: Recommendation) -> None:
    for cost in recommendation.constraint_costs:
        if cost.saving_g > LITTLE * recommendation.best.emissions_g.value:
            screen.print(
                f"[yellow]{cost.constraint}[/yellow] costs {format_emissions(cost.saving_g)}: "
                f"without it {cost.candidate} would emit {format_emissions(cost.emissions_g)}"
            )
