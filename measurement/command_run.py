"""Runs a command under supervision and records it: what profile, run and track have in common."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING

from carbon_advisor.measurement.instruments import external_meter, instruments_here
from carbon_advisor.measurement.nesting import PARENT_VARIABLE
from carbon_advisor.measurement.recording import Recording, chosen_outputs
from carbon_advisor.measurement.supervisor import Supervisor

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from carbon_advisor.measurement.hardware import Hardware
    from carbon_advisor.measurement.meter import ExternalMeter
    from carbon_advisor.measurement.outputs.fan_out import Outputs
    from carbon_advisor.measurement.outputs.output import Output
    from carbon_advisor.measurement.run_identity import RunIdentity
    from carbon_advisor.measurement.run_result import RunResult, State
    from carbon_advisor.measurement.sampler import Measurement

_FIRST_SAMPLE_S = 0.01
# 128 + SIGHUP, SIGINT, SIGTERM: somebody ended the job; SIGKILL is more often the kernel (memory)
_INTERRUPTED_CODES = frozenset({129, 130, 143})


@dataclass(frozen=True, slots=True)
class CommandRun:
    """A command that has ended: its run, and the same measured in more detail."""

    result: RunResult
    measurement: Measurement
    hardware: Hardware
    exit_code: int


def run_command(
    command: Sequence[str],
    identity: RunIdentity,
    *,
    environment: Mapping[str, str] | None = None,
    stdout: int | None = None,
    wait_for_all: bool = False,
    on_waiting: Callable[[int], None] | None = None,
    journal: bool = True,
    meter: ExternalMeter | None = None,
    outputs: str | Sequence[str | Output] | Outputs | None = None,
) -> CommandRun:
    """Run a command to its end, measured, also when it fails.

    Signals that would end this process go to the command; what ran until then is returned.

    Args:
        command: program and arguments.
        identity: of the run.
        environment: of the command; this process's own if None.
        stdout: a file descriptor for the command's standard output; inherited if None.
        wait_for_all: go on until daemonised processes have ended too (Linux); a signal that comes
            after the command's end ends the waiting.
        on_waiting: called with their number once they are waited for.
        journal: keep a journal, so that a kill of this process loses the last sample at most.
        meter: of the whole machine; the settings' if None.
        outputs: where the figures go, as for `Tracker`; the settings' if None.

    Raises:
        InputError: the command cannot be started, a meter that is set cannot be read, or there is
            no such output.
    """
    told = chosen_outputs(outputs)
    instruments = instruments_here(
        os.environ if environment is None else environment,
        external_meter() if meter is None else meter,
    )
    environment = {**(os.environ if environment is None else environment)}
    environment[PARENT_VARIABLE] = identity.id
    job = Supervisor(
        command,
        environment=environment,
        stdout=stdout,
        wait_for_all=wait_for_all,
        on_waiting=on_waiting,
    )
    with job.ready():
        recording = Recording(identity, instruments, job.usage, told)
        try:
            with job:
                return _recorded(job, recording, instruments.hardware, journal=journal)
        finally:
            recording.release()


def _recorded(
    job: Supervisor, recording: Recording, hardware: Hardware, *, journal: bool
) -> CommandRun:
    """Sample a job that has started until it ends."""
    assert recording.sampler is not None
    if journal:
        recording.open_journal()
    recording.announce()
    _sample_until_end(job, recording)
    measurement = recording.sampler.result(job.largest_process_bytes)
    left = job.left_behind()
    assert job.exit_code is not None
    if left:
        recording.note(f"{left} process(es) of the job outlived its command: counted until then")
    for note in job.notes():
        recording.note(note)
    result = recording.end(state_after(job.exit_code), job.exit_code)
    return CommandRun(result, measurement, hardware, job.exit_code)


def state_after(exit_code: int) -> State:
    """Return the state of a run whose command ended with this code."""
    if exit_code == 0:
        return "finished"
    return "interrupted" if exit_code in _INTERRUPTED_CODES else "failed"


def job_name(command: Sequence[str]) -> str:
    """Name a job after the script it runs, or its program."""
    script = next((part for part in command if part.endswith((".py", ".sh", ".R", ".jl"))), None)
    return PurePath(script).stem if script else PurePath(command[0]).name


def _sample_until_end(job: Supervisor, recording: Recording) -> None:
    """Sample at 0.01 s, 0.02 s, 0.04 s … and then at every interval, until the job has ended."""
    begun_s = due_s = time.monotonic()
    while True:
        elapsed_s = due_s - begun_s
        due_s += min(recording.identity.interval_s, max(_FIRST_SAMPLE_S, elapsed_s))
        now_s = time.monotonic()
        due_s = max(due_s, now_s)  # after a suspension, missed samples are not made up for
        if job.wait(due_s - now_s):
            return
        recording.sample()
        recording.show()
