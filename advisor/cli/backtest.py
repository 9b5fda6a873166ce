"""`advisor backtest`: what choosing time and place by each forecast would have saved."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from carbon_advisor.advisor.cli.startup import without_blas_threads

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

QUIET_S = 1.0  # what takes longer shows a bar


def backtest(
    trace: Annotated[
        Path, typer.Option(help="Measured intensity: CSV or Parquet, utc,zone,value or wide.")
    ],
    zones: Annotated[
        str, typer.Option(metavar="A,B", help="Where the job may run: zones, EU, DE, all.")
    ] = "all",
    home: Annotated[
        str, typer.Option(metavar="A,B", help="Where it would run otherwise; all of --zones.")
    ] = "",
    job_hours: Annotated[float, typer.Option(help="How long the job runs.")] = 6.0,
    slack_hours: Annotated[float, typer.Option(help="How much later it may start.")] = 24.0,
    history_days: Annotated[float, typer.Option(help="How far back forecasts look.")] = 28.0,
    delay_hours: Annotated[
        float, typer.Option(help="How long after its end a step is published.")
    ] = 0.0,
    replan_hours: Annotated[
        float, typer.Option(help="For mix_replanned: decide anew so often while waiting; 0: not.")
    ] = 3.0,
    starts: Annotated[int, typer.Option(min=1, max=100_000, help="How many decisions.")] = 200,
    seed: Annotated[int, typer.Option(min=0, help="Which moments they are made at.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")] = False,
) -> None:
    """Replay decisions on a trace: savings by time, by place and by both, with past data only."""
    without_blas_threads()
    from carbon_advisor.advisor.backtest.replay import Setup, bridged, job_of, moments_of, replay
    from carbon_advisor.advisor.backtest.setup_checks import check
    from carbon_advisor.advisor.backtest.summary import backtest_json, summarise
    from carbon_advisor.advisor.catalog import load_catalog
    from carbon_advisor.advisor.forecast.beliefs import beliefs_of
    from carbon_advisor.advisor.forecast.network import load_network
    from carbon_advisor.advisor.trace_file import read_trace
    from carbon_advisor.advisor.trace_zones import informing, rows_of

    setup = Setup(job_hours, slack_hours, history_days, delay_hours, starts, seed, replan_hours)
    check(setup)
    catalog, measured = load_catalog(), read_trace(trace)
    rows = rows_of(zones, measured.zones, catalog)
    names = [measured.zones[row] for row in rows]
    homes = rows_of(home or "all", names, catalog)
    part = measured.only(informing(rows, measured.zones, load_network().positions))
    rows = list(range(len(names)))
    came = bridged(part.values[rows], part.step_h)
    moments = moments_of(came, part.step_h, setup, job_of(part, setup))
    outcome = replay(
        part,
        beliefs_of(part.zones, catalog),
        rows,
        homes,
        setup,
        moments=_with_progress(moments),
    )
    notes = [] if len(moments) == starts else [f"The trace has {len(moments)} possible starts."]
    found = summarise(outcome, part, names, homes, setup, notes)
    if as_json:
        from carbon_advisor.advisor.cli.output import print_json

        print_json(backtest_json(found))
    else:
        from carbon_advisor.advisor.cli.backtest_table import print_backtest

        print_backtest(found)


def _with_progress(moments: Sequence[int]) -> Iterator[int]:
    """Yield the moments; a bar on a terminal's stderr from the second second on."""
    import time

    from rich.progress import Progress

    from carbon_advisor.advisor.cli.output import console

    bar = Progress(console=console(stderr=True), transient=True)
    begin, task = time.monotonic(), None
    try:
        for done, moment in enumerate(moments):
            yield moment
            if task is None and time.monotonic() - begin > QUIET_S and bar.console.is_terminal:
                bar.start()
                task = bar.add_task("replaying decisions", total=len(moments))
            if task is not None:
                bar.update(task, completed=done + 1)
    finally:
        bar.stop()
