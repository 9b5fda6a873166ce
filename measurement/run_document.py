"""A tracked run as a JSON document, and back: "carbon-advisor/tracked-run/1".

Its schema is data/schemas/tracked-run.schema.json; sums stand beside their parts for the reader.
"""

from __future__ import annotations

import json
from dataclasses import MISSING, asdict, fields
from datetime import datetime
from typing import TYPE_CHECKING, Any

from carbon_advisor.measurement.errors import InputError
from carbon_advisor.measurement.hardware import Gpu, Hardware
from carbon_advisor.measurement.journal_checks import (
    check_end,
    check_header,
    check_sample,
    check_task,
)
from carbon_advisor.measurement.place import Place
from carbon_advisor.measurement.profile import ComponentEnergy
from carbon_advisor.measurement.ranks import Ranks
from carbon_advisor.measurement.run_identity import RunIdentity
from carbon_advisor.measurement.run_result import RunResult, TaskResult

if TYPE_CHECKING:
    from collections.abc import Mapping

SCHEMA = "carbon-advisor/tracked-run/1"
_SUMS = ("duration_s", "cpu_time_s", "memory_peak_gb")


def run_document(run: RunResult) -> dict[str, Any]:
    """Return all there is of a run, which may still be running.

    Its energies and emissions are None where nothing was measured, which is not the same as 0.
    """
    measured = bool(run.energy)
    return {
        "schema": SCHEMA,
        **asdict(run.identity),
        "command": list(run.identity.command),
        "started_at": run.started_at.isoformat(),
        "state": run.state,
        "exit_code": run.exit_code,
        "duration_s": run.duration_s,
        "cpu_time_s": run.cpu_time_s,
        "memory_peak_gb": run.memory_peak_gb,
        "energy_kwh": run.energy_kwh if measured else None,
        "machine_energy_kwh": run.machine_energy_kwh if measured else None,
        "emissions_g": run.emissions_g if measured else None,
        "components": [asdict(part) for part in run.energy],
        "tasks": [asdict(task) for task in run.tasks],
        "hardware": _hardware_document(run.hardware),
        "notes": list(run.notes),
    }


def run_json(run: RunResult, indent: int | None = None) -> str:
    """Return the document as text that holds nothing but ASCII.

    Raises:
        ValueError: a figure is not finite.
    """
    return json.dumps(run_document(run), indent=indent, allow_nan=False)


def run_from_document(document: Mapping[str, Any]) -> RunResult:
    """Return the run that a document tells of.

    Raises:
        InputError: it is no such document, or of another version.
    """
    if document.get("schema") != SCHEMA:
        raise InputError(f"this is no run that this version reads ('{SCHEMA}')")
    try:
        return _run(dict(document))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"this is no tracked run: {type(error).__name__}: {error}") from error


def identity_from(stored: Mapping[str, Any]) -> RunIdentity:
    """Return the identity that a document or a journal's header holds.

    Raises:
        KeyError, TypeError, ValueError: it is not as we write it.
    """
    # Older ones lack the fields that came later: those have defaults.
    known = {
        field.name: stored[field.name]
        for field in fields(RunIdentity)
        if field.name in stored or field.default is MISSING
    }
    return RunIdentity(
        **{
            **known,
            "ranks": Ranks(**known["ranks"]) if known.get("ranks") else None,
            "started_at": datetime.fromisoformat(known["started_at"]),
            "place": Place(**known["place"]) if known["place"] else None,
            "command": tuple(known["command"]),
        }
    )


def hardware_from(stored: Mapping[str, Any] | None) -> Hardware | None:
    """Return the hardware that a document or a journal's header holds.

    Raises:
        KeyError, TypeError: it is not as we write it.
    """
    if stored is None:
        return None
    return Hardware(**{**stored, "gpus": tuple(Gpu(**gpu) for gpu in stored["gpus"])})


def _run(document: dict[str, Any]) -> RunResult:
    _check(document)
    return RunResult(
        identity=identity_from(document),
        state=document["state"],
        exit_code=document["exit_code"],
        **{name: document[name] for name in _SUMS},
        energy=tuple(ComponentEnergy(**part) for part in document["components"]),
        hardware=hardware_from(document["hardware"]),
        tasks=tuple(TaskResult(**task) for task in document["tasks"]),
        notes=tuple(str(note) for note in document["notes"]),
    )


def _check(document: dict[str, Any]) -> None:
    """Raise KeyError, TypeError or ValueError where a document is not as we write it."""
    check_header(document)
    parts = document["components"]
    sums = {name: document[name] for name in _SUMS}
    energies = {
        name: [part[name] for part in parts] for name in ("energy_kwh", "machine_energy_kwh")
    }
    check_sample(sums | energies, len(parts))
    for task in document["tasks"]:
        check_task(task)
    running = document["state"] == "running"
    check_end({} if running else {name: document[name] for name in ("state", "exit_code")})


def _hardware_document(hardware: Hardware | None) -> dict[str, Any] | None:
    if hardware is None:
        return None
    return {**asdict(hardware), "gpus": [asdict(gpu) for gpu in hardware.gpus]}
