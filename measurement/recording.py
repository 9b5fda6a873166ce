"""One run while it is measured: samples it, journals each sample, and gives the result.

What goes wrong after the start is a note of the result and never an exception.
"""

from __future__ import annotations

import os
import threading
import time
from contextlib import contextmanager
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from carbon_advisor.measurement.clock_notes import clock_notes, read_clocks
from carbon_advisor.measurement.errors import AdvisorError
from carbon_advisor.measurement.home import home_folder
from carbon_advisor.measurement.journal import FOLDER, SUFFIX, Journal
from carbon_advisor.measurement.run_result import RunResult, TaskResult, Totals
from carbon_advisor.measurement.settings import setting

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from carbon_advisor.measurement.claims import Claim
    from carbon_advisor.measurement.instruments import Instruments
    from carbon_advisor.measurement.outputs.fan_out import Outputs
    from carbon_advisor.measurement.outputs.output import Output
    from carbon_advisor.measurement.process_tree import JobUsage
    from carbon_advisor.measurement.run_identity import RunIdentity
    from carbon_advisor.measurement.run_result import State
    from carbon_advisor.measurement.sampler import Sampler

JOURNAL_SCHEMA = "carbon-advisor/journal/1"
_PATIENCE_S = 1.0  # for a sample that another thread takes


class Recording:
    """A run from its first sample to its end; only the process that began it records.

    Args:
        identity: of the run.
        instruments: of this machine; None where they could not be made (see `note`).
        job_usage: returns what the job has used so far.
        outputs: who is told of the run; None if nobody.
    """

    def __init__(
        self,
        identity: RunIdentity,
        instruments: Instruments | None,
        job_usage: Callable[[], JobUsage],
        outputs: Outputs | None = None,
    ) -> None:
        self.identity = identity
        self._outputs = outputs
        self.sampler: Sampler | None = None
        self._hardware = None if instruments is None else instruments.hardware
        self._notes: list[str] = [] if instruments is None else list(instruments.notes)
        self._tasks: list[TaskResult] = []
        self._state: State = "running"
        self._exit_code: int | None = None
        self._journal: Journal | None = None
        self._journalled_notes = 0
        self._lock = threading.RLock()
        self._given_up = False
        self._clocks = read_clocks()
        self._claim: Claim | None = None
        if instruments is not None:
            self._claim = instruments.claim(identity.id)
            self.identity = replace(identity, parent_id=self._claim.parent_id)
            try:
                self.sampler = instruments.sampler(job_usage, self._claim, identity.attribution)
            except BaseException:
                self.release()
                raise

    @property
    def running(self) -> bool:
        """Say whether this process records and the run has not ended."""
        return self._state == "running" and os.getpid() == self.identity.pid

    def open_journal(self) -> None:
        """Keep a journal in the advisor's folder from now on."""
        try:
            self._journal = Journal(home_folder() / FOLDER / f"{self.identity.id}{SUFFIX}")
        except (OSError, AdvisorError) as error:
            self.note(f"no journal is kept, a kill would lose the run: {error}")
            return
        self._journal.append(self._header())

    def announce(self) -> None:
        """Tell the outputs that the run has begun."""
        if self._outputs is not None:
            self._tell(self._outputs.started)

    def show(self) -> None:
        """Let the outputs that want samples see how far the run is."""
        if self._outputs is not None and self._outputs.due() and self.running:
            self._tell(self._outputs.sampled)

    def sample(self) -> bool:
        """Take a sample and journal it; say whether the next one is worth taking."""
        if not self.running or self.sampler is None or self._given_up:
            return False
        if not self._lock.acquire(timeout=_PATIENCE_S):
            self.give_up("a sample hangs, probably in a driver")
            return False
        try:
            self.sampler.sample()
            if self._journal is not None:
                self._journal.append(self.sampler.so_far().record())
        except Exception as error:
            self.give_up(f"{type(error).__name__}: {error}")
            return False
        finally:
            self._lock.release()
        return True

    def give_up(self, reason: str) -> None:
        """Take no more samples; what was measured until now stays."""
        self._given_up = True
        self.note(f"measuring ended early: {reason}")

    def leave_hanging(self) -> None:
        """Go on without what does not return: an output, else the samples."""
        if self._outputs is None or not self._outputs.leave_hanging():
            self.give_up("a sample hangs, probably in a driver")

    @contextmanager
    def task(self, name: str) -> Iterator[None]:
        """Measure a named part of the run; parts may repeat, nest and overlap."""
        self.sample()
        before_kwh, begun_s = self._energy_kwh(), time.monotonic()
        try:
            yield
        finally:
            self.sample()
            energy_kwh = max(0.0, self._energy_kwh() - before_kwh)
            task = TaskResult(name, time.monotonic() - begun_s, energy_kwh)
            self._tasks.append(task)
            if self._journal is not None and self.running:
                self._journal.append({"task": asdict(task)})

    def note(self, text: str) -> None:
        """Add what the reader of the result is to know, once."""
        if text not in self._notes:
            self._notes.append(text)

    def release(self) -> None:
        """Give the run's part of the machine back, also where it ends in an exception."""
        if self._claim is not None:
            self._claim.release()
        if self.sampler is not None:
            self.sampler.close()

    def end(self, state: State, exit_code: int | None = None) -> RunResult:
        """Take the last sample and close the run; does nothing if it has ended already."""
        if self.running:
            self.sample()
            if self.sampler is not None:
                for note in self.sampler.notes():
                    self.note(note)
            for note in clock_notes(self._clocks, read_clocks()):
                self.note(note)
            self.release()
            self._state, self._exit_code = state, exit_code
            self._append_end()
            if self._outputs is not None:
                self._tell(self._outputs.ended)
            self._close_journal()
        return self.result

    @property
    def result(self) -> RunResult:
        """What the run has taken up to its end, or up to the last sample while it runs."""
        totals = self._totals()
        return RunResult(
            identity=self.identity,
            state=self._state,
            exit_code=self._exit_code,
            duration_s=totals.duration_s,
            cpu_time_s=totals.cpu_time_s,
            memory_peak_gb=totals.memory_peak_gb,
            energy=totals.energy,
            hardware=self._hardware,
            tasks=tuple(self._tasks),
            notes=tuple(self._notes),
        )

    def _totals(self) -> Totals:
        return Totals(0.0, 0.0, 0.0, ()) if self.sampler is None else self.sampler.so_far()

    def _energy_kwh(self) -> float:
        return sum(part.energy_kwh for part in self._totals().energy)

    def _header(self) -> dict[str, Any]:
        identity = asdict(self.identity)
        return {
            "schema": JOURNAL_SCHEMA,
            **identity,
            "started_at": self.identity.started_at.isoformat(),
            "hardware": None if self._hardware is None else asdict(self._hardware),
            "components": [asdict(part) for part in self._totals().energy],
            "notes": self._notes,
        }

    def _tell(self, tell: Callable[[RunResult], None]) -> None:
        assert self._outputs is not None
        tell(self.result)
        for note in self._outputs.notes:
            self.note(note)

    def _append_end(self) -> None:
        if self._journal is not None:
            end = {"state": self._state, "exit_code": self._exit_code, "notes": [*self._notes]}
            self._journal.append(end)
            self._journalled_notes = len(self._notes)

    def _close_journal(self) -> None:
        if self._journal is None:
            return
        if len(self._notes) > self._journalled_notes:  # the last end counts
            self._append_end()
        self._journal.close()
        if self._journal.failure:
            self.note(self._journal.failure)


def chosen_outputs(given: str | Sequence[str | Output] | Outputs | None) -> Outputs | None:
    """Return the outputs that were given, or the settings' if None; None if nobody is to be told.

    Those that were chosen before are returned as they are.

    Raises:
        InputError: one lacks its target or its package, or the settings cannot be read.
        UnknownNameError: there is no such output.
    """
    chosen = setting("outputs") if given is None else given
    if not chosen:
        return None
    from carbon_advisor.measurement.outputs.fan_out import Outputs
    from carbon_advisor.measurement.outputs.registry import outputs_of

    return chosen if isinstance(chosen, Outputs) else outputs_of(chosen)
