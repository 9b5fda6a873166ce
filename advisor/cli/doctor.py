"""`advisor doctor`: what can be measured on this machine, what is modelled, and what would help."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from carbon_advisor.measurement.diagnosis import Diagnosis, Finding
    from carbon_advisor.measurement.source_choice import LookedFor

SCHEMA = "carbon-advisor/diagnosis/1"


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")] = False,
) -> None:
    """Say what can be measured on this machine, what is modelled and why, and what would help."""
    import os
    from dataclasses import replace

    from carbon_advisor.measurement.diagnosis import diagnose
    from carbon_advisor.measurement.settings import setting

    found = diagnose(os.environ)
    meter = setting("meter")
    if meter:
        from carbon_advisor.measurement.meter import meter_finding

        found = replace(found, findings=(meter_finding(meter), *found.findings))
    if as_json:
        from carbon_advisor.advisor.cli.output import print_json

        print_json(diagnosis_json(found))
    else:
        _print(found)


def diagnosis_json(found: Diagnosis) -> dict[str, Any]:
    """Return the diagnosis in JSON's types."""
    from dataclasses import asdict

    return {"schema": SCHEMA, **asdict(found)}


def _print(found: Diagnosis) -> None:
    from rich.markup import escape

    from carbon_advisor.advisor.cli.output import console

    screen = console()
    hardware = found.hardware
    where = f", {hardware.virtualization}" if hardware.virtualization else ", no hypervisor seen"
    screen.print(
        f"[bold]{escape(hardware.cpu_name or 'unnamed CPU')}[/bold]: {found.cpu_resolved}, "
        f"{hardware.vcpus} vCPUs, {hardware.memory_gb:.1f} GB, {hardware.operating_system}{where}"
    )
    for finding in found.findings:
        _print_finding(screen, finding, found.looked_for)
    for note in found.notes:
        screen.print(f"\nnote: {escape(note)}")


def _print_finding(screen: Console, finding: Finding, looked_for: tuple[LookedFor, ...]) -> None:
    """What gives the figure, then each counter that would be better, and how to get it."""
    from textwrap import fill, indent

    from rich.markup import escape

    error = f" ±{finding.relative_error:.0%}" if finding.relative_error else ""
    screen.print(f"\n[bold]{finding.component}[/bold]  {finding.method}{error}")
    told = [finding.source, *([f"why: {finding.why}"] if finding.why else [])]
    remedies = {finding.remedy: ""}
    for tried in looked_for:
        if tried.component == finding.component and tried.outcome != "used":
            told.append(f"looked for {tried.name}: {tried.why}")
            remedies.setdefault(tried.remedy, tried.name)
    for line in told:
        screen.print(indent(fill(line, screen.width - 2), "  "), markup=False, soft_wrap=True)
    if finding.method == "measured":
        return
    for remedy, name in remedies.items():
        if remedy:
            what = f"or, to let it read {name}" if name else "to let this user measure it"
            later = " (the new group counts when you log in again)" if "--groups" in remedy else ""
            screen.print(f"  {escape(what)}{later}:")
            screen.print(f"  {remedy}", markup=False, soft_wrap=True)
