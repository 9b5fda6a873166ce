"""What the user insists on, as masks over the offers, each with the name the user gave it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from carbon_advisor.measurement.errors import ConstraintError, InputError, UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from carbon_advisor.advisor.candidates import Candidates
    from carbon_advisor.advisor.catalog import Catalog

    Mask = NDArray[np.bool_]

EARTH_RADIUS_KM = 6371.0
ARCHITECTURES = ("x86_64", "arm64")


@dataclass(frozen=True)
class Constraints:
    """Hard limits; an empty tuple or None does not limit.

    Attributes:
        countries: ISO 3166 codes or groups such as EU, of which one must hold.
        countries_deny: the same, none of which may hold.
        max_price_per_h: US dollars per hour, on demand or spot as `spot` says.
        budget: US dollars for the whole job.
        deadline_h: hours from now until which the job must have ended.
        max_distance_km: great-circle distance from `near` (latitude, longitude).
    """

    providers: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    countries: tuple[str, ...] = ()
    countries_deny: tuple[str, ...] = ()
    instance_types: tuple[str, ...] = ()
    architectures: tuple[str, ...] = ()
    min_memory_gb: float | None = None
    min_vcpus: float | None = None
    max_price_per_h: float | None = None
    budget: float | None = None
    deadline_h: float | None = None
    max_distance_km: float | None = None
    near: tuple[float, float] | None = None
    spot: bool = False
    burstable: bool = False


def masks(limits: Constraints, candidates: Candidates, catalog: Catalog) -> dict[str, Mask]:
    """Return for each constraint in force the offers that satisfy it, by the constraint's name.

    Raises:
        UnknownNameError: a provider, region, country, instance type or architecture is not known.
        InputError: a limit is not a positive number.
    """
    return {
        **_place_masks(limits, candidates, catalog),
        **_machine_masks(limits, candidates, catalog),
        **_cost_masks(limits, candidates),
    }


def _place_masks(limits: Constraints, candidates: Candidates, catalog: Catalog) -> dict[str, Mask]:
    regions = catalog.regions
    found: dict[str, Mask] = {}
    if limits.providers:
        chosen = _known("provider", limits.providers, np.unique(regions.provider).tolist())
        by_provider = np.isin(regions.provider, chosen)
        found[f"--providers {','.join(chosen)}"] = by_provider[candidates.region]
    if limits.regions:
        rows = [catalog.find_region(name) for name in limits.regions]
        found[f"--regions {','.join(limits.regions)}"] = np.isin(candidates.region, rows)
    if limits.countries:
        by_region = _in_countries(limits.countries, catalog)
        found[f"--country-allow {','.join(limits.countries)}"] = by_region[candidates.region]
    if limits.countries_deny:
        by_region = ~_in_countries(limits.countries_deny, catalog)
        found[f"--country-deny {','.join(limits.countries_deny)}"] = by_region[candidates.region]
    if limits.max_distance_km is not None:
        limit_km = _positive("--max-distance-km", limits.max_distance_km)
        if limits.near is None:
            raise InputError("--max-distance-km needs a region to measure from: add --here REGION")
        by_region = _distance_km(catalog, limits.near) <= limit_km
        found[f"--max-distance-km {limit_km:g}"] = by_region[candidates.region]
    return found


def _machine_masks(
    limits: Constraints, candidates: Candidates, catalog: Catalog
) -> dict[str, Mask]:
    types = catalog.instance_types
    found: dict[str, Mask] = {}
    if limits.instance_types:
        allowed = _types_named(limits.instance_types, catalog)
        name = f"--instance-types {','.join(limits.instance_types)}"
        found[name] = allowed[candidates.instance_type]
    if limits.architectures:
        chosen = _known("architecture", limits.architectures, ARCHITECTURES)
        by_type = np.isin(types.architecture, chosen)
        found[f"--architecture {','.join(chosen)}"] = by_type[candidates.instance_type]
    if limits.min_memory_gb is not None:
        least = _positive("--min-memory-gb", limits.min_memory_gb)
        by_type = types.memory_gb >= least
        found[f"--min-memory-gb {least:g}"] = by_type[candidates.instance_type]
    if limits.min_vcpus is not None:
        least = _positive("--min-vcpus", limits.min_vcpus)
        by_type = types.vcpus >= least
        found[f"--min-vcpus {least:g}"] = by_type[candidates.instance_type]
    if not limits.burstable:
        by_type = ~(types.burstable | types.shared_core)
        found["no burstable machines (--burstable allows them)"] = by_type[candidates.instance_type]
    return found


def _cost_masks(limits: Constraints, candidates: Candidates) -> dict[str, Mask]:
    """Masks of price and time; an offer whose price is not known fails every price limit."""
    found: dict[str, Mask] = {}
    price = candidates.price_usd_per_h
    if limits.spot:
        found["--spot (no spot price is known)"] = ~np.isnan(price)
    if limits.max_price_per_h is not None:
        most = _positive("--max-price-per-hour", limits.max_price_per_h)
        found[f"--max-price-per-hour {most:g}"] = price <= most
    if limits.budget is not None:
        most = _positive("--budget", limits.budget)
        found[f"--budget {most:g}"] = price * candidates.duration_h <= most
    if limits.deadline_h is not None:
        end_h = _positive("--deadline", limits.deadline_h)
        found[f"--deadline in {end_h:.3g} h"] = candidates.duration_h <= end_h
    return found


def _positive(option: str, value: float) -> float:
    if not 0 < value < float("inf"):
        raise InputError(f"{option} takes a positive number, not {value:g}")
    return value


def _known(kind: str, names: Sequence[str], known: Sequence[str]) -> list[str]:
    by_lower = {name.lower(): name for name in known}
    for name in names:
        if name.lower() not in by_lower:
            raise UnknownNameError(kind, name, known)
    return [by_lower[name.lower()] for name in names]


def _in_countries(names: Sequence[str], catalog: Catalog) -> Mask:
    wanted = sorted(set().union(*(catalog.countries_in(name) for name in names)))
    return np.isin(catalog.regions.country, wanted)


def _types_named(names: Sequence[str], catalog: Catalog) -> Mask:
    """Mask over the types; a name without a provider means that name at every provider."""
    types = catalog.instance_types
    lower_names = np.char.lower(types.name)
    found = np.zeros(len(types.id), dtype=np.bool_)
    for name in names:
        same = lower_names == name.lower()
        if not same.any():
            same[catalog.find_instance_type(name)] = True
        found |= same
    return found


def _distance_km(catalog: Catalog, near: tuple[float, float]) -> NDArray[np.float64]:
    """Great-circle distance of every region from a point (haversine); shape (regions,)."""
    latitude, longitude = np.radians(near[0]), np.radians(near[1])
    latitudes = np.radians(catalog.regions.latitude)
    half_chord = (
        np.sin((latitudes - latitude) / 2) ** 2
        + np.cos(latitudes)
        * np.cos(latitude)
        * np.sin((np.radians(catalog.regions.longitude) - longitude) / 2) ** 2
    )
    return np.asarray(2 * EARTH_RADIUS_KM * np.arcsin(np.sqrt(half_chord)))


def all_of(by_name: dict[str, Mask], count: int) -> Mask:
    """Return the offers that satisfy every constraint.

    Raises:
        ConstraintError: none does; the message names the constraint that excluded the last one.
    """
    left = np.ones(count, dtype=np.bool_)
    for name, mask in by_name.items():
        before = int(left.sum())
        left &= mask
        if not left.any():
            raise ConstraintError(
                f"no candidate is left: '{name}' excluded the last {before:,} of {count:,} offers; "
                "loosen it or one before it"
            )
    return left


def failing_only(by_name: dict[str, Mask], count: int) -> dict[str, Mask]:
    """Return for each constraint the offers that fail it and no other."""
    failures = np.zeros(count, dtype=np.intp)
    for mask in by_name.values():
        failures += ~mask
    once = failures == 1
    return {name: once & ~mask for name, mask in by_name.items()}
