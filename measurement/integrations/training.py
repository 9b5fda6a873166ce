"""A training as a run with one task per epoch: what the callbacks of all frameworks share."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from carbon_advisor.measurement.tracker import Tracker

if TYPE_CHECKING:
    from carbon_advisor.measurement.run_result import RunResult, State


class Training:
    """Tracks one training after the other; can be pickled between them.

    Args:
        project: as for `Tracker`.
        run_name: as for `Tracker`.
        settings: more of Tracker's.

    Attributes:
        result: of the last training that ended.

    Raises:
        InputError: a setting cannot be used.
    """

    def __init__(self, project: str | None, run_name: str | None, **settings: Any) -> None:
        self._settings = {"project": project, "run_name": run_name, **settings}
        Tracker(**self._settings)  # what cannot be used is an error now, and not an epoch later
        self._tracker: Tracker | None = None
        self._epoch: ExitStack | None = None
        self.result: RunResult | None = None

    def begin(self) -> None:
        """Start a run; one that was never ended has failed."""
        self.end("failed")
        self._tracker = Tracker(**self._settings).start()

    def begin_epoch(self, number: int) -> None:
        """Start the task of an epoch; the first has number 1."""
        self.end_epoch()
        if self._tracker is not None:
            self._epoch = ExitStack()
            self._epoch.enter_context(self._tracker.task(f"epoch {number}"))

    def end_epoch(self) -> None:
        """End the epoch's task, if there is one."""
        epoch, self._epoch = self._epoch, None
        if epoch is not None:
            epoch.close()

    def end(self, state: State = "finished") -> None:
        """End the run, if there is one."""
        self.end_epoch()
        tracker, self._tracker = self._tracker, None
        if tracker is not None:
            self.result = tracker.stop(state)
