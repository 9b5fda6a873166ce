"""Takes the journals that nobody writes any more into the ledger, each once.

The journal goes after the commit: a crash in between leaves both, told apart by the id.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from carbon_advisor.advisor.ledger.keeping import is_kept, let_go
from carbon_advisor.advisor.ledger.run_record import run_details, run_record
from carbon_advisor.measurement.errors import InputError, StorageError
from carbon_advisor.measurement.home import home_folder
from carbon_advisor.measurement.journal import FOLDER, SUFFIX
from carbon_advisor.measurement.recovery import journals_in, read_journalled
from carbon_advisor.measurement.run_identity import host_name

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from carbon_advisor.advisor.ledger.records import Run
    from carbon_advisor.advisor.ledger.store import Ledger
    from carbon_advisor.measurement.recovery import Journalled

KEPT_ASIDE = ".damaged"


@dataclass(frozen=True)
class Journals:
    """What lies in the folder of journals.

    Attributes:
        living: of runs that go on.
        closed: ended or interrupted, ready to be taken in.
        unreadable: the files that are no journals of ours, and why.
    """

    living: tuple[Journalled, ...] = ()
    closed: tuple[Journalled, ...] = ()
    unreadable: tuple[tuple[Path, str], ...] = ()


@dataclass
class Intake:
    """What was done with the closed journals.

    Attributes:
        taken: those that are in the ledger now, by this call.
        cut: files kept because a part of them that is no torn last line was not readable.
        abandoned: runs that the ledger had as running, of which nothing more will be heard.
        left: those that the ledger could not take.
        failure: why it could not.
    """

    taken: list[Journalled] = field(default_factory=list)
    cut: list[Path] = field(default_factory=list)
    abandoned: list[Run] = field(default_factory=list)
    left: list[Journalled] = field(default_factory=list)
    failure: StorageError | None = None


def journals_here(home: Path) -> Journals:
    """Read the journals in the advisor's folder; what cannot be read is told, not raised."""
    living: list[Journalled] = []
    closed: list[Journalled] = []
    unreadable: list[tuple[Path, str]] = []
    try:
        paths = journals_in(home)
    except OSError as error:
        return Journals(unreadable=((home, str(error)),))
    for path in paths:
        try:
            found = read_journalled(path)
        except FileNotFoundError:  # another process has taken it in since
            continue
        except (InputError, OSError) as error:
            unreadable.append((path, str(error)))
        else:
            (living if found.run.state == "running" else closed).append(found)
    return Journals(tuple(living), tuple(closed), tuple(unreadable))


def take_in(ledger: Ledger, journals: Journals) -> Intake:
    """Put closed journals into the ledger and end runs that nobody keeps.

    Args:
        ledger: open for writing.
        journals: what lies in the folder.
    """
    done = Intake()
    for each in journals.closed:
        if is_kept(ledger.path, each.run.id):  # `advisor run` is about to write it itself
            continue
        if done.failure is None:
            _take_one(ledger, each, done)
        if done.failure is not None:
            done.left.append(each)
    if done.failure is None:
        _end_abandoned(ledger, journals.living, done)
    return done


def abandoned_runs(ledger: Ledger, living: Iterable[Journalled]) -> list[Run]:
    """Return the runs that the ledger has as running though nothing more will be heard of them.

    They were started on this machine, their journal is gone or never was, and nobody keeps them.
    """
    writing = {each.run.id for each in living}
    return [
        run
        for run in ledger.running()
        if run.host == host_name() and run.id not in writing and not is_kept(ledger.path, run.id)
    ]


def _take_one(ledger: Ledger, journalled: Journalled, done: Intake) -> None:
    """Record one run and do away with its journal; what goes wrong is noted in `done`."""
    run = journalled.run
    try:
        recorded = ledger.record_run(run_record(run), run_details(run, journalled.steps))
    except StorageError as error:
        done.failure = error
        return
    if recorded != "known":
        done.taken.append(journalled)
    _remove(journalled, done)
    let_go(ledger.path, run.id)


def _remove(journalled: Journalled, done: Intake) -> None:
    path = journalled.path
    with suppress(OSError):  # already removed, or for somebody else to remove
        if b"\n" not in journalled.tail:
            path.unlink()
            return
        aside = path.with_name(path.name + KEPT_ASIDE)  # whole lines that were not readable
        path.rename(aside)
        done.cut.append(aside)


def _end_abandoned(ledger: Ledger, living: Iterable[Journalled], done: Intake) -> None:
    for run in abandoned_runs(ledger, living):
        try:
            interrupted = ledger.mark_interrupted(run.id)  # unless it has just ended by itself
        except StorageError:  # a reader without permission: it is shown so nevertheless
            interrupted = True
        if interrupted:
            done.abandoned.append(run)
        let_go(ledger.path, run.id)


def remove_journal(run_id: str) -> None:
    """Remove the journal of a run that has just been recorded."""
    with suppress(OSError):
        (home_folder() / FOLDER / f"{run_id}{SUFFIX}").unlink(missing_ok=True)
