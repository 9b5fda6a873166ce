"""Runs any command, measures it and records it: what `advisor track` does."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from carbon_advisor.advisor.ledger.run_record import run_details, run_record, steps_of
from carbon_advisor.measurement.command_run import run_command
from carbon_advisor.measurement.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from carbon_advisor.advisor.ledger.records import Details, Run
    from carbon_advisor.measurement.meter import ExternalMeter
    from carbon_advisor.measurement.run_identity import RunIdentity


@dataclass(frozen=True)
class Tracked:
    """A command that has run.

    Attributes:
        run: with its figures.
        details: its components, notes and power over time.
        exit_code: of the command.
        not_recorded: why the ledger could not take the run, though it ran.
    """

    run: Run
    details: Details
    exit_code: int
    not_recorded: StorageError | None


def track_command(
    command: Sequence[str],
    identity: RunIdentity,
    *,
    git_commit: str | None = None,
    stdout: int | None = None,
    wait_for_all: bool = True,
    on_waiting: Callable[[int], None] | None = None,
    meter: ExternalMeter | None = None,
    outputs: Sequence[str] | None = None,
) -> Tracked:
    """Run a command to its end, measured and journalled, and put it into the ledger.

    The ledger is opened only then: one that cannot be used keeps no job from running.

    Args:
        command, identity, stdout, wait_for_all, on_waiting, meter, outputs: as for `run_command`.
        git_commit: that it was started at.

    Raises:
        InputError: the command cannot be started, or an output cannot be made.
    """
    done = run_command(
        command,
        identity,
        stdout=stdout,
        wait_for_all=wait_for_all,
        on_waiting=on_waiting,
        meter=meter,
        outputs=outputs,
    )
    run = replace(run_record(done.result, "track"), git_commit=git_commit)
    details = replace(run_details(done.result), steps=steps_of(done.measurement.series))
    not_recorded = None
    try:
        _record(run, details)
    except StorageError as error:
        not_recorded = error
    return Tracked(run, details, done.exit_code, not_recorded)


def _record(run: Run, details: Details) -> None:
    """Write the run, then remove its journal and take in those of others.

    Raises:
        StorageError: it could not be written; the journal stays.
    """
    from carbon_advisor.advisor.ledger.intake import journals_here, remove_journal, take_in
    from carbon_advisor.advisor.ledger.opening import open_to_write
    from carbon_advisor.measurement.home import home_folder

    with open_to_write() as ledger:
        ledger.record_run(run, details)
        remove_journal(run.id)
        take_in(ledger, journals_here(home_folder()))
