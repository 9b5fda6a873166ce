"""What a replay showed: savings against run-now-at-home, and regret against a perfect forecast.

saving = 1 - chosen / now     regret = chosen / perfect - 1
of sums over the starts, for each home by itself, then averaged over the homes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from carbon_advisor.advisor.backtest.decisions import WAYS
from carbon_advisor.advisor.backtest.replay import DEFAULT_FORECAST, Outcome, Setup

if TYPE_CHECKING:
    from collections.abc import Sequence

    from carbon_advisor.advisor.plan.trace import Floats
    from carbon_advisor.advisor.traces import MeasuredTrace

NORMAL_90 = 1.645
TINY = 1e-9  # g/kWh: a zone of zeros is no division by zero
LEAST_STARTS = 10  # for an error of a mean


@dataclass(frozen=True, eq=False)
class Home:
    """Waiting at one home by the default forecast.

    Attributes:
        zone: its name.
        now_g_per_kwh: mean intensity of running now.
        saving: share saved by waiting; low and high of its 90 % interval.
        perfect: share that a perfect forecast saves.
        pays: is the whole interval above 0?
    """

    zone: str
    now_g_per_kwh: float
    saving: float
    low: float
    high: float
    perfect: float

    @property
    def pays(self) -> bool:
        """Is the whole interval above 0?"""
        return self.low > 0


@dataclass(frozen=True, eq=False)
class Backtest:
    """The result; savings and regret by way and forecast, as fractions."""

    setup: Setup
    trace: MeasuredTrace
    zones: tuple[str, ...]
    starts: int
    savings: dict[str, dict[str, float]]
    regret: dict[str, dict[str, float]]
    error: dict[str, float]
    coverage_90: float
    homes: tuple[Home, ...]
    notes: tuple[str, ...]


def summarise(
    outcome: Outcome,
    trace: MeasuredTrace,
    zones: Sequence[str],
    homes: Sequence[int],
    setup: Setup,
    notes: Sequence[str] = (),
) -> Backtest:
    """Return the result of a replay."""
    perfect = outcome.came["perfect"]
    savings: dict[str, dict[str, float]] = {way: {} for way in WAYS}
    regret: dict[str, dict[str, float]] = {way: {} for way in WAYS}
    for name, ways in outcome.came.items():
        for way, came in ways.items():
            savings[way][name] = _mean(1 - _share(came, outcome.now))
            if name != "perfect":
                regret[way][name] = _mean(_share(came, perfect[way]) - 1)
    return Backtest(
        setup=setup,
        trace=trace,
        zones=tuple(zones),
        starts=len(outcome.moments),
        savings=savings,
        regret=regret,
        error={name: float(np.mean(off)) for name, off in outcome.off.items()},
        coverage_90=float(np.mean(outcome.covered)),
        homes=tuple(_homes(outcome, zones, homes)),
        notes=(*trace.notes, *notes),
    )


def _share(part: Floats, whole: Floats) -> Floats:
    """part / whole; 1 where both are 0."""
    return np.divide(part, whole, out=np.ones_like(part), where=whole > 0)


def _mean(values: Floats) -> float:
    return float(values.mean())


def _homes(outcome: Outcome, zones: Sequence[str], homes: Sequence[int]) -> list[Home]:
    count = len(outcome.moments)
    saved = np.array(outcome.waited) / np.maximum(outcome.now / count, TINY)
    perfect = 1 - _share(outcome.came["perfect"]["time"], outcome.now)
    error = np.full(len(homes), np.inf)
    if count >= LEAST_STARTS:
        error = NORMAL_90 * saved.std(axis=0, ddof=1) / np.sqrt(count)
    mean = saved.mean(axis=0)
    low, high = np.maximum(mean - error, -1.0), np.minimum(mean + error, 1.0)
    return [
        Home(
            zone=zones[home],
            now_g_per_kwh=float(outcome.now[row] / count),
            saving=float(mean[row]),
            low=float(low[row]),
            high=float(high[row]),
            perfect=float(perfect[row]),
        )
        for row, home in enumerate(homes)
    ]


def backtest_json(found: Backtest) -> dict[str, Any]:
    """Return the document that `advisor backtest --json` prints."""
    setup, trace = found.setup, found.trace
    return {
        "schema": "carbon-advisor/backtest/1",
        "default_forecast": DEFAULT_FORECAST,
        "zones": list(found.zones),
        "period": {"from": _utc(trace, 0), "to": _utc(trace, trace.steps)},
        "step_h": trace.step_h,
        "job_h": setup.job_h,
        "slack_h": setup.slack_h,
        "history_days": setup.history_days,
        "delay_h": setup.delay_h,
        "replan_h": setup.replan_h,
        "starts": found.starts,
        "seed": setup.seed,
        "savings": _rounded(found.savings),
        "regret": _rounded(found.regret),
        "mean_absolute_error": {name: round(value, 4) for name, value in found.error.items()},
        "coverage_90": round(found.coverage_90, 4),
        "homes": [
            {
                "zone": home.zone,
                "now_g_per_kwh": round(home.now_g_per_kwh, 2),
                "saving": round(home.saving, 4),
                "saving_low": round(home.low, 4),
                "saving_high": round(home.high, 4),
                "perfect_saving": round(home.perfect, 4),
                "waiting_pays": home.pays,
            }
            for home in found.homes
        ],
        "notes": list(found.notes),
    }


def _utc(trace: MeasuredTrace, step: int) -> str:
    return trace.time_of(step).strftime("%Y-%m-%dT%H:%MZ")


def _rounded(table: dict[str, dict[str, float]]) -> dict[str, dict[str, float]]:
    return {
        way: {name: round(value, 5) for name, value in entry.items()}
        for way, entry in table.items()
    }
