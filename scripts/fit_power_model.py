"""Fit the power model of servers on SPECpower results and judge it on what it has not seen.

    python scripts/fit_power_model.py --sources DIR [--out data]

Writes cpu_power_model.json (coefficients only) and power_errors.csv (cross-validated errors by
vendor and era). Takes about six minutes on one core; a second run writes the same bytes. Run
scripts/build_catalog.py afterwards: it works out the watts of every CPU model.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # before NumPy: faster here, and the same on any machine

import numpy as np

from carbon_advisor.advisor.estimate.cpu_power import FILE, CpuPowerModel
from catalog.files import Table, write_table
from power_fit.model import document_of
from power_fit.results import read_results
from power_fit.validation import COLUMNS, SCHEME_OF, SEEDS, error_rows, predictions, quantiles

if TYPE_CHECKING:
    from collections.abc import Iterable

    from power_fit.results import Results

REFERENCES = 12  # machines whose predictions are kept, to check the evaluation against


def main(arguments: Iterable[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description="Fit the power model on SPECpower results.")
    parser.add_argument("--sources", type=Path, required=True, help="folder of the sources")
    parser.add_argument("--out", type=Path, default=Path("data"), help="where the model goes")
    options = parser.parse_args(None if arguments is None else list(arguments))
    results = read_results(options.sources)
    print(f"{len(results)} machines, {int(results.has_curve.sum())} with all loads")
    predicted = {}
    for scheme in SEEDS:
        started = time.perf_counter()
        predicted[scheme] = predictions(results, scheme)
        print(f"left out by {scheme}: {time.perf_counter() - started:.0f} s", flush=True)
    errors = error_rows(results, predicted)
    write_table(options.out, Table("power_errors", COLUMNS, errors))
    known = {name: quantiles(results, predicted[scheme]) for name, scheme in SCHEME_OF.items()}
    document = document_of(results, known)
    document["reference"] = _references(results, CpuPowerModel(document))
    text = json.dumps(document, separators=(",", ":"), ensure_ascii=True)
    (options.out / FILE).write_text(text.replace('],"', '],\n"') + "\n", encoding="utf-8")
    for row in errors:
        if row["load"] == "all" or row["subset"] == "since 2022":
            print(" ".join(f"{row[column]!s:>18}" for column in COLUMNS[:-1]))
    return 0


def _references(results: Results, model: CpuPowerModel) -> list[dict[str, Any]]:
    """Some machines with what the model says of them when idle, half and fully loaded."""
    chosen = results[np.linspace(0, len(results) - 1, REFERENCES).astype(np.intp)]
    curves = model.curves_w(chosen.servers)
    return [
        {
            **{name: values[row].item() for name, values in vars(chosen.servers).items()},
            "watts": [round(float(curves[row, k]), 3) for k in (0, 5, 10)],
        }
        for row in range(len(chosen))
    ]


if __name__ == "__main__":
    sys.exit(main())
