"""Runs another output in a thread of its own: the program waits a little at the end, at most."""

from __future__ import annotations

import threading
from queue import SimpleQueue
from typing import TYPE_CHECKING

from carbon_advisor.measurement.outputs.output import Output

if TYPE_CHECKING:
    from collections.abc import Callable

    from carbon_advisor.measurement.run_result import RunResult


class Background(Output):
    """Passes a run on in a thread; of the samples that come while it is busy, none.

    Args:
        output: of one run; its `started` is called at once, the rest in the thread.
        every_s: least time between two samples.
        patience_s: how long the end of the run may take.
    """

    def __init__(self, output: Output, *, every_s: float, patience_s: float) -> None:
        self.output = output
        self.every_s = every_s
        self._patience_s = patience_s
        self._calls: SimpleQueue[tuple[Callable[[RunResult], None], RunResult]] = SimpleQueue()
        self._busy = False
        self._over = threading.Event()
        self._failure: Exception | None = None

    def started(self, run: RunResult) -> None:
        """Begin the thread; no new one can be begun while the interpreter ends."""
        self.output.started(run)
        threading.Thread(target=self._work, name="advisor-output", daemon=True).start()

    def sampled(self, run: RunResult) -> None:
        """Raise what the last call raised; pass the sample on, unless that call still runs."""
        self._raise_failure()
        if not self._busy:
            self._busy = True
            self._calls.put((self.output.sampled, run))

    def ended(self, run: RunResult) -> None:
        """Pass the end on and wait for it a little.

        Raises:
            TimeoutError: that was not enough; it goes on for as long as the program does.
        """
        self._calls.put((self.output.ended, run))
        if not self._over.wait(self._patience_s):
            raise TimeoutError(f"no answer within {self._patience_s:g} s")
        self._raise_failure()

    def _work(self) -> None:
        while not self._over.is_set():
            call, run = self._calls.get()
            self._failure = None  # of a sample: the end is more important
            try:
                call(run)
            except Exception as error:
                self._failure = error
            self._busy = False
            if call == self.output.ended:
                self._over.set()

    def _raise_failure(self) -> None:
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure
