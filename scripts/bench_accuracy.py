"""Print how accurate the estimates are against public measurements, beside simpler methods.

    scripts/bench_accuracy.py --sources DIR [--only SECTION …]

DIR is the folder that `scripts/build_catalog.py` builds the catalogue from. A section is a module
of scripts/accuracy/ (but those with _) with a function `table(sources) -> list[str]`. What is
predicted was never in the fit that predicts it.
"""

from __future__ import annotations

import argparse
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

SECTIONS = sorted(
    path.stem for path in (Path(__file__).parent / "accuracy").glob("*.py") if path.stem[0] != "_"
)


def main(arguments: Iterable[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description="Print the accuracy table.")
    parser.add_argument("--sources", type=Path, required=True, help="folder of the sources")
    parser.add_argument("--only", nargs="+", choices=SECTIONS, default=SECTIONS)
    options = parser.parse_args(None if arguments is None else list(arguments))
    for name in options.only:
        lines: list[str] = import_module(f"accuracy.{name}").table(options.sources)
        print("\n".join(lines), end="\n\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
