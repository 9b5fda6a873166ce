"""A run in Prometheus' text format: base units, one series per component and method."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from carbon_advisor.measurement.outputs.sums import JOULES_PER_KWH

if TYPE_CHECKING:
    from collections.abc import Iterable

    from carbon_advisor.measurement.run_result import RunResult


class _Family(NamedTuple):
    """A metric with its series: labels beside those of the run, and a value."""

    name: str
    kind: str
    help: str
    series: list[tuple[dict[str, str], float]]


def prometheus_text(run: RunResult) -> str:
    """Return the run's metrics; what was not measured is not there."""
    labels = {"project": run.project, "run_name": run.run_name}
    lines = [line for family in _families(run) if family.series for line in _lines(family, labels)]
    return "".join(f"{line}\n" for line in lines)


def _families(run: RunResult) -> Iterable[_Family]:
    yield _Family(
        "carbon_advisor_energy_joules_total",
        "counter",
        "Energy of the run, without PUE.",
        _by_component(run, "energy_kwh"),
    )
    yield _Family(
        "carbon_advisor_machine_energy_joules_total",
        "counter",
        "Energy of the whole machine since the run began, without PUE.",
        _by_component(run, "machine_energy_kwh"),
    )
    emissions_g = run.emissions_g if run.energy else None
    yield _Family(
        "carbon_advisor_emissions_grams_total",
        "counter",
        "Operational emissions of the run in grams of CO2eq, with PUE.",
        [] if emissions_g is None else [({}, emissions_g)],
    )
    yield _Family(
        "carbon_advisor_cpu_seconds_total",
        "counter",
        "CPU time of all processes of the run.",
        [({}, run.cpu_time_s)],
    )
    yield _Family(
        "carbon_advisor_duration_seconds",
        "gauge",
        "How long the run has been measured.",
        [({}, run.duration_s)],
    )
    yield _Family(
        "carbon_advisor_memory_peak_bytes",
        "gauge",
        "Largest resident memory of the run.",
        [({}, run.memory_peak_gb * 1e9)],
    )
    yield _Family(
        "carbon_advisor_start_time_seconds",
        "gauge",
        "When the run began, in seconds since 1970.",
        [({}, run.started_at.timestamp())],
    )
    yield _Family(
        "carbon_advisor_running",
        "gauge",
        "1 while the run goes on, 0 once it has ended.",
        [({}, float(run.state == "running"))],
    )


def _by_component(run: RunResult, energy: str) -> list[tuple[dict[str, str], float]]:
    """Sum up sources of the same component and method: a series may be there only once."""
    sums: dict[tuple[str, str], float] = {}
    for part in run.energy:
        key = (part.component, part.method)
        sums[key] = sums.get(key, 0.0) + getattr(part, energy) * JOULES_PER_KWH
    return [
        ({"component": component, "method": method}, joules)
        for (component, method), joules in sums.items()
    ]


def _lines(family: _Family, labels: dict[str, str]) -> Iterable[str]:
    yield f"# HELP {family.name} {family.help}"
    yield f"# TYPE {family.name} {family.kind}"
    for own, value in family.series:
        inside = ",".join(f'{name}="{_escaped(text)}"' for name, text in (labels | own).items())
        yield f"{family.name}{{{inside}}} {value!r}"


def _escaped(text: str) -> str:
    printable = text.encode("utf-8", "replace").decode()
    return printable.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
