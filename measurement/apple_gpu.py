"""The GPU of an Apple chip: its energy by IOReport; what uses it cannot be told apart.

Tested on recorded channels, not on hardware.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from carbon_advisor.measurement.gpu import GpuActivity, NoGpus

if TYPE_CHECKING:
    from collections.abc import Collection

    from carbon_advisor.measurement.energy_counter import CounterSource
    from carbon_advisor.measurement.gpu import Gpus
    from carbon_advisor.measurement.hardware import Gpu
    from carbon_advisor.measurement.power_source import PowerSource

NOTE = "the energy of the whole Apple GPU is counted: what other programs draw on it cannot be told"


class AppleGpu:
    """One GPU that shares its memory with the CPU.

    It is no `device` of the job: its use is not known, so no job can be translated from it.
    """

    devices: tuple[Gpu, ...] = ()

    def __init__(self, source: CounterSource) -> None:
        self.sources: tuple[PowerSource, ...] = (source,)

    def activity(self, job_pids: Collection[int]) -> GpuActivity:  # noqa: ARG002 - the Protocol's
        """Everything the GPU draws is the job's; its utilisation is not known."""
        return GpuActivity(0.0, 0.0, (1.0,))

    def notes(self) -> list[str]:
        """Say that other programs are in it."""
        return [NOTE]


def apple_gpu(source: CounterSource | None = None) -> Gpus:
    """Return the GPU if IOReport shows one.

    Args:
        source: of its energy; IOReport's if None.
    """
    if source is None:
        from carbon_advisor.measurement.ioreport import IoReportSource

        source = IoReportSource("gpu")
    return AppleGpu(source) if source.available() else NoGpus()
