"""Options that several commands share, worded once."""

from __future__ import annotations

from typing import Annotated

import typer

Attribution = Annotated[
    str,
    typer.Option(
        "--attribution",
        metavar="RULE",
        help="The job's share of the machine's energy: proportional (if nothing else is set), "
        "marginal (without idle energy) or full (all of it).",
    ),
]

Meter = Annotated[
    str,
    typer.Option(
        "--meter",
        metavar="METER",
        help="What measures the whole machine's power: file:PATH, command:PROGRAM …, or "
        "http://HOST/PATH of a metering plug, a BMC, Home Assistant … (docs/meters.md).",
    ),
]

Outputs = Annotated[
    list[str] | None,
    typer.Option(
        "--output",
        metavar="NAME:TARGET",
        help="Where the figures go as well, e.g. csv:runs.csv, jsonl:runs.jsonl, "
        "prometheus-push:http://HOST:9091; may be repeated (docs/outputs.md).",
    ),
]

DataGb = Annotated[
    float | None, typer.Option("--data-gb", help="Data that is moved to where the job runs.")
]

DataFrom = Annotated[
    str,
    typer.Option(
        "--data-from",
        metavar="PLACE",
        help="The region or grid zone where that data lies; here, if not given.",
    ),
]

TransferKwhPerGb = Annotated[
    float | None,
    typer.Option("--transfer-kwh-per-gb", help="Of the network, instead of the catalogue's."),
]
