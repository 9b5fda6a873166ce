"""What AMD SMI reads of one AMD GPU: energy counter, power, activity, memory, processes.

Its answers differ between releases; "N/A" stands for what a board does not report.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from carbon_advisor.measurement.gpu_source import BoardError

if TYPE_CHECKING:
    from carbon_advisor.measurement.gpu_source import Polled

# Assumed: AMD documents no error of either, and nobody has published what its sensors miss.
_COUNTER_ERROR = 0.10
_POLLING_ERROR = 0.20
_EDGE_S = 0.1  # assumed, as the slowest of NVIDIA's
_RUN_MEANT_S = 60.0
# AMDSMI_STATUS_TIMEOUT, RETRY, INTERRUPT, BUSY, NO_DATA
_PASSING = frozenset({8, 9, 11, 30, 40})
# Since ROCm 7.0; what MI300 has; what older boards have. All in watts.
_POWERS = ("socket_power", "current_socket_power", "average_socket_power")


class AmdBoard:
    """One GPU through AMD SMI.

    Args:
        library: the module `amdsmi`.
        handle: its processor handle.
    """

    counter_words = "AMD SMI energy counter"

    def __init__(self, library: Any, handle: Any) -> None:
        self._library = library
        self._handle = handle
        self.name = str(self.ask("amdsmi_get_gpu_asic_info")["market_name"])

    def energy_j(self) -> float:
        """Return the energy counter. The ticks are called "power" before ROCm 6.2.1."""
        count = self.ask("amdsmi_get_energy_count")
        ticks = _number(count.get("energy_accumulator", count.get("power")))
        resolution_uj = _number(count.get("counter_resolution"))
        if not ticks or not resolution_uj:
            raise BoardError("no energy counter")
        return ticks * resolution_uj / 1e6

    def power_w(self) -> float:
        """Return the power of the socket, by the first of its names that has a figure."""
        powers = self.ask("amdsmi_get_power_info")
        found = (_number(powers.get(name)) for name in _POWERS)
        power_w = next((each for each in found if each), None)
        if power_w is None:
            raise BoardError("no power reading")
        return power_w

    def polled(self, now_s: float) -> Polled:
        """Start polling."""
        return _PolledPower(self, now_s)

    def counter_error(self, duration_s: float | None) -> float:
        """Return the relative error of the counter over so many seconds."""
        return _error(_COUNTER_ERROR, duration_s)

    def busy(self) -> float:
        """Return the part of the time that the graphics engine was active, 0..1."""
        activity = self.ask("amdsmi_get_gpu_activity")
        return min(1.0, (_number(activity.get("gfx_activity")) or 0.0) / 100)

    def memory_bytes(self) -> tuple[int, int]:
        """Return used and total memory."""
        kind = self._library.AmdSmiMemoryType.VRAM
        return (
            int(self.ask("amdsmi_get_gpu_memory_usage", kind)),
            int(self.ask("amdsmi_get_gpu_memory_total", kind)),
        )

    def processes(self) -> dict[int, int]:
        """Return the memory in bytes of each process that has some.

        Others are listed too, on MI300 those of other GPUs (ROCm/ROCm issue 4411). Releases before
        6.0 list handles in place of processes.
        """
        found = {}
        for process in self.ask("amdsmi_get_gpu_process_list"):
            if not isinstance(process, dict):
                process = self.ask("amdsmi_get_gpu_process_info", process)
            size = process.get("memory_usage", {}).get("vram_mem", process.get("mem"))
            if size:
                found[int(process["pid"])] = int(size)
        return found

    def identity(self) -> tuple[int | None, str]:
        """Return HIP's number of it and its UUID, as far as this release knows them."""
        try:
            known = self.ask("amdsmi_get_gpu_enumeration_info")
        except BoardError:
            known = {}
        number = known.get("hip_id")
        try:
            uuid = str(known.get("hip_uuid") or self.ask("amdsmi_get_gpu_device_uuid"))
        except BoardError:
            uuid = ""
        return (number if isinstance(number, int) else None), uuid

    def ask(self, function: str, *arguments: Any) -> Any:
        """Call a function of AMD SMI for this GPU.

        Raises:
            BoardError: whatever AMD SMI says instead.
        """
        call = getattr(self._library, function, None)
        if call is None:
            raise BoardError(f"this release of AMD SMI has no {function}")
        try:
            return call(self._handle, *arguments)
        except self._library.AmdSmiException as error:
            passing = getattr(error, "err_code", None) in _PASSING
            words = str(getattr(error, "err_info", error)).partition(" - ")
            raise BoardError(words[2] or words[0], passing=passing) from error


class _PolledPower:
    """The integral of readings, straight lines between them."""

    words = "AMD SMI power"

    def __init__(self, board: AmdBoard, now_s: float) -> None:
        self._board = board
        self._last_s, self._last_w = now_s, board.power_w()

    def advance(self, now_s: float) -> float:
        power_w = self._board.power_w()
        step_j = (power_w + self._last_w) / 2 * (now_s - self._last_s)
        self._last_s, self._last_w = now_s, power_w
        return step_j

    def relative_error(self, duration_s: float | None) -> float:
        return _error(_POLLING_ERROR, duration_s)


def _error(basic: float, duration_s: float | None) -> float:
    return min(1.0, math.hypot(basic, _EDGE_S / (duration_s or _RUN_MEANT_S)))


def _number(value: Any) -> float | None:
    """Return a figure; None for "N/A"."""
    return float(value) if isinstance(value, (int, float)) else None
