"""What OpenTelemetry's instruments show: sums over the runs of this process, by their attributes.

Sums rise from one run to the next, as counters must, and need no memory of runs that have ended.
"""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Any

from carbon_advisor.measurement.outputs.sums import JOULES_PER_KWH

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from carbon_advisor.measurement.run_result import RunResult

# name, unit (UCUM), kind, description
INSTRUMENTS = (
    ("carbon_advisor.energy", "J", "counter", "Energy of runs, without PUE"),
    ("carbon_advisor.machine.energy", "J", "counter", "Energy of the machine during runs"),
    ("carbon_advisor.emissions", "g", "counter", "Operational CO2eq of runs, with PUE"),
    ("carbon_advisor.cpu.time", "s", "counter", "CPU time of all processes of runs"),
    ("carbon_advisor.duration", "s", "counter", "How long runs were measured"),
    ("carbon_advisor.memory.peak", "By", "gauge", "Largest resident memory of the last run"),
)
_GAUGES = frozenset(name for name, _, kind, _ in INSTRUMENTS if kind == "gauge")
Key = tuple[str, tuple[tuple[str, str], ...]]


class OtelTotals:
    """The figures of one provider's instruments.

    Args:
        provider: kept alive with them.
        observation: makes what a callback returns.
    """

    def __init__(self, provider: Any, observation: Callable[..., Any]) -> None:
        self._provider = provider
        self._observation = observation
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._ended: dict[Key, float] = {}
        self._live: dict[str, dict[Key, float]] = {}

    def update(self, run: RunResult) -> None:
        """Take in how far a run is."""
        figures = dict(_figures(run))
        with self._lock:
            self._live[run.id] = figures
            if run.state != "running":
                _add(self._ended, self._live.pop(run.id))

    def callback(self, name: str) -> Callable[[Any], Iterator[Any]]:
        """Return what an instrument calls when it is collected."""

        def observe(options: Any) -> Iterator[Any]:  # noqa: ARG001 - the SDK's signature
            if os.getpid() != self._pid:  # in a forked child the runs are its parent's
                return
            for (of, attributes), value in self._sums().items():
                if of == name:
                    yield self._observation(value, dict(attributes))

        return observe

    def _sums(self) -> dict[Key, float]:
        with self._lock:
            sums = dict(self._ended)
            for figures in self._live.values():
                _add(sums, figures)
            return sums


def _add(sums: dict[Key, float], figures: dict[Key, float]) -> None:
    for key, value in figures.items():
        sums[key] = value if key[0] in _GAUGES else sums.get(key, 0.0) + value


def _figures(run: RunResult) -> Iterator[tuple[Key, float]]:
    of_run = [("carbon_advisor.project", run.project)]
    if run.run_name != run.id[:8]:  # a name that nobody gave would be a series for each run
        of_run.append(("carbon_advisor.run.name", run.run_name))
    parts: dict[Key, float] = {}
    for part in run.energy:
        own = [("carbon_advisor.component", part.component), ("carbon_advisor.method", part.method)]
        attributes = (*of_run, *own)
        joules = part.energy_kwh * JOULES_PER_KWH
        machine_joules = part.machine_energy_kwh * JOULES_PER_KWH
        _add(parts, {("carbon_advisor.energy", attributes): joules})
        _add(parts, {("carbon_advisor.machine.energy", attributes): machine_joules})
    yield from parts.items()
    whole = tuple(of_run)
    if run.energy and run.emissions_g is not None:
        yield ("carbon_advisor.emissions", whole), run.emissions_g
    yield ("carbon_advisor.cpu.time", whole), run.cpu_time_s
    yield ("carbon_advisor.duration", whole), run.duration_s
    yield ("carbon_advisor.memory.peak", whole), run.memory_peak_gb * 1e9
