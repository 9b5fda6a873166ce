"""The command `advisor`: its commands by name, and one place where errors become one line."""

from __future__ import annotations

import os
import sys
from typing import Annotated, Any

import typer

from carbon_advisor.advisor.cli import (
    backtest,
    compare,
    doctor,
    estimate,
    explain,
    intensity,
    ledger,
    power,
    profile,
    recommend,
    run,
    runs,
    track,
    zones,
)
from carbon_advisor.measurement.errors import AdvisorError

INTERRUPTED = 130  # 128 + SIGINT, as shells have it
USAGE_ERROR: Any = typer.BadParameter.__mro__[2]  # what every error of the command line itself is

app = typer.Typer(
    name="advisor",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
# What follows the options is the user's command, with options of its own.
PASS_ON = {"allow_interspersed_args": False}

app.command("profile", short_help="Measure a job here.", context_settings=PASS_ON)(profile.profile)
app.command("recommend", short_help="Rank where, on what and when.")(recommend.recommend)
app.command("explain", short_help="Show where figures come from.")(explain.explain)
app.command("estimate", short_help="Estimate from stated inputs.")(estimate.estimate)
app.command("power", short_help="Show the watts of a server.")(power.power)
app.command("run", short_help="Run a job here, predicted first.")(run.run)
app.command("track", short_help="Run and record a job.", context_settings=PASS_ON)(track.track)
app.add_typer(runs.app, name="runs", short_help="List what was recorded; show one.")
app.command("compare", short_help="Show predicted against actual.")(compare.compare)
app.add_typer(ledger.app, name="ledger", short_help="Recover runs, import others.")
app.command("zones", short_help="List grid zones.")(zones.zones)
app.command("intensity", short_help="Show a zone's next hours.")(intensity.intensity)
app.command("backtest", short_help="Judge forecasts on a trace.")(backtest.backtest)
app.command("doctor", short_help="Say what can be measured here.")(doctor.doctor)


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"carbon-advisor {version('carbon-advisor')}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def options(
    context: typer.Context,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Where, on what machine and when should a job run so that it emits least?"""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def main() -> None:
    """Run the command line; every error is one line on stderr.

    Exit codes: 0 done, 1 a failed run, 2 bad input; a job's own exit code is passed on.
    """
    debug = "--debug" in sys.argv[1:2] or bool(os.environ.get("ADVISOR_DEBUG"))
    try:
        code = app(standalone_mode=False)
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except (KeyboardInterrupt, typer.Abort):
        _fail("stopped by Ctrl-C", INTERRUPTED)
    except Exception as error:
        if debug:
            raise
        _fail(*_line_and_code(error))
    sys.exit(code if isinstance(code, int) else 0)


def _line_and_code(error: Exception) -> tuple[str, int]:
    """Return what to say of an error, and the exit code."""
    if isinstance(error, AdvisorError):
        return str(error), error.exit_code
    if isinstance(error, USAGE_ERROR):
        return f"{error.format_message()} (see 'advisor --help')", 2
    what = f"unexpected {type(error).__name__}: {error}"
    return f"{what} (a defect of advisor: 'advisor --debug …' shows where)", 1


def _fail(message: str, code: int) -> None:
    """Print one line to stderr and exit."""
    typer.echo(f"advisor: {' '.join(message.split())}", err=True)
    sys.exit(code)
