"""`advisor explain`: where every figure of one candidate's estimate came from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from carbon_advisor.advisor.cli.options import (  # noqa: TC001 - typer reads them
    DataFrom,
    DataGb,
    TransferKwhPerGb,
)
from carbon_advisor.advisor.cli.startup import without_blas_threads


def explain(
    profile: Annotated[Path, typer.Argument(help="What `advisor profile --out` wrote.")],
    candidate: Annotated[
        str, typer.Option(metavar="PROVIDER:REGION:TYPE", help="E.g. aws:eu-north-1:m7g.large.")
    ],
    within: Annotated[
        str, typer.Option(help="Its best start within this time is explained; 0h: a start now.")
    ] = "24h",
    scope: Annotated[
        str, typer.Option(help="Of the intensity: lifecycle or direct.")
    ] = "lifecycle",
    precision: Annotated[
        str,
        typer.Option(help="GPU jobs compute in: fp32, tf32, fp16 or bf16 (usual), fp8 or int8."),
    ] = "",
    data_gb: DataGb = None,
    data_from: DataFrom = "",
    transfer_kwh_per_gb: TransferKwhPerGb = None,
    at: Annotated[str, typer.Option(metavar="TIME", help="Answer as if it were then.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")] = False,
) -> None:
    """Print the chain of figures behind one candidate's estimate, each with its source."""
    without_blas_threads()
    from carbon_advisor.advisor.catalog import load_catalog
    from carbon_advisor.advisor.cli.inputs import data_move, parse_scope, parse_time, window_hours
    from carbon_advisor.advisor.estimate.workload import workload_of
    from carbon_advisor.advisor.explain import estimate_candidate, explain_water, find_candidate
    from carbon_advisor.advisor.explain import explain as chain_of
    from carbon_advisor.advisor.location import resolve_location
    from carbon_advisor.advisor.problem import Problem, Question
    from carbon_advisor.measurement.profile_file import read_profile

    measured = read_profile(profile)
    catalog = load_catalog()
    question = Question(
        workload=workload_of(measured, catalog, precision),
        now=parse_time("--at", at),
        window_h=window_hours("--within", within),
        scope=parse_scope(scope),
        data=data_move(
            data_gb, data_from, transfer_kwh_per_gb, resolve_location(None, catalog), catalog
        ),
    )
    problem = Problem(question, catalog)
    offer = find_candidate(problem, candidate)
    estimate = estimate_candidate(problem, offer)
    chain = chain_of(problem, offer, estimate)
    water = explain_water(problem, offer, estimate)
    if as_json:
        from carbon_advisor.advisor.cli.output import print_json
        from carbon_advisor.advisor.recommendation_json import explanation_json

        print_json(explanation_json(estimate, chain, water))
        return
    from carbon_advisor.advisor.cli.output import console
    from carbon_advisor.advisor.cli.provenance_tree import provenance_tree
    from carbon_advisor.advisor.cli.recommendation_table import ranking_table

    screen = console()
    screen.print(ranking_table([estimate]))
    screen.print(provenance_tree(chain))
    screen.print(provenance_tree(water))
