"""`advisor compare`: predicted against actual, per run and overall."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from carbon_advisor.advisor.printable import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from carbon_advisor.advisor.compare import Comparison, RunComparison
    from carbon_advisor.advisor.ledger.records import Pair

HOW_TO_BEGIN = (
    "Nothing to compare yet. A run with its prediction gets into the ledger by:\n"
    "  advisor profile --out job.json -- COMMAND\n"
    "  advisor run job.json -- COMMAND"
)
_SHORT_ID = 8
_TITLES = {"duration_s": "duration", "energy_kwh": "energy", "emissions_g": "emissions"}


def compare(
    run_id: Annotated[
        str, typer.Argument(metavar="[RUN-ID]", help="One run only; its first characters do.")
    ] = "",
    last: Annotated[int, typer.Option(min=1, help="How many runs, the latest.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")] = False,
) -> None:
    """Show predicted against actual duration, energy and emissions, per run and overall."""
    from carbon_advisor.advisor.compare import compare_run, comparison_json

    compared = [compare_run(pair) for pair in _pairs(run_id, last)]
    if as_json:
        from carbon_advisor.advisor.cli.output import print_json

        print_json(comparison_json(compared))
    elif not compared:
        typer.echo(HOW_TO_BEGIN)
    elif run_id:
        from carbon_advisor.advisor.cli.output import console

        console().print(run_table(compared[0]))
    else:
        _print_all(compared)


def _pairs(run_id: str, last: int) -> list[Pair]:
    from carbon_advisor.advisor.cli.output import tell_of_journals
    from carbon_advisor.advisor.ledger.current import current_ledger
    from carbon_advisor.measurement.errors import InputError

    with current_ledger() as current:
        tell_of_journals(current)
        if not run_id:
            return current.ledger.pairs(last=last) if current.ledger else []
        run, _ = current.run(run_id)
        pairs = current.ledger.pairs(run_id=run.id) if current.ledger else []
    if not pairs:
        lacks = "has not ended" if run.state == "running" else "has nothing to compare"
        raise InputError(f"the run {run.id} {lacks} (its state is '{run.state}')")
    return pairs


def run_table(compared: RunComparison) -> Table:
    """Return one run's quantities, predicted beside actual."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    run = compared.run
    ending = run.state if run.exit_code in (0, None) else f"{run.state}, exit code {run.exit_code}"
    title = Text(f"{printable(run.name, 40)} · run {run.id[:_SHORT_ID]} · {ending}", style="bold")
    table = Table(box=box.SIMPLE, title=title, title_justify="left", pad_edge=False)
    table.add_column("")
    for heading in ("predicted", "90 % interval", "actual", "error"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("inside")
    for each in compared.comparisons:
        table.add_row(
            _TITLES[each.quantity],
            _shown(each, each.predicted.value),
            f"{_shown(each, each.predicted.low)} – {_shown(each, each.predicted.high)}",
            _shown(each, each.actual),
            _percent(each.relative_error),
            "yes" if each.inside else "no",
        )
    return table


def _print_all(compared: Sequence[RunComparison]) -> None:
    from carbon_advisor.advisor.cli.output import console
    from carbon_advisor.advisor.compare import accuracies

    screen = console()
    screen.print(_runs_table(compared))
    screen.print(
        "[dim]Actual figures; error = (predicted − actual) / actual; "
        "! outside the 90 % interval.[/dim]"
    )
    if any(each.of("emissions_g") for each in compared):
        screen.print(
            "[dim]Actual emissions are measured energy × the catalogue's intensity: their error is "
            "the energy's, an error of the intensity is not seen.[/dim]"
        )
    left_out = sum(not each.counts for each in compared)
    if left_out:
        screen.print(
            f"[dim]{left_out} of {len(compared)} did not finish (marked *): not counted below, as "
            "they did less than the whole job.[/dim]"
        )
    if not accuracies(compared):
        screen.print("No finished run yet: nothing to say overall.")
        return
    screen.print(_overall_table(compared))


def _runs_table(compared: Sequence[RunComparison]) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from carbon_advisor.advisor.compare import QUANTITIES

    table = Table(box=box.SIMPLE, show_edge=False, padding=(0, 1, 0, 0))
    table.add_column("run", no_wrap=True)
    table.add_column("started", no_wrap=True)
    table.add_column("job", no_wrap=True)
    for quantity in QUANTITIES:
        table.add_column(_TITLES[quantity], justify="right", no_wrap=True)
        table.add_column("error", justify="right", no_wrap=True)
    for each in compared:
        cells = [_actual_and_error(each.of(quantity)) for quantity in QUANTITIES]
        table.add_row(
            each.run.id[:_SHORT_ID] + ("" if each.counts else "*"),
            each.run.started_at.astimezone().strftime("%d %b %H:%M"),
            Text(printable(each.run.name, 12)),
            *(text for pair in cells for text in pair),
        )
    return table


def _overall_table(compared: Sequence[RunComparison]) -> Table:
    from rich import box
    from rich.table import Table

    from carbon_advisor.advisor.compare import accuracies

    table = Table(box=box.SIMPLE, title="[bold]Overall[/bold]", title_justify="left")
    table.pad_edge = False
    for heading in ("", "runs", "bias", "MAPE", "median", "inside 90 %"):
        table.add_column(heading, justify="right" if heading else "left", no_wrap=True)
    for each in accuracies(compared):
        table.add_row(
            _TITLES[each.quantity],
            f"{each.count:,}",
            _percent(each.bias),
            _percent(each.mape, signed=False),
            _percent(each.median_ape, signed=False),
            f"{each.coverage:.0%}",
        )
    return table


def _actual_and_error(compared: Comparison | None) -> tuple[str, str]:
    if compared is None:
        return "–", "–"
    mark = " " if compared.inside else "!"
    return _shown(compared, compared.actual), _percent(compared.relative_error) + mark


def _shown(compared: Comparison, value: float) -> str:
    """Return a value of the comparison's quantity with its unit."""
    from carbon_advisor.advisor.durations import format_duration
    from carbon_advisor.advisor.formatting import format_emissions, format_energy

    formats = {
        "duration_s": format_duration,
        "energy_kwh": format_energy,
        "emissions_g": format_emissions,
    }
    return formats[compared.quantity](value)


def _percent(error: float | None, *, signed: bool = True) -> str:
    """Return a relative error as people read it; from tenfold on as predicted/actual."""
    if error is None:
        return "–"
    if abs(error) >= 10:
        return f"×{error + 1:.0f}" if error < 998.5 else ">×999"
    return f"{error:+.0%}" if signed else f"{error:.0%}"
