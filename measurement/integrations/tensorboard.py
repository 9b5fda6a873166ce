"""Writes a run's figures as scalars for TensorBoard, into a folder of their own below LOGDIR."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from carbon_advisor.measurement.integrations.figures import EVERY_S, PATIENCE_S, Figures, logs_here
from carbon_advisor.measurement.outputs.background import Background
from carbon_advisor.measurement.outputs.needs import need_package, need_target
from carbon_advisor.measurement.outputs.output import Output

if TYPE_CHECKING:
    from carbon_advisor.measurement.run_result import RunResult


def tensorboard(target: str) -> Output:
    """Return the output for one run; `target` is the folder that TensorBoard shows."""
    logdir = Path(need_target(target, "tensorboard", "LOGDIR")).expanduser().absolute()
    need_package("tensorboard", "tensorboard", "tensorboard")
    return Background(_Scalars(logdir), every_s=EVERY_S, patience_s=PATIENCE_S)


class _Scalars(Output):
    """Steps are seconds since the begin.

    The folder is our own: of two writers in one folder, TensorBoard reads the newer one only.
    """

    def __init__(self, logdir: Path) -> None:
        self._logdir = logdir
        self._figures = Figures()
        self._writer: Any = None

    def sampled(self, run: RunResult) -> None:
        """Write how far the run is."""
        if logs_here(run):
            self._write(run)
            self._writer.flush()

    def ended(self, run: RunResult) -> None:
        """Write what it took."""
        if logs_here(run):
            self._write(run)
            self._writer.close()

    def _write(self, run: RunResult) -> None:
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.compat.proto.summary_pb2 import Summary
        from tensorboard.summary.writer.event_file_writer import EventFileWriter

        if self._writer is None:
            self._writer = EventFileWriter(str(self._logdir / f"carbon-advisor-{run.id[:8]}"))
        figures = self._figures.of(run).items()
        values = [Summary.Value(tag=name, simple_value=value) for name, value in figures]
        summary = Summary(value=values)
        event = Event(wall_time=time.time(), step=int(run.duration_s), summary=summary)
        self._writer.add_event(event)
