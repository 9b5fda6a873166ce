"""The tracker: measures the program it is embedded in, from a thread of its own.

Nothing that goes wrong in it reaches the program: it stands in the result's notes.
"""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from carbon_advisor.measurement.errors import InputError
from carbon_advisor.measurement.recording import Recording, chosen_outputs
from carbon_advisor.measurement.run_identity import new_identity
from carbon_advisor.measurement.run_result import RunResult
from carbon_advisor.measurement.settings import setting

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import FrameType, TracebackType

    from carbon_advisor.measurement.instruments import Instruments
    from carbon_advisor.measurement.outputs.fan_out import Outputs
    from carbon_advisor.measurement.outputs.output import Output
    from carbon_advisor.measurement.run_result import State

_JOIN_S = 2.0  # for the last sample; a driver that hangs in it is left behind


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
        attribution: "proportional" if nothing says otherwise: the energy above idle by what the
            job runs, idle energy by what it holds; "marginal": without idle energy; "full": all
            of the machine's.
        meter: what measures the whole machine's power, which is then divided over its components:
            "file:PATH", "command:PROGRAM …" or "http://HOST/PATH" (docs/meters.md).
        outputs: where the figures go: names such as "jsonl:runs.jsonl" or "mlflow", or objects
            with the methods of `Output` (docs/outputs.md); nowhere but the journal if none.

    Raises:
        InputError: the interval is out of range, there is no such attribution, the meter is none
            of these, or an output lacks its target or its package.
        UnknownNameError: there is no such place, or no such output.
    """

    def __init__(
        self,
        project: str | None = None,
        run_name: str | None = None,
        *,
        interval_s: float | None = None,
        here: str | None = None,
        attribution: str | None = None,
        meter: str | None = None,
        outputs: str | Sequence[str | Output] | None = None,
    ) -> None:
        self._meter = _known_meter(meter or setting("meter"))
        self._outputs = chosen_outputs(outputs)
        self.identity = new_identity(project, run_name, interval_s, here, attribution=attribution)
        self._recording: Recording | None = None
        self._stopping = threading.Lock()  # free once the run is to stop; waits for half an Event's
        self._thread: threading.Thread | None = None

    def start(self) -> Tracker:
        """Begin measuring; does nothing if begun already."""
        if self._recording is not None:
            return self
        self.identity = replace(self.identity, started_at=datetime.now(UTC), pid=os.getpid())
        self._recording = _recording(self, self._meter, self._outputs)
        self.identity = self._recording.identity  # it knows the run that this one is within
        self._recording.open_journal()
        self._recording.announce()
        self._stopping.acquire()
        atexit.register(self._stop_at_exit)
        self._watch_sigterm()
        self._thread = threading.Thread(target=self._run, name="advisor-tracker", daemon=True)
        self._thread.start()
        return self

    def stop(self, state: State = "finished") -> RunResult:
        """End measuring and return the result; in a forked child, leave the parent's run alone."""
        recording = self._recording
        if recording is not None and recording.running:
            with suppress(RuntimeError):  # released by an earlier call that a signal interrupted
                self._stopping.release()
            if self._thread is not None and self._thread is not threading.current_thread():
                self._thread.join(_JOIN_S)
                if self._thread.is_alive():
                    recording.leave_hanging()
            recording.end(state)
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
        self.stop(state_of(error))

    @property
    def result(self) -> RunResult:
        """What the run has taken up to its end, or up to the last sample while it runs."""
        if self._recording is None:
            return RunResult(self.identity, "running", None, 0.0, 0.0, 0.0, (), None, (), ())
        return self._recording.result

    @contextmanager
    def task(self, name: str) -> Iterator[None]:
        """Measure a named part of the run; parts may repeat, nest and overlap."""
        if self._recording is None:
            yield
            return
        with self._recording.task(name):
            yield

    def _run(self) -> None:
        assert self._recording is not None
        interval_s = self.identity.interval_s
        due_s = time.monotonic() + interval_s
        while not self._stopping.acquire(timeout=max(0.0, due_s - time.monotonic())):
            if not self._recording.sample():
                return
            self._recording.show()
            due_s = max(due_s + interval_s, time.monotonic())  # missed ones are not made up for
        self._recording.sample()  # the last one is taken here too: a driver may hang in it

    def _stop_at_exit(self) -> None:
        at_prompt = hasattr(sys, "ps1")  # an error there ends nothing
        self.stop(state_of(None if at_prompt else getattr(sys, "last_value", None)))

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


def _recording(tracker: Tracker, meter: str | None, outputs: Outputs | None) -> Recording:
    """Begin to record this process; where its machine cannot be measured, that is noted."""
    # Half of the import's time, which a program that is only imported need not spend.
    from carbon_advisor.measurement.own_usage import OwnUsage

    try:
        return Recording(tracker.identity, _instruments(meter), OwnUsage(), outputs)
    except Exception as error:
        recording = Recording(tracker.identity, None, OwnUsage(), outputs)
        recording.note(f"nothing is measured: {type(error).__name__}: {error}")
        return recording


def _instruments(meter: str | None) -> Instruments:
    from carbon_advisor.measurement.instruments import external_meter, instruments_here

    notes: tuple[str, ...] = ()
    external = None
    if meter is not None:
        try:
            external = external_meter(meter, wait=False)  # a program is not kept waiting
        except InputError as error:
            notes = (f"{error}: the ordinary sources are used",)
    instruments = instruments_here(os.environ, external)
    return replace(instruments, notes=(*notes, *instruments.notes))


def _known_meter(text: str | None) -> str | None:
    if not text:
        return None
    from carbon_advisor.measurement.meter_address import meter_address

    meter_address(text)
    return text


def state_of(error: BaseException | None) -> State:
    """Return the state of a run whose program ended with this exception."""
    if isinstance(error, KeyboardInterrupt):
        return "interrupted"
    done = error is None or (isinstance(error, SystemExit) and error.code in {None, 0})
    return "finished" if done else "failed"
