"""Fit the translation between machines on the public sources and print how it comes about.

    scripts/fit_translation.py --sources DIR

Prints the gain of a core's second thread by suite, the errors of scores by how they are found, and
data/translation.csv as `scripts/build_catalog.py` writes it. A second run prints the same.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from catalog.cpus import Microarchitectures
from catalog.files import cell
from catalog.instance_types import machines_of_all_clouds
from catalog.pairs import accuracy
from catalog.scores import PASSMARK_SHARE, read_benchmarks
from catalog.translation import Fit, build_translation, fit_translation

if TYPE_CHECKING:
    from collections.abc import Iterable

SHARES = (0.0, 0.1, 0.2, 0.25, 0.3, 0.4)


def fit_of(sources: Path) -> Fit:
    """Return the fit on a folder of sources."""
    known = Microarchitectures()
    machines = machines_of_all_clouds(sources, known).machines
    return fit_translation(sources, machines, read_benchmarks(sources, machines), known)


def print_gains(fit: Fit) -> None:
    """Print what a second thread adds, by suite and vendor."""
    print("a core's second thread adds, of the first's throughput:")
    for vendor, gain in fit.gain.items():
        suites = ", ".join(f"{suite} {found[vendor]:.3f}" for suite, found in fit.gains.items())
        print(f"  {vendor:6} {gain:.3f}   ({suites})")


def print_shares(fit: Fit) -> None:
    """Print the median error of a thread's speed by PassMark's share in the score."""
    ours = fit.cpu.where(np.char.startswith(fit.cpu.workload, "geekbench:one:"))
    alone = ours.others["Geekbench single-core alone"]
    passmark = (ours.predicted - (1 - PASSMARK_SHARE) * alone) / PASSMARK_SHARE
    print("median error of one thread's speed by PassMark's share in the score:")
    for share in SHARES:
        error = accuracy(ours.truth - (1 - share) * alone - share * passmark).median
        chosen = "  <- shipped" if share == PASSMARK_SHARE else ""
        print(f"  {share:4.2f}  {error:.3f}{chosen}")


def print_table(fit: Fit) -> None:
    """Print the table that ships."""
    table = build_translation(fit)
    print(f"data/translation.csv: {len(table.rows)} rows")
    for row in table.rows:
        figures = "  ".join(f"{cell(row[name]):>6}" for name in table.columns[1:5])
        print(f"  {row['key']!s:28} {figures}  {row['note']}")


def main(arguments: Iterable[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description="Fit the translation between machines.")
    parser.add_argument("--sources", type=Path, required=True, help="folder of the sources")
    options = parser.parse_args(None if arguments is None else list(arguments))
    fit = fit_of(options.sources)
    print_gains(fit)
    print_shares(fit)
    print_table(fit)
    return 0


if __name__ == "__main__":
    sys.exit(main())
