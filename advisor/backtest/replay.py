"""Replaying decisions on a measured trace: at each start only what was known then is used."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np

from carbon_advisor.advisor.backtest.decisions import Job, Waiting, chosen, running_means
from carbon_advisor.advisor.forecast.experts import FEED
from carbon_advisor.advisor.forecast.mix import Forecast, forecast
from carbon_advisor.advisor.forecast.network import LEVELS, load_network
from carbon_advisor.advisor.forecast.past import DAY_H, past_of
from carbon_advisor.measurement.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from carbon_advisor.advisor.forecast.beliefs import Beliefs
    from carbon_advisor.advisor.forecast.network import Network
    from carbon_advisor.advisor.plan.trace import Floats, Ints
    from carbon_advisor.advisor.traces import Known, MeasuredTrace

DEFAULT_FORECAST = "mix"
REPLANNED = "mix_replanned"
FORECASTS = ("persistence", "climatology", "level_mix", "profile", "learned", "mix")
SHORT_GAP_H = 3.0  # gaps in what came that are bridged by a straight line


@dataclass(frozen=True)
class Setup:
    """What is replayed.

    Attributes:
        job_h, slack_h: the job's duration, and how long it may wait.
        history_days: how far back forecasts may look.
        delay_h: how long after its end a step is published.
        starts: how many decisions.
        seed: which moments they are made at.
        replan_h: how often a waiting job is decided anew; 0: never.
    """

    job_h: float = 6.0
    slack_h: float = 24.0
    history_days: float = 28.0
    delay_h: float = 0.0
    starts: int = 200
    seed: int = 0
    replan_h: float = 3.0


@dataclass(eq=False)
class Outcome:
    """Sums over the starts, mean intensity of the job in g/kWh; shapes (homes,).

    Attributes:
        now: run now at home.
        came: by forecast and way (time, space, joint).
        covered: share of the truth within the mix's 90 % interval; per start.
        off: mean absolute error over the mean of what came, by forecast; per start.
        waited: saving of waiting at home by the mix; shape (starts, homes).
    """

    moments: list[int]
    now: Floats
    came: dict[str, dict[str, Floats]]
    covered: list[float] = field(default_factory=list)
    off: dict[str, list[float]] = field(default_factory=dict)
    waited: list[Floats] = field(default_factory=list)

    def add(self, name: str, came: dict[str, Floats]) -> None:
        """Add what came of one decision."""
        kept = self.came.setdefault(name, {})
        for way, values in came.items():
            kept[way] = kept.get(way, np.zeros(len(values))) + values


def job_of(trace: MeasuredTrace, setup: Setup) -> Job:
    """Return the job in the trace's steps."""
    return Job(setup.job_h, setup.slack_h, trace.step_h)


def bridged(values: Floats, step_h: float) -> Floats:
    """Return what came, with gaps of up to three hours bridged; longer ones stay NaN."""
    result = values.copy()
    longest = int(SHORT_GAP_H / step_h + 1e-9)
    for row in result:
        missing = np.flatnonzero(np.isnan(row))
        known = np.flatnonzero(np.isfinite(row))
        if len(missing) == 0 or len(known) == 0:
            continue
        after = np.searchsorted(known, missing)
        inside = (after > 0) & (after < len(known))
        missing, after = missing[inside], after[inside]
        short = known[after] - known[after - 1] - 1 <= longest
        row[missing[short]] = np.interp(missing[short], known, row[known])
    return result


def moments_of(came: Floats, step_h: float, setup: Setup, job: Job) -> list[int]:
    """Return the steps at which decisions are made: one at random in each of equal parts.

    Raises:
        InputError: the trace is too short, or has too many gaps.
    """
    before = int(np.ceil((setup.history_days * 24 + setup.delay_h) / step_h - 1e-9))
    gaps = np.concatenate([[0], np.cumsum(np.isnan(came).any(axis=0))])
    last = came.shape[1] - job.steps
    possible = np.arange(before, last + 1)
    if last >= before:
        possible = possible[gaps[possible + job.steps] == gaps[possible]]
    if len(possible) == 0:
        days = (before + job.steps) * step_h / 24
        raise InputError(
            f"the trace is too short or has too many gaps: {setup.history_days:g} days of history, "
            f"the slack and the job need {days:.1f} days in a row, and what came without gaps"
        )
    random = np.random.default_rng(setup.seed)
    parts = np.array_split(possible, min(setup.starts, len(possible)))
    return [int(random.choice(part)) for part in parts]


def replay(
    trace: MeasuredTrace,
    beliefs: Beliefs,
    rows: Sequence[int],
    homes: Sequence[int],
    setup: Setup,
    *,
    network: Network | None = None,
    moments: Iterable[int] | None = None,
) -> Outcome:
    """Return what came of the decisions.

    Args:
        trace: every zone in it informs the forecasts.
        beliefs: of the trace's zones.
        rows: zones in which the job may run.
        homes: positions in `rows` where it would have run without advice.
        setup: what is replayed.
        network: the bundled one by default.
        moments: steps at which decisions are made; those of `moments_of` by default, and a
            wrapper of them may show progress.
    """
    job = job_of(trace, setup)
    at, home = np.array(rows), np.array(homes)
    truth = bridged(trace.values[at], trace.step_h)
    every = list(moments_of(truth, trace.step_h, setup, job)) if moments is None else moments
    network = network or load_network()
    outcome = Outcome([], np.zeros(len(home)), {})
    for step in every:
        came = truth[:, step : step + job.steps]
        outcome.moments.append(step)
        _decide(outcome, trace, beliefs, at, home, setup, step, came, network)
    return outcome


def _decide(
    outcome: Outcome,
    trace: MeasuredTrace,
    beliefs: Beliefs,
    rows: Ints,
    homes: Ints,
    setup: Setup,
    step: int,
    came: Floats,
    network: Network,
) -> None:
    """Add the decisions of one start."""
    job = job_of(trace, setup)
    known = trace.known_at(step, setup.delay_h, setup.history_days)
    made = forecast(
        known, trace.time_of(step), job.steps, beliefs, network=network, feed=trace.feed
    )
    means = running_means(came, job)
    now = means[homes, 0]
    outcome.now += now
    outcome.add("perfect", chosen(means, means, homes))
    for name, said in beliefs_by_name(made, known, beliefs).items():
        decided = chosen(running_means(said[rows], job), means, homes)
        outcome.add(name, decided)
        outcome.off.setdefault(name, []).append(
            float(np.abs(said[rows] - came).mean() / max(came.mean(), 1e-9))
        )
        if name == DEFAULT_FORECAST:
            outcome.waited.append(now - decided["time"])
    low, high = made.quantiles[0][rows], made.quantiles[len(LEVELS) - 1][rows]
    outcome.covered.append(float(((came >= low) & (came <= high)).mean()))
    if setup.replan_h > 0:
        outcome.add(
            REPLANNED, _replanned(made, trace, beliefs, rows, homes, setup, step, means, network)
        )


def beliefs_by_name(made: Forecast, known: Known, beliefs: Beliefs) -> dict[str, Floats]:
    """Return the forecasts that are compared, by name; shapes (zones, steps).

    `profile` is the catalogue's alone, as without any feed; a zone that it does not know gets the
    climatology.
    """
    parts = made.parts
    hours = int(np.ceil(made.values.shape[1] * made.step_h)) + 2
    begin = made.begin
    hour = (begin.minute / 60 + np.arange(made.values.shape[1]) * made.step_h + 1e-9).astype(int)
    offline = (beliefs.relative(begin, hours) * beliefs.level[:, None])[:, hour]
    return {
        "persistence": parts["persistence"],
        "climatology": parts["climatology"],
        "level_mix": _level_mix(made, known),
        "profile": np.where(np.isfinite(offline), offline, parts["climatology"]),
        "learned": parts["learned"],
        "mix": made.values,
        **{name: said for name, said in parts.items() if name == FEED},
    }


def _level_mix(made: Forecast, known: Known) -> Floats:
    """The last day and the mean day at the last day's level, half and half: what to beat."""
    windows = past_of(known).windows()
    last, days = windows[:, -DAY_H:], windows.reshape(len(windows), -1, DAY_H)
    ratio = last.mean(axis=1) / np.maximum(windows.mean(axis=1), 1e-9)
    day = (last + days.mean(axis=1) * ratio[:, None]) / 2
    gap_h = (made.begin - known.edge) / timedelta(hours=1)
    hour = (gap_h + np.arange(made.values.shape[1]) * made.step_h + 1e-9).astype(int)
    said = day[:, hour % DAY_H]
    return np.where(np.isfinite(said), said, made.parts["climatology"])


def _replanned(
    made: Forecast,
    trace: MeasuredTrace,
    beliefs: Beliefs,
    rows: Ints,
    homes: Ints,
    setup: Setup,
    step: int,
    means: Floats,
    network: Network,
) -> dict[str, Floats]:
    """Return what came of deciding anew while waiting, with what had become known by then."""
    job, waiting = job_of(trace, setup), Waiting(means, homes)
    every = max(1, round(setup.replan_h / trace.step_h))
    for first in range(0, job.starts, every):
        values = made.values
        if first > 0:
            known = trace.known_at(step + first, setup.delay_h, setup.history_days)
            values = forecast(
                known,
                trace.time_of(step + first),
                job.steps - first,
                beliefs,
                network=network,
                tuning=made.tuning,
                feed=trace.feed,
            ).values
        waiting.look(running_means(values[rows], job, first), first, first + every)
        if waiting.over:
            break
    return waiting.result()
