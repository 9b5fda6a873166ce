"""Outputs by name: ours and those of other packages' entry points, imported when one is chosen."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from carbon_advisor.measurement.errors import AdvisorError, InputError, UnknownNameError
from carbon_advisor.measurement.outputs.fan_out import Outputs

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from carbon_advisor.measurement.outputs.output import Output

GROUP = "carbon_advisor.outputs"  # of entry points: each names a function of a target
_HERE = "carbon_advisor.measurement"
_BUILT_IN = {
    "codecarbon": f"{_HERE}.outputs.codecarbon_csv:CodeCarbonCsv",
    "comet": f"{_HERE}.integrations.comet:comet",
    "csv": f"{_HERE}.outputs.csv_file:CsvFile",
    "json": f"{_HERE}.outputs.json_file:JsonFile",
    "jsonl": f"{_HERE}.outputs.json_file:JsonLines",
    "logging": f"{_HERE}.outputs.log:Log",
    "mlflow": f"{_HERE}.integrations.mlflow:mlflow",
    "otel": f"{_HERE}.outputs.open_telemetry:OpenTelemetry",
    "prometheus-push": f"{_HERE}.outputs.prometheus_push:prometheus_push",
    "prometheus-textfile": f"{_HERE}.outputs.prometheus_textfile:PrometheusTextfile",
    "tensorboard": f"{_HERE}.integrations.tensorboard:tensorboard",
    "wandb": f"{_HERE}.integrations.wandb:wandb",
}


def outputs_of(chosen: str | Sequence[str | Output]) -> Outputs:
    """Return the outputs that somebody chose.

    Args:
        chosen: names with their targets ("csv:runs.csv"), in one text with commas between them or
            each by itself; or outputs themselves.

    Raises:
        UnknownNameError: there is no such output.
        InputError: a target is missing or wrong, or a package is not installed.
    """
    each = chosen.split(",") if isinstance(chosen, str) else chosen
    return Outputs(_named(one) for one in each if not isinstance(one, str) or one.strip())


def known_names() -> list[str]:
    """Return the names of all outputs that can be chosen here."""
    return sorted({*_BUILT_IN, *(entry.name for entry in _entry_points())})


def _named(chosen: str | Output) -> tuple[str, Output]:
    if not isinstance(chosen, str):
        if not all(callable(getattr(chosen, call, None)) for call in ("started", "ended")):
            raise InputError(f"{chosen!r} is no output: it has no methods started and ended")
        return type(chosen).__name__, chosen
    name, _, target = chosen.strip().partition(":")
    make = _loaded(_BUILT_IN[name]) if name in _BUILT_IN else _of_others(name)
    try:
        return name, make(target)
    except AdvisorError:
        raise
    except Exception as error:
        raise InputError(f"output {name} cannot be made: {error}") from error


def _loaded(place: str) -> Callable[[str], Output]:
    module, _, attribute = place.partition(":")
    loaded: Callable[[str], Output] = getattr(import_module(module), attribute)
    return loaded


def _of_others(name: str) -> Callable[[str], Output]:
    for entry in _entry_points():
        if entry.name == name:
            try:
                loaded: Callable[[str], Output] = entry.load()
            except Exception as error:
                raise InputError(f"output {name} ({entry.value}) is broken: {error}") from error
            return loaded
    raise UnknownNameError("output", name, known_names())


def _entry_points() -> list[Any]:
    from importlib.metadata import entry_points  # 20 ms that nobody pays for our own outputs

    return list(entry_points(group=GROUP))
