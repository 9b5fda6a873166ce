"""Runs from their journals: ended ones, running ones, and those that a kill interrupted."""

from __future__ import annotations

import os
from dataclasses import MISSING, fields, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from carbon_advisor.measurement.errors import InputError
from carbon_advisor.measurement.hardware import Gpu, Hardware
from carbon_advisor.measurement.journal import FOLDER, SUFFIX, read_journal, still_written
from carbon_advisor.measurement.place import Place
from carbon_advisor.measurement.profile import ComponentEnergy
from carbon_advisor.measurement.ranks import Ranks
from carbon_advisor.measurement.recording import JOURNAL_SCHEMA
from carbon_advisor.measurement.run_identity import RunIdentity
from carbon_advisor.measurement.run_result import RunResult, State, TaskResult

if TYPE_CHECKING:
    from pathlib import Path


def journalled_runs(home: Path) -> list[RunResult]:
    """Return every run that has a readable journal in the advisor's folder, oldest first."""
    runs = []
    for path in (home / FOLDER).glob(f"*{SUFFIX}"):
        try:
            runs.append(run_from_journal(path))
        except (InputError, OSError):
            continue
    return sorted(runs, key=lambda run: (run.started_at, run.id))


def run_from_journal(path: Path) -> RunResult:
    """Return the run that a journal tells of, up to its last whole record.

    Raises:
        InputError: it has no header, or one of another version.
        OSError: it cannot be read.
    """
    records = read_journal(path)
    if not records or records[0].get("schema") != JOURNAL_SCHEMA:
        raise InputError(f"{path} is no journal that this version reads ('{JOURNAL_SCHEMA}')")
    try:
        return _run(records[0], records[1:], path)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path} is no journal: {type(error).__name__}: {error}") from error


def _run(header: dict[str, Any], records: list[dict[str, Any]], path: Path) -> RunResult:
    samples = [record for record in records if "duration_s" in record]
    ends = [record for record in records if "state" in record]
    last: dict[str, Any] = samples[-1] if samples else {}
    end = ends[-1] if ends else {}
    parts = [ComponentEnergy(**part) for part in header["components"]]
    job = last.get("energy_kwh", [0.0] * len(parts))
    machine = last.get("machine_energy_kwh", [0.0] * len(parts))
    return RunResult(
        identity=_identity(header),
        state=end.get("state") or _state_without_end(path, header["pid"]),
        exit_code=end.get("exit_code"),
        duration_s=last.get("duration_s", 0.0),
        cpu_time_s=last.get("cpu_time_s", 0.0),
        memory_peak_gb=last.get("memory_peak_gb", 0.0),
        energy=tuple(
            replace(part, energy_kwh=own, machine_energy_kwh=whole)
            for part, own, whole in zip(parts, job, machine, strict=True)
        ),
        hardware=_hardware(header["hardware"]),
        tasks=tuple(TaskResult(**record["task"]) for record in records if "task" in record),
        notes=tuple(end.get("notes", header["notes"])),
    )


def _identity(header: dict[str, Any]) -> RunIdentity:
    # Older journals lack the fields that came later: those have defaults.
    stored = {
        field.name: header[field.name]
        for field in fields(RunIdentity)
        if field.name in header or field.default is MISSING
    }
    return RunIdentity(
        **{
            **stored,
            "ranks": Ranks(**stored["ranks"]) if stored.get("ranks") else None,
            "started_at": datetime.fromisoformat(stored["started_at"]),
            "place": Place(**stored["place"]) if stored["place"] else None,
            "command": tuple(stored["command"]),
        }
    )


def _hardware(stored: dict[str, Any] | None) -> Hardware | None:
    if stored is None:
        return None
    return Hardware(**{**stored, "gpus": tuple(Gpu(**gpu) for gpu in stored["gpus"])})


def _state_without_end(path: Path, pid: int) -> State:
    """Return "running" while somebody keeps the journal, else "interrupted"."""
    kept = still_written(path)
    if kept is None:  # no locks here: the process number, which may be another's by now
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            kept = False
        except PermissionError:
            kept = True
        else:
            kept = True
    return "running" if kept else "interrupted"
