"""`advisor zones`: the grid zones that are known, and what is known of each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from carbon_advisor.advisor.cli.startup import without_blas_threads

if TYPE_CHECKING:
    from rich.table import Table

SHOWN_REGIONS = 2


def zones(
    country: Annotated[
        str, typer.Option(help="Only the zones of this country or group: SE, EU, …")
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")] = False,
) -> None:
    """List grid zones with their yearly intensity, whether by the hour, and the regions there."""
    without_blas_threads()
    from carbon_advisor.advisor.catalog import load_catalog
    from carbon_advisor.advisor.cli.output import console, print_json
    from carbon_advisor.advisor.zones_list import zones_json

    found = zones_json(load_catalog(), country)
    if as_json:
        print_json(found)
        return
    screen = console()
    screen.print(_table(found["zones"]))
    screen.print(
        f"[dim]{len(found['zones'])} zones; g CO2eq/kWh, average signal, lifecycle; 'advisor "
        "intensity ZONE' shows its hours, --json the sources.[/dim]"
    )


def _table(rows: list[dict[str, Any]]) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE, show_edge=False, pad_edge=False)
    table.add_column("zone", no_wrap=True)
    table.add_column("name", no_wrap=True, max_width=26, overflow="ellipsis")
    table.add_column("g/kWh", justify="right", no_wrap=True)
    table.add_column("year", justify="right", no_wrap=True)
    table.add_column("by hour", no_wrap=True)
    table.add_column("regions", no_wrap=True, max_width=38, overflow="ellipsis")
    for row in rows:
        regions = row["regions"]
        more = f" +{len(regions) - SHOWN_REGIONS}" if len(regions) > SHOWN_REGIONS else ""
        table.add_row(
            row["zone"],
            row["name"],
            f"{row['intensity_g_per_kwh']:.0f}",
            str(row["year"]),
            row["profile_basis"],
            ", ".join(regions[:SHOWN_REGIONS]) + more,
        )
    return table
