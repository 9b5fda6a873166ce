"""`advisor track -- COMMAND`: run any command here, measure it and record it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from carbon_advisor.advisor.cli.options import Attribution, Meter, Outputs  # noqa: TC001 - typer

if TYPE_CHECKING:
    from carbon_advisor.advisor.ledger.track_command import Tracked

_STDERR = 2


def track(
    command: Annotated[
        list[str],
        typer.Argument(help="The job: program and arguments, after --.", metavar="COMMAND"),
    ],
    project: Annotated[str, typer.Option(help="What the run belongs to.")] = "",
    name: Annotated[str, typer.Option(help="Name of the run; its script's if empty.")] = "",
    interval: Annotated[
        str, typer.Option(help="Time between samples: 500ms, 1s (if nothing else is set), 5m.")
    ] = "",
    here: Annotated[
        str, typer.Option(help="Where this machine stands: a grid zone (DE) or a region.")
    ] = "",
    attribution: Attribution = "",
    meter: Meter = "",
    output: Outputs = None,
    no_wait: Annotated[
        bool, typer.Option("--no-wait", help="End with the command, not its background processes.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON on stdout; the job's output goes to stderr.")
    ] = False,
) -> None:
    """Run any command here, measured with all its processes; its exit code is passed on.

    Processes that it leaves in the background are waited for and counted; once the command itself
    has ended, Ctrl-C ends the waiting and lets them go on.
    """
    from carbon_advisor.advisor.durations import parse_duration
    from carbon_advisor.advisor.ledger.git import git_commit
    from carbon_advisor.advisor.ledger.track_command import track_command
    from carbon_advisor.measurement.command_run import job_name
    from carbon_advisor.measurement.instruments import external_meter
    from carbon_advisor.measurement.redaction import redacted
    from carbon_advisor.measurement.run_identity import new_identity
    from carbon_advisor.measurement.settings import setting

    identity = new_identity(
        project or None,
        name or setting("run_name") or job_name(command),
        parse_duration(interval) if interval else None,
        here or None,
        redacted(command),
        attribution=attribution or None,
    )
    tracked = track_command(
        command,
        identity,
        git_commit=git_commit(),
        stdout=_STDERR if as_json else None,
        wait_for_all=not no_wait,
        on_waiting=_tell_of_waiting,
        meter=external_meter(meter),
        outputs=output or None,
    )
    _report(tracked, as_json=as_json)
    if tracked.exit_code:
        raise typer.Exit(tracked.exit_code)


def _tell_of_waiting(count: int) -> None:
    typer.echo(
        f"advisor: the command has ended; waiting for {count} process(es) that it left in the "
        "background (Ctrl-C: wait no longer, let them go on)",
        err=True,
    )


def _report(tracked: Tracked, *, as_json: bool) -> None:
    """Print the run to stderr, as JSON to stdout if asked."""
    from carbon_advisor.advisor.run_summary import recorded_run_json, summary_lines

    for line in ["", *summary_lines(tracked.run, tracked.details)]:
        typer.echo(line, err=True)
    if tracked.not_recorded is not None:
        typer.echo(_where_it_is(tracked), err=True)
    if as_json:
        from carbon_advisor.advisor.cli.output import print_json

        print_json(recorded_run_json(tracked.run, tracked.details, None))


def _where_it_is(tracked: Tracked) -> str:
    from carbon_advisor.measurement.home import home_folder
    from carbon_advisor.measurement.journal import FOLDER, SUFFIX

    journal = home_folder() / FOLDER / f"{tracked.run.id}{SUFFIX}"
    kept = (
        f"it is kept in {journal}, and the next advisor command takes it in"
        if journal.exists()
        else "these lines are all there is of it"
    )
    return f"advisor: the run is not in the ledger: {tracked.not_recorded}; {kept}"
