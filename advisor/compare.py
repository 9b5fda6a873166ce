"""Predicted against actual: the error of each run, and how good the predictions are overall.

Pure: records in, values out.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean, median
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from carbon_advisor.advisor.interval import Interval
    from carbon_advisor.advisor.ledger.records import Pair, Prediction, Run

Quantity = Literal["duration_s", "energy_kwh", "emissions_g"]
QUANTITIES: tuple[Quantity, ...] = ("duration_s", "energy_kwh", "emissions_g")
NOTHING = 1e-12  # a picosecond, 4 µJ, a picogram: less is no measurement to divide by
COMPARISON_SCHEMA = "carbon-advisor/comparison/1"


@dataclass(frozen=True, slots=True)
class Comparison:
    """One quantity of one run, in the unit that its name ends with."""

    quantity: Quantity
    predicted: Interval
    actual: float

    @property
    def relative_error(self) -> float | None:
        """(predicted − actual) / actual: positive is too much; None where actual is nothing."""
        if self.actual < NOTHING:
            return None
        return (self.predicted.value - self.actual) / self.actual

    @property
    def inside(self) -> bool:
        """Whether the actual fell inside the 90 % interval."""
        return self.actual in self.predicted


@dataclass(frozen=True, slots=True)
class RunComparison:
    """What can be compared of one run: emissions only where its place is known."""

    run: Run
    prediction: Prediction
    comparisons: tuple[Comparison, ...]

    @property
    def counts(self) -> bool:
        """Whether it tells of the predictions: a run that did not finish did less of the job."""
        return self.run.state == "finished"

    def of(self, quantity: Quantity) -> Comparison | None:
        """Return the comparison of one quantity, None if it cannot be made."""
        return next((each for each in self.comparisons if each.quantity == quantity), None)


@dataclass(frozen=True, slots=True)
class Accuracy:
    """How good the predictions of one quantity are, over all finished runs.

    Attributes:
        count: runs compared; one with an actual of nothing has no relative error and counts only in
            the coverage.
        bias: mean signed relative error; positive is too much.
        mape: mean absolute relative error.
        median_ape: median absolute relative error.
        coverage: part of the runs inside their 90 % interval; 0.9 would be right.
    """

    quantity: Quantity
    count: int
    bias: float | None
    mape: float | None
    median_ape: float | None
    coverage: float


def compare_run(pair: Pair) -> RunComparison:
    """Return a run beside its prediction."""
    comparisons = []
    for quantity in QUANTITIES:
        predicted: Interval | None = getattr(pair.prediction, quantity)
        actual: float | None = getattr(pair.run, quantity)
        if predicted is not None and actual is not None:
            comparisons.append(Comparison(quantity, predicted, actual))
    return RunComparison(pair.run, pair.prediction, tuple(comparisons))


def accuracies(compared: Sequence[RunComparison]) -> list[Accuracy]:
    """Return the accuracy of each quantity that a finished run has."""
    counted = [each for each in compared if each.counts]
    found = (_accuracy(quantity, counted) for quantity in QUANTITIES)
    return [each for each in found if each is not None]


def comparison_json(compared: Sequence[RunComparison]) -> dict[str, Any]:
    """Return the comparisons, per run and overall, in JSON's types."""
    return {
        "schema": COMPARISON_SCHEMA,
        "runs": [run_json(each) for each in compared],
        "overall": {
            each.quantity: {
                "count": each.count,
                "bias": each.bias,
                "mape": each.mape,
                "median_ape": each.median_ape,
                "coverage_90": each.coverage,
            }
            for each in accuracies(compared)
        },
    }


def prediction_json(prediction: Prediction) -> dict[str, Any]:
    """Return a prediction in JSON's types."""
    return {
        "prediction_id": prediction.id,
        "created_at": prediction.created_at.isoformat(),
        "profile_name": prediction.profile_name,
        "profile_sha256": prediction.profile_sha256,
        "candidate": prediction.candidate,
        "zone": prediction.zone,
        "start_at": prediction.start_at.isoformat(),
        "intensity_g_per_kwh": prediction.intensity_g_per_kwh,
        "pue": prediction.pue,
        **{quantity: _interval_json(getattr(prediction, quantity)) for quantity in QUANTITIES},
        "provenance": prediction.provenance,
    }


def _interval_json(interval: Interval | None) -> dict[str, Any] | None:
    if interval is None:
        return None
    return {"value": interval.value, "interval_90": [interval.low, interval.high]}


def run_json(compared: RunComparison) -> dict[str, Any]:
    """Return one run, what was predicted and the errors, in JSON's types."""
    run, prediction = compared.run, compared.prediction
    return {
        "run_id": run.id,
        "prediction_id": prediction.id,
        "name": run.name,
        "state": run.state,
        "exit_code": run.exit_code,
        "started_at": run.started_at.isoformat(),
        "ended_at": run.ended_at.isoformat() if run.ended_at else None,
        "zone": run.zone,
        "pue": run.pue,
        "host": run.host,
        "git_commit": run.git_commit,
        "intensity_g_per_kwh": {
            "predicted": prediction.intensity_g_per_kwh,
            "actual": run.intensity_g_per_kwh,
        },
        **{quantity: _quantity_json(compared, quantity) for quantity in QUANTITIES},
        "provenance": prediction.provenance,
    }


def _quantity_json(compared: RunComparison, quantity: Quantity) -> dict[str, Any]:
    predicted: Interval | None = getattr(compared.prediction, quantity)
    both = compared.of(quantity)
    return {
        "predicted": predicted.value if predicted else None,
        "interval_90": [predicted.low, predicted.high] if predicted else None,
        "actual": getattr(compared.run, quantity),
        "relative_error": both.relative_error if both else None,
        "inside": both.inside if both else None,
    }


def _accuracy(quantity: Quantity, compared: Sequence[RunComparison]) -> Accuracy | None:
    found = [each for run in compared if (each := run.of(quantity)) is not None]
    if not found:
        return None
    errors = [error for each in found if (error := each.relative_error) is not None]
    sizes = [abs(error) for error in errors]
    return Accuracy(
        quantity=quantity,
        count=len(found),
        bias=fmean(errors) if errors else None,
        mape=fmean(sizes) if sizes else None,
        median_ape=median(sizes) if sizes else None,
        coverage=sum(each.inside for each in found) / len(found),
    )
