"""The Protocol of an output: it is told when a run begins, how far it is, and how it ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from carbon_advisor.measurement.run_result import RunResult


class Output(Protocol):
    """Where the figures of runs go; derive from it and override what is needed.

    An exception is noted in the run's result: the program and the other outputs go on. An
    attribute `every_s` sets the least time between two calls of `sampled`.
    """

    def started(self, run: RunResult) -> None:  # noqa: ARG002
        """A run has begun; called by the program's thread."""
        return

    def sampled(self, run: RunResult) -> None:  # noqa: ARG002
        """A sample was taken; called by the tracker's thread, so it must not block for long.

        An output that does not override this costs nothing until the run ends.
        """
        return

    def ended(self, run: RunResult) -> None:  # noqa: ARG002
        """A run has ended; called by the thread that ends it, once."""
        return


def wants_samples(output: Output) -> bool:
    """Say whether an output does anything in `sampled`."""
    return getattr(type(output), "sampled", None) is not Output.sampled


def least_time_s(output: Output) -> float:
    """Return the least time that an output wants between two samples."""
    return float(getattr(output, "every_s", 0.0))
