"""Writes runs as JSON documents: one to a file of its own, or one a line into a file of many."""

from __future__ import annotations

from typing import TYPE_CHECKING

from carbon_advisor.measurement.outputs.append import append, replace_file
from carbon_advisor.measurement.outputs.output import Output
from carbon_advisor.measurement.outputs.places import file_of, file_target
from carbon_advisor.measurement.run_document import run_json

if TYPE_CHECKING:
    from carbon_advisor.measurement.run_result import RunResult


class JsonFile(Output):
    """Writes the last run that ended; the schema is tracked-run.schema.json.

    Args:
        target: the file; "{id}" and "{rank}" in it stand for the run's.
    """

    def __init__(self, target: str) -> None:
        self._target = file_target(target, "json", "FILE")

    def ended(self, run: RunResult) -> None:
        """Write the file in one step."""
        replace_file(file_of(self._target, run), run_json(run, indent=2) + "\n")


class JsonLines(Output):
    """Appends each run that ended.

    Args:
        target: the file; "{id}" and "{rank}" in it stand for the run's.
    """

    def __init__(self, target: str) -> None:
        self._target = file_target(target, "jsonl", "FILE")

    def ended(self, run: RunResult) -> None:
        """Append one line."""
        line = run_json(run) + "\n"
        append(file_of(self._target, run), lambda _: line)
