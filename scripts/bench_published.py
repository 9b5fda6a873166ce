#!/usr/bin/env python
"""Print published footprints beside what `advisor estimate` makes of their own stated inputs.

    scripts/bench_published.py

The table is tests/fixtures/published_footprints.csv: each row has its source, the arguments that
state the source's inputs, and the published figure. The exit code is 1 if one is off by over 2 %.
"""

from __future__ import annotations

import csv
import json
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TABLE = Path(__file__).parent.parent / "tests" / "fixtures" / "published_footprints.csv"
UNITS = {"g": 1.0, "kg": 1e3, "t": 1e6, "lb": 453.59237, "kWh": 1.0, "MWh": 1e3}
TOLERANCE = 0.02


@dataclass(frozen=True)
class Published:
    """One published figure with the inputs that its source states.

    Attributes:
        name: what was estimated.
        source, place: paper or page, and where in it.
        arguments: of `advisor estimate`.
        output: key of its JSON, or facility_kwh for energy with PUE.
        value, unit: as published.
        rounding: half a step of its last digit over the value.
    """

    name: str
    source: str
    place: str
    arguments: tuple[str, ...]
    output: str
    value: float
    unit: str
    rounding: float

    def found_in(self, document: dict[str, Any]) -> float:
        """Return our figure, in the published one's unit, from `advisor estimate --json`."""
        if self.output == "facility_kwh":
            return float(document["energy_kwh"] * document["pue"]) / UNITS[self.unit]
        return float(document[self.output]) / UNITS[self.unit]

    def error(self, document: dict[str, Any]) -> float:
        """Return how far our figure is off, as a share of the published one."""
        return self.found_in(document) / self.value - 1


def published() -> list[Published]:
    """Return the cases of the table in its order."""
    with TABLE.open(encoding="utf-8", newline="") as file:
        return [_case(row) for row in csv.DictReader(file)]


def _case(row: dict[str, str]) -> Published:
    value = float(row["published"])
    decimals = len(row["published"].partition(".")[2])
    return Published(
        name=row["name"],
        source=row["source"],
        place=row["place"],
        arguments=tuple(shlex.split(row["arguments"])),
        output=row["output"],
        value=value,
        unit=row["unit"],
        rounding=0.5 * 10**-decimals / value,
    )


def answer(case: Published) -> dict[str, Any]:
    """Return what the command prints for a case, run in this process."""
    from typer.testing import CliRunner

    from carbon_advisor.advisor.cli.main import app

    result = CliRunner().invoke(app, ["estimate", *case.arguments, "--json"])
    if result.exit_code != 0:
        raise RuntimeError(f"{case.name}: {result.output}{result.exception or ''}")
    document: dict[str, Any] = json.loads(result.stdout)
    return document


def main() -> int:
    """Print the table."""
    worst = 0.0
    cases = published()
    print(f"{'case':52} {'output':13} {'published':>12} {'ours':>12}      error")
    for case in cases:
        document = answer(case)
        error = case.error(document)
        worst = max(worst, abs(error))
        print(
            f"{case.name[:52]:52} {case.output:13} {case.value:12.6g} "
            f"{case.found_in(document):12.6g} {case.unit:4} {error:+7.2%}"
        )
    sources = len({case.source for case in cases})
    print(f"{len(cases)} figures from {sources} sources; the worst is off by {worst:.2%}")
    return int(worst > TOLERANCE)


if __name__ == "__main__":
    sys.exit(main())
