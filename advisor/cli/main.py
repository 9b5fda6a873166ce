"""The command `advisor`: its commands by name, and one place where errors become one line."""

from __future__ import annotations

import sys
from typing import Annotated

import typer
from typer import _click as click

from carbon_advisor.advisor.cli import compare, estimate, explain, profile, recommend, run
from carbon_advisor.measurement.errors import AdvisorError

app = typer.Typer(
    name="advisor",
    help="Where, on what machine and when should a job run so that it emits least?",
    no_args_is_help=True,
    add_completion=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
