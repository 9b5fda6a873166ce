"""The ledger as it is now: closed journals taken in, running runs beside the recorded ones."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from carbon_advisor.advisor.ledger.intake import (
    KEPT_ASIDE,
    Intake,
    Journals,
    abandoned_runs,
    journals_here,
    take_in,
)
from carbon_advisor.advisor.ledger.opening import ledger_path, open_to_read, open_to_write
from carbon_advisor.advisor.ledger.records import Details, Run, completed
from carbon_advisor.advisor.ledger.run_record import run_details, run_record
from carbon_advisor.advisor.ledger.store import SHORTEST_ID, the_only
from carbon_advisor.measurement.errors import StorageError
from carbon_advisor.measurement.home import home_folder, prove_writable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from carbon_advisor.advisor.ledger.store import Ledger
    from carbon_advisor.measurement.recovery import Journalled


@dataclass(frozen=True)
class Current:
    """Every run that there is to see.

    Attributes:
        ledger: open; None where there is none.
        journals: what was found in their folder.
        intake: what has been taken into the ledger just now.
    """

    ledger: Ledger | None
    journals: Journals
    intake: Intake = field(default_factory=Intake)

    def runs(self, last: int | None = None, project: str | None = None) -> list[Run]:
        """Return the runs in the order they started, the `last` ones only if given."""
        stored = self.ledger.runs(last, project) if self.ledger else []
        found = {run.id: self._ended(run) for run in stored}
        for each in self._journalled:
            run = self._with_journal(each)
            if project in {None, run.project}:
                found[run.id] = run
        ordered = sorted(found.values(), key=lambda run: (run.started_at, run.id))
        return ordered if last is None else ordered[-last:]

    def parents(self) -> dict[str, str]:
        """Return the parents of the runs that have one, by the runs' ids."""
        journalled = {each.run.id: each.run.identity.parent_id for each in self._journalled}
        stored = self.ledger.parents() if self.ledger else {}
        return stored | {run_id: parent for run_id, parent in journalled.items() if parent}

    def notes(self) -> list[str]:
        """Return what the reader of the runs is to know of the journals, in one line each."""
        notes = []
        if self.intake.left:
            notes.append(
                f"{len(self.intake.left)} run(s) stay in their journals, shown but not in the "
                f"ledger: {self.intake.failure}"
            )
        if self.intake.cut:
            notes.append(
                f"{len(self.intake.cut)} journal(s) were damaged: the run is in the ledger up to "
                f"there, the file is kept as *{KEPT_ASIDE}"
            )
        if self.journals.unreadable:
            notes.append(
                f"{len(self.journals.unreadable)} journal(s) cannot be read and were left where "
                "they are; 'advisor ledger recover' names them"
            )
        return notes

    def run(self, name: str) -> tuple[Run, Details]:
        """Return the run with this id, or whose id alone begins so, with all that is kept of it.

        Raises:
            UnknownNameError: there is no such run.
            InputError: several runs' ids begin so.
        """
        journalled = {each.run.id: each for each in self._journalled}
        found = {run.id: run for run in (self.ledger.beginning(name) if self.ledger else [])}
        if len(name) >= SHORTEST_ID:
            begin = (each for each in self._journalled if each.run.id.startswith(name.lower()))
            found |= {each.run.id: self._with_journal(each) for each in begin}
        run = the_only(list(found.values()), name, lambda: self.runs(last=1000))
        if self.ledger is not None and (run.is_measured or run.id not in journalled):
            return run, self.ledger.details_of(run.id)
        return run, run_details(journalled[run.id].run, journalled[run.id].steps)

    def _ended(self, run: Run) -> Run:
        """Return a run that was killed as interrupted, also where that could not be written."""
        killed = any(run.id == each.id for each in self.intake.abandoned)
        return replace(run, state="interrupted") if killed else run

    @property
    def _journalled(self) -> tuple[Journalled, ...]:
        """Those that the ledger does not have yet."""
        return (*self.journals.living, *self.intake.left)

    def _with_journal(self, journalled: Journalled) -> Run:
        """Return a run as its journal has it, with what the ledger knew before it ran."""
        run = run_record(journalled.run)
        if self.ledger is None:
            return run
        stored = self.ledger.find(run.id)
        if stored is None:
            return run
        return stored if stored.is_measured else completed(stored, run)


@contextmanager
def current_ledger() -> Iterator[Current]:
    """Open the ledger to be read, with every closed journal in it where that can be written.

    Raises:
        StorageError: the ledger cannot be read.
    """
    journals = journals_here(home_folder())
    with ExitStack() as stack:
        intake = Intake()
        if journals.closed:
            try:
                prove_writable(ledger_path().parent)
            except StorageError as error:  # a reader without permission, or a full disk
                intake = Intake(left=list(journals.closed), failure=error)
        to_write = bool(journals.closed) and intake.failure is None
        ledger = open_to_write() if to_write else open_to_read()
        if ledger is not None:
            stack.enter_context(ledger)
            if intake.failure is None:
                intake = take_in(ledger, journals)
            else:
                intake.abandoned += abandoned_runs(ledger, journals.living + journals.closed)
        yield Current(ledger, journals, intake)
