"""What the ledger keeps, as values: predictions, runs, and the two side by side."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from datetime import datetime

    from carbon_advisor.advisor.interval import Interval

State = Literal["running", "finished", "failed", "interrupted"]
Origin = Literal["advisor-run", "track", "tracker", "codecarbon-import"]
RunMethod = Literal["measured", "modelled", "assumed", "mixed", "imported"]
Recorded = Literal["added", "completed", "known"]
HERE = "here"  # the candidate of a prediction for the machine that made it


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a job was expected to take, written before it ran; intervals are of 90 %.

    Attributes:
        id: 32 hexadecimal digits, or a UUID.
        created_at: UTC.
        profile_name: of the job.
        profile_sha256: of the profile file that it was made from, as we write such files.
        candidate: "here", or an offer such as "aws:eu-north-1:m7g.large".
        zone: the grid zone; None, like the emissions and the intensity, where it is not known.
        start_at: when the job was to start, UTC.
        energy_kwh: without PUE.
        emissions_g: with PUE.
        provenance: where the figures came from, in JSON's types.
    """

    id: str
    created_at: datetime
    profile_name: str
    profile_sha256: str
    candidate: str
    zone: str | None
    start_at: datetime
    duration_s: Interval
    energy_kwh: Interval
    emissions_g: Interval | None
    intensity_g_per_kwh: float | None
    pue: float
    provenance: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Run:
    """One tracked execution; what it took is None until it has ended, or where it is not known.

    Attributes:
        id: 32 hexadecimal digits, or a UUID.
        prediction_id: of the prediction that it is held to, if there is one.
        name: of the run or the job.
        state: running; then finished (exit code 0), failed, or interrupted by a signal or a kill.
        started_at, ended_at: UTC.
        exit_code: 128 + n after signal n; None while running and where the job could not start.
        energy_kwh: without PUE.
        emissions_g: with PUE; None, like the intensity, where the zone is not known.
        host: the machine's name.
        git_commit: of the folder it was started in, if that is in a git repository.
        project: what it belongs to.
        origin: what recorded it.
        command: program and arguments without secrets; empty for a tracker inside a program.
        cpu_time_s: of the job.
        machine_energy_kwh: of the whole machine meanwhile.
        measured_kwh: the part of `energy_kwh` that was read from counters.
        method: of every component, or "mixed".
        attribution: the rule by which the machine's energy was shared out.
        parent_id: of the run that counts this one's energy too.
        group_id, rank: the distributed job that it is a part of, and which part.
    """

    id: str
    prediction_id: str | None
    name: str
    state: State
    started_at: datetime
    ended_at: datetime | None = None
    exit_code: int | None = None
    duration_s: float | None = None
    energy_kwh: float | None = None
    emissions_g: float | None = None
    intensity_g_per_kwh: float | None = None
    pue: float = 1.0
    zone: str | None = None
    host: str = ""
    git_commit: str | None = None
    project: str = "default"
    origin: Origin = "advisor-run"
    command: tuple[str, ...] = ()
    cpu_time_s: float | None = None
    memory_peak_gb: float | None = None
    machine_energy_kwh: float | None = None
    measured_kwh: float | None = None
    method: RunMethod | None = None
    attribution: str | None = None
    parent_id: str | None = None
    group_id: str | None = None
    rank: int | None = None

    @property
    def is_measured(self) -> bool:
        """Whether it has ended and what it took is known."""
        return self.state != "running" and self.energy_kwh is not None


@dataclass(frozen=True, slots=True)
class Details:
    """What is kept of a run beside its figures, in JSON's types; None where there is nothing.

    Attributes:
        profile: what `advisor run` measured, as a profile file.
        document: the run's components, tasks, notes and hardware.
        steps: its power over time: lists "duration_s" and "power_w".
    """

    profile: dict[str, Any] | None = None
    document: dict[str, Any] | None = None
    steps: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Pair:
    """A run and the prediction that was written before it."""

    prediction: Prediction
    run: Run


def supersedes(found: Run, stored: Run) -> bool:
    """Say whether a run that was found tells more than the ledger's of the same id."""
    if not stored.is_measured:
        return True
    imported = stored.origin == found.origin == "codecarbon-import"
    return imported and (found.duration_s or 0.0) > (stored.duration_s or 0.0)


def completed(stored: Run, found: Run) -> Run:
    """Return a run as it was found to have ended; what was written before it ran stays."""
    if stored.is_measured:
        return found
    return replace(
        found,
        prediction_id=stored.prediction_id,
        name=stored.name,
        project=stored.project,
        origin=stored.origin,
        git_commit=stored.git_commit,
        zone=stored.zone,
        pue=stored.pue,
    )


def new_id() -> str:
    """Return a new random id, 32 hexadecimal digits: also the name of a run's journal."""
    return uuid.uuid4().hex
