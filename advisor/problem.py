"""The question, and the columns that answer it: candidates, the expected trace, the starts."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from carbon_advisor.advisor.candidates import candidates_of, errors_of
from carbon_advisor.advisor.constraints import Constraints
from carbon_advisor.advisor.estimate.transfer import transfer_g_by_region, transfer_sd
from carbon_advisor.advisor.intensity import beginning, expected_trace, level_g_per_kwh
from carbon_advisor.advisor.plan.joint import emissions_from, lower_bounds
from carbon_advisor.measurement.errors import InputError

if TYPE_CHECKING:
    from datetime import datetime

    from numpy.typing import NDArray

    from carbon_advisor.advisor.candidates import Candidates
    from carbon_advisor.advisor.catalog import Catalog
    from carbon_advisor.advisor.estimate.transfer import DataMove
    from carbon_advisor.advisor.estimate.uncertainty import Errors
    from carbon_advisor.advisor.estimate.workload import Workload
    from carbon_advisor.advisor.intensity import Scope
    from carbon_advisor.advisor.location import Location
    from carbon_advisor.advisor.plan.joint import Offers
    from carbon_advisor.advisor.plan.trace import Floats, Ints, Trace

MAXIMUM_WINDOW_H = 24 * 366.0


@dataclass(frozen=True)
class Question:
    """What is asked.

    Attributes:
        workload: the job.
        now: a timezone-aware time; nothing starts before it.
        window_h: starts are tried every hour from now for this long; 0 means now only.
        limits: the user's constraints.
        here: where this machine stands, if that is known.
        baseline_region: a region to compare with instead of here.
        scope: of the intensity: lifecycle or direct.
        data: what is moved to the job, if anything is.
    """

    workload: Workload
    now: datetime
    window_h: float = 24.0
    limits: Constraints = field(default_factory=Constraints)
    here: Location | None = None
    baseline_region: str | None = None
    scope: Scope = "lifecycle"
    data: DataMove | None = None

    def __post_init__(self) -> None:
        """Check what the user may have got wrong.

        Raises:
            InputError: the window is negative or longer than a year.
        """
        if not 0 <= self.window_h <= MAXIMUM_WINDOW_H:
            raise InputError("starts can be tried from now to at most a year ahead")


class Problem:
    """A question over a catalogue, as columns. Everything in it follows from the two.

    Attributes:
        candidates: every offer that could hold the job, shape (candidates,).
        starts_h: the starts, in hours from the trace's beginning; shape (starts,).
        trace: expected intensity of the candidates' zones.
    """

    def __init__(self, question: Question, catalog: Catalog) -> None:
        """Translate the workload to every offer of `catalog`."""
        self.question = question
        self.catalog = catalog
        level = level_g_per_kwh(catalog.zones, question.scope)
        data = question.data
        moved_g = transfer_g_by_region(data, catalog, question.scope) if data else None
        spot = question.limits.spot
        everywhere = candidates_of(question.workload, catalog, spot=spot, transfer_g=moved_g)
        self.candidates: Candidates = everywhere.where(~np.isnan(level[everywhere.zone]))
        self.beginning = beginning(question.now)
        self.now_h = (question.now - self.beginning).total_seconds() / 3600
        self.starts_h: Floats = self.now_h + np.arange(max(1.0, np.ceil(question.window_h)))

    @cached_property
    def zones(self) -> NDArray[np.intp]:
        """Rows of catalog.zones in the trace, ascending."""
        return np.unique(self.candidates.zone)

    @cached_property
    def trace(self) -> Trace:
        """Expected intensity of `zones` over the starts and the longest job."""
        longest_h = float(self.candidates.duration_h.max(initial=0.0))
        hours = float(self.starts_h[-1]) + longest_h + 1
        question = self.question
        return expected_trace(self.catalog, self.zones, question.now, hours, question.scope)

    @cached_property
    def offers(self) -> Offers:
        """The candidates as the planner takes them."""
        zone_row = np.zeros(len(self.catalog.zones.id), dtype=np.intp)
        zone_row[self.zones] = np.arange(len(self.zones))
        deadline_h = self.question.limits.deadline_h
        return self.candidates.offers(
            zone_row, np.inf if deadline_h is None else deadline_h, self.now_h
        )

    @cached_property
    def bounds(self) -> Floats:
        """Lower bound of each candidate's emissions over the starts; shape (candidates,)."""
        return lower_bounds(self.trace, self.offers, self.starts_h)

    @cached_property
    def emissions_now_g(self) -> Floats:
        """Emissions of each candidate when it starts now; shape (candidates,)."""
        return emissions_from(self.trace, self.offers, self.now_h)

    def errors(self, chosen: Ints) -> Errors:
        """Return the errors of the candidates `chosen` (indices into `candidates`)."""
        sd = transfer_sd(self.question.data, self.catalog)
        return errors_of(chosen, self.question.workload, self.candidates, self.catalog, sd)

    def samples_g(self, chosen: Ints, emissions_g: Floats) -> Floats:
        """Return sampled emissions of `chosen`, whose expected ones are given; (samples, chosen).

        All are sampled with common random numbers, so that errors they share cancel.
        """
        candidates = self.candidates
        operational_g = emissions_g - candidates.fixed_g[chosen]
        return self.errors(chosen).sample(
            operational_g, candidates.embodied_g[chosen], candidates.transfer_g[chosen]
        )

    def time_of(self, start_h: float) -> datetime:
        """Return the UTC time, to the second, of a start in hours from the trace's beginning."""
        seconds = round(float(start_h) * 3600)
        return self.beginning + timedelta(seconds=seconds)
