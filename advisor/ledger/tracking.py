"""Runs a job here and keeps it in the ledger: prediction first, then the run, then what it took."""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from carbon_advisor.advisor.ledger.records import HERE, Pair, Prediction, Run, State, new_id
from carbon_advisor.advisor.predict_here import emissions_here, predict_here
from carbon_advisor.measurement.command_run import state_after
from carbon_advisor.measurement.detect import detect_hardware
from carbon_advisor.measurement.errors import StorageError
from carbon_advisor.measurement.gpu import visible_gpus
from carbon_advisor.measurement.profile_command import profile_command
from carbon_advisor.measurement.profile_file import profile_document, profile_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from carbon_advisor.advisor.catalog import Catalog
    from carbon_advisor.advisor.ledger.store import Ledger
    from carbon_advisor.advisor.location import Location
    from carbon_advisor.measurement.profile import Profile

_GIT_TIMEOUT_S = 2.0


@dataclass(frozen=True)
class Place:
    """Where the job runs: None for a location that nobody stated, and the facts to look it up."""

    location: Location | None
    catalog: Catalog


@dataclass(frozen=True)
class Outcome:
    """A job that has run.

    Attributes:
        pair: the run and its prediction.
        measured: what the job took.
        not_recorded: why the ledger could not take the run's end, though the job ran.
    """

    pair: Pair
    measured: Profile
    not_recorded: StorageError | None


def run_tracked(
    ledger: Ledger,
    profile: Profile,
    command: Sequence[str],
    place: Place,
    *,
    name: str | None = None,
    stdout: int | None = None,
) -> Outcome:
    """Predict from `profile`, run the command here to its end, and record both.

    Args:
        ledger: open for writing.
        profile: of the job, measured before.
        command: program and arguments.
        place: where this machine stands.
        name: of the run; the profile's if None.
        stdout: a file descriptor for the job's standard output; inherited if None.

    Raises:
        StorageError: prediction or run could not be written; nothing ran.
        InputError: the command cannot be started.
    """
    prediction = predict(profile, place, datetime.now(UTC))
    run = Run(
        id=new_id(),
        prediction_id=prediction.id,
        name=name or profile.name,
        state="running",
        started_at=datetime.now(UTC),
        pue=prediction.pue,
        zone=prediction.zone,
        host=platform.node(),
        git_commit=git_commit(),
    )
    ledger.write_prediction(prediction)
    ledger.start_run(run)
    ledger.close()  # a file held open for hours would be written to after somebody moved it away
    try:
        measured = profile_command(command, name=run.name, stdout=stdout)
    except BaseException as error:
        state: State = "failed" if isinstance(error, Exception) else "interrupted"
        ledger.finish_run(replace(run, state=state, ended_at=datetime.now(UTC)))
        raise
    ended = ended_run(run, measured, place)
    not_recorded = None
    try:
        ledger.finish_run(ended, profile_document(measured))
    except StorageError as error:
        not_recorded = error
    return Outcome(Pair(prediction, ended), measured, not_recorded)


def predict(profile: Profile, place: Place, now: datetime) -> Prediction:
    """Return what the profile's whole job will take if it starts here now."""
    hardware = detect_hardware(visible_gpus(os.environ).devices)
    expected = predict_here(profile, hardware, place.location, now, place.catalog)
    return Prediction(
        id=new_id(),
        created_at=now,
        profile_name=profile.name,
        profile_sha256=hashlib.sha256(profile_json(profile).encode()).hexdigest(),
        candidate=HERE,
        zone=expected.zone,
        start_at=now,
        duration_s=expected.duration_s,
        energy_kwh=expected.energy_kwh,
        emissions_g=expected.emissions_g,
        intensity_g_per_kwh=expected.intensity_g_per_kwh,
        pue=expected.pue,
        provenance=expected.provenance,
    )


def ended_run(run: Run, measured: Profile, place: Place) -> Run:
    """Return the run as it ended: what was measured, and the intensity of the hours it ran in."""
    found = emissions_here(
        measured.energy_kwh,
        place.location,
        measured.started_at,
        measured.duration_s,
        place.catalog,
    )
    return replace(
        run,
        state=state_after(measured.exit_code),
        started_at=measured.started_at,
        ended_at=datetime.now(UTC),
        exit_code=measured.exit_code,
        duration_s=measured.duration_s,
        energy_kwh=measured.energy_kwh,
        emissions_g=found[0] if found else None,
        intensity_g_per_kwh=found[1] if found else None,
    )


def git_commit() -> str | None:
    """Return the commit that the working folder's repository is at; None outside of one."""
    try:
        asked = subprocess.run(
            ["git", "rev-parse", "--verify", "HEAD"],
            capture_output=True,
            text=True,
            timeout=_GIT_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return asked.stdout.strip() if asked.returncode == 0 else None
