"""How a measured sample stands for the real job: --sample-of, --full-duration or --repeat."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from carbon_advisor.advisor.durations import format_duration, parse_duration
from carbon_advisor.measurement.errors import InputError
from carbon_advisor.measurement.profile import scaled

if TYPE_CHECKING:
    from carbon_advisor.measurement.profile import Profile, ScaleBasis

LARGEST_SCALE = 1e9


@dataclass(frozen=True, slots=True)
class RequestedScale:
    """What the user said the measured run is of; `amount` is a fraction, seconds or a count."""

    basis: ScaleBasis
    amount: float


def requested_scale(
    sample_of: str | None, full_duration: str | None, repeat: int | None
) -> RequestedScale | None:
    """Return what was asked for; None if the run is the whole job.

    Raises:
        InputError: more than one was given, or one makes no sense.
    """
    given = [
        option
        for option, value in (
            ("--sample-of", sample_of),
            ("--full-duration", full_duration),
            ("--repeat", repeat),
        )
        if value is not None
    ]
    if len(given) > 1:
        raise InputError(f"give only one of {' and '.join(given)}")
    if sample_of is not None:
        return RequestedScale("sample_of", parse_fraction(sample_of))
    if full_duration is not None:
        return RequestedScale("full_duration", parse_duration(full_duration))
    if repeat is None:
        return None
    if not 1 <= repeat <= LARGEST_SCALE:
        raise InputError(f"--repeat {repeat}: write a count from 1 to {LARGEST_SCALE:,.0f}")
    return RequestedScale("repeat", repeat)


def parse_fraction(text: str) -> float:
    """Return the fraction that "2%" or "0.02" is.

    Raises:
        InputError: not a fraction above 0 and up to 1.
    """
    number = text.strip()
    try:
        fraction = float(number[:-1]) / 100 if number.endswith("%") else float(number)
    except ValueError:
        fraction = 0.0
    if not 1 / LARGEST_SCALE <= fraction <= 1:
        raise InputError(f"--sample-of '{text}': write a part of the job, such as 2% or 0.02")
    return fraction


def scaled_as_requested(profile: Profile, scale: RequestedScale | None) -> Profile:
    """Return the profile of the whole job.

    A run that took longer than the whole job was said to take is taken for all of it, with a note:
    the run is done, and its figures are not thrown away over a guess that was too low.
    """
    if scale is None:
        return profile
    if scale.basis == "sample_of":
        return scaled(profile, 1 / scale.amount, "sample_of")
    if scale.basis == "repeat":
        return scaled(profile, scale.amount, "repeat")
    measured_s = profile.measured_duration_s
    if scale.amount < measured_s:
        note = (
            f"not scaled: the run took {format_duration(measured_s)}, longer than the "
            f"{format_duration(scale.amount)} given as the whole job's duration"
        )
        return replace(profile, notes=(*profile.notes, note))
    return scaled(profile, scale.amount / measured_s, "full_duration")
