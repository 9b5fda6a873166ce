"""Watts of a server as JSON and on the screen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from carbon_advisor.advisor.cli.output import console
from carbon_advisor.advisor.cli.provenance_tree import provenance_tree
from carbon_advisor.advisor.estimate.cpu_power import LEVELS

if TYPE_CHECKING:
    from carbon_advisor.advisor.estimate.server_power import ServerPower

SCHEMA = "carbon-advisor/power/1"


def power_json(power: ServerPower) -> dict[str, Any]:
    """Return what data/schemas/power.schema.json describes."""
    return {
        "schema": SCHEMA,
        "power_w": power.power_w.value,
        "interval_w": [power.power_w.low, power.power_w.high],
        "utilization": power.utilization,
        "idle_w": power.idle_w,
        "max_w": power.max_w,
        "threads": power.threads,
        "curve": [
            {"utilization": float(level), "power_w": watts}
            for level, watts in zip(LEVELS, power.curve_w, strict=True)
        ],
        "notes": list(power.notes),
        "provenance": power.provenance.to_json(),
    }


def print_power(power: ServerPower, name: str) -> None:
    """Print the watts, the curve over utilisation and the chain behind them to stdout."""
    from rich.table import Table

    screen = console()
    low, high = power.power_w.low, power.power_w.high
    screen.print(
        f"[bold]{_watts(power.power_w.value)} W[/bold] at {power.utilization:.0%} "
        f"(90 %: {_watts(low)}–{_watts(high)} W) at the wall: {name}"
    )
    ends = f"idle {_watts(power.idle_w)} W, full load {_watts(power.max_w)} W"
    if power.threads:
        each = power.power_w.value / power.threads
        ends += f"; {each:.3g} W for each of {power.threads:g} threads"
    screen.print(ends)
    table = Table(box=None, padding=(0, 1), show_edge=False)
    table.add_column("load", style="dim")
    for level in LEVELS:
        table.add_column(f"{level:.0%}", justify="right")
    table.add_row("W", *(_watts(watts) for watts in power.curve_w))
    screen.print(table)
    screen.print(provenance_tree(power.provenance))


def _watts(value: float) -> str:
    return f"{value:.3g}" if value < 1000 else f"{value:.0f}"
