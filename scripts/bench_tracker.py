"""Measure what the tracker costs the program it is in, beside CodeCarbon in a venv of its own.

    scripts/bench_tracker.py [--peer PYTHON] [--seconds 20]

PYTHON is the interpreter of a venv in which `pip install codecarbon` was done; without it only our
figures are printed. Import and start + stop are medians of cold processes; CPU time is of a process
that sleeps under the tracker, less the same without one.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

RUNS = 7
PROBE = """
import json, os, resource, sys, time
def cpu():
    return sum(sum(resource.getrusage(who)[:2]) for who in (0, -1))
begun, cpu_begun = time.perf_counter(), cpu()
{imports}
imported = time.perf_counter() - begun
begun = time.perf_counter()
{start}
started = time.perf_counter() - begun
idle_from = cpu()
{work}
idle_cpu = cpu() - idle_from
begun = time.perf_counter()
{stop}
stopped = time.perf_counter() - begun
memory = resource.getrusage(0).ru_maxrss
print("RESULT", json.dumps(dict(import_s=imported, start_stop_s=started + stopped, cpu_s=idle_cpu,
      memory_mib=memory / 1024, **{extra})))
"""
CHILDREN = """
import subprocess, sys
burn = "import time; e = time.process_time() + 0.5\\nwhile time.process_time() < e: pass"
for _ in range(8):
    pair = [subprocess.Popen([sys.executable, "-S", "-c", burn]) for _ in range(2)]
    [each.wait() for each in pair]
"""
SLEEPERS = """
import subprocess
sleepers = [subprocess.Popen(["sleep", "1000"]) for _ in range(64)]
time.sleep({seconds})
[each.kill() for each in sleepers]
[each.wait() for each in sleepers]
"""


ASYNC = """
import asyncio, time
{imports}
@{decorator}
async def train():
    await asyncio.sleep(2)
asyncio.run(train())
{recorded}
print("RESULT", recorded_s)
"""


@dataclass(frozen=True)
class Candidate:
    """A tracker to measure: the interpreter that has it, and how it is used."""

    name: str
    python: str
    imports: str
    start: str
    stop: str
    cpu_time_s: str  # an expression for the CPU time it saw, or None
    decorator_imports: str = ""
    decorator: str = ""  # for a function
    recorded: str = ""  # sets recorded_s to how long the function is said to have run

    def run(self, work: str, interval_s: float = 1.0) -> dict[str, float]:
        """Return what one cold process measured of itself."""
        script = PROBE.format(
            imports=self.imports,
            start=self.start.format(interval_s=interval_s),
            work=work,
            stop=self.stop,
            extra=f"dict(seen_cpu_s={self.cpu_time_s})",
        )
        found: dict[str, float] = json.loads(self._result(script))
        return found

    def async_s(self) -> float:
        """Return how long an async function of 2 s took, by the tracker's word."""
        imports = f"{self.imports}\n{self.decorator_imports}"
        return float(
            self._result(
                ASYNC.format(imports=imports, decorator=self.decorator, recorded=self.recorded)
            )
        )

    def _result(self, script: str) -> str:
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run(
                [self.python, "-c", script],
                cwd=folder,
                env=environment(folder),
                capture_output=True,
                text=True,
                check=True,
            )
        line = next(row for row in done.stdout.splitlines() if row.startswith("RESULT"))
        return line.removeprefix("RESULT")


BARE = Candidate("bare Python", sys.executable, "pass", "pass", "pass", "None")
OURS = Candidate(
    "carbon-advisor",
    sys.executable,
    "from carbon_advisor.measurement import Tracker",
    "tracker = Tracker(interval_s={interval_s}).start()",
    "result = tracker.stop()",
    "result.cpu_time_s",
    "from carbon_advisor.measurement import track",
    "track",
    "from pathlib import Path; from carbon_advisor.measurement.recovery import journalled_runs; "
    "import os; recorded_s = journalled_runs(Path(os.environ['ADVISOR_HOME']))[0].duration_s",
)


def codecarbon(python: str) -> Candidate:
    """CodeCarbon as its documentation starts it offline, measuring this process."""
    return Candidate(
        "CodeCarbon",
        python,
        "from codecarbon import OfflineEmissionsTracker",
        "tracker = OfflineEmissionsTracker(country_iso_code='SWE', measure_power_secs={interval_s},"
        " tracking_mode='process', log_level='error', save_to_file=False); tracker.start()",
        "tracker.stop()",
        "None",
        "from codecarbon import track_emissions",
        "track_emissions(offline=True, country_iso_code='SWE', log_level='error')",
        "import csv; recorded_s = next(csv.DictReader(open('emissions.csv')))['duration']",
    )


def environment(home: str) -> dict[str, str]:
    """Return one in which Python keeps what it compiled, as pip leaves an installed package."""
    kept = {name: text for name, text in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "ADVISOR_HOME": home}


def median_of(candidate: Candidate, key: str) -> float:
    """Median of a figure over cold processes, after one in which Python may compile."""
    candidate.run("pass")
    return statistics.median(candidate.run("pass")[key] for _ in range(RUNS))


def table(candidates: list[Candidate], seconds: float) -> None:
    """Print one row per figure, one column per candidate."""
    sleep, per_min = f"time.sleep({seconds})", 60 / seconds
    sleepers = SLEEPERS.format(seconds=seconds)
    base = {work: BARE.run(work) for work in (sleep, sleepers)}
    rows: dict[str, Callable[[Candidate], float]] = {
        "import, ms": lambda each: median_of(each, "import_s") * 1000,
        "start + stop, cold, ms": lambda each: median_of(each, "start_stop_s") * 1000,
        "CPU at 1 s, s/min": lambda each: _cpu(each.run(sleep), base[sleep]) * per_min,
        "CPU at 10 Hz, s/min": lambda each: _cpu(each.run(sleep, 0.1), base[sleep]) * per_min,
        "CPU at 1 s, 64 children, s/min": lambda each: (
            _cpu(each.run(sleepers), base[sleepers]) * per_min
        ),
        "memory added, MiB": lambda each: each.run(sleep)["memory_mib"] - base[sleep]["memory_mib"],
        "CPU of 16 × 0.5 s children seen": lambda each: each.run(CHILDREN)["seen_cpu_s"] or 0,
        "async function of 2 s, recorded, s": lambda each: each.async_s(),
    }
    print(f"{'':36}" + "".join(f"{each.name:>18}" for each in candidates))
    for label, figure in rows.items():
        print(f"{label:36}" + "".join(f"{figure(each):>18.3g}" for each in candidates))


def _cpu(found: dict[str, float], bare: dict[str, float]) -> float:
    return max(0.0, found["cpu_s"] - bare["cpu_s"])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer", help="Python that has codecarbon")
    parser.add_argument("--seconds", type=float, default=20.0)
    options = parser.parse_args()
    table([OURS, *([codecarbon(options.peer)] if options.peer else [])], options.seconds)
