"""Runs a command and measures it: the way from a command line to a `Profile`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from carbon_advisor.measurement.command_run import job_name, run_command
from carbon_advisor.measurement.errors import InputError
from carbon_advisor.measurement.profile import Profile
from carbon_advisor.measurement.redaction import redacted
from carbon_advisor.measurement.run_identity import new_identity

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from carbon_advisor.measurement.command_run import CommandRun
    from carbon_advisor.measurement.meter import ExternalMeter

SHORTEST_INTERVAL_S = 0.01
LONGEST_INTERVAL_S = 600.0  # energy counters wrap after some twenty minutes


def profile_command(
    command: Sequence[str],
    *,
    interval_s: float = 1.0,
    name: str | None = None,
    environment: Mapping[str, str] | None = None,
    stdout: int | None = None,
    wait_for_all: bool = False,
    journal_id: str | None = None,
    attribution: str | None = None,
    meter: ExternalMeter | None = None,
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
        journal_id: keep a journal under this run's id; none is kept if None.
        attribution: the rule by which energy is shared out; the settings' if None.
        meter: of the whole machine; the settings' if None.

    Raises:
        InputError: the command cannot be started, the interval is out of range, there is no such
            attribution, or a meter that is set cannot be read.
    """
    if not SHORTEST_INTERVAL_S <= interval_s <= LONGEST_INTERVAL_S:
        raise InputError(
            f"the sampling interval must be {SHORTEST_INTERVAL_S:g} s to {LONGEST_INTERVAL_S:g} s, "
            f"not {interval_s:g} s"
        )
    name = name or (job_name(command) if command else None)
    kept_command = redacted(command)
    identity = new_identity(
        run_name=name,
        interval_s=interval_s,
        command=kept_command,
        run_id=journal_id,
        attribution=attribution,
    )
    done = run_command(
        command,
        identity,
        environment=environment,
        stdout=stdout,
        wait_for_all=wait_for_all,
        journal=journal_id is not None,
        meter=meter,
        outputs=(),  # a profile is no run that is kept
    )
    return profile_of(done)


def profile_of(done: CommandRun) -> Profile:
    """Return the profile of the job that a measured command is."""
    measured, identity = done.measurement, done.result.identity
    return Profile(
        name=identity.run_name,
        command=identity.command,
        started_at=identity.started_at,
        exit_code=done.exit_code,
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
        hardware=done.hardware,
        series=measured.series,
        notes=done.result.notes,
    )
