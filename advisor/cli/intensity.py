"""`advisor intensity`: what we believe about a zone's next hours, and why."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from carbon_advisor.advisor.cli.startup import without_blas_threads

if TYPE_CHECKING:
    from rich.table import Table

    from carbon_advisor.advisor.intensity_report import Report

LONGEST_H = 96
SHOWN_STEPS = 16
BAR_WIDTH = 40


def intensity(
    place: Annotated[str, typer.Argument(metavar="ZONE|REGION", help="SE-SE3, aws:eu-north-1, …")],
    at: Annotated[str, typer.Option(metavar="TIME", help="Answer as if it were then.")] = "",
    hours: Annotated[int, typer.Option(min=1, max=LONGEST_H, help="How far ahead.")] = 48,
    trace: Annotated[
        Path | None, typer.Option(help="Recent measurements: CSV or Parquet, utc,zone,value.")
    ] = None,
    delay_hours: Annotated[
        float, typer.Option(min=0, max=24, help="How long after its end a step is published.")
    ] = 0.0,
    scope: Annotated[
        str, typer.Option(help="Of the catalogue: lifecycle, or direct (combustion only).")
    ] = "lifecycle",
    plot: Annotated[Path | None, typer.Option(help="Draw the hours into this file.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")] = False,
) -> None:
    """Show a zone's expected intensity with its interval, and what it was made from."""
    without_blas_threads()
    from carbon_advisor.advisor.catalog import load_catalog
    from carbon_advisor.advisor.cli.inputs import parse_scope, parse_time
    from carbon_advisor.advisor.cli.output import print_json
    from carbon_advisor.advisor.intensity_report import report, report_json
    from carbon_advisor.advisor.trace_file import read_trace

    catalog, now = load_catalog(), parse_time("--at", at)
    measured = read_trace(trace) if trace else None
    zone = _zone(place, measured.zones if measured else ())
    found = report(zone, now, hours, catalog, parse_scope(scope), measured, delay_hours)
    if plot:
        from carbon_advisor.advisor.intensity_plot import plot as draw

        draw(found, plot)
    if as_json:
        print_json(report_json(found))
    else:
        _print(found)


def _zone(place: str, of_trace: tuple[str, ...]) -> str:
    """Return the zone that a zone or a region of the catalogue, or a zone of the trace, names."""
    from carbon_advisor.advisor.catalog import load_catalog
    from carbon_advisor.advisor.location import resolve_location

    by_lower = {name.lower(): name for name in of_trace}
    if place.lower() in by_lower:
        return by_lower[place.lower()]
    catalog = load_catalog()
    location = resolve_location(place, catalog)
    return place if location is None else str(catalog.zones.id[location.zone])


def _print(found: Report) -> None:
    from carbon_advisor.advisor.cli.output import console

    screen, made = console(), found.forecast
    now, low, high = made.values[0, 0], made.quantiles[0, 0, 0], made.quantiles[-1, 0, 0]
    screen.print(
        f"[bold]{found.zone}[/bold]: {now:.0f} g/kWh now ({low:.0f} to {high:.0f}), "
        + ("as in the trace" if made.past_days else f"{found.scope}, average signal")
    )
    if found.entry and found.entry["intensity_g_per_kwh"] is not None:
        entry = found.entry
        screen.print(
            f"Year {entry['year']}: {entry['intensity_g_per_kwh']:.0f} g/kWh ({entry['source']})"
        )
    screen.print(f"Made from: {found.basis}")
    screen.print(_table(found))
    screen.print(found.waiting)


def _table(found: Report) -> Table:
    from datetime import timedelta

    from rich import box
    from rich.table import Table

    made, row = found.forecast, found.row
    steps = made.values.shape[1]
    group = -(-steps // SHOWN_STEPS)
    highest = float(made.values[row].max()) or 1.0
    table = Table(box=box.SIMPLE, show_edge=False, pad_edge=False)
    table.add_column("from (local time)", no_wrap=True)
    for heading in ("g/kWh", "90 % interval"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    for first in range(0, steps, group):
        part = slice(first, first + group)
        mean = float(made.values[row, part].mean())
        low, high = made.quantiles[0, row, part].mean(), made.quantiles[-1, row, part].mean()
        moment = made.begin + timedelta(hours=first * made.step_h)
        table.add_row(
            moment.astimezone().strftime("%a %d %b %H:%M"),
            f"{mean:.0f}",
            f"{low:.0f} – {high:.0f}",
            "█" * round(BAR_WIDTH * mean / highest),
        )
    return table
