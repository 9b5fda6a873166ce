"""The command `advisor`: its commands by name, and one place where errors become one line."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from carbon_advisor.advisor.cli import compare, estimate, explain, profile, recommend, run
from carbon_advisor.measurement.errors import AdvisorError

app = typer.Typer(
    name="advisor",
    help="Where, on what machine and when should a job run so that it emits least?",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
# What follows the options is the user's command, with options of its own.
PASS_ON = {"allow_interspersed_args": False}

app.command("profile", context_settings=PASS_ON)(profile.profile)
app.command("recommend")(recommend.recommend)
app.command("explain")(explain.explain)
app.command("estimate")(estimate.estimate)
app.command("run")(run.run)
app.command("compare")(compare.compare)


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"carbon-advisor {version('carbon-advisor')}")
        raise typer.Exit


@app.callback()
def options(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Where, on what machine and when should a job run so that it emits least?"""


def main() -> None:
    """Run the command line; every error is one line on stderr.

    Exit codes: 0 done, 1 a failed run, 2 bad input; a job's own exit code is passed on.
    """
    debug = "--debug" in sys.argv[1:2] or bool(os.environ.get("ADVISOR_DEBUG"))
    try:
        code = app(standalone_mode=False)
    except AdvisorError as error:
        if debug:
            raise
        _fail(str(error), error.exit_code)
    except typer.Abort:
        _fail("stopped", 130)
    except KeyboardInterrupt:
        _fail("stopped by Ctrl-C", 130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except typer.BadParameter.__mro__[2] as error:  # usage errors of the command line
        _fail(f"{error.format_message()} (see 'advisor --help')", 2)
    sys.exit(code if isinstance(code, int) else 0)


def _fail(message: str, code: int) -> None:
    """Print one line to stderr and exit."""
    typer.echo(f"advisor: {' '.join(message.split())}", err=True)
    sys.exit(code)
