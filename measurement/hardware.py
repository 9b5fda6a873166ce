"""The hardware a job ran on, as values. Detection is in `detect.py`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Gpu:
    """One accelerator that was visible to the job."""

    name: str
    memory_gb: float


@dataclass(frozen=True, slots=True)
class Hardware:
    """The machine under a job; what could not be found out is None or empty.

    `cpu_vendor`, `cpu_family` and `cpu_model_number` are the CPUID values (on Arm: implementer and
    part number) that name the microarchitecture where a hypervisor hides the model's name.
    """

    cpu_name: str
    cpu_vendor: str
    cpu_family: int | None
    cpu_model_number: int | None
    microarchitecture: str | None
    architecture: str  # x86_64 or arm64
    vcpus: int
    memory_gb: float
    gpus: tuple[Gpu, ...]
    operating_system: str
    virtualization: str | None  # the hypervisor's or container's name; None on bare metal
