"""`advisor power`: watts of a server, a cloud machine's share or a GPU host, by utilisation."""

from __future__ import annotations

from typing import Annotated

import typer

from carbon_advisor.advisor.cli.startup import without_blas_threads


def power(
    cpu: Annotated[str, typer.Option(metavar="NAME", help='E.g. "AMD EPYC 9654".')] = "",
    tdp: Annotated[float | None, typer.Option(help="Watts of one CPU's TDP.")] = None,
    cores: Annotated[float | None, typer.Option(help="Cores of one CPU.")] = None,
    threads: Annotated[float | None, typer.Option(help="Hardware threads of one CPU.")] = None,
    ghz: Annotated[float | None, typer.Option(help="Base clock.")] = None,
    sockets: Annotated[float | None, typer.Option(help="CPUs of the server; one.")] = None,
    memory_gb: Annotated[float | None, typer.Option(help="Memory of the server.")] = None,
    year: Annotated[float | None, typer.Option(help="When an unknown CPU came out.")] = None,
    utilization: Annotated[
        float, typer.Option(help="Of the CPUs, or of --gpu where no --cpu is named; 0 to 1.")
    ] = 0.5,
    vcpus: Annotated[
        float | None, typer.Option(help="A cloud machine's threads: its share of the server.")
    ] = None,
    gpu: Annotated[str, typer.Option(metavar="NAME", help="E.g. H100; the whole host.")] = "",
    count: Annotated[int, typer.Option(min=1, help="How many GPUs.")] = 1,
    gpu_utilization: Annotated[
        float | None, typer.Option(help="Of the GPUs; as --utilization if not given.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")] = False,
) -> None:
    """Show the watts of a server at the wall, with an interval and where they come from."""
    without_blas_threads()
    from carbon_advisor.advisor.catalog import load_catalog
    from carbon_advisor.advisor.estimate.server_power import gpu_server_power, server_power
    from carbon_advisor.advisor.estimate.stated_server import StatedServer, known_server
    from carbon_advisor.measurement.errors import InputError

    catalog = load_catalog()
    stated = StatedServer(
        cpu=cpu, tdp_w=tdp, cores=cores, threads=threads, base_ghz=ghz, sockets=sockets,
        memory_gb=memory_gb, year=year,
    )  # fmt: skip
    if gpu and vcpus is not None:
        raise InputError("--vcpus is a share of a server without --gpu")
    server = None
    if not gpu or stated != StatedServer():
        server = known_server(stated, catalog)
    found = server_power(server, utilization, catalog, vcpus) if server else None
    if gpu:
        row = catalog.find_accelerator(gpu)
        load = utilization if gpu_utilization is None else gpu_utilization
        found = gpu_server_power(row, count, load, catalog, found)
    assert found is not None
    if as_json:
        from carbon_advisor.advisor.cli.output import print_json
        from carbon_advisor.advisor.cli.power_output import power_json

        print_json(power_json(found))
        return
    from carbon_advisor.advisor.cli.power_output import print_power

    sockets_shown = f"{server.servers.sockets[0]:g} × {server.name}" if server else ""
    name = " with ".join(
        part for part in (sockets_shown, f"{count} × {gpu}" if gpu else "") if part
    )
    print_power(found, name if vcpus is None else f"{vcpus:g} vCPUs of {name}")
