"""The tables of `advisor backtest`: savings, regret, and where waiting does not pay."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table

    from carbon_advisor.advisor.backtest.summary import Backtest

SHOWN_HOMES = 8
NAMES = {
    "perfect": "perfect (knows the future)",
    "mix_replanned": "mix, decided anew while waiting",
    "mix": "mix (default)",
    "feed": "the feed's own",
    "learned": "learned",
    "climatology": "climatology",
    "level_mix": "mean day and last day, half and half",
    "persistence": "persistence",
    "profile": "profile (no recent data)",
}


def print_backtest(found: Backtest) -> None:
    """Print a result within 100 columns."""
    from carbon_advisor.advisor.cli.output import console

    screen, setup = console(), found.setup
    screen.print(
        f"{found.starts} starts of a {setup.job_h:g} h job with {setup.slack_h:g} h slack in "
        f"{len(found.zones)} zones; {setup.history_days:g} days of history, published after "
        f"{setup.delay_h:g} h"
    )
    screen.print(_table(found))
    screen.print(
        "[dim]saved: against running now at home, mean over homes. regret: emissions over those of "
        "a perfect forecast, less 1.[/dim]"
    )
    screen.print(f"90 % intervals held {found.coverage_90:.1%} of the hours.")
    _print_homes(found)
    for note in found.notes:
        screen.print(f"[dim]{note}[/dim]")


def _table(found: Backtest) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE, show_edge=False, pad_edge=False)
    table.add_column("forecast", no_wrap=True)
    for way in ("time", "place", "both"):
        table.add_column(f"saved\n{way}", justify="right", min_width=6, no_wrap=True)
    for way in ("time", "place", "both"):
        table.add_column(f"regret\n{way}", justify="right", min_width=6, no_wrap=True)
    for name, label in NAMES.items():
        if name not in found.savings["joint"]:
            continue
        cells = [
            f"{entry[name]:.1%}" if name in entry else "–"
            for kind in (found.savings, found.regret)
            for entry in (kind["time"], kind["space"], kind["joint"])
        ]
        table.add_row(label, *cells, style="bold" if name == "mix" else "")
    return table


def _print_homes(found: Backtest) -> None:
    from carbon_advisor.advisor.cli.output import console

    screen = console()
    idle = [home for home in found.homes if not home.pays]
    for home in idle[:SHOWN_HOMES]:
        screen.print(
            f"{home.zone}: no skill over running now; waiting saved {home.saving:.1%} "
            f"({home.low:.1%} to {home.high:.1%})"
        )
    if len(idle) > SHOWN_HOMES:
        screen.print(f"… and {len(idle) - SHOWN_HOMES} more zones without skill")
