"""Kill programs with a tracker in them at random moments, and count the runs that are kept.

    scripts/bench_kills.py [--tries 200] [--peer PYTHON] [--peer-tries 20]

PYTHON is the interpreter of a venv in which `pip install codecarbon` was done. A run is kept if it
can be read afterwards; how much of it is missing is told in sampling intervals.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from carbon_advisor.measurement.recovery import journalled_runs

INTERVAL_S = 0.1
LIFE_S = (0.0, 1.5)  # of a program after its tracker's start
AT_ONCE = 2
OURS = f"""
import time
from carbon_advisor.measurement import Tracker
tracker = Tracker(interval_s={INTERVAL_S}).start()
print(time.monotonic(), flush=True)
time.sleep(60)
"""
CODECARBON = f"""
import time
from codecarbon import OfflineEmissionsTracker
tracker = OfflineEmissionsTracker(country_iso_code="SWE", measure_power_secs={INTERVAL_S},
                                  tracking_mode="process", log_level="error")
tracker.start()
print(time.monotonic(), flush=True)
time.sleep(60)
"""


def killed(python: str, script: str, folder: str, life_s: float) -> float:
    """Run a program, kill it so long after its tracker started; return how long that one lived."""
    environment = {**os.environ, "ADVISOR_HOME": folder}
    with subprocess.Popen(
        [python, "-c", script], cwd=folder, env=environment, stdout=subprocess.PIPE
    ) as program:
        assert program.stdout is not None
        started_s = float(program.stdout.readline())
        time.sleep(life_s)
        lived_s = time.monotonic() - started_s
        program.kill()
    return lived_s


def missing_intervals(seed: int) -> float | None:
    """Kill one program of ours; return what its run lacks, in intervals, None if it is lost."""
    with tempfile.TemporaryDirectory() as folder:
        lived_s = killed(sys.executable, OURS, folder, random.Random(seed).uniform(*LIFE_S))
        runs = journalled_runs(Path(folder))
    if len(runs) != 1 or runs[0].state != "interrupted":
        return None
    return (lived_s - runs[0].duration_s) / INTERVAL_S


def kept_by_codecarbon(python: str, seed: int) -> bool:
    """Kill one program with CodeCarbon; say whether its file has the run."""
    with tempfile.TemporaryDirectory() as folder:
        killed(python, CODECARBON, folder, random.Random(seed).uniform(*LIFE_S))
        path = Path(folder) / "emissions.csv"
        return path.exists() and len(path.read_text().splitlines()) > 1


def main() -> None:
    """Print how many runs are kept, and what they lack."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tries", type=int, default=200)
    parser.add_argument("--peer", help="Python that has codecarbon")
    parser.add_argument("--peer-tries", type=int, default=20)
    options = parser.parse_args()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        missing = list(pool.map(missing_intervals, range(options.tries)))
    kept = sorted(lack for lack in missing if lack is not None)
    within = sum(lack <= 1 for lack in kept)
    print(f"carbon-advisor: {len(kept)} of {options.tries} runs kept after SIGKILL")
    print(
        f"  short of at most one interval: {within}; missing, in intervals: "
        f"median {kept[len(kept) // 2]:.2f}, most {kept[-1]:.2f}"
    )
    if options.peer:
        tries = range(options.peer_tries)
        count = sum(kept_by_codecarbon(options.peer, seed) for seed in tries)
        print(f"CodeCarbon: {count} of {options.peer_tries} runs kept")


if __name__ == "__main__":
    main()
