"""`advisor recommend`: rank regions × instance types × start times for a profile."""

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


def recommend(
    profile: Annotated[Path, typer.Argument(help="What `advisor profile --out` wrote.")],
    within: Annotated[
        str, typer.Option(help="Try a start every hour from now for this long; 0h: now only.")
    ] = "24h",
    deadline: Annotated[
        str, typer.Option(help="The job must have ended by then: 36h, or 2026-12-01T08:00.")
    ] = "",
    providers: Annotated[
        str, typer.Option(metavar="A,B", help="Only these clouds: aws, azure, gcp.")
    ] = "",
    regions: Annotated[
        str, typer.Option(metavar="A,B", help="Only these regions: aws:eu-north-1, …")
    ] = "",
    country_allow: Annotated[
        str, typer.Option(metavar="A,B", help="Only these countries or groups: EU, NO, …")
    ] = "",
    country_deny: Annotated[
        str, typer.Option(metavar="A,B", help="None of these countries or groups.")
    ] = "",
    instance_types: Annotated[
        str, typer.Option(metavar="A,B", help="Only these instance types: m7g.large, …")
    ] = "",
    architecture: Annotated[
        str, typer.Option(metavar="A,B", help="Only machines of x86_64 or arm64.")
    ] = "",
    min_vcpus: Annotated[float | None, typer.Option(help="At least as many vCPUs.")] = None,
    min_memory_gb: Annotated[float | None, typer.Option(help="At least as much memory.")] = None,
    max_price_per_hour: Annotated[
        float | None, typer.Option(help="US dollars per hour at the most.")
    ] = None,
    budget: Annotated[
        float | None, typer.Option(help="US dollars for the whole job at the most.")
    ] = None,
    max_distance_km: Annotated[
        float | None, typer.Option(help="At the most so far from --here REGION.")
    ] = None,
    spot: Annotated[bool, typer.Option("--spot", help="Spot machines at spot prices.")] = False,
    burstable: Annotated[
        bool, typer.Option("--burstable", help="Burstable and shared-core machines too.")
    ] = False,
    here: Annotated[
        str, typer.Option(help="Where this machine stands: a grid zone (DE) or a region.")
    ] = "",
    baseline: Annotated[
        str, typer.Option(metavar="REGION", help="Compare with this region, not with here.")
    ] = "",
    scope: Annotated[
        str, typer.Option(help="Of the intensity: lifecycle, or direct (combustion only).")
    ] = "lifecycle",
    precision: Annotated[
        str,
        typer.Option(help="GPU jobs compute in: fp32, tf32, fp16 or bf16 (usual), fp8 or int8."),
    ] = "",
    data_gb: DataGb = None,
    data_from: DataFrom = "",
    transfer_kwh_per_gb: TransferKwhPerGb = None,
    at: Annotated[str, typer.Option(metavar="TIME", help="Answer as if it were then.")] = "",
    top: Annotated[int, typer.Option(min=1, max=1000, help="How many places to show.")] = 5,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")] = False,
) -> None:
    """Rank regions × instance types × start times by the CO2eq that the job would emit there."""
    without_blas_threads()
    from carbon_advisor.advisor import recommend as engine
    from carbon_advisor.advisor.catalog import load_catalog
    from carbon_advisor.advisor.cli.inputs import (
        data_move,
        hours_until,
        names,
        parse_scope,
        parse_time,
        position_of,
        window_hours,
    )
    from carbon_advisor.advisor.constraints import Constraints
    from carbon_advisor.advisor.estimate.workload import workload_of
    from carbon_advisor.advisor.location import resolve_location
    from carbon_advisor.advisor.problem import Question
    from carbon_advisor.measurement.profile_file import read_profile

    measured = read_profile(profile)
    now = parse_time("--at", at)
    catalog = load_catalog()
    location = resolve_location(here or None, catalog)
    limits = Constraints(
        providers=names(providers),
        regions=names(regions),
        countries=names(country_allow),
        countries_deny=names(country_deny),
        instance_types=names(instance_types),
        architectures=names(architecture),
        min_vcpus=min_vcpus,
        min_memory_gb=min_memory_gb,
        max_price_per_h=max_price_per_hour,
        budget=budget,
        deadline_h=hours_until("--deadline", deadline, now),
        max_distance_km=max_distance_km,
        near=position_of(location, catalog),
        spot=spot,
        burstable=burstable,
    )
    question = Question(
        workload=workload_of(measured, catalog, precision),
        now=now,
        window_h=window_hours("--within", within),
        limits=limits,
        here=location,
        baseline_region=baseline or None,
        scope=parse_scope(scope),
        data=data_move(data_gb, data_from, transfer_kwh_per_gb, location, catalog),
    )
    answer = engine.recommend(question, catalog, top)
    if as_json:
        from carbon_advisor.advisor.cli.output import print_json
        from carbon_advisor.advisor.recommendation_json import recommendation_json

        print_json(recommendation_json(answer))
    else:
        from carbon_advisor.advisor.cli.recommendation_table import print_recommendation

        print_recommendation(answer, profile)
