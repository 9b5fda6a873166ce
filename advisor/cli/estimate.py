"""`advisor estimate`: energy and emissions from stated inputs, before anything is measured."""

from __future__ import annotations

from typing import Annotated

import typer

from carbon_advisor.advisor.cli.startup import without_blas_threads


def estimate(
    gpus: Annotated[str, typer.Option(metavar="NAME:COUNT", help="E.g. V100:8.")] = "",
    instance: Annotated[
        str, typer.Option(metavar="TYPE", help="An instance type, e.g. aws:g5.xlarge.")
    ] = "",
    device_power_w: Annotated[
        float | None, typer.Option(help="Mean power of one device, if you know it.")
    ] = None,
    energy_kwh: Annotated[
        float | None, typer.Option(help="Energy of the devices, if you know it.")
    ] = None,
    count: Annotated[int, typer.Option(min=1, help="How many devices or instances.")] = 1,
    hours: Annotated[float | None, typer.Option(help="How long the job runs.")] = None,
    utilization: Annotated[
        float | None, typer.Option(help="Of the devices, 0 to 1; full load if not given.")
    ] = None,
    host: Annotated[
        bool, typer.Option("--host/--no-host", help="Add the host's share to --gpus.")
    ] = True,
    region: Annotated[str, typer.Option(help="A region (azure:westus2) or a grid zone (DE).")] = "",
    intensity_g_per_kwh: Annotated[
        float | None, typer.Option(help="Instead of the region's intensity.")
    ] = None,
    pue: Annotated[float | None, typer.Option(help="Instead of the region's PUE.")] = None,
    embodied_g: Annotated[
        float | None, typer.Option(help="Instead of the catalogue's embodied emissions.")
    ] = None,
    at: Annotated[
        str, typer.Option(metavar="TIME", help="When the job starts; now if not given.")
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")] = False,
) -> None:
    """Estimate energy and emissions from stated inputs; the catalogue fills in the rest."""
    without_blas_threads()
    from carbon_advisor.advisor.catalog import load_catalog
    from carbon_advisor.advisor.cli.inputs import parse_time
    from carbon_advisor.advisor.estimate.stated import estimate_stated
    from carbon_advisor.advisor.estimate.stated_inputs import Stated
    from carbon_advisor.advisor.estimate.workload import parse_gpus
    from carbon_advisor.advisor.location import resolve_location, stated_pue

    catalog = load_catalog()
    accelerator, devices = parse_gpus(gpus, catalog) if gpus else (None, 1)
    stated = Stated(
        hours=hours,
        energy_kwh=energy_kwh,
        device_power_w=device_power_w,
        count=devices * count,
        accelerator=accelerator,
        instance_type=catalog.find_instance_type(instance) if instance else None,
        utilization=utilization,
        intensity_g_per_kwh=intensity_g_per_kwh,
        pue=stated_pue(None if pue is None else str(pue)),
        embodied_g=embodied_g,
        host=host,
    )
    location = resolve_location(region or None, catalog)
    result = estimate_stated(stated, location, parse_time("--at", at), catalog)
    if as_json:
        from carbon_advisor.advisor.cli.output import print_json
        from carbon_advisor.advisor.recommendation_json import stated_json

        print_json(stated_json(result))
        return
    from carbon_advisor.advisor.cli.estimate_table import print_estimate

    print_estimate(result, catalog)
