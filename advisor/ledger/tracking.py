"""Runs a job here and keeps it in the ledger: prediction first, then the run, then what it took."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from carbon_advisor.advisor.ledger.git import git_commit
from carbon_advisor.advisor.ledger.intake import remove_journal
from carbon_advisor.advisor.ledger.keeping import kept
from carbon_advisor.advisor.ledger.records import HERE, Pair, Prediction, Run, completed, new_id
from carbon_advisor.advisor.ledger.run_record import run_details, run_record, steps_of
from carbon_advisor.advisor.predict_here import emissions_here, predict_here
from carbon_advisor.measurement.command_run import run_command
from carbon_advisor.measurement.detect import detect_hardware
from carbon_advisor.measurement.errors import StorageError
from carbon_advisor.measurement.gpu import visible_gpus
from carbon_advisor.measurement.place import Place as ZonePlace
from carbon_advisor.measurement.profile_command import profile_of
from carbon_advisor.measurement.profile_file import profile_document, profile_json
from carbon_advisor.measurement.recording import chosen_outputs
from carbon_advisor.measurement.redaction import redacted
from carbon_advisor.measurement.run_identity import new_identity

if TYPE_CHECKING:
    from collections.abc import Sequence

    from carbon_advisor.advisor.catalog import Catalog
    from carbon_advisor.advisor.ledger.records import State
    from carbon_advisor.advisor.ledger.store import Ledger
    from carbon_advisor.advisor.location import Location
    from carbon_advisor.measurement.command_run import CommandRun
    from carbon_advisor.measurement.meter import ExternalMeter
    from carbon_advisor.measurement.profile import Profile
    from carbon_advisor.measurement.run_identity import RunIdentity


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
    project: str | None = None,
    attribution: str | None = None,
    meter: ExternalMeter | None = None,
    outputs: Sequence[str] | None = None,
    stdout: int | None = None,
) -> Outcome:
    """Predict from `profile`, run the command here to its end, and record both.

    A kill of this process leaves a journal, from which the run is completed later.

    Args:
        ledger: open for writing.
        profile: of the job, measured before.
        command: program and arguments.
        place: where this machine stands.
        name: of the run; the profile's if None.
        project: of the run; the settings' if None.
        attribution: the rule by which energy is shared out; the settings' if None.
        meter: of the whole machine; the settings' if None.
        outputs: where the figures go as well; the settings' if None.
        stdout: a file descriptor for the job's standard output; inherited if None.

    Raises:
        StorageError: prediction or run could not be written; nothing ran.
        InputError: the command cannot be started, or a setting cannot be used.
    """
    told = chosen_outputs(outputs)  # before anything is written
    prediction = predict(profile, place, datetime.now(UTC))
    identity = replace(
        new_identity(
            project,
            name or profile.name,
            here=prediction.zone,
            command=redacted(command),
            run_id=new_id(),
            attribution=attribution,
        ),
        place=_predicted_place(prediction, place),
    )
    run = _started(identity, prediction)
    with kept(ledger.path, run.id):
        ledger.write_prediction(prediction)
        ledger.start_run(run)
        ledger.close()  # a file held open for hours would be written to after it was moved away
        try:
            done = run_command(command, identity, stdout=stdout, meter=meter, outputs=told)
        except BaseException as error:
            state: State = "failed" if isinstance(error, Exception) else "interrupted"
            ledger.finish_run(replace(run, state=state, ended_at=datetime.now(UTC)))
            raise
        return _recorded(ledger, prediction, run, done, place)


def _recorded(
    ledger: Ledger, prediction: Prediction, run: Run, done: CommandRun, place: Place
) -> Outcome:
    """Write how the run ended; where that is not possible, its journal stays."""
    measured, ended, not_recorded = profile_of(done), ended_run(run, done, place), None
    details = replace(
        run_details(done.result),
        profile=profile_document(measured),
        steps=steps_of(measured.series),
    )
    try:
        ledger.finish_run(ended, details)
        remove_journal(run.id)
    except StorageError as error:
        not_recorded = error
    return Outcome(Pair(prediction, ended), measured, not_recorded)


def _started(identity: RunIdentity, prediction: Prediction) -> Run:
    return Run(
        id=identity.id,
        prediction_id=prediction.id,
        name=identity.run_name,
        state="running",
        started_at=identity.started_at,
        pue=prediction.pue,
        zone=prediction.zone,
        host=identity.host,
        git_commit=git_commit(),
        project=identity.project,
        command=identity.command,
        attribution=identity.attribution,
    )


def _predicted_place(prediction: Prediction, place: Place) -> ZonePlace | None:
    """Return the place with the intensity of the predicted hours, for a run that is cut off."""
    if prediction.zone is None or prediction.intensity_g_per_kwh is None or not place.location:
        return None
    year = int(place.catalog.zones.lifecycle_year[place.location.zone])
    return ZonePlace(prediction.zone, prediction.intensity_g_per_kwh, year, prediction.pue)


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


def ended_run(run: Run, done: CommandRun, place: Place) -> Run:
    """Return the run as it ended: what was measured, and the intensity of the hours it ran in."""
    measured = done.measurement
    energy_kwh = sum(part.energy_kwh for part in measured.energy)
    found = emissions_here(
        energy_kwh, place.location, run.started_at, measured.duration_s, place.catalog
    )
    return replace(
        completed(run, run_record(done.result)),
        ended_at=datetime.now(UTC),
        duration_s=measured.duration_s,
        energy_kwh=energy_kwh,
        memory_peak_gb=measured.memory_peak_gb,
        emissions_g=found[0] if found else None,
        intensity_g_per_kwh=found[1] if found else None,
    )
