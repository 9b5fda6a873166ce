"""The exact best of offers × starts, without looking at most of them.

An offer's emissions started at s are `energy_kwh / duration_h × window(zone, s, duration_h) +
fixed_g`. The lowest window of a zone grows with the duration, so its value at a shorter duration
(taken from a few brackets) plus the zone's lowest intensity times the rest bounds it from below.
Offers whose bound exceeds the k-th best exact value of their group are never evaluated.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from carbon_advisor.advisor.plan.trace import Floats, Ints, Trace

_BRACKETS = 32
_SAMPLE = 4096  # offers whose durations place the brackets
_CHUNK_CELLS = 1 << 18  # offers × starts evaluated at once: small enough for the cache
# A window is a difference of integrals from the beginning, so its rounding grows with those: the
# bound is lowered by this share of the largest they can be, that rounding never cuts the best.
_ROUNDING = 1e-12


@dataclass(frozen=True)
class Offers:
    """What planning needs to know of each offer; every array has the shape (offers,).

    Attributes:
        zone: row of the offer's zone in the trace.
        duration_h: how long the job takes there, > 0.
        energy_kwh: what it takes from the grid there, PUE included.
        fixed_g: emissions that do not depend on the start (embodied, transfer).
        latest_start_h: starts after this are not allowed; +inf for no deadline.
    """

    zone: Ints
    duration_h: Floats
    energy_kwh: Floats
    fixed_g: Floats
    latest_start_h: Floats

    def __len__(self) -> int:
        return len(self.zone)


@dataclass(frozen=True)
class Choices:
    """Offers with their best start, best first; every array has the same length.

    Attributes:
        offer: index into the offers given.
        start: index into the starts given.
        emissions_g: expected emissions of that offer from that start.
    """

    offer: Ints
    start: Ints
    emissions_g: Floats

    def __len__(self) -> int:
        return len(self.offer)


def best_starts(trace: Trace, offers: Offers, starts_h: Floats, chosen: Ints) -> Choices:
    """Return the best start of each offer in `chosen`, in that order, by full enumeration.

    An offer none of whose starts is allowed has infinite emissions and start 0. Ties go to the
    earliest start.
    """
    start = np.zeros(len(chosen), dtype=np.intp)
    emissions = np.full(len(chosen), np.inf)
    rows = max(1, _CHUNK_CELLS // len(starts_h))
    for first in range(0, len(chosen), rows):
        part = slice(first, first + rows)
        at = chosen[part]
        grams = _all_starts(trace, offers, starts_h, at)
        start[part] = grams.argmin(axis=1)
        emissions[part] = grams.min(axis=1)
    return Choices(chosen, start, emissions)


def _all_starts(trace: Trace, offers: Offers, starts_h: Floats, at: Ints) -> Floats:
    """Emissions of the offers `at` for every start, shape (at, starts); inf where not allowed."""
    duration = offers.duration_h[at, None]
    windows = trace.window(offers.zone[at, None], starts_h[None, :], duration)
    grams = windows * (offers.energy_kwh[at, None] / duration) + offers.fixed_g[at, None]
    allowed = starts_h[None, :] <= offers.latest_start_h[at, None]
    return np.where(allowed, grams, np.inf)


def lower_bounds(trace: Trace, offers: Offers, starts_h: Floats) -> Floats:
    """Return a lower bound of each offer's emissions over all starts, in g; shape (offers,)."""
    if len(offers) == 0:
        return np.zeros(0)
    brackets = _brackets(offers.duration_h)
    lowest = trace.shortest_windows(starts_h, brackets)
    bracket = np.searchsorted(brackets, offers.duration_h, side="right") - 1
    rest_h = offers.duration_h - brackets[bracket]
    window = lowest[bracket, offers.zone] + rest_h * trace.minimum[offers.zone]
    window -= trace.maximum[offers.zone] * (starts_h[-1] + offers.duration_h) * _ROUNDING
    operational = window * (offers.energy_kwh / offers.duration_h)
    result: Floats = operational + offers.fixed_g * (1 - _ROUNDING)
    return result


def _brackets(duration_h: Floats) -> Floats:
    """Return a few ascending durations, the shortest first, spread as those given are."""
    sample = duration_h[:: max(1, len(duration_h) // _SAMPLE)]
    quantiles = np.quantile(sample, np.linspace(0, 1, _BRACKETS, endpoint=False))
    return np.unique(np.append(quantiles[quantiles > duration_h.min()], duration_h.min()))


def best_of(
    trace: Trace, offers: Offers, starts_h: Floats, bound: Floats, members: Ints, keep: int
) -> Choices:
    """Return the `keep` best of some offers, each with its best start, exactly.

    Args:
        trace: intensity of the zones that `offers.zone` points to.
        offers: what can be chosen.
        starts_h: allowed starts, hours from the trace's beginning, ascending; shape (starts,).
        bound: `lower_bounds` of all offers.
        members: indices of the offers to choose from, ascending.
        keep: how many to return (fewer where fewer have an allowed start).

    Ties go to the offer with the lower index, then to the earlier start.
    """
    possible = members[offers.latest_start_h[members] >= starts_h[0]]
    if len(possible) > keep:
        likely = possible[np.argpartition(bound[possible], keep - 1)[:keep]]
        threshold = best_starts(trace, offers, starts_h, likely).emissions_g.max()
        possible = possible[bound[possible] <= threshold]
    exact = best_starts(trace, offers, starts_h, possible)
    order = np.argsort(exact.emissions_g, kind="stable")[:keep]
    return Choices(exact.offer[order], exact.start[order], exact.emissions_g[order])


def best_of_each(
    trace: Trace, offers: Offers, starts_h: Floats, bound: Floats, members: Ints, group: Ints
) -> Choices:
    """Return the best of each group among `members`, groups in ascending order.

    Args:
        group: group of each member, 0 or more; shape (members,). The rest is as for `best_of`.
    """
    allowed = offers.latest_start_h[members] >= starts_h[0]
    members, group = members[allowed], group[allowed]
    likely = _first_of_each(bound[members], group)
    threshold = np.full(int(group.max(initial=-1)) + 1, np.inf)
    threshold[group[likely]] = best_starts(trace, offers, starts_h, members[likely]).emissions_g
    near = bound[members] <= threshold[group]
    exact = best_starts(trace, offers, starts_h, members[near])
    first = _first_of_each(exact.emissions_g, group[near])
    return Choices(exact.offer[first], exact.start[first], exact.emissions_g[first])


def _first_of_each(value: Floats, group: Ints) -> Ints:
    """Where the lowest value of each group first stands, groups (0, 1, …) in ascending order."""
    lowest = np.full(int(group.max(initial=-1)) + 1, np.inf)
    np.minimum.at(lowest, group, value)
    at_lowest = np.flatnonzero(value == lowest[group])
    _, first = np.unique(group[at_lowest], return_index=True)
    found: Ints = at_lowest[first]
    return found


def emissions_from(trace: Trace, offers: Offers, start_h: float) -> Floats:
    """Return every offer's emissions when it starts at one time, deadline or not; shape (offers,).

    `start_h` counts from the trace's beginning.
    """
    window = trace.window(offers.zone, np.full(1, start_h), offers.duration_h)
    return window * (offers.energy_kwh / offers.duration_h) + offers.fixed_g
