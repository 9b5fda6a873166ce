"""The accelerators a job can see, as the sampler needs them; a null object where there are none."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from carbon_advisor.measurement.gpu_drivers import (
    amd_driver_installed,
    nvidia_driver_installed,
)

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
    """A machine, or a job, without accelerators; or with some that nothing here can read.

    Args:
        notes: why there are none, where that is worth saying.
    """

    devices: tuple[Gpu, ...] = ()
    sources: tuple[PowerSource, ...] = ()

    def __init__(self, *notes: str) -> None:
        self._notes = notes

    def activity(self, job_pids: Collection[int]) -> GpuActivity:  # noqa: ARG002 - the Protocol's
        """Nothing is used."""
        return GpuActivity(0.0, 0.0, ())

    def notes(self) -> list[str]:
        """Usually nothing to say."""
        return list(self._notes)


class JoinedGpus:
    """Accelerators of several vendors in one machine."""

    def __init__(self, *parts: Gpus) -> None:
        self._parts = parts
        self.devices = tuple(device for part in parts for device in part.devices)
        self.sources = tuple(source for part in parts for source in part.sources)

    def activity(self, job_pids: Collection[int]) -> GpuActivity:
        """Return the mean utilisation by devices, the largest memory, and the shares in order."""
        now = [(len(part.devices), part.activity(job_pids)) for part in self._parts]
        return GpuActivity(
            utilization=sum(number * each.utilization for number, each in now)
            / max(1, len(self.devices)),
            job_memory_gb=max((each.job_memory_gb for _, each in now), default=0.0),
            job_shares=tuple(share for _, each in now for share in each.job_shares),
        )

    def notes(self) -> list[str]:
        """Return every part's notes, once."""
        return list(dict.fromkeys(note for part in self._parts for note in part.notes()))


def visible_gpus(environment: Mapping[str, str]) -> Gpus:
    """Return the accelerators that a job with this environment sees.

    NVIDIA through NVML, AMD through AMD SMI, Apple through IOReport; their modules are imported
    only where the driver is installed: a machine without accelerators pays for look-ups of files.
    """
    found: list[Gpus] = []
    if nvidia_driver_installed():
        from carbon_advisor.measurement.nvml import nvml_gpus

        found.append(nvml_gpus(environment))
    if amd_driver_installed():
        from carbon_advisor.measurement.amd_gpu import amd_gpus

        found.append(amd_gpus(environment))
    if sys.platform == "darwin":
        from carbon_advisor.measurement.apple_gpu import apple_gpu

        found.append(apple_gpu())
    if not found:
        return NoGpus()
    return found[0] if len(found) == 1 else JoinedGpus(*found)
