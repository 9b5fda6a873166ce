"""The tracker: measures the program it is embedded in, from a thread of its own.

Nothing that goes wrong in it reaches the program: it stands in the result's notes.
"""

from __future__ import annotations

import atexit
import os
import signal
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from carbon_advisor.measurement.errors import AdvisorError, InputError
from carbon_advisor.measurement.home import home_folder
from carbon_advisor.measurement.journal import FOLDER, SUFFIX, Journal
from carbon_advisor.measurement.run_result import RunResult, TaskResult, Totals
from carbon_advisor.measurement.sampler import Sampler, held_share
from carbon_advisor.measurement.settings import setting

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType, TracebackType

    from carbon_advisor.measurement.hardware import Hardware
    from carbon_advisor.measurement.place import Place
    from carbon_advisor.measurement.run_result import State

JOURNAL_SCHEMA = "carbon-advisor/journal/1"
DEFAULT_INTERVAL_S = 1.0
SHORTEST_INTERVAL_S, LONGEST_INTERVAL_S = 0.01, 3600.0
_JOIN_S = 2.0  # for a sample in progress; a driver that hangs is left behind


class Tracker:
    """Measures this process, its threads and children, from `start` to `stop`.

        with Tracker(project="bert", run_name="lr-3e-4") as tracker:
            with tracker.task("epoch"): ...
        print(tracker.result.energy_kwh, tracker.result.emissions_g)

    Every argument that is None comes from the variable ADVISOR_<ARGUMENT>, then from config.toml in
    the advisor's folder, then from its default.

    Args:
        project: what the run belongs to; "default" if nothing says otherwise.
        run_name: of this run; its id's beginning if nothing says otherwise.
        interval_s: seconds between samples, 0.01 to 3600; 1 if nothing says otherwise. Energy
            counters need no shorter one.
        here: where this machine stands, a grid zone ("DE") or region ("aws:eu-north-1"); without
            it emissions are not known.

    Raises:
        InputError: the interval is out of range.
        UnknownNameError: there is no such place.
    """

    def __init__(
        self,
        project: str | None = None,
        run_name: str | None = None,
        *,
        interval_s: float | None = None,
        here: str | None = None,
    ) -> None:
        self.id = os.urandom(16).hex()
        self.project = project or setting("project") or "default"
        self.run_name = run_name or setting("run_name") or self.id[:8]
        self.interval_s = _interval(interval_s)
        self._place = _place(here or setting("here"))
        self._state: State | None = None
        self._started_at = datetime.now(UTC)
        self._notes: list[str] = []
        self._tasks: list[TaskResult] = []
        self._sampler: Sampler | None = None
        self._journal: Journal | None = None
        self._hardware: Hardware | None = None
        self._lock = threading.RLock()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._owner = 0

    def start(self) -> Tracker:
        """Begin measuring; does nothing if begun already."""
        if self._state is not None:
            return self
        self._owner = os.getpid()
        self._state = "running"
        self._started_at = datetime.now(UTC)
        try:
            self._prepare()
        except Exception as error:
            self._note(f"nothing is measured: {type(error).__name__}: {error}")
        self._open_journal()
        atexit.register(self._stop_at_exit)
        self._watch_sigterm()
        self._thread = threading.Thread(target=self._run, name="advisor-tracker", daemon=True)
        self._thread.start()
        return self

    def stop(self, state: State = "finished") -> RunResult:
        """End measuring and return the result; in a forked child, leave the parent's run alone."""
        if self._state == "running" and os.getpid() == self._owner:
            self._stopping.set()
            if self._thread is not None and self._thread is not threading.current_thread():
                self._thread.join(_JOIN_S)
            self._take()
            self._state = state
            self._close_journal()
            atexit.unregister(self._stop_at_exit)
        return self.result

    def __enter__(self) -> Tracker:
        """Start."""
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop; a program that fails has a run that failed."""
        self.stop(_state_after(error))

    @property
    def result(self) -> RunResult:
        """What the run has taken up to its end, or up to the last sample while it runs."""
        totals = self._totals()
        return RunResult(
            id=self.id,
            project=self.project,
            run_name=self.run_name,
            state=self._state or "running",
            started_at=self._started_at,
            duration_s=totals.duration_s,
            cpu_time_s=totals.cpu_time_s,
            memory_peak_gb=totals.memory_peak_gb,
            energy=totals.energy,
            place=self._place,
            hardware=self._hardware,
            tasks=tuple(self._tasks),
            notes=tuple(self._notes),
        )

    @contextmanager
    def task(self, name: str) -> Iterator[None]:
        """Measure a named part of the run; parts may repeat, nest and overlap."""
        self._take()
        before, begun_s = self._totals(), time.monotonic()
        try:
            yield
        finally:
            self._take()
            energy_kwh = _energy_kwh(self._totals()) - _energy_kwh(before)
            self._tasks.append(TaskResult(name, time.monotonic() - begun_s, max(0.0, energy_kwh)))

    def _prepare(self) -> None:
        # Half of the import's time, which a program that is only imported need not spend.
        from carbon_advisor.measurement.detect import detect_hardware, machine_memory_gb
        from carbon_advisor.measurement.gpu import visible_gpus
        from carbon_advisor.measurement.machine_clock import machine_clock
        from carbon_advisor.measurement.own_usage import OwnUsage
        from carbon_advisor.measurement.source_choice import choose_sources

        gpus = visible_gpus(os.environ)
        self._hardware = detect_hardware(gpus.devices)
        clock, memory_gb = machine_clock(), machine_memory_gb()
        chosen = choose_sources(self._hardware, clock, memory_gb)
        self._notes += chosen.notes
        held = held_share(self._hardware, clock, memory_gb)
        self._sampler = Sampler(OwnUsage(), clock, chosen.sources, gpus, held)

    def _run(self) -> None:
        while not self._stopping.wait(self.interval_s):
            self._take()

    def _take(self) -> None:
        """Take a sample and journal it."""
        if os.getpid() != self._owner or self._state != "running":
            return
        with self._lock:
            if self._sampler is None:
                return
            try:
                self._sampler.sample()
                if self._journal is not None:
                    self._journal.append(_sample_record(self._sampler.so_far()))
            except Exception as error:
                self._note(f"measuring ended early: {type(error).__name__}: {error}")
                self._stopping.set()

    def _totals(self) -> Totals:
        if self._sampler is None:
            return Totals(0.0, 0.0, 0.0, ())
        return self._sampler.so_far()

    def _note(self, text: str) -> None:
        if text not in self._notes:
            self._notes.append(text)

    def _open_journal(self) -> None:
        try:
            self._journal = Journal(home_folder() / FOLDER / f"{self.id}{SUFFIX}")
        except (OSError, AdvisorError) as error:
            self._note(f"no journal is kept, a kill would lose the run: {error}")
            return
        self._journal.append(
            {
                "schema": JOURNAL_SCHEMA,
                "id": self.id,
                "project": self.project,
                "run_name": self.run_name,
                "started_at": self._started_at.isoformat(),
                "pid": self._owner,
                "interval_s": self.interval_s,
                "place": None if self._place is None else asdict(self._place),
                "hardware": None if self._hardware is None else asdict(self._hardware),
                "components": [asdict(part) for part in self._totals().energy],
                "notes": self._notes,
            }
        )

    def _close_journal(self) -> None:
        if self._journal is None:
            return
        tasks = [asdict(task) for task in self._tasks]
        self._journal.append({"state": self._state, "tasks": tasks, "notes": self._notes})
        self._journal.close()
        if self._journal.failure:
            self._note(self._journal.failure)

    def _stop_at_exit(self) -> None:
        self.stop()

    def _watch_sigterm(self) -> None:
        """Close the run on SIGTERM where the program itself does nothing about it."""
        in_main = threading.current_thread() is threading.main_thread()
        if in_main and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
            with suppress(ValueError):  # a subinterpreter
                signal.signal(signal.SIGTERM, self._end_by_signal)

    def _end_by_signal(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002
        self.stop("interrupted")
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)


def _place(name: str | None) -> Place | None:
    if not name:
        return None
    from carbon_advisor.measurement.place import place_of

    return place_of(name)


def _interval(given: float | None) -> float:
    """Return the interval that was given, set or is usual, in seconds."""
    text = str(given) if given is not None else setting("interval_s") or str(DEFAULT_INTERVAL_S)
    try:
        interval_s = float(text)
    except ValueError:
        interval_s = float("nan")
    if not SHORTEST_INTERVAL_S <= interval_s <= LONGEST_INTERVAL_S:
        raise InputError(
            f"interval_s is a number of seconds from {SHORTEST_INTERVAL_S:g} to "
            f"{LONGEST_INTERVAL_S:g}, not {text}"
        )
    return interval_s


def _state_after(error: BaseException | None) -> State:
    """Return the state of a run whose program ended with this exception."""
    if isinstance(error, KeyboardInterrupt):
        return "interrupted"
    done = error is None or (isinstance(error, SystemExit) and error.code in {None, 0})
    return "finished" if done else "failed"


def _energy_kwh(totals: Totals) -> float:
    return sum(part.energy_kwh for part in totals.energy)


def _sample_record(totals: Totals) -> dict[str, Any]:
    """Cumulative, so that the last whole record is all that a recovery needs."""
    return {
        "duration_s": round(totals.duration_s, 4),
        "cpu_time_s": round(totals.cpu_time_s, 4),
        "memory_peak_gb": round(totals.memory_peak_gb, 6),
        "energy_kwh": [part.energy_kwh for part in totals.energy],
        "machine_energy_kwh": [part.machine_energy_kwh for part in totals.energy],
    }
