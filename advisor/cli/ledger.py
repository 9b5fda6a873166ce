"""`advisor ledger`: recovers what a kill left in journals, imports what others have measured."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from carbon_advisor.advisor.ledger.codecarbon import Emissions
    from carbon_advisor.advisor.ledger.current import Current
    from carbon_advisor.advisor.ledger.records import Recorded
    from carbon_advisor.measurement.recovery import Journalled

RECOVERY_SCHEMA = "carbon-advisor/recovery/1"
IMPORT_SCHEMA = "carbon-advisor/import/1"
_MOST_LINES = 20
app = typer.Typer(context_settings={"help_option_names": ["-h", "--help"]})


@app.callback()
def ledger() -> None:
    """Recover what a kill left, and import what others have measured."""


@app.command("recover", short_help="Turn journals of killed runs into runs.")
def recover(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")] = False,
) -> None:
    """Take every journal that nobody writes any more into the ledger, and say what was found.

    Every command that reads the ledger does so too; this one names what could not be read.
    """
    from carbon_advisor.advisor.ledger.current import current_ledger

    with current_ledger() as current:
        pass
    if as_json:
        from carbon_advisor.advisor.cli.output import print_json

        print_json(_recovery_json(current))
    else:
        for line in _recovery_lines(current):
            typer.echo(line)
    if current.intake.failure is not None:
        raise current.intake.failure


@app.command("import", short_help="Import CodeCarbon's emissions.csv.")
def import_(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="emissions.csv of CodeCarbon.")
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")] = False,
) -> None:
    """Import the runs in CodeCarbon's emissions.csv; a run that is there already is left alone."""
    from carbon_advisor.advisor.ledger.codecarbon import read_emissions
    from carbon_advisor.advisor.ledger.intake import journals_here, take_in
    from carbon_advisor.advisor.ledger.opening import open_to_write
    from carbon_advisor.measurement.home import home_folder

    read = [read_emissions(file) for file in files]  # all of them before anything is written
    _check_any(files, read)
    with open_to_write() as ledger:
        take_in(ledger, journals_here(home_folder()))
        recorded = [ledger.record_runs(each.runs) for each in read]
    if as_json:
        from carbon_advisor.advisor.cli.output import print_json

        print_json(_import_json(files, read, recorded))
        return
    for file, each, done in zip(files, read, recorded, strict=True):
        counts = _counts(done)
        typer.echo(
            f"{file}: {counts['added']:,} run(s) imported, {counts['updated']:,} brought up to "
            f"date, {counts['known']:,} were there already"
        )
        for skipped in each.skipped[:_MOST_LINES]:
            typer.echo(f"{file}:{skipped.line}: skipped: {skipped.reason}", err=True)
        if len(each.skipped) > _MOST_LINES:
            typer.echo(f"{file}: … {len(each.skipped):,} lines skipped in all", err=True)


def _check_any(files: Sequence[Path], read: Sequence[Emissions]) -> None:
    """Raise InputError for a file in which there is not one good row."""
    from carbon_advisor.measurement.errors import InputError

    for file, each in zip(files, read, strict=True):
        if each.skipped and not each.runs:
            first = each.skipped[0]
            raise InputError(
                f"{file} has no row that can be used; line {first.line}: {first.reason}"
            )


def _counts(recorded: Sequence[Recorded]) -> dict[str, int]:
    names = {"added": "added", "completed": "updated", "known": "known"}
    return {said: sum(each == name for each in recorded) for name, said in names.items()}


def _import_json(
    files: Sequence[Path], read: Sequence[Emissions], recorded: Sequence[Sequence[Recorded]]
) -> dict[str, Any]:
    return {
        "schema": IMPORT_SCHEMA,
        "files": [
            {
                "file": str(file),
                "rows": each.rows,
                "runs": _counts(done),
                "run_ids": [run.id for run, _ in each.runs],
                "skipped": [{"line": one.line, "reason": one.reason} for one in each.skipped],
            }
            for file, each, done in zip(files, read, recorded, strict=True)
        ],
    }


def _recovery_json(current: Current) -> dict[str, Any]:
    intake, journals = current.intake, current.journals
    return {
        "schema": RECOVERY_SCHEMA,
        "recovered": [_journalled_json(each) for each in intake.taken],
        "interrupted": [{"run_id": run.id, "name": run.name} for run in intake.abandoned],
        "running": [_journalled_json(each) for each in journals.living],
        "left": [_journalled_json(each) for each in intake.left],
        "kept_aside": [str(path) for path in intake.cut],
        "unreadable": [{"file": str(path), "reason": why} for path, why in journals.unreadable],
    }


def _journalled_json(journalled: Journalled) -> dict[str, Any]:
    run = journalled.run
    return {
        "run_id": run.id,
        "project": run.project,
        "name": run.run_name,
        "state": run.state,
        "duration_s": run.duration_s,
        "energy_kwh": run.energy_kwh if run.energy else None,
        "cut_bytes": len(journalled.tail),
    }


def _recovery_lines(current: Current) -> list[str]:
    intake, journals = current.intake, current.journals
    lines = [_line(each) for each in intake.taken]
    lines += [
        f"{run.id[:8]}  interrupted  {_name(run.project, run.name)}: nothing of it was journalled"
        for run in intake.abandoned
    ]
    lines += [f"{_line(each)}; left in its journal" for each in intake.left]
    lines += [f"{_line(each)}; left alone" for each in journals.living]
    lines += [f"a damaged journal is kept as {path}" for path in intake.cut]
    lines += [f"not read, left where it is: {why}" for _, why in journals.unreadable]
    return lines or ["Nothing to recover: every run is in the ledger."]


def _line(journalled: Journalled) -> str:
    from carbon_advisor.advisor.durations import format_duration
    from carbon_advisor.advisor.formatting import format_energy

    run, tail = journalled.run, len(journalled.tail)
    energy = format_energy(run.energy_kwh) if run.energy else "no energy known"
    cut = f", {tail:,} bytes after its last whole record cut" if tail else ""
    return (
        f"{run.id[:8]}  {run.state:11}  {_name(run.project, run.run_name)}: "
        f"{format_duration(run.duration_s)}, {energy}{cut}"
    )


def _name(project: str, name: str) -> str:
    from carbon_advisor.advisor.printable import printable

    return printable(f"{project} / {name}", 40)
