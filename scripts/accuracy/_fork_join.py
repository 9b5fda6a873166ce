"""Phases against mean busy cores, on fork-join jobs whose time on any machine is computed exactly.

There are no public profiles of one job on many machines; a scheduler's simulation stands in.
"""

from __future__ import annotations

import heapq

import numpy as np

from carbon_advisor.advisor.estimate.phases import phases_from

JOBS, SEED = 300, 7
SOURCE_CORES, STEPS = 16, 120
TARGETS = (2, 4, 8, 32)

Stage = list[float]  # seconds of tasks that may run side by side; the next stage waits for all


def phase_lines() -> list[str]:
    """Return lines with the errors of both on random jobs, by the target's cores."""
    random = np.random.default_rng(SEED)
    jobs = [_job(random) for _ in range(JOBS)]
    traces = [_busy(job, SOURCE_CORES) for job in jobs]
    lines = [
        "",
        f"other core counts: {JOBS} simulated jobs profiled on {SOURCE_CORES} cores, median error",
    ]
    for cores in TARGETS:
        truth = np.array([sum(_makespan(stage, cores) for stage in job) for job in jobs])
        by_phases = np.array([_by_phases(trace, cores) for trace in traces])
        by_mean = np.array([_by_mean(trace, cores) for trace in traces])
        ours, mean = (np.median(np.abs(each / truth - 1)) for each in (by_phases, by_mean))
        lines.append(f"  on {cores:>2} cores: phases {ours:6.1%}   mean of busy cores {mean:6.1%}")
    return lines


def _job(random: np.random.Generator) -> list[Stage]:
    """One to six stages, serial or of up to 64 tasks of uneven length."""
    stages = []
    for _ in range(random.integers(1, 7)):
        tasks = 1 if random.random() < 0.4 else int(2 ** random.uniform(1, 6))
        stages.append(random.lognormal(np.log(200 / tasks), 0.5, tasks).tolist())
    return stages


def _finish_times(stage: Stage, cores: int) -> list[tuple[float, float]]:
    """Start and end of every task when a free core takes the next one."""
    free = [0.0] * cores
    found = []
    for seconds in stage:
        start = heapq.heappop(free)
        heapq.heappush(free, start + seconds)
        found.append((start, start + seconds))
    return found


def _makespan(stage: Stage, cores: int) -> float:
    return max(end for _, end in _finish_times(stage, cores))


def _busy(job: list[Stage], cores: int) -> tuple[float, np.ndarray]:
    """Return the duration and the busy cores in each of STEPS equal steps, like a profile."""
    spans, begin = [], 0.0
    for stage in job:
        spans += [(begin + start, begin + end) for start, end in _finish_times(stage, cores)]
        begin += _makespan(stage, cores)
    edges = np.linspace(0.0, begin, STEPS + 1)
    busy = np.zeros(STEPS)
    for start, end in spans:
        busy += np.clip(np.minimum(end, edges[1:]) - np.maximum(start, edges[:-1]), 0.0, None)
    return begin, busy / (begin / STEPS)


def _by_phases(trace: tuple[float, np.ndarray], cores: int) -> float:
    duration, busy = trace
    core_hours = float(busy.mean()) * duration
    found = phases_from(busy.tolist(), duration_h=duration, core_hours=core_hours)
    waiting = duration - sum(phase.hours for phase in found)
    return waiting + sum(phase.hours * phase.cores / min(phase.cores, cores) for phase in found)


def _by_mean(trace: tuple[float, np.ndarray], cores: int) -> float:
    duration, busy = trace
    mean = max(1.0, float(busy.mean()))
    return duration * mean / min(mean, cores)
