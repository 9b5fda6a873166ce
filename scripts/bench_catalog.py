"""How long the bundled catalogue takes to load, all tables, in fresh processes.

    python scripts/bench_catalog.py [--runs 20]

Prints the median and the best of the load itself (target: under 50 ms) and of importing the loader
with NumPy, which every command pays before.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys

TARGET_MS = 50.0
PROGRAM = """
import json, time
start = time.perf_counter()
import numpy
with_numpy = time.perf_counter()
from carbon_advisor.advisor.catalog import Catalog, load_catalog
imported, cpu = time.perf_counter(), time.process_time()
catalog = load_catalog()
tables = [name for name, value in vars(Catalog).items() if not name.startswith('_')
          and type(value).__name__ == 'cached_property']
by_table = {}
for name in tables:
    before = time.perf_counter()
    getattr(catalog, name)
    by_table[name] = 1000 * (time.perf_counter() - before)
done = time.perf_counter()
cpu_ms = 1000 * (time.process_time() - cpu)
print(json.dumps({'numpy': 1000 * (with_numpy - start), 'import': 1000 * (imported - with_numpy),
                  'load': 1000 * (done - imported), 'load, CPU': cpu_ms, 'tables': by_table}))
"""


def measure(runs: int) -> list[dict[str, object]]:
    """Return what each of `runs` fresh processes measured, ms; one more warms the file cache."""
    found = []
    for _ in range(runs + 1):
        output = subprocess.run(
            [sys.executable, "-c", PROGRAM], check=True, capture_output=True, text=True
        )
        found.append(json.loads(output.stdout))
    return found[1:]


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description="Time the loading of the bundled catalogue.")
    parser.add_argument("--runs", type=int, default=20)
    found = measure(parser.parse_args().runs)
    for part in ("numpy", "import", "load", "load, CPU"):
        times = [float(str(run[part])) for run in found]
        print(f"{part:10} median {statistics.median(times):6.1f} ms, best {min(times):6.1f} ms")
    tables = found[-1]["tables"]
    assert isinstance(tables, dict)
    for name, milliseconds in sorted(tables.items(), key=lambda item: -item[1])[:5]:
        print(f"  {name:20} {milliseconds:5.1f} ms (last run)")
    load = statistics.median(float(str(run["load"])) for run in found)
    print(f"load is {load / TARGET_MS:.2f} of the {TARGET_MS:.0f} ms target")
    return 0 if load < TARGET_MS else 1


if __name__ == "__main__":
    sys.exit(main())
