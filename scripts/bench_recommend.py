"""Time `advisor recommend` and `--help` as whole processes, and the ranking in process.

    scripts/bench_recommend.py [PROFILE]

Prints medians of several runs. The ranking over 100 regions × 700 types × 168 starts is compared
with the full enumeration by NumPy in the same run, and checked to be identical to it.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from carbon_advisor.advisor.plan.joint import Offers, best_of, best_starts, lower_bounds
from carbon_advisor.advisor.plan.trace import Trace

if TYPE_CHECKING:
    from collections.abc import Callable

RUNS = 9
REGIONS, TYPES, STARTS, KEEP = 100, 700, 168, 50
PROFILE = Path(__file__).parent.parent / "tests" / "fixtures" / "profile_cpu.json"


def median_s(work: Callable[[], object], runs: int = RUNS) -> float:
    """Median wall time of `runs` calls after one that is not counted."""
    work()
    times = []
    for _ in range(runs):
        begin = time.perf_counter()
        work()
        times.append(time.perf_counter() - begin)
    return statistics.median(times)


def compiled() -> dict[str, str]:
    """Return an environment in which Python keeps what it compiled, as pip leaves a package."""
    unset = "PYTHONDONTWRITEBYTECODE"
    return {name: value for name, value in os.environ.items() if name != unset}


def process(*arguments: str) -> Callable[[], object]:
    """Return a call that runs a command with its output thrown away."""
    run = partial(subprocess.run, arguments, env=compiled(), check=True, capture_output=True)
    run()  # so that Python has compiled everything, as after an installation
    return run


def ranking_problem() -> tuple[Trace, Offers, np.ndarray]:
    """Regions with daily swings and noise, each with every type."""
    random = np.random.default_rng(0)
    hours = np.arange(400)
    phase = random.uniform(0, 24, (REGIONS, 1))
    shape = 1 + 0.3 * np.sin((hours + phase) * 2 * np.pi / 24)
    shape += 0.1 * random.standard_normal((REGIONS, len(hours)))
    values = (random.uniform(20, 700, (REGIONS, 1)) * shape).clip(5)
    duration = random.uniform(1, 20, TYPES)
    energy = duration * random.uniform(0.05, 2, TYPES)
    pue = np.repeat(random.uniform(1.05, 1.5, REGIONS), TYPES)
    offers = Offers(
        zone=np.repeat(np.arange(REGIONS), TYPES),
        duration_h=np.tile(duration, REGIONS),
        energy_kwh=np.tile(energy, REGIONS) * pue,
        fixed_g=np.tile(duration * 2, REGIONS),
        latest_start_h=np.full(REGIONS * TYPES, np.inf),
    )
    return Trace(values, values.mean(axis=1)), offers, np.arange(float(STARTS))


def bench_ranking() -> None:
    """Print the ranking's time beside the full enumeration's, after checking that they agree."""
    trace, offers, starts = ranking_problem()
    everyone = np.arange(len(offers))

    def ranked() -> tuple[list[int], list[int]]:
        bound = lower_bounds(trace, offers, starts)
        best = best_of(trace, offers, starts, bound, everyone, KEEP)
        return best.offer.tolist(), best.start.tolist()

    def enumerated() -> tuple[list[int], list[int]]:
        full = best_starts(trace, offers, starts, everyone)
        order = np.argsort(full.emissions_g, kind="stable")[:KEEP]
        return full.offer[order].tolist(), full.start[order].tolist()

    if ranked() != enumerated():
        sys.exit("the ranking differs from the full enumeration")
    ours, peer = median_s(ranked), median_s(enumerated, 3)
    print(f"{REGIONS} regions × {TYPES} types × {STARTS} starts, {KEEP} best, identical:")
    print(f"  by bounds            {ours * 1000:8.1f} ms")
    print(f"  NumPy enumeration    {peer * 1000:8.1f} ms   ({peer / ours:.0f} × as long)")


def bench_processes(profile: str) -> None:
    """Print the wall time of whole processes beside bare Python's."""
    advisor = str(Path(sys.executable).parent / "advisor")
    bare = median_s(process(sys.executable, "-c", "pass"))
    print(f"whole processes, median of {RUNS} (bare Python {bare * 1000:.0f} ms):")
    for label, arguments in {
        "advisor --help": (advisor, "--help"),
        "advisor recommend, 24 starts": (advisor, "recommend", profile),
        "advisor recommend --json": (advisor, "recommend", profile, "--json"),
        "advisor recommend, 168 starts": (advisor, "recommend", profile, "--within", "168h"),
    }.items():
        print(f"  {label:32} {median_s(process(*arguments)) * 1000:6.0f} ms")


if __name__ == "__main__":
    bench_ranking()
    bench_processes(sys.argv[1] if len(sys.argv) > 1 else str(PROFILE))
