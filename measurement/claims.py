"""One run's claim on its machine: what part of the idle energy is its own while others run too."""

from __future__ import annotations

import os
import time
from dataclasses import replace

from carbon_advisor.measurement.claims_folder import ClaimsFolder
from carbon_advisor.measurement.held_share import HeldShare, Holding, share_left
from carbon_advisor.measurement.nesting import named_parent, parent_run, process_here

_RECHECK_S = 5.0  # a run that is killed frees its lock and does not touch the folder
_RACY_NS = 20_000_000  # two changes within one tick of the kernel's clock look like one
_FRESHEN_S = 3600.0  # files in /tmp that nobody touches for days are cleaned away
_open_claims: list[Claim] = []


class Claim:
    """Made when a run starts, and given back by `release` or the end of the process.

    Where no claim can be made the run counts as if it were alone, and `notes` says so.

    Args:
        run_id: 32 hexadecimal digits.
        held: by the job's limits.
    """

    def __init__(self, run_id: str, held: HeldShare) -> None:
        self._own = Holding(run_id, named_parent(), process_here(), held)
        self._share = held
        self._folder: ClaimsFolder | None = None
        self._name, self._file = "", -1
        self._failure: str | None = None
        self._rivals: list[Holding] = []
        self._most_rivals = self._unreadable = 0
        self._seen_ns = -1
        self._looked_s = self._freshened_s = time.monotonic()
        try:
            self._folder = ClaimsFolder()
            self._own = replace(self._own, parent_id=parent_run(self._folder.live()))
            self._name, self._file = self._folder.add(self._own)
        except OSError as error:
            self._give_up(error)
        _open_claims.append(self)

    @property
    def parent_id(self) -> str | None:
        """The run that counts this one too; None if none does."""
        return self._own.parent_id

    def share(self) -> HeldShare:
        """Return r: what is left to this run now (2 µs while no claim comes or goes)."""
        if self._folder is None:
            return self._share
        try:
            changed_ns, now_s = self._folder.changed_ns(), time.monotonic()
            overdue = bool(self._rivals) and now_s - self._looked_s > _RECHECK_S
            if changed_ns != self._seen_ns or overdue:
                self._look(self._folder, changed_ns, now_s)
            if now_s - self._freshened_s > _FRESHEN_S:
                os.utime(self._file)
                self._freshened_s = now_s
        except OSError as error:
            self._give_up(error)
        return self._share

    def release(self) -> None:
        """Give the part back."""
        if self in _open_claims:
            _open_claims.remove(self)
        if self._folder is not None:
            self._folder.remove(self._name)
        self.abandon()

    def abandon(self) -> None:
        """Close everything; a forked child would keep its parent's lock otherwise."""
        folder, self._folder = self._folder, None
        if folder is not None:
            folder.close()
        file, self._file = self._file, -1
        if file >= 0:
            os.close(file)

    def notes(self) -> list[str]:
        """Return what the reader of the figures is to know."""
        notes = []
        if self._most_rivals:
            notes.append(
                f"idle energy was shared with other tracked runs on this machine, "
                f"up to {self._most_rivals} at once"
            )
        if self._unreadable:
            notes.append(
                f"{self._unreadable} tracked run(s) of others on this machine could not be read: "
                "idle energy may be counted in them too"
            )
        if self._failure:
            notes.append(
                f"other tracked runs on this machine could not be seen ({self._failure}): "
                "idle energy may be counted in them too"
            )
        return notes

    def _look(self, folder: ClaimsFolder, changed_ns: int, now_s: float) -> None:
        self._rivals = [each for each in folder.live() if each.run_id != self._own.run_id]
        self._share = share_left(self._own, self._rivals)
        beside = {each.process for each in self._rivals if each.parent_id == self.parent_id}
        self._most_rivals = max(self._most_rivals, len(beside - {self._own.process}))
        self._unreadable = max(self._unreadable, folder.unreadable)
        racy = abs(time.time_ns() - changed_ns) < _RACY_NS
        self._seen_ns, self._looked_s = -1 if racy else changed_ns, now_s

    def _give_up(self, error: OSError) -> None:
        self._failure = error.strerror or str(error)
        self.abandon()


def _abandon_all() -> None:
    while _open_claims:
        _open_claims.pop().abandon()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_abandon_all)
