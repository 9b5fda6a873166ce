"""The recommendation: region × instance type × start time by expected emissions, best first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from carbon_advisor.advisor.baseline import Baseline, baseline_of
from carbon_advisor.advisor.candidates import requirement_masks
from carbon_advisor.advisor.constraints import all_of, failing_only, masks
from carbon_advisor.advisor.equivalents import Equivalence, equivalents_of
from carbon_advisor.advisor.estimate.estimates import Estimate, estimates_of
from carbon_advisor.advisor.estimate.uncertainty import Standing, standings
from carbon_advisor.advisor.plan.joint import Choices, best_of, best_of_each
from carbon_advisor.advisor.problem import Problem, Question
from carbon_advisor.measurement.errors import ConstraintError

if TYPE_CHECKING:
    from datetime import datetime

    from numpy.typing import NDArray

    from carbon_advisor.advisor.catalog import Catalog
    from carbon_advisor.advisor.estimate.transfer import DataMove

# How many of the best, and of the regions' best, are sampled to say how likely the first is the
# best: those behind them are too far off to win more than a few samples in a thousand.
CONTENDERS, REGIONAL = 80, 40
TOP = 10


@dataclass(frozen=True)
class ConstraintCost:
    """What one constraint costs: the best candidate that it alone excludes.

    `saving_g` is how much less that candidate would emit than the first place; 0 if not less.
    """

    constraint: str
    excluded: int
    candidate: str
    emissions_g: float
    saving_g: float


@dataclass(frozen=True)
class Recommendation:
    """Ranked estimates, what they are compared with, and what the constraints cost.

    Attributes:
        ranking: best first.
        by_region: the best of each region, best first.
        offers, eligible, starts: offers looked at, those that satisfy everything, start times.
        probability_region_best: how likely the first place's region is the best one.
        saving_g: baseline minus first place; negative where the baseline emits less.
        equivalents: of the saving.
        data: what is moved to the job, if anything is.
    """

    name: str
    created_at: datetime
    catalog_version: str
    scope: str
    ranking: tuple[Estimate, ...]
    by_region: tuple[Estimate, ...]
    offers: int
    eligible: int
    starts: int
    probability_region_best: float
    baseline: Baseline
    saving_g: float
    equivalents: tuple[Equivalence, ...]
    constraint_costs: tuple[ConstraintCost, ...]
    notes: tuple[str, ...]
    data: DataMove | None = None

    @property
    def best(self) -> Estimate:
        """The first place."""
        return self.ranking[0]

    @property
    def saving_fraction(self) -> float:
        """Saving as a share of the baseline."""
        return self.saving_g / self.baseline.emissions_g if self.baseline.emissions_g else 0.0


def recommend(question: Question, catalog: Catalog, top: int = TOP) -> Recommendation:
    """Rank every offer × start of the catalogue by expected emissions.

    Args:
        question: the job, the time, the constraints.
        catalog: the facts.
        top: how many to return in `ranking` and in `by_region`.

    Raises:
        ConstraintError: no candidate satisfies everything; names the constraint at fault.
        UnknownNameError: a name in the constraints is not known.
        InputError: another part of the question cannot be used.
    """
    problem = Problem(question, catalog)
    needs = requirement_masks(question.workload, problem.candidates, catalog)
    limits = masks(question.limits, problem.candidates, catalog)
    count = len(problem.candidates)
    if count == 0:
        raise ConstraintError("no offer has an accelerator that this job could use")
    eligible = all_of({**needs, **limits}, count)
    contenders, regional = _winners(problem, np.flatnonzero(eligible), top)
    sampled = _Sampled.of(problem, contenders, regional)
    ranking = sampled.estimates(contenders, top)
    fitting = all_of(needs, count)
    baseline = baseline_of(problem, fitting)
    saving_g = baseline.emissions_g - ranking[0].emissions_g.value
    return Recommendation(
        name=question.workload.name,
        created_at=question.now,
        catalog_version=catalog.version,
        scope=question.scope,
        ranking=ranking,
        by_region=sampled.estimates(regional, top),
        offers=count,
        eligible=int(eligible.sum()),
        starts=len(problem.starts_h),
        probability_region_best=sampled.probability_of_region(int(contenders.offer[0])),
        baseline=baseline,
        saving_g=saving_g,
        equivalents=equivalents_of(max(0.0, saving_g), catalog),
        constraint_costs=_constraint_costs(problem, limits, fitting, ranking[0]),
        notes=_notes(problem, ranking[0]),
        data=question.data,
    )


def _winners(problem: Problem, members: NDArray[np.intp], top: int) -> tuple[Choices, Choices]:
    """Return the best of all members, and the best of each region, both best first."""
    parts = (problem.trace, problem.offers, problem.starts_h, problem.bounds, members)
    regional = best_of_each(*parts, problem.candidates.region[members])
    order = np.argsort(regional.emissions_g, kind="stable")[: max(top, REGIONAL)]
    ordered = Choices(regional.offer[order], regional.start[order], regional.emissions_g[order])
    return best_of(*parts, max(top, CONTENDERS)), ordered


@dataclass(frozen=True)
class _Sampled:
    """The candidates that were sampled together (`offer`, ascending), with their standings."""

    problem: Problem
    offer: NDArray[np.intp]
    standing: list[Standing]

    @classmethod
    def of(cls, problem: Problem, contenders: Choices, regional: Choices) -> _Sampled:
        """Sample the union of both with common random numbers."""
        offer, at = np.unique(np.concatenate([contenders.offer, regional.offer]), return_index=True)
        total_g = np.concatenate([contenders.emissions_g, regional.emissions_g])[at]
        samples = problem.samples_g(offer, total_g)
        first = int(np.searchsorted(offer, contenders.offer[0]))
        return cls(problem, offer, standings(total_g, samples, first))

    def estimates(self, choices: Choices, top: int) -> tuple[Estimate, ...]:
        """Return the estimates of the first `top` choices."""
        part = Choices(choices.offer[:top], choices.start[:top], choices.emissions_g[:top])
        rows = np.searchsorted(self.offer, part.offer).tolist()
        return estimates_of(self.problem, part, [self.standing[row] for row in rows])

    def probability_of_region(self, offer: int) -> float:
        """How likely the region of `offer` holds the best candidate."""
        region = self.problem.candidates.region
        same = region[self.offer] == region[offer]
        each = np.array([standing.probability_best for standing in self.standing])
        return float(each[same].sum())


def _constraint_costs(
    problem: Problem,
    limits: dict[str, NDArray[np.bool_]],
    fitting: NDArray[np.bool_],
    chosen: Estimate,
) -> tuple[ConstraintCost, ...]:
    """Return what each of the user's constraints costs, dearest first."""
    catalog, candidates = problem.catalog, problem.candidates
    costs = []
    for name, mask in failing_only(limits, len(candidates)).items():
        members = np.flatnonzero(mask & fitting)
        parts = (problem.trace, problem.offers, problem.starts_h, problem.bounds, members)
        best = best_of(*parts, 1)
        if len(best) == 0:
            continue
        offer = int(best.offer[0])
        region = catalog.regions.id[candidates.region[offer]]
        kind = catalog.instance_types.name[candidates.instance_type[offer]]
        costs.append(
            ConstraintCost(
                constraint=name,
                excluded=int((~limits[name] & fitting).sum()),
                candidate=f"{region}:{kind}",
                emissions_g=float(best.emissions_g[0]),
                saving_g=max(0.0, chosen.emissions_g.value - float(best.emissions_g[0])),
            )
        )
    return tuple(sorted(costs, key=lambda cost: -cost.saving_g))


def _notes(problem: Problem, best: Estimate) -> tuple[str, ...]:
    """Return what a reader should know before trusting the first place."""
    question = problem.question
    notes = [f"average {question.scope} intensity, location-based, from bundled yearly data"]
    if question.workload.score_basis == "fallback":
        notes.append("this machine's CPU is not known: its speed is assumed, intervals are wide")
    if question.workload.gpus and question.workload.precision_basis == "assumed":
        notes.append(f"GPU speeds at {question.workload.precision}, assumed; say --precision")
    if question.data is not None:
        moved = question.data
        notes.append(
            f"{moved.gb:g} GB of data come from {moved.origin.label}, at once, uncompressed"
        )
    if not best.hourly_profile:
        notes.append(f"zone {best.zone} has no hourly profile: every start there counts the same")
    return tuple(notes)
