"""Records to rows and back: an interval is three columns, text is what every database takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from carbon_advisor.advisor.interval import Interval
from carbon_advisor.advisor.ledger.records import Prediction, Run

if TYPE_CHECKING:
    from collections.abc import Mapping

    from carbon_advisor.advisor.ledger.records import Details

_PREDICTION_PLAIN = (
    "id", "created_at", "profile_name", "profile_sha256", "candidate", "zone", "start_at",
    "intensity_g_per_kwh", "pue", "provenance",
)  # fmt: skip
_RUN_PLAIN = (
    "id", "prediction_id", "name", "state", "started_at", "ended_at", "exit_code", "duration_s",
    "energy_kwh", "emissions_g", "intensity_g_per_kwh", "pue", "zone", "host", "git_commit",
    "project", "origin", "cpu_time_s", "memory_peak_gb", "machine_energy_kwh", "measured_kwh",
    "method", "attribution", "parent_id", "group_id", "rank",
)  # fmt: skip
DETAILS = ("profile", "document", "steps")
_INTERVALS = (("duration", "s"), ("energy", "kwh"), ("emissions", "g"))


def prediction_row(prediction: Prediction) -> dict[str, Any]:
    """Return the columns of a prediction."""
    row = {name: _storable(getattr(prediction, name)) for name in _PREDICTION_PLAIN}
    for quantity, unit in _INTERVALS:
        interval: Interval | None = getattr(prediction, f"{quantity}_{unit}")
        row[f"{quantity}_{unit}"] = interval.value if interval else None
        row[f"{quantity}_low_{unit}"] = interval.low if interval else None
        row[f"{quantity}_high_{unit}"] = interval.high if interval else None
    return row


def prediction_from(row: Mapping[str, Any], prefix: str = "") -> Prediction:
    """Return the prediction in a row whose columns' names begin with `prefix`."""
    values = {name: row[prefix + name] for name in _PREDICTION_PLAIN}
    for quantity, unit in _INTERVALS:
        name = f"{quantity}_{unit}"
        ends = (row[f"{prefix}{quantity}_low_{unit}"], row[f"{prefix}{quantity}_high_{unit}"])
        value = row[prefix + name]
        values[name] = None if value is None else Interval(value, *ends)
    return Prediction(**values)


def run_row(run: Run) -> dict[str, Any]:
    """Return the columns of a run, without its details."""
    row = {name: _storable(getattr(run, name)) for name in _RUN_PLAIN}
    return {**row, "command": [_storable(part) for part in run.command] or None}


def run_from(row: Mapping[str, Any], prefix: str = "") -> Run:
    """Return the run in a row whose columns' names begin with `prefix`."""
    values = {name: row[prefix + name] for name in _RUN_PLAIN}
    return Run(**values, command=tuple(row[prefix + "command"] or ()))


def details_row(details: Details) -> dict[str, Any]:
    """Return the columns of a run's details."""
    return {name: _storable(getattr(details, name)) for name in DETAILS}


def _storable(value: Any) -> Any:
    """Return it with text that has no lone surrogates, which no database takes.

    They stand for bytes that were not UTF-8, in an argument or the name of a file.
    """
    if isinstance(value, str):
        return value.encode(errors="replace").decode()
    if isinstance(value, dict):
        return {_storable(key): _storable(each) for key, each in value.items()}
    return [_storable(each) for each in value] if isinstance(value, list | tuple) else value
