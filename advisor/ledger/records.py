"""What the ledger keeps, as values: predictions, runs, and the two side by side."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from datetime import datetime

    from carbon_advisor.advisor.interval import Interval

State = Literal["running", "finished", "failed", "interrupted"]
HERE = "here"  # the candidate of a prediction for the machine that made it


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a job was expected to take, written before it ran; intervals are of 90 %.

    Attributes:
        id: a UUID.
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
    """One tracked execution; what it took is None until it has ended.

    Attributes:
        id: a UUID.
        prediction_id: of the prediction that it is held to, if there is one.
        name: of the job.
        state: running; then finished (exit code 0), failed, or interrupted by a signal.
        started_at, ended_at: UTC.
        exit_code: 128 + n after signal n; None while running and where the job could not start.
        energy_kwh: measured, without PUE.
        emissions_g: with PUE; None, like the intensity, where the zone is not known.
        host: the machine's name.
        git_commit: of the folder it was started in, if that is in a git repository.
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


@dataclass(frozen=True, slots=True)
class Pair:
    """A run and the prediction that was written before it."""

    prediction: Prediction
    run: Run


def new_id() -> str:
    """Return a new random UUID as text."""
    return str(uuid.uuid4())
