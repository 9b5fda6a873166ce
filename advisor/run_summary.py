"""One recorded run in lines for the screen and in JSON: figures, components, tasks, notes."""

from __future__ import annotations

import shlex
import textwrap
from typing import TYPE_CHECKING, Any

from carbon_advisor.advisor.durations import format_duration
from carbon_advisor.advisor.formatting import format_emissions, format_energy, format_number
from carbon_advisor.advisor.printable import printable
from carbon_advisor.advisor.runs_list import run_fields

if TYPE_CHECKING:
    from collections.abc import Iterator

    from carbon_advisor.advisor.ledger.records import Details, Prediction, Run

RECORDED_RUN_SCHEMA = "carbon-advisor/recorded-run/1"
SHORT_ID = 8
_WIDTH = 100
_LONGEST_NAME, _LONGEST_COMMAND = 60, 400
_LABELS = {"cpu": "CPU", "memory": "memory", "gpu": "GPU", "machine": "machine"}
_MOST_TASKS = 20


def recorded_run_json(run: Run, details: Details, prediction: Prediction | None) -> dict[str, Any]:
    """Return all that is known of a run in JSON's types."""
    from carbon_advisor.advisor.compare import prediction_json

    return {
        "schema": RECORDED_RUN_SCHEMA,
        **run_fields(run),
        "components": components_of(details),
        "tasks": (details.document or {}).get("tasks", []),
        "notes": notes_of(details),
        "hardware": (details.document or details.profile or {}).get("hardware"),
        "imported": (details.document or {}).get("imported"),
        "steps": details.steps,
        "prediction": prediction_json(prediction) if prediction else None,
    }


def components_of(details: Details) -> list[dict[str, Any]]:
    """Return the energy of each component with its method, source and error."""
    if details.document is not None:
        return list(details.document["components"])
    return list((details.profile or {}).get("energy", []))


def notes_of(details: Details) -> list[str]:
    """Return what the reader of the figures is to know."""
    return list((details.document or details.profile or {}).get("notes", []))


def summary_lines(run: Run, details: Details) -> list[str]:
    """Return a run as lines of at most 100 columns."""
    lines = [_headline(run)]
    for label, text in _figures(run):
        lines += _labelled(label, text)
        if label == "energy":
            for part in components_of(details):
                lines += _labelled(_LABELS.get(part["component"], part["component"]), _part(part))
    lines += _task_lines((details.document or {}).get("tasks", []))
    for note in notes_of(details):
        lines += _labelled("note", printable(note, _LONGEST_COMMAND))
    return lines


def _headline(run: Run) -> str:
    name = printable(f"{run.project} / {run.name}", _LONGEST_NAME)
    ending = run.state if run.exit_code in (0, None) else f"{run.state}, exit code {run.exit_code}"
    return f"{name} · run {run.id[:SHORT_ID]} · {ending}"


def _figures(run: Run) -> Iterator[tuple[str, str]]:
    """Yield labels and what stands behind them, of what is known."""
    yield "started", f"{run.started_at.astimezone():%d %b %Y %H:%M:%S} on {run.host or 'unknown'}"
    if run.duration_s is not None:
        yield "took", _use(run)
    if run.energy_kwh is None:
        yield "energy", "not known"
    else:
        yield "energy", _energy(run)
    if run.emissions_g is not None:
        yield "emissions", _emissions(run)
    elif run.energy_kwh is not None:
        yield "emissions", "not known: say where this machine stands with --here or ADVISOR_HERE"
    if run.command:
        yield "command", printable(shlex.join(run.command), _LONGEST_COMMAND)
    if run.git_commit:
        yield "commit", run.git_commit
    if run.parent_id:
        yield "within", f"run {run.parent_id[:SHORT_ID]}, which counts this energy too"
    if run.group_id or run.rank is not None:
        rank = "" if run.rank is None else f", rank {run.rank}"
        yield "part of", f"{printable(run.group_id or 'a distributed job', _LONGEST_NAME)}{rank}"


def _use(run: Run) -> str:
    text = format_duration(run.duration_s or 0.0)
    if run.cpu_time_s is not None:
        text += f", {format_duration(run.cpu_time_s)} of CPU time"
    if run.memory_peak_gb:
        text += f", {format_number(run.memory_peak_gb)} GB of memory at most"
    return text


def _energy(run: Run) -> str:
    energy_kwh, duration_s = run.energy_kwh or 0.0, run.duration_s or 0.0
    text = format_energy(energy_kwh)
    if duration_s:
        text += f", {format_number(energy_kwh * 3.6e6 / duration_s)} W on average"
    if run.machine_energy_kwh:
        text += f", of {format_energy(run.machine_energy_kwh)} of the whole machine"
    return text + (f" ({run.attribution})" if run.attribution else "")


def _emissions(run: Run) -> str:
    text = format_emissions(run.emissions_g or 0.0)
    if run.intensity_g_per_kwh is not None:
        where = f" in {run.zone}" if run.zone else ""
        text += f"{where}: {format_number(run.intensity_g_per_kwh)} g/kWh, PUE {run.pue:g}"
    return text


def _part(part: dict[str, Any]) -> str:
    error = part.get("relative_error")
    within = "" if error is None else f" ±{error:.0%}"
    return f"{format_energy(part['energy_kwh'])}{within}, {part['method']}: {part['source']}"


def _task_lines(tasks: list[dict[str, Any]]) -> list[str]:
    """Return a line per name of a task: how often it came, how long it took, its energy."""
    sums: dict[str, tuple[int, float, float]] = {}
    for task in tasks:
        count, duration_s, energy_kwh = sums.get(task["name"], (0, 0.0, 0.0))
        sums[task["name"]] = (
            count + 1,
            duration_s + task["duration_s"],
            energy_kwh + task["energy_kwh"],
        )
    lines = []
    for name, (count, duration_s, energy_kwh) in list(sums.items())[:_MOST_TASKS]:
        times = f"{count:,} ×" if count > 1 else ""
        lines.append(
            f"  {'task':10}{printable(name, 40):42}{times:>9} "
            f"{format_duration(duration_s):>12} {format_energy(energy_kwh):>12}"
        )
    if len(sums) > _MOST_TASKS:
        lines.append(f"  {'':10}… and {len(sums) - _MOST_TASKS} more (--json has all of them)")
    return lines


def _labelled(label: str, text: str) -> list[str]:
    return textwrap.wrap(text, _WIDTH, initial_indent=f"  {label:10}", subsequent_indent=" " * 12)
