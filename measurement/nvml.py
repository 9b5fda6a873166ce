"""NVIDIA GPUs through NVML: energy counters (Volta and newer), else polled power.

Not run on hardware by the tests: they use a fake NVML library at the boundary of `pynvml`.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

from carbon_advisor.measurement.gpu import GpuActivity, NoGpus
from carbon_advisor.measurement.hardware import Gpu
from carbon_advisor.measurement.power_source import Reading, SourceLostError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from carbon_advisor.measurement.gpu import Gpus
    from carbon_advisor.measurement.power_source import PowerSource
    from carbon_advisor.measurement.profile import Component, Method

# NVML documents power readings to ±5 %; polling misses what happens between readings (Yang et al.,
# "Part-time Power Measurements: nvidia-smi's Lack of Attention", 2023).
_COUNTER_ERROR = 0.05
_POLLING_ERROR = 0.10
_BYTES_PER_GB = 1e9


def driver_installed() -> bool:
    """Say whether the driver's library can be loaded (50 µs where it is not there)."""
    import ctypes

    try:
        ctypes.CDLL("nvml.dll" if sys.platform == "win32" else "libnvidia-ml.so.1")
    except OSError:
        return False
    return True


def nvml_gpus(environment: Mapping[str, str], library: Any = None) -> Gpus:
    """Return the GPUs visible to a job with this environment.

    Args:
        environment: of the job; CUDA_VISIBLE_DEVICES and CUDA_DEVICE_ORDER count.
        library: the module `pynvml`, or a fake in tests.
    """
    if library is None:
        import pynvml

        library = pynvml
    try:
        library.nvmlInit()
        count = library.nvmlDeviceGetCount()
        handles = [library.nvmlDeviceGetHandleByIndex(index) for index in range(count)]
        uuids = [_text(library.nvmlDeviceGetUUID(handle)) for handle in handles]
        chosen = visible_indices(environment.get("CUDA_VISIBLE_DEVICES"), uuids)
        if not chosen:
            return NoGpus()
        return NvmlGpus(library, [handles[index] for index in chosen], environment)
    except library.NVMLError:  # a driver without a device, or one that does not match its kernel
        return NoGpus()


def visible_indices(setting: str | None, uuids: list[str]) -> list[int]:
    """Return which GPUs CUDA_VISIBLE_DEVICES leaves visible, in CUDA's way.

    The list ends at the first entry that names no device; MIG entries stand for their board, which
    NVML numbers but the entry does not: they are taken as the first board.
    """
    if setting is None:
        return list(range(len(uuids)))
    chosen: list[int] = []
    for entry in (part.strip() for part in setting.split(",")):
        if entry.isdigit() and int(entry) < len(uuids):
            index = int(entry)
        elif entry.startswith("GPU-") and any(uuid.startswith(entry) for uuid in uuids):
            index = next(i for i, uuid in enumerate(uuids) if uuid.startswith(entry))
        elif entry.startswith("MIG-") and uuids:
            index = 0
        else:
            break
        if index not in chosen:
            chosen.append(index)
    return chosen


class NvmlGpuSource:
    """The energy of one GPU board, everything on it included."""

    domain: Component = "gpu"
    method: Method = "measured"
    idle_power_w: float | None = 0.0  # the board's energy is shared out whole, by g

    def __init__(self, library: Any, handle: Any, name: str) -> None:
        self._library = library
        self._handle = handle
        self._name = name
        try:
            library.nvmlDeviceGetTotalEnergyConsumption(handle)
            self._counts_energy = True
        except library.NVMLError:
            self._counts_energy = False
        how = "total energy counter" if self._counts_energy else "power, polled"
        self.relative_error = _COUNTER_ERROR if self._counts_energy else _POLLING_ERROR
        self.source = f"NVML {how}, {name}"

    def available(self) -> bool:
        """Say whether a reading succeeds."""
        try:
            self.read()
        except SourceLostError:
            return False
        return True

    def read(self) -> Reading:
        """Return the board's joules since its driver was loaded, or its watts.

        Raises:
            SourceLostError: the GPU does not answer any more.
        """
        try:
            if self._counts_energy:
                energy_mj = self._library.nvmlDeviceGetTotalEnergyConsumption(self._handle)
                return Reading(time.monotonic(), energy_j=energy_mj / 1e3)
            power_mw = self._library.nvmlDeviceGetPowerUsage(self._handle)
            return Reading(time.monotonic(), power_w=power_mw / 1e3)
        except self._library.NVMLError as error:
            raise SourceLostError(f"{self._name} lost during the run: {error}") from error


class NvmlGpus:
    """The GPUs visible to one job."""

    def __init__(self, library: Any, handles: list[Any], environment: Mapping[str, str]) -> None:
        self._library = library
        self._handles = handles
        self._seen_at_us = [0] * len(handles)
        self._notes: list[str] = []
        self.devices = tuple(self._describe(handle) for handle in handles)
        self.sources: tuple[PowerSource, ...] = tuple(
            NvmlGpuSource(library, handle, device.name)
            for handle, device in zip(handles, self.devices, strict=True)
        )
        names = {device.name for device in self.devices}
        if (
            "CUDA_VISIBLE_DEVICES" in environment
            and len(names) > 1
            and environment.get("CUDA_DEVICE_ORDER") != "PCI_BUS_ID"
        ):
            self._notes.append("GPUs of several models: CUDA_VISIBLE_DEVICES read as PCI order")
        if any(self._is_partitioned(handle) for handle in handles):
            self._notes.append("MIG: GPU energy is the whole board's, other instances included")

    def activity(self, job_pids: Collection[int]) -> GpuActivity:
        """Return utilisation, memory and the job's share of each GPU now."""
        ours = set(job_pids)
        readings = [self._one(index, ours) for index in range(len(self._handles))]
        return GpuActivity(
            utilization=sum(reading[0] for reading in readings) / len(readings),
            job_memory_gb=max(reading[1] for reading in readings),
            job_shares=tuple(reading[2] for reading in readings),
        )

    def notes(self) -> list[str]:
        """Return what was assumed, and what cannot be told apart."""
        return list(self._notes)

    def _one(self, index: int, ours: set[int]) -> tuple[float, float, float]:
        """Utilisation 0..1, the job's memory in GB and its share of one GPU."""
        handle, library = self._handles[index], self._library
        try:
            utilization = library.nvmlDeviceGetUtilizationRates(handle).gpu / 100
            running = library.nvmlDeviceGetComputeRunningProcesses(handle)
            used_bytes = library.nvmlDeviceGetMemoryInfo(handle).used
        except library.NVMLError:
            return 0.0, 0.0, 1.0
        known = [process for process in running if process.pid in ours]
        own_bytes = [process.usedGpuMemory for process in known if process.usedGpuMemory]
        if len(known) == len(running):  # also when a container hides every process
            return utilization, (sum(own_bytes) or used_bytes) / _BYTES_PER_GB, 1.0
        return utilization, sum(own_bytes) / _BYTES_PER_GB, self._share(index, ours, len(known))

    def _share(self, index: int, ours: set[int], job_processes: int) -> float:
        """The job's part of the SM time since the last call; 0 if none of its processes runs."""
        if not job_processes:
            return 0.0
        library = self._library
        try:
            samples = library.nvmlDeviceGetProcessUtilization(
                self._handles[index], self._seen_at_us[index]
            )
        except library.NVMLError:  # nothing ran since, or not supported
            return 1.0
        self._seen_at_us[index] = max(sample.timeStamp for sample in samples)
        everyone = sum(sample.smUtil for sample in samples)
        mine = sum(sample.smUtil for sample in samples if sample.pid in ours)
        note = "a GPU was shared with other processes: its energy is split by SM utilisation"
        if note not in self._notes:
            self._notes.append(note)
        return mine / everyone if everyone else 0.0

    def _describe(self, handle: Any) -> Gpu:
        library = self._library
        memory_bytes = library.nvmlDeviceGetMemoryInfo(handle).total
        return Gpu(_text(library.nvmlDeviceGetName(handle)), memory_bytes / _BYTES_PER_GB)

    def _is_partitioned(self, handle: Any) -> bool:
        try:
            current, _pending = self._library.nvmlDeviceGetMigMode(handle)
        except self._library.NVMLError:
            return False
        return bool(current)


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value
