"""What people type on the command line, turned into values: lists, times, scopes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from carbon_advisor.advisor.durations import parse_duration
from carbon_advisor.advisor.estimate.transfer import DataMove
from carbon_advisor.advisor.location import named_location
from carbon_advisor.advisor.problem import MAXIMUM_WINDOW_H
from carbon_advisor.measurement.errors import InputError, UnknownNameError

if TYPE_CHECKING:
    from carbon_advisor.advisor.catalog import Catalog
    from carbon_advisor.advisor.intensity import Scope
    from carbon_advisor.advisor.location import Location

EARLIEST_YEAR, LATEST_YEAR = 2000, 2100  # beyond them a date is a typing error


def names(text: str) -> tuple[str, ...]:
    """Return the parts of a comma-separated list without blanks and repetitions."""
    return tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))


def parse_time(option: str, text: str) -> datetime:
    """Return an ISO 8601 time as UTC, local time where it names no zone; now for "".

    Raises:
        InputError: not such a time, or of another century.
    """
    if not text:
        return datetime.now(UTC)
    try:
        moment = datetime.fromisoformat(text)
        if not EARLIEST_YEAR <= moment.year <= LATEST_YEAR:
            raise ValueError
        return moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise InputError(
            f"{option}: '{text}' is not a time such as 2026-12-01T08:00 or 2026-12-01T08:00Z"
        ) from error


def hours_until(option: str, text: str, now: datetime) -> float | None:
    """Return the hours from now that a duration ("36h") or a time stands for; None for "".

    Raises:
        InputError: neither, or not in the future.
    """
    if not text:
        return None
    if "-" in text.lstrip("-") or "T" in text:
        hours = (parse_time(option, text) - now).total_seconds() / 3600
    else:
        hours = parse_duration(text) / 3600
    if hours <= 0:
        raise InputError(f"{option}: '{text}' is not in the future")
    return hours


def window_hours(option: str, text: str) -> float:
    """Return the hours of a window such as "24h"; 0 for "0", "0h" and "now".

    Raises:
        InputError: not a length of time, or longer than a year.
    """
    if text.strip().lower() in {"0", "0h", "0m", "0s", "now"}:
        return 0.0
    hours = parse_duration(text) / 3600
    if hours > MAXIMUM_WINDOW_H:
        raise InputError(f"{option}: '{text}' is longer than a year")
    return hours


def parse_scope(text: str) -> Scope:
    """Return "lifecycle" or "direct".

    Raises:
        UnknownNameError: anything else.
    """
    if text == "lifecycle":
        return "lifecycle"
    if text == "direct":
        return "direct"
    raise UnknownNameError("scope", text, ("lifecycle", "direct"))


def position_of(location: Location | None, catalog: Catalog) -> tuple[float, float] | None:
    """Return latitude and longitude of a location that is a region, else None."""
    if location is None or location.region is None:
        return None
    regions = catalog.regions
    return float(regions.latitude[location.region]), float(regions.longitude[location.region])


def data_move(
    gb: float | None,
    origin: str,
    kwh_per_gb: float | None,
    here: Location | None,
    catalog: Catalog,
) -> DataMove | None:
    """Return the data that a job needs moved, None if none was stated.

    Raises:
        InputError: an amount cannot be used, or it is not said how much or from where.
        UnknownNameError: neither a known region nor a known zone.
    """
    if gb is None:
        if origin or kwh_per_gb is not None:
            raise InputError("say how much data is moved: --data-gb")
        return None
    place = named_location(origin, catalog) if origin else here
    if place is None:
        raise InputError("say where the data lies: --data-from REGION or grid zone")
    return DataMove(gb, place, kwh_per_gb)
