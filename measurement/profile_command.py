"""Runs a command and measures it: the way from a command line to a `Profile`."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import PurePath
from typing import TYPE_CHECKING

from carbon_advisor.measurement.detect import detect_hardware, machine_memory_gb
from carbon_advisor.measurement.errors import InputError
from carbon_advisor.measurement.gpu import visible_gpus
from carbon_advisor.measurement.machine_clock import machine_clock
from carbon_advisor.measurement.profile import Profile
from carbon_advisor.measurement.redaction import redacted
from carbon_advisor.measurement.sampler import Sampler, held_share
from carbon_advisor.measurement.source_choice import choose_sources
from carbon_advisor.measurement.supervisor import Supervisor

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from carbon_advisor.measurement.hardware import Hardware
    from carbon_advisor.measurement.sampler import Measurement

SHORTEST_INTERVAL_S = 0.01
LONGEST_INTERVAL_S = 600.0  # energy counters wrap after some twenty minutes
_FIRST_SAMPLE_S = 0.01


def profile_command(
    command: Sequence[str],
    *,
    interval_s: float = 1.0,
    name: str | None = None,
    environment: Mapping[str, str] | None = None,
    stdout: int | None = None,
    wait_for_all: bool = False,
) -> Profile:
    """Run a command to its end and return what it used, also when it fails.

    Signals that would end this process go to the command; what ran until then is returned.

    Args:
        command: program and arguments; arguments that look like secrets are not kept.
        interval_s: seconds between samples.
        name: of the job; the script's or program's name if None.
        environment: of the command; this process's own if None.
        stdout: a file descriptor for the command's standard output; inherited if None.
        wait_for_all: go on until daemonised processes have ended too (Linux).

    Raises:
        InputError: the command cannot be started, or the interval is out of range.
    """
    if not SHORTEST_INTERVAL_S <= interval_s <= LONGEST_INTERVAL_S:
        raise InputError(
            f"the sampling interval must be {SHORTEST_INTERVAL_S:g} s to {LONGEST_INTERVAL_S:g} s, "
            f"not {interval_s:g} s"
        )
    gpus = visible_gpus(os.environ if environment is None else environment)
    hardware = detect_hardware(gpus.devices)
    clock = machine_clock()
    memory_gb = machine_memory_gb()
    chosen = choose_sources(hardware, clock, memory_gb)
    job = Supervisor(command, environment=environment, stdout=stdout, wait_for_all=wait_for_all)
    sampler = Sampler(
        job.usage, clock, chosen.sources, gpus, held_share(hardware, clock, memory_gb)
    )
    started_at = datetime.now(UTC)
    with job:
        sample_until_end(job, sampler, interval_s)
        measured = sampler.result(job.largest_process_bytes)
        left = job.left_behind()
    notes = [*chosen.notes, *measured.notes]
    if left:
        notes.append(f"{left} process(es) of the job outlived its command: counted until then")
    assert job.exit_code is not None
    profile = _profile(redacted(command), name, started_at, job.exit_code, measured, hardware)
    return replace(profile, notes=tuple(notes))


def _profile(
    command: tuple[str, ...],
    name: str | None,
    started_at: datetime,
    exit_code: int,
    measured: Measurement,
    hardware: Hardware,
) -> Profile:
    return Profile(
        name=name or job_name(command),
        command=command,
        started_at=started_at,
        exit_code=exit_code,
        duration_s=measured.duration_s,
        measured_duration_s=measured.duration_s,
        scale=1.0,
        scale_basis="whole",
        cpu_time_s=measured.cpu_time_s,
        busy_cores_mean=measured.busy_cores_mean,
        busy_cores_peak=measured.busy_cores_peak,
        memory_mean_gb=measured.memory_mean_gb,
        memory_peak_gb=measured.memory_peak_gb,
        gpu_utilization_mean=measured.gpu_utilization_mean,
        gpu_memory_peak_gb=measured.gpu_memory_peak_gb,
        energy=measured.energy,
        hardware=hardware,
        series=measured.series,
        notes=measured.notes,
    )


def sample_until_end(job: Supervisor, sampler: Sampler, interval_s: float) -> None:
    """Sample at 0.01 s, 0.02 s, 0.04 s … and then at every interval, until the job has ended."""
    begun_s = due_s = time.monotonic()
    while True:
        elapsed_s = due_s - begun_s
        due_s += min(interval_s, max(_FIRST_SAMPLE_S, elapsed_s))
        now_s = time.monotonic()
        due_s = max(due_s, now_s)  # after a suspension, missed samples are not made up for
        if job.wait(due_s - now_s):
            return
        sampler.sample()


def job_name(command: Sequence[str]) -> str:
    """Name a job after the script it runs, or its program."""
    script = next((part for part in command if part.endswith((".py", ".sh", ".R", ".jl"))), None)
    return PurePath(script).stem if script else PurePath(command[0]).name
