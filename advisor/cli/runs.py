"""`advisor runs`: what was recorded, and one run with everything that is known of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from carbon_advisor.advisor.ledger.records import Run
    from carbon_advisor.advisor.runs_list import Total

HOW_TO_BEGIN = (
    "Nothing recorded yet. A run gets into the ledger by:\n"
    "  advisor track -- COMMAND\n"
    "  advisor run PROFILE -- COMMAND\n"
    "  a program with carbon_advisor.measurement.Tracker\n"
    "  advisor ledger import emissions.csv"
)
app = typer.Typer(
    invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]}
)


@app.callback()
def runs(
    context: typer.Context,
    project: Annotated[str, typer.Option(help="Only the runs of this project.")] = "",
    last: Annotated[int, typer.Option(min=1, help="How many runs, the latest.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")] = False,
) -> None:
    """List what was recorded, the newest last: runs of commands, programs and imports."""
    if context.invoked_subcommand is not None:
        return
    from carbon_advisor.advisor.cli.output import print_json, tell_of_journals
    from carbon_advisor.advisor.ledger.current import current_ledger
    from carbon_advisor.advisor.runs_list import runs_json, total_of

    with current_ledger() as current:
        found = current.runs(last, project or None)
        total, notes = total_of(found, current.parents()), current.notes()
        tell_of_journals(current)
    if as_json:
        print_json(runs_json(found, total, notes))
    elif not found:
        typer.echo(f"No run of the project '{project}'." if project else HOW_TO_BEGIN)
    else:
        _print(found, total)


@app.command("show", short_help="Show one run.")
def show(
    run_id: Annotated[str, typer.Argument(metavar="ID", help="Of the run; its beginning does.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")] = False,
) -> None:
    """Show one run: each component with method, source and error, its tasks and prediction."""
    from carbon_advisor.advisor.cli.output import print_json, tell_of_journals
    from carbon_advisor.advisor.ledger.current import current_ledger
    from carbon_advisor.advisor.run_summary import recorded_run_json, summary_lines

    with current_ledger() as current:
        tell_of_journals(current)
        run, details = current.run(run_id)
        predicted = run.prediction_id and current.ledger
        prediction = predicted.prediction(run.prediction_id or "") if predicted else None
    if as_json:
        print_json(recorded_run_json(run, details, prediction))
        return
    for line in summary_lines(run, details):
        typer.echo(line)
    if prediction is not None and run.is_measured:
        from carbon_advisor.advisor.cli.compare import run_table
        from carbon_advisor.advisor.cli.output import console
        from carbon_advisor.advisor.compare import compare_run
        from carbon_advisor.advisor.ledger.records import Pair

        console().print(run_table(compare_run(Pair(prediction, run))))


def _print(found: Sequence[Run], total: Total) -> None:
    from carbon_advisor.advisor.cli.output import console

    screen = console()
    screen.print(_table(found))
    for line in _total_lines(total):
        screen.print(line)


def _table(found: Sequence[Run]) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from carbon_advisor.advisor.durations import format_duration
    from carbon_advisor.advisor.formatting import format_emissions, format_energy
    from carbon_advisor.advisor.printable import printable
    from carbon_advisor.advisor.run_summary import SHORT_ID
    from carbon_advisor.advisor.runs_list import how_measured

    table = Table(box=box.SIMPLE, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for heading in ("run", "started", "project / name", "state"):
        table.add_column(heading, no_wrap=True)
    for heading in ("took", "energy", "CO2eq"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("energy is", no_wrap=True)
    for run in found:
        emissions, energy, took = run.emissions_g, run.energy_kwh, run.duration_s
        table.add_row(
            run.id[:SHORT_ID],
            run.started_at.astimezone().strftime("%d %b %H:%M"),
            Text(printable(f"{run.project} / {run.name}", 24)),
            run.state,
            "–" if took is None else format_duration(took),
            "–" if energy is None else format_energy(energy),
            "–" if emissions is None else format_emissions(emissions),
            how_measured(run) + (" ↑" if run.parent_id else ""),
        )
    return table


def _total_lines(total: Total) -> list[str]:
    from carbon_advisor.advisor.durations import format_duration
    from carbon_advisor.advisor.formatting import format_emissions, format_energy

    counted = total.runs - total.nested - total.unmeasured
    sums = (
        format_duration(total.duration_s),
        format_energy(total.energy_kwh),
        f"{format_emissions(total.emissions_g)} CO2eq",
    )
    lines = [f"[bold]{counted:,} run(s): {', '.join(sums)}[/bold]"]
    if total.without_emissions:
        lines.append(f"[dim]{total.without_emissions} without CO2eq: nobody said where.[/dim]")
    if total.nested:
        lines.append(f"[dim]{total.nested} within another run (↑): counted there.[/dim]")
    if total.unmeasured:
        lines.append(f"[dim]{total.unmeasured} of which no energy is known.[/dim]")
    return lines
