"""`advisor run PROFILE -- COMMAND`: run a job here, its prediction written first."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from carbon_advisor.advisor.cli.options import Attribution, Meter, Outputs  # noqa: TC001 - typer

if TYPE_CHECKING:
    from carbon_advisor.advisor.ledger.tracking import Outcome

_STDERR = 2


def run(
    profile: Annotated[Path, typer.Argument(help="What `advisor profile --out` wrote.")],
    command: Annotated[
        list[str],
        typer.Argument(help="The job: program and arguments, after --.", metavar="COMMAND"),
    ],
    here: Annotated[
        str, typer.Option(help="Where this machine stands: a grid zone (DE) or a region.")
    ] = "",
    project: Annotated[str, typer.Option(help="What the run belongs to.")] = "",
    name: Annotated[str, typer.Option(help="Name of the run; the profile's if empty.")] = "",
    attribution: Attribution = "",
    meter: Meter = "",
    output: Outputs = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON on stdout; the job's output goes to stderr.")
    ] = False,
) -> None:
    """Run a job here and measure it, its prediction written first; its exit code is passed on."""
    from carbon_advisor.advisor.catalog import load_catalog
    from carbon_advisor.advisor.ledger.intake import journals_here, take_in
    from carbon_advisor.advisor.ledger.opening import open_to_write
    from carbon_advisor.advisor.ledger.tracking import Place, run_tracked
    from carbon_advisor.advisor.location import resolve_location
    from carbon_advisor.measurement.home import home_folder
    from carbon_advisor.measurement.instruments import external_meter
    from carbon_advisor.measurement.profile_file import read_profile

    expected = read_profile(profile)
    _check_program(command[0])
    external = external_meter(meter)  # one that cannot be read is said before anything is written
    catalog = load_catalog()
    place = Place(resolve_location(here or None, catalog), catalog)
    with open_to_write() as ledger:
        take_in(ledger, journals_here(home_folder()))
        outcome = run_tracked(
            ledger,
            expected,
            command,
            place,
            name=name or None,
            project=project or None,
            attribution=attribution or None,
            meter=external,
            outputs=output or None,
            stdout=_STDERR if as_json else None,
        )
    _report(outcome, as_json=as_json)
    if outcome.measured.exit_code:
        raise typer.Exit(outcome.measured.exit_code)


def _check_program(program: str) -> None:
    """Find out that a program is missing before anything is written."""
    from shutil import which

    from carbon_advisor.measurement.errors import InputError

    if which(program) is None:
        raise InputError(f"cannot start '{program}': no program of that name that may be executed")


def _report(outcome: Outcome, *, as_json: bool) -> None:
    """Print predicted beside actual to stderr, as JSON to stdout if asked."""
    from carbon_advisor.advisor.cli.compare import run_table
    from carbon_advisor.advisor.cli.output import console, print_json
    from carbon_advisor.advisor.compare import compare_run, run_json

    compared = compare_run(outcome.pair)
    screen = console(stderr=True)
    screen.print(run_table(compared))
    if outcome.pair.run.emissions_g is None:
        screen.print("Emissions are not known: say where this machine stands with --here DE.")
    if not compared.counts:
        screen.print("Its energy is recorded, but its errors do not count in `advisor compare`.")
    if outcome.not_recorded:
        screen.print(_rescue(outcome), markup=False, soft_wrap=True)
    if as_json:
        print_json({"schema": "carbon-advisor/run/1", **run_json(compared)})


def _rescue(outcome: Outcome) -> str:
    """Keep what was measured in the temporary folder; say that the ledger does not have it."""
    import tempfile

    from carbon_advisor.measurement.errors import InputError
    from carbon_advisor.measurement.profile_file import write_profile

    message = f"advisor: the run's end was not recorded: {outcome.not_recorded}"
    kept = Path(tempfile.mkdtemp(prefix="advisor-")) / f"run-{outcome.pair.run.id}.json"
    try:
        write_profile(outcome.measured, kept)
    except InputError:
        return message
    return f"{message}; what was measured is kept in {kept}"
