"""All outputs of one run: each is told on its own, and one that fails is a note of the result."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from carbon_advisor.measurement.outputs.output import least_time_s, wants_samples

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from carbon_advisor.measurement.outputs.output import Output
    from carbon_advisor.measurement.run_result import RunResult

_LONGEST_REASON = 300  # characters
_AFTER_FAILURE_S = 30.0  # until it is tried again


@dataclass(slots=True)
class _Told:
    """An output with the time from which it wants the next sample."""

    name: str
    output: Output
    wants_samples: bool
    every_s: float
    due_s: float = 0.0
    lost: bool = False
    noted: bool = False


class Outputs:
    """Tells the outputs of one run; never raises.

    Args:
        named: outputs with the names that notes call them by.
    """

    def __init__(self, named: Iterable[tuple[str, Output]]) -> None:
        self._all = [
            _Told(name, output, wants_samples(output), least_time_s(output))
            for name, output in named
        ]
        self._now_told: _Told | None = None
        self.notes: list[str] = []

    def started(self, run: RunResult) -> None:
        """Tell all that the run has begun; one that fails is told nothing more."""
        for told in self._all:
            told.lost = not self._tell(told, told.output.started, run)

    def due(self) -> bool:
        """Say whether any of them wants a sample now."""
        now_s = time.monotonic()
        return any(told.wants_samples and told.due_s <= now_s for told in self._of_use())

    def sampled(self, run: RunResult) -> None:
        """Tell those that want a sample now; one that fails is left in peace for a while."""
        now_s = time.monotonic()
        for told in self._of_use():
            if told.wants_samples and told.due_s <= now_s:
                well = self._tell(told, told.output.sampled, run)
                told.due_s = now_s + (told.every_s if well else max(told.every_s, _AFTER_FAILURE_S))

    def ended(self, run: RunResult) -> None:
        """Tell all that the run has ended."""
        for told in self._of_use():
            self._tell(told, told.output.ended, run)

    def leave_hanging(self) -> bool:
        """Tell an output that has not returned nothing more; say whether there is one."""
        hanging = self._now_told
        if hanging is None:
            return False
        hanging.lost = True
        self.notes.append(f"output {hanging.name} hangs: it is left behind")
        return True

    def _of_use(self) -> list[_Told]:
        return [told for told in self._all if not told.lost]

    def _tell(self, told: _Told, call: Callable[[RunResult], None], run: RunResult) -> bool:
        """Say whether it went well."""
        self._now_told = told
        try:
            call(run)
        except Exception as error:
            self._note_failure(told, error)
            return False
        finally:
            self._now_told = None
        return True

    def _note_failure(self, told: _Told, error: Exception) -> None:
        if not told.noted:  # a gateway that is away for an hour is told once
            self.notes.append(_failure(told.name, error))
        told.noted = True


def _failure(name: str, error: Exception) -> str:
    from carbon_advisor.measurement.redaction import redacted

    reason = " ".join(str(error).split()) or type(error).__name__
    (without_secrets,) = redacted([reason])
    return f"output {name} failed: {without_secrets[:_LONGEST_REASON]}"
