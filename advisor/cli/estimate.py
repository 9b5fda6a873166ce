"""`advisor estimate`: energy and emissions from stated inputs, before anything is measured."""

from __future__ import annotations

from typing import Annotated

import typer

from carbon_advisor.advisor.cli.options import DataGb, TransferKwhPerGb  # noqa: TC001 - typer
from carbon_advisor.advisor.cli.startup import without_blas_threads


def estimate(
    gpus: Annotated[str, typer.Option(metavar="NAME:COUNT", help="E.g. V100:8.")] = "",
    instance: Annotated[
        str, typer.Option(metavar="TYPE", help="An instance type, e.g. aws:g5.xlarge.")
    ] = "",
    device_power_w: Annotated[
        float | None,
        typer.Option(help="Mean power of one device; with --utilization its power at full load."),
    ] = None,
    device_idle_w: Annotated[
        float | None,
        typer.Option(help="Power of one device at no load, with --utilization; 0 if not given."),
    ] = None,
    energy_kwh: Annotated[
        float | None, typer.Option(help="Energy of the devices, if you know it.")
    ] = None,
    count: Annotated[int, typer.Option(min=1, help="How many devices or instances.")] = 1,
    hours: Annotated[float | None, typer.Option(help="How long the job runs.")] = None,
    device_hours: Annotated[
        float | None, typer.Option(help="Hours of all devices together (GPU-hours).")
    ] = None,
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
    water_l_per_kwh: Annotated[
        float | None, typer.Option(help="Instead of the region's WUE.")
    ] = None,
    embodied_g: Annotated[
        float | None, typer.Option(help="The job's share, instead of the catalogue's.")
    ] = None,
    embodied_total_kg: Annotated[
        float | None, typer.Option(help="Of making one machine; its share falls to the job.")
    ] = None,
    lifetime_years: Annotated[
        float | None, typer.Option(help="Of the machine (8760 h a year); 4 if not given.")
    ] = None,
    resource_share: Annotated[
        float | None, typer.Option(help="Share of the machine that the job reserves, 0 to 1.")
    ] = None,
    data_gb: DataGb = None,
    data_from: Annotated[str, typer.Option(help="The region or grid zone where it lies.")] = "",
    transfer_kwh_per_gb: TransferKwhPerGb = None,
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
    from carbon_advisor.advisor.location import named_location, resolve_location, stated_pue

    catalog = load_catalog()
    accelerator, devices = parse_gpus(gpus, catalog) if gpus else (None, 1)
    stated = Stated(
        hours=hours,
        device_hours=device_hours,
        energy_kwh=energy_kwh,
        device_power_w=device_power_w,
        device_idle_w=device_idle_w,
        count=devices * count,
        accelerator=accelerator,
        instance_type=catalog.find_instance_type(instance) if instance else None,
        utilization=utilization,
        intensity_g_per_kwh=intensity_g_per_kwh,
        pue=stated_pue(None if pue is None else str(pue)),
        embodied_g=embodied_g,
        embodied_total_kg=embodied_total_kg,
        lifetime_years=lifetime_years,
        resource_share=resource_share,
        data_gb=data_gb,
        data_from=named_location(data_from, catalog) if data_from else None,
        transfer_kwh_per_gb=transfer_kwh_per_gb,
        water_l_per_kwh=water_l_per_kwh,
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
