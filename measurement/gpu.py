"""The accelerators a job can see, as the sampler needs them; a null object where there are none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from carbon_advisor.measurement.hardware import Gpu
    from carbon_advisor.measurement.power_source import PowerSource


@dataclass(frozen=True, slots=True)
class GpuActivity:
    """What the visible accelerators do at one moment.

    Attributes:
        utilization: mean over them, 0..1.
        job_memory_gb: the job's memory on the one where it has most.
        job_shares: g of each, in the order of `Gpus.sources`; 1 where the job is alone.
    """

    utilization: float
    job_memory_gb: float
    job_shares: tuple[float, ...]


class Gpus(Protocol):
    """Every accelerator visible to one job."""

    devices: tuple[Gpu, ...]
    sources: tuple[PowerSource, ...]

    def activity(self, job_pids: Collection[int]) -> GpuActivity:
        """Return what they do now; one that is lost counts as doing nothing."""

    def notes(self) -> list[str]:
        """Return what the reader of the figures is to know."""


class NoGpus:
    """A machine, or a job, without accelerators."""

    devices: tuple[Gpu, ...] = ()
    sources: tuple[PowerSource, ...] = ()

    def activity(self, job_pids: Collection[int]) -> GpuActivity:  # noqa: ARG002 - the Protocol's
        """Nothing is used."""
        return GpuActivity(0.0, 0.0, ())

    def notes(self) -> list[str]:
        """Nothing to say."""
        return []


def visible_gpus(environment: Mapping[str, str]) -> Gpus:
    """Return the accelerators that a job with this environment sees.

    NVIDIA through NVML; the module `pynvml` is imported only where its driver is installed.
    """
    from carbon_advisor.measurement.nvml import driver_installed, nvml_gpus

    return nvml_gpus(environment) if driver_installed() else NoGpus()
