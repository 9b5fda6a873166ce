"""Instance types: machines with their benchmark scores and their share of the making of a host."""

from __future__ import annotations

from typing import TYPE_CHECKING

from catalog.clouds import Catalogue, aws_machines, azure_machines, gcp_machines
from catalog.files import Row, Table, hand_rows, number, read_rows, rounded
from catalog.machine import CpuFinder, Machine
from catalog.scores import family_of

if TYPE_CHECKING:
    from pathlib import Path

    from catalog.cpus import Microarchitectures
    from catalog.scores import Scores

COLUMNS = (
    "instance_type",
    "provider",
    "name",
    "vcpus",
    "memory_gb",
    "architecture",
    "accelerator",
    "accelerator_count",
    "spec_source",
    "cpu_model",
    "microarchitecture",
    "cpu_basis",
    "cpu_source",
    "threads_per_core",
    "single_thread_score",
    "multi_thread_score",
    "score_basis",
    "score_source",
    "embodied_g_per_h",
    "embodied_basis",
    "embodied_source",
    "burstable",
    "shared_core",
)
CPU_SOURCES = {
    "known": "sparecores_data",
    "sibling": "sparecores_data",
    "family": "provider_docs",
    "assumed": "assumed",
}


def machines_of_all_clouds(sources: Path, known: Microarchitectures) -> Catalogue:
    """Return the machines of the three providers, sorted by id."""
    cpus, found = CpuFinder(known), Catalogue()
    aws_machines(sources, cpus, found)
    azure_machines(sources, cpus, found)
    gcp_machines(sources, cpus, found)
    found.machines.sort(key=lambda machine: machine.id)
    return found


def build_instance_types(sources: Path, found: Catalogue, scores: Scores) -> Table:
    """Return the table of instance types in the order of their ids."""
    embodied = Embodied(sources, found.machines)
    rows: list[Row] = [
        {
            "instance_type": machine.id,
            "provider": machine.provider,
            "name": machine.name,
            "vcpus": machine.vcpus,
            "memory_gb": round(machine.memory_gb, 3),
            "architecture": machine.architecture,
            "accelerator": machine.accelerator,
            "accelerator_count": machine.accelerator_count,
            "spec_source": machine.source,
            "cpu_model": machine.cpu_model,
            "microarchitecture": machine.microarchitecture,
            "cpu_basis": "family" if machine.cpu_basis == "sibling" else machine.cpu_basis,
            "cpu_source": CPU_SOURCES[machine.cpu_basis],
            "threads_per_core": machine.threads_per_core,
            **scores.row(machine),
            **embodied.row(machine),
            "burstable": machine.burstable,
            "shared_core": machine.shared_core,
        }
        for machine in found.machines
    ]
    return Table("instance_types", COLUMNS, rows, dict(sorted(found.left_out.items())))


class Embodied:
    """Grams per hour of a type's share of the making of its host.

    AWS types in Cloud Carbon Footprint's table: its total × vCPU share. All others: the same
    component model on a host of the family's largest size, of at least 96 vCPUs (64 on Arm).
    Its tables of Azure and Google take the largest size for the whole host, up to 150 kg per vCPU,
    and the 2026 tables mix tonnes and kilograms: neither is used.
    """

    def __init__(self, sources: Path, machines: list[Machine]) -> None:
        self._factor = {row["key"]: float(row["value"]) for row in hand_rows("factors")}
        self._accelerator_kg = {
            row["accelerator"]: number(row["embodied_kg"])
            or self._factor["embodied_accelerator_kg"]
            for row in hand_rows("accelerators")
        }
        self._ccf = _ccf_kg_per_vcpu(sources)
        self._largest: dict[str, Machine] = {}
        for machine in machines:
            largest = self._largest.setdefault(family_of(machine), machine)
            if machine.vcpus > largest.vcpus:
                self._largest[family_of(machine)] = machine

    def row(self, machine: Machine) -> Row:
        """Return the three columns of embodied emissions."""
        of_ccf = self._ccf.get(machine.name) if machine.provider == "aws" else None
        kg = machine.vcpus * of_ccf if of_ccf is not None else self._modelled_kg(machine)
        grams = 1000 * kg / self._factor["server_lifetime_h"]
        return {
            "embodied_g_per_h": rounded(grams, 3),
            "embodied_basis": "known" if of_ccf is not None else "modelled",
            "embodied_source": "ccf_embodied" if of_ccf is not None else "ccf_methodology",
        }

    def _modelled_kg(self, machine: Machine) -> float:
        largest = self._largest[family_of(machine)]
        arm = "_arm" if machine.architecture == "arm64" else ""
        host_vcpus = max(largest.vcpus, self._factor[f"host_vcpus_minimum{arm}"])
        host_gb = host_vcpus * largest.memory_gb / largest.vcpus
        host_kg = (
            self._factor["embodied_server_base_kg"]
            + self._factor["embodied_second_cpu_kg"]
            + self._factor["embodied_memory_kg_per_gb"] * max(0.0, host_gb - 16)
        )
        each_kg = self._accelerator_kg.get(machine.accelerator, 0.0)
        accelerators_kg = each_kg * machine.accelerator_count
        return host_kg * machine.vcpus / host_vcpus + accelerators_kg


def _ccf_kg_per_vcpu(sources: Path) -> dict[str, float]:
    platform = {
        row["Instance type"]: number(row["Platform Total Number of vCPU"])
        for row in read_rows(sources / "power/ccf_aws-instances_2023.csv")
    }
    found = {}
    for row in read_rows(sources / "embodied/ccf_coefficients-aws-embodied.csv"):
        vcpus, total = platform.get(row["type"]), number(row["total"])
        if vcpus and total:
            found[row["type"]] = total / vcpus
    return found
