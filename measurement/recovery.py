"""Runs from their journals: ended ones, running ones, and those that a kill interrupted."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from carbon_advisor.measurement.errors import InputError
from carbon_advisor.measurement.journal import FOLDER, SUFFIX, read_records, still_written
from carbon_advisor.measurement.journal_checks import (
    check_end,
    check_header,
    check_sample,
    check_task,
)
from carbon_advisor.measurement.power_steps import PowerSteps, power_steps
from carbon_advisor.measurement.profile import ComponentEnergy
from carbon_advisor.measurement.recording import JOURNAL_SCHEMA
from carbon_advisor.measurement.run_document import hardware_from, identity_from
from carbon_advisor.measurement.run_identity import host_name
from carbon_advisor.measurement.run_result import RunResult, State, TaskResult

if TYPE_CHECKING:
    from pathlib import Path

UNCLOSED = (
    "the run was not closed (its process was killed, or the machine went down): "
    "counted up to the last sample"
)
_QUIET_S = 60.0  # more than two intervals without a sample from another machine


@dataclass(frozen=True, slots=True)
class Journalled:
    """A run as its journal tells it.

    Attributes:
        path: of the journal.
        run: up to the last whole record.
        steps: its power over time.
        tail: bytes after the last whole record; torn or corrupt.
    """

    path: Path
    run: RunResult
    steps: PowerSteps
    tail: bytes


def journals_in(home: Path) -> list[Path]:
    """Return the journals in the advisor's folder, by name.

    Raises:
        OSError: the folder is there and cannot be listed.
    """
    folder = home / FOLDER
    try:
        return sorted(path for path in folder.iterdir() if path.name.endswith(SUFFIX))
    except (FileNotFoundError, NotADirectoryError):
        return []


def journalled_runs(home: Path) -> list[RunResult]:
    """Return every run that has a readable journal in the advisor's folder, oldest first."""
    runs = []
    for path in journals_in(home):
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
    return read_journalled(path).run


def read_journalled(path: Path) -> Journalled:
    """Return what a journal tells; its state is "running" while a process keeps it.

    Raises:
        InputError: it has no header, or one of another version.
        OSError: it cannot be read.
    """
    records, tail = read_records(path)
    header = _header(records, path)
    kept = False
    if not any("state" in record for record in records):
        kept = _is_kept(path, header)  # the header was written under the lock: it is held by now
        if not kept:
            records, tail = read_records(path)  # what came in before the lock was let go
    try:
        run = _run(header, records[1:], "running" if kept else "interrupted")
        steps = power_steps(record for record in records if "duration_s" in record)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"{path} is no journal: {type(error).__name__}: {error}") from error
    return Journalled(path, run, steps, b"" if kept else tail)


def _header(records: list[dict[str, Any]], path: Path) -> dict[str, Any]:
    if not records or records[0].get("schema") != JOURNAL_SCHEMA:
        raise InputError(f"{path} is no journal that this version reads ('{JOURNAL_SCHEMA}')")
    try:
        check_header(records[0])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"{path} is no journal: {type(error).__name__}: {error}") from error
    return records[0]


def _run(header: dict[str, Any], records: list[dict[str, Any]], without_end: State) -> RunResult:
    samples = [record for record in records if "duration_s" in record]
    ends = [record for record in records if "state" in record]
    last: dict[str, Any] = samples[-1] if samples else {}
    end = ends[-1] if ends else {}
    parts = [ComponentEnergy(**part) for part in header["components"]]
    job = last.get("energy_kwh", [0.0] * len(parts))
    machine = last.get("machine_energy_kwh", [0.0] * len(parts))
    check_sample(last, len(parts))
    check_end(end)
    state: State = end.get("state") or without_end
    notes = tuple(str(note) for note in end.get("notes", header["notes"]))
    return RunResult(
        identity=identity_from(header),
        state=state,
        exit_code=end.get("exit_code"),
        duration_s=last.get("duration_s", 0.0),
        cpu_time_s=last.get("cpu_time_s", 0.0),
        memory_peak_gb=last.get("memory_peak_gb", 0.0),
        energy=tuple(
            replace(part, energy_kwh=own, machine_energy_kwh=whole)
            for part, own, whole in zip(parts, job, machine, strict=True)
        ),
        hardware=hardware_from(header["hardware"]),
        tasks=tuple(_task(record["task"]) for record in records if "task" in record),
        notes=notes if end or state == "running" else (*notes, UNCLOSED),
    )


def _task(stored: dict[str, Any]) -> TaskResult:
    check_task(stored)
    return TaskResult(**stored)


def _is_kept(path: Path, header: dict[str, Any]) -> bool:
    """Say whether a process still continues a journal without an end."""
    kept = still_written(path)
    if kept:
        return True
    if header["host"] != host_name():  # its locks may not be seen from here
        quiet_s = time.time() - path.stat().st_mtime
        return quiet_s < _QUIET_S + 2 * float(header["interval_s"])
    return False if kept is False else process_lives(header["pid"])


def process_lives(pid: int) -> bool:
    """Say whether a process has this number, where no lock tells; it may be another's by now."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
