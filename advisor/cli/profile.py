"""`advisor profile -- COMMAND`: run a job here, measure it, and write its profile."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from carbon_advisor.advisor.cli.options import Attribution, Meter  # noqa: TC001 - typer reads it

if TYPE_CHECKING:
    from carbon_advisor.measurement.profile import Profile


def profile(
    command: Annotated[
        list[str],
        typer.Argument(help="The job: program and arguments, after --.", metavar="COMMAND"),
    ],
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Where to write the profile; replaced if it exists.")
    ] = Path("profile.json"),
    name: Annotated[str, typer.Option(help="Name of the job; its script's if empty.")] = "",
    interval: Annotated[str, typer.Option(help="Time between samples: 500ms, 1s, 5m.")] = "1s",
    sample_of: Annotated[
        str | None, typer.Option(help="This run is such a part of the job: 2% or 0.02.")
    ] = None,
    full_duration: Annotated[
        str | None, typer.Option(help="The whole job takes so long on this machine: 36h.")
    ] = None,
    repeat: Annotated[int | None, typer.Option(help="The job is this run so many times.")] = None,
    attribution: Attribution = "",
    meter: Meter = "",
    wait_for_all: Annotated[
        bool, typer.Option("--wait-for-all", help="Wait for processes left in the background too.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the profile on stdout; the job's goes to stderr.")
    ] = False,
) -> None:
    """Measure a job by running it here; its exit code is passed on."""
    from carbon_advisor.advisor.durations import parse_duration
    from carbon_advisor.advisor.profile_scale import requested_scale, scaled_as_requested
    from carbon_advisor.measurement.instruments import external_meter
    from carbon_advisor.measurement.profile_command import profile_command
    from carbon_advisor.measurement.profile_file import check_writable, profile_json

    scale = requested_scale(sample_of, full_duration, repeat)
    interval_s = parse_duration(interval)
    check_writable(out)
    measured = profile_command(
        command,
        interval_s=interval_s,
        name=name or None,
        attribution=attribution or None,
        meter=external_meter(meter),
        stdout=_STDERR if as_json else None,
        wait_for_all=wait_for_all,
    )
    result = scaled_as_requested(measured, scale)
    kept_at = _keep(result, out)
    if as_json:
        typer.echo(profile_json(result), nl=False)
    _print_summary(result, kept_at)
    if measured.exit_code:
        raise typer.Exit(measured.exit_code)


_STDERR = 2


def _keep(result: Profile, out: Path) -> Path:
    """Write the profile; where that has become impossible, keep it in the temporary folder."""
    import tempfile

    from carbon_advisor.measurement.errors import InputError
    from carbon_advisor.measurement.profile_file import write_profile

    try:
        write_profile(result, out)
    except InputError as error:
        rescued = Path(tempfile.mkdtemp(prefix="advisor-")) / out.name
        write_profile(result, rescued)
        raise InputError(f"{error}; the profile was kept in {rescued}") from error
    return out


def _print_summary(result: Profile, kept_at: Path) -> None:
    from carbon_advisor.advisor.profile_summary import summary_lines

    for line in summary_lines(result, str(kept_at)):
        typer.echo(line, err=True)
