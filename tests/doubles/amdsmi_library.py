"""A stand-in for the Python package amdsmi of ROCm 7.0, which refuses to load without its driver.

Written after its sources: names of functions and keys, "N/A", exceptions with `err_code`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nvml_library import Clock

NOT_SUPPORTED, TIMEOUT, NOT_INIT = 2, 8, 32
RESOLUTION_UJ = 15.3


class AmdSmiException(Exception):  # noqa: N818 - its name
    """As amdsmi's."""


class AmdSmiLibraryException(AmdSmiException):
    """An error of the C library."""

    def __init__(self, err_code: int) -> None:
        super().__init__(err_code)
        self.err_code = err_code
        self.err_info = f"AMDSMI_STATUS_{err_code} - what it means"


class AmdSmiMemoryType(IntEnum):
    """As amdsmi's."""

    VRAM = 0


@dataclass
class Processor:
    """One GPU, or one die of an MI250."""

    uuid: str
    name: str = "AMD Instinct MI300X"
    power_w: float | str = 500
    power_key: str = "current_socket_power"
    counter: bool = True
    counter_key: str = "energy_accumulator"
    frozen: bool = False
    activity: int | str = 80
    processes: list[tuple[int, int]] = field(default_factory=list)
    used_bytes: int = 10 * 10**9
    memory_bytes: int = 192 * 10**9
    hip_id: int | None = None
    error: int = 0


class AmdsmiLibrary:
    """The functions of the package that are used."""

    AmdSmiException = AmdSmiException
    AmdSmiMemoryType = AmdSmiMemoryType

    def __init__(self, clock: Clock, *processors: Processor) -> None:
        self.clock = clock
        self.processors = processors
        self._since_s = clock.now_s

    def amdsmi_init(self) -> None: ...

    def amdsmi_get_processor_handles(self) -> list[Processor]:
        return list(self.processors)

    def amdsmi_get_gpu_asic_info(self, handle: Processor) -> dict[str, Any]:
        return self._answer(handle, {"market_name": handle.name, "oam_id": "N/A"})

    def amdsmi_get_gpu_enumeration_info(self, handle: Processor) -> dict[str, Any]:
        if handle.hip_id is None:
            raise AmdSmiLibraryException(NOT_SUPPORTED)
        return {"hip_id": handle.hip_id, "hip_uuid": f"GPU-{handle.uuid}"}

    def amdsmi_get_gpu_device_uuid(self, handle: Processor) -> str:
        return handle.uuid

    def amdsmi_get_energy_count(self, handle: Processor) -> dict[str, Any]:
        if not handle.counter:
            raise AmdSmiLibraryException(NOT_SUPPORTED)
        watts = 0 if handle.frozen or isinstance(handle.power_w, str) else handle.power_w
        ticks = int((1e6 + watts * (self.clock.now_s - self._since_s)) / RESOLUTION_UJ * 1e6)
        answer = {handle.counter_key: ticks, "counter_resolution": RESOLUTION_UJ, "timestamp": 1}
        return self._answer(handle, answer)

    def amdsmi_get_power_info(self, handle: Processor) -> dict[str, Any]:
        keys = ("current_socket_power", "average_socket_power")
        return self._answer(
            handle, {key: handle.power_w if key == handle.power_key else "N/A" for key in keys}
        )

    def amdsmi_get_gpu_activity(self, handle: Processor) -> dict[str, Any]:
        return self._answer(handle, {"gfx_activity": handle.activity, "mm_activity": "N/A"})

    def amdsmi_get_gpu_memory_usage(self, handle: Processor, kind: AmdSmiMemoryType) -> int:
        return self._answer(handle, handle.used_bytes)

    def amdsmi_get_gpu_memory_total(self, handle: Processor, kind: AmdSmiMemoryType) -> int:
        return self._answer(handle, handle.memory_bytes)

    def amdsmi_get_gpu_process_list(self, handle: Processor) -> list[dict[str, Any]]:
        listed = [
            {"name": "N/A", "pid": pid, "mem": size, "memory_usage": {"vram_mem": size}}
            for pid, size in handle.processes
        ]
        return self._answer(handle, listed)

    @staticmethod
    def _answer(handle: Processor, answer: Any) -> Any:
        if handle.error:
            raise AmdSmiLibraryException(handle.error)
        return answer
