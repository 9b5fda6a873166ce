"""The instance types of AWS, Azure and Google Cloud, from the sources of each."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any

from catalog.files import read_json, read_rows
from catalog.machine import (
    AcceleratorFinder,
    CpuFinder,
    Machine,
    Seen,
    sparecores_servers,
    usual_cpus,
    usual_threads,
)

if TYPE_CHECKING:
    from pathlib import Path

AWS_ACCELERATORS = {  # moto's name and MiB of memory
    ("A100", 40960): "NVIDIA A100-SXM4-40GB",
    ("A100", 81920): "NVIDIA A100-SXM4-80GB",
    ("V100", 16384): "Tesla V100-SXM2-16GB",
    ("V100", 32768): "Tesla V100-SXM2-32GB",
    "T4": "Tesla T4",
    "T4g": "NVIDIA T4G",
    "A10G": "NVIDIA A10G",
    "L4": "NVIDIA L4",
    "L40S": "NVIDIA L40S",
    "H100": "NVIDIA H100 80GB HBM3",
    "H200": "NVIDIA H200",
    "B200": "NVIDIA B200",
    "B300": "NVIDIA B300",
    "RTX PRO Server 6000": "NVIDIA RTX PRO 6000 Blackwell Server Edition",
    "RTX PRO 4500": "NVIDIA RTX PRO 4500 Blackwell",
}
AWS_OTHER_ACCELERATORS = (
    "InferenceAcceleratorInfo",
    "NeuronInfo",
    "FpgaInfo",
    "MediaAcceleratorInfo",
)
SHARED_HYPERTHREADS = {
    "t1",
    "t2",
    "m1",
    "m2",
    "c1",
}  # Xen: one thread per core is what the guest sees, not gets
UNPOWERED = re.compile(r"Standard_(NP|PB|NM)\d")  # FPGA and media cards
CONSTRAINED = re.compile(r"Standard_[A-Z]+\d+-\d+")
GENERAL_SERIES = re.compile(
    r"Standard_(?P<series>[DE])(?P<vcpus>\d+)(?P<features>[nbld]*)s_v(?P<version>[67])"
)
GENERAL_SERIES_VCPUS = 64  # larger ones have less memory per vCPU
GIB_PER_VCPU = {"D": 4, "Dl": 2, "E": 8}
HOSTS = re.compile(r"type ?\d|placeholder|sqlg7|special", re.IGNORECASE)


class Catalogue:
    """The machines that are taken over, and how many are not, by reason."""

    def __init__(self) -> None:
        self.machines: list[Machine] = []
        self.left_out: Counter[str] = Counter()

    def leave(self, reason: str) -> None:
        """Count one type that is not taken over."""
        self.left_out[reason] += 1


def aws_machines(sources: Path, cpus: CpuFinder, into: Catalogue) -> None:
    """Take over the AWS types that moto describes."""
    described: dict[str, Any] = read_json(sources / "instances/moto_instance_types.json.gz")
    seen = sparecores_servers(sources, "aws")
    threads, siblings = usual_threads(seen), usual_cpus(seen)
    for name in sorted(described):
        facts = described[name]
        reason = _aws_reason(name, facts, described)
        if reason:
            into.leave(reason)
            continue
        family = name.split(".")[0]
        own = int(facts["VCpuInfo"].get("DefaultThreadsPerCore", 2))
        if facts["VCpuInfo"]["DefaultVCpus"] == 1:
            own = threads.get(family, own)
        accelerator, count = _aws_accelerator(facts)
        architectures = facts["ProcessorInfo"]["SupportedArchitectures"]
        machine = Machine(
            provider="aws",
            source="moto",
            name=name,
            family=family,
            vcpus=float(facts["VCpuInfo"]["DefaultVCpus"]),
            memory_gb=facts["MemoryInfo"]["SizeInMiB"] / 1024,
            architecture="arm64" if "arm64" in architectures else "x86_64",
            threads_per_core=2 if family in SHARED_HYPERTHREADS else own,
            accelerator=accelerator,
            accelerator_count=count,
            burstable=bool(facts.get("BurstablePerformanceSupported")),
        )
        into.machines.append(cpus.complete(machine, seen.get(name), siblings.get(family, "")))
    for name in sorted(set(seen) - set(described)):
        into.leave(f"aws: {name.split('.')[0]} is no longer offered")


def _aws_reason(name: str, facts: dict[str, Any], described: dict[str, Any]) -> str:
    """Why a type is left out; empty if it is not."""
    if name.startswith("mac"):
        return "aws: Mac host (power of the host not known)"
    if any(kind in facts for kind in AWS_OTHER_ACCELERATORS) or name.startswith("trn"):
        return "aws: accelerator of unknown power (Inferentia, Trainium, FPGA, media, Qualcomm)"
    family = name.split(".")[0]
    if family.startswith("hpc"):
        sizes = [other for other in described if other.split(".")[0] == family]
        most = max(described[size]["VCpuInfo"]["DefaultVCpus"] for size in sizes)
        if facts["VCpuInfo"]["DefaultVCpus"] < most:
            return "aws: whole host with fewer cores enabled"
    return ""


def _aws_accelerator(facts: dict[str, Any]) -> tuple[str, float]:
    gpus = facts.get("GpuInfo", {}).get("Gpus", [])
    if not gpus:
        return "", 0.0
    gpu = gpus[0]
    by_memory = (gpu["Name"], gpu["MemoryInfo"]["SizeInMiB"])
    name = AWS_ACCELERATORS.get(by_memory) or AWS_ACCELERATORS[gpu["Name"]]
    return name, float(gpu["Count"] or gpu["LogicalGpuCount"] * gpu["GpuPartitionSize"])


def azure_machines(sources: Path, cpus: CpuFinder, into: Catalogue) -> None:
    """Take over the Azure sizes that have a price and whose vCPUs and memory are known."""
    names = {row["sku"].strip() for row in read_rows(_azure_prices(sources))}
    seen = sparecores_servers(sources, "azure")
    threads, siblings = usual_threads(seen), usual_cpus(seen)
    accelerators = AcceleratorFinder("azure_accelerators")
    for name in sorted(names):
        entry = seen.get(name) or size_by_name(name)
        reason = _azure_reason(name, entry, accelerators)
        if reason or entry is None:
            into.leave(reason)
            continue
        accelerator = accelerators.of(name.removeprefix("Standard_")) or ("", 0.0)
        machine = Machine(
            provider="azure",
            source=entry.source,
            name=name,
            family=entry.family,
            vcpus=entry.vcpus,
            memory_gb=entry.memory_gb,
            architecture=entry.architecture,
            threads_per_core=1 if entry.architecture == "arm64" else threads.get(entry.family, 2),
            accelerator=accelerator[0],
            accelerator_count=accelerator[1],
            burstable=entry.burstable,
        )
        into.machines.append(cpus.complete(machine, entry, siblings.get(entry.family, "")))


def _azure_prices(sources: Path) -> Path:
    return sources / "instances/azure_ondemand_karpenter.csv.gz"


def size_by_name(name: str) -> Seen | None:
    """Return what an Azure name of the current general series says of itself; None for others.

    Their names give the vCPUs, and memory per vCPU is 4 GiB in D, 2 in Dl and 8 in E: so in every
    size of v6 up to 64 vCPUs that SpareCores lists.
    """
    match = GENERAL_SERIES.fullmatch(name)
    if match is None or int(match["vcpus"]) > GENERAL_SERIES_VCPUS:
        return None
    series = match["series"] + ("l" if "l" in match["features"] else "")
    return Seen(
        vcpus=float(match["vcpus"]),
        memory_gb=float(match["vcpus"]) * GIB_PER_VCPU[series],
        architecture="x86_64",
        cpu_model="",
        cores=None,
        family=f"{series}{match['features']}_v{match['version']}",
        burstable=False,
        accelerators=0,
        source="provider_docs",
    )


def _azure_reason(name: str, entry: Seen | None, accelerators: AcceleratorFinder) -> str:
    if HOSTS.search(name):
        return "azure: dedicated host or placeholder, not a machine size"
    if name.endswith("_Promo"):
        return "azure: promotional price of another size"
    if UNPOWERED.match(name):
        return "azure: accelerator of unknown power (FPGA, media)"
    if CONSTRAINED.match(name):
        return "azure: constrained vCPUs (its share of the host is not its vCPU count)"
    if entry is None:
        return "azure: vCPUs and memory not known"
    if entry.accelerators and accelerators.of(name.removeprefix("Standard_")) is None:
        return "azure: which accelerator it has is not known"
    return ""


def gcp_machines(sources: Path, cpus: CpuFinder, into: Catalogue) -> None:
    """Take over the Google Cloud machine types that are not deprecated."""
    seen = sparecores_servers(sources, "gcp")
    threads, siblings = usual_threads(seen), usual_cpus(seen)
    accelerators = AcceleratorFinder("gcp_accelerators")
    for row in read_rows(sources / "instances/gcp_machinetypes.csv", delimiter=";"):
        name = row["NAME"]
        family = name.split("-")[0]
        if row["DEPRECATED"]:
            into.leave("gcp: deprecated")
            continue
        if family.startswith(("ct", "tpu")):
            into.leave("gcp: TPU of unknown power")
            continue
        arm = family in {"t2a", "c4a", "n4a", "a4x"}
        accelerator = accelerators.of(name) or ("", 0.0)
        shared = row["SHARED_CPU"] == "True"
        machine = Machine(
            provider="gcp",
            source="cyclenerd",
            name=name,
            family=family,
            vcpus=float(row["CPUS"]),
            memory_gb=float(row["MEMORY_GB"]),
            architecture="arm64" if arm else "x86_64",
            threads_per_core=1 if arm else threads.get(family, 2),
            accelerator=accelerator[0],
            accelerator_count=accelerator[1],
            burstable=shared,
            shared_core=shared,
        )
        into.machines.append(cpus.complete(machine, seen.get(name), siblings.get(family, "")))
