"""What NVML reads of one NVIDIA board: its energy counter, and its power by three ways of polling.

The driver's buffer of past samples first, then means over a second, then the latest figure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Protocol

from carbon_advisor.measurement.gpu_source import BoardError
from carbon_advisor.measurement.nvml_sensors import (
    averaged_error,
    counted_error,
    momentary_by_default,
    momentary_error,
    sensor_of,
)

if TYPE_CHECKING:
    from carbon_advisor.measurement.gpu_source import Polled

_POWER_AVERAGE, _POWER_INSTANT = 185, 186  # NVML_FI_DEV_POWER_*, in nvml.h since driver 530
_TOTAL_POWER_SAMPLES = 0
# nvml.h: NVML_ERROR_TIMEOUT, IRQ_ISSUE, OPERATING_SYSTEM, IN_USE, MEMORY, UNKNOWN
_PASSING = frozenset({10, 11, 17, 19, 20, 999})
_NOT_FOUND = 6
_VALUE_FIELDS = ("dVal", "uiVal", "ulVal", "ullVal", "sllVal", "siVal", "usVal")
# The buffer holds 120 samples, 2.4 s of them where they are 20 ms apart; one that shows nothing new
# for as long is not filled by this driver.
_BUFFER_S = 2.5
# A mean over a second stands for an interval from here on; below it, for too much that was before.
_SHORTEST_AVERAGED_S = 0.25


class NvmlBoard:
    """One board through NVML.

    Args:
        library: the module `pynvml`.
        handle: of the board, never of a MIG instance: those report no energy.
        name: NVML's.
    """

    counter_words = "NVML total energy counter"

    def __init__(self, library: Any, handle: Any, name: str) -> None:
        self.name = name
        self._library = library
        self._handle = handle
        capability = self._capability()
        self.sensor = sensor_of(capability, name)
        self._momentary = momentary_by_default(capability, self._driver_major())

    def energy_j(self) -> float:
        """Return the joules since the driver was loaded (Volta and newer)."""
        return float(self.ask("nvmlDeviceGetTotalEnergyConsumption")) / 1e3

    def power_w(self) -> float:
        """Return the latest power, or the mean over a second where there is nothing else."""
        momentary_w, average_w = self.powers_w()
        return momentary_w or average_w or 0.0

    def powers_w(self) -> tuple[float | None, float | None]:
        """Return the latest power and the mean over a second, None for what is not reported."""
        try:
            values = self.ask("nvmlDeviceGetFieldValues", [_POWER_INSTANT, _POWER_AVERAGE])
            momentary_w, average_w = (_field_w(value) for value in values)
            if momentary_w or average_w:
                return momentary_w, average_w
        except BoardError as error:
            if error.passing:
                raise
        power_w = float(self.ask("nvmlDeviceGetPowerUsage")) / 1e3
        return (power_w, None) if self._momentary else (None, power_w)

    def polled(self, now_s: float) -> Polled:
        """Start polling, by the samples that the driver keeps if it keeps any."""
        return _PolledBoard(self, now_s)

    def counter_error(self, duration_s: float | None) -> float:
        """Return the relative error of the counter over so many seconds."""
        return counted_error(self.sensor, duration_s)

    def ask(self, function: str, *arguments: Any) -> Any:
        """Call a function of NVML for this board.

        Raises:
            BoardError: whatever NVML says instead.
        """
        try:
            return getattr(self._library, function)(self._handle, *arguments)
        except self._library.NVMLError as error:
            passing = getattr(error, "value", None) in _PASSING
            raise BoardError(str(error), passing=passing) from error

    def _capability(self) -> tuple[int, int]:
        try:
            major, minor = self.ask("nvmlDeviceGetCudaComputeCapability")
        except BoardError:
            return (0, 0)
        return int(major), int(minor)

    def _driver_major(self) -> int:
        try:
            version = self._library.nvmlSystemGetDriverVersion()
        except self._library.NVMLError:
            return 0
        major = text(version).partition(".")[0]
        return int(major) if major.isdigit() else 0


class _Feed(Protocol):
    words: str

    def advance(self, now_s: float) -> float: ...

    def relative_error(self, duration_s: float | None) -> float: ...


class _PolledBoard:
    """Polled power that changes its way when the driver stops filling its buffer."""

    def __init__(self, board: NvmlBoard, now_s: float) -> None:
        self._board = board
        self._feed: _Feed
        try:
            self._feed = _Buffer(board, now_s)
        except BoardError:
            self._feed = _Readings(board, now_s)

    @property
    def words(self) -> str:
        """How power is read now."""
        return f"NVML power, {self._feed.words}, {self._board.sensor.words()}"

    def advance(self, now_s: float) -> float:
        """Return the joules since the last call."""
        feed = self._feed
        if isinstance(feed, _Buffer):
            step_j = feed.advance(now_s)
            empty_s = now_s - feed.filled_s
            if empty_s <= _BUFFER_S:
                return step_j
            power_w = self._board.power_w()
            self._feed = _Readings(self._board, now_s)
            return power_w * empty_s
        return feed.advance(now_s)

    def relative_error(self, duration_s: float | None) -> float:
        """Return the relative error over so many seconds."""
        return self._feed.relative_error(duration_s)


class _Buffer:
    """Every figure that the driver has published since the last call: nothing between is missed.

    Raises:
        BoardError: the driver keeps none (documented for Kepler and newer; not on every board).
    """

    words = "every sample that the driver keeps"

    def __init__(self, board: NvmlBoard, now_s: float) -> None:
        self._board = board
        self.filled_s = now_s  # when something new was last found
        samples = self._since(0)
        if not samples:
            raise BoardError("no samples are kept")
        self._last_us, self._last_w = samples[-1]

    def advance(self, now_s: float) -> float:
        """Return the joules up to the newest sample; what is after it comes with the next call."""
        step_j = 0.0
        longest_s = now_s - self.filled_s + _BUFFER_S  # the samples' clock is one that can be set
        for time_us, power_w in self._since(self._last_us):
            between_s = min(longest_s, (time_us - self._last_us) / 1e6)
            step_j += (self._last_w + power_w) / 2 * between_s
            self._last_us, self._last_w = time_us, power_w
            self.filled_s = now_s
        return step_j

    def relative_error(self, duration_s: float | None) -> float:
        return counted_error(self._board.sensor, duration_s)

    def _since(self, time_us: int) -> list[tuple[int, float]]:
        """Return times and watts of the samples after a time, oldest first."""
        try:
            kind, samples = self._board.ask("nvmlDeviceGetSamples", _TOTAL_POWER_SAMPLES, time_us)
        except BoardError as error:
            if time_us and getattr(error.__cause__, "value", None) == _NOT_FOUND:  # nothing new
                return []
            raise
        field = _VALUE_FIELDS[kind]
        found = ((s.timeStamp, getattr(s.sampleValue, field) / 1e3) for s in samples)
        return sorted((at_us, power_w) for at_us, power_w in found if at_us > time_us)


class _Readings:
    """Power where it is read: means over a second if the board has them, else the latest figure."""

    def __init__(self, board: NvmlBoard, now_s: float) -> None:
        self._board = board
        self._began_s = self._last_s = now_s
        self._readings = 0
        self._last_momentary_w, self._last_average_w = board.powers_w()
        self.words = "means over 1 s" if self._last_average_w else "the latest figure"

    def advance(self, now_s: float) -> float:
        """Return the joules since the last call."""
        elapsed_s = now_s - self._last_s
        momentary_w, average_w = self._board.powers_w()
        if self._way(elapsed_s) == "averaged" and average_w is not None:
            # the mean covers the last second; what was before it is between two means
            before_s = max(0.0, elapsed_s - 1.0)
            between_w = (average_w + (self._last_average_w or average_w)) / 2
            step_j = average_w * (elapsed_s - before_s) + between_w * before_s
        else:
            now_w = momentary_w or average_w or 0.0
            before_w = self._last_momentary_w or self._last_average_w or now_w
            step_j = (now_w + before_w) / 2 * elapsed_s
        self._last_momentary_w, self._last_average_w = momentary_w, average_w
        self._last_s = now_s
        self._readings += elapsed_s > 0
        return step_j

    def relative_error(self, duration_s: float | None) -> float:
        """By the mean interval of the readings so far, a second if there are none."""
        polled_s = self._last_s - self._began_s
        interval_s = polled_s / self._readings if self._readings and polled_s else 1.0
        error = averaged_error if self._way(interval_s) == "averaged" else momentary_error
        return error(self._board.sensor, interval_s, duration_s)

    def _way(self, interval_s: float) -> Literal["averaged", "momentary"]:
        if self._last_average_w is None:
            return "momentary"
        if self._last_momentary_w is None or interval_s >= _SHORTEST_AVERAGED_S:
            return "averaged"
        return "momentary"


def text(value: str | bytes) -> str:
    """Return what older versions of pynvml give as bytes."""
    return value.decode() if isinstance(value, bytes) else value


def _field_w(field: Any) -> float | None:
    """Watts of one field value; None if NVML does not report it."""
    if field.nvmlReturn != 0:
        return None
    return float(getattr(field.value, _VALUE_FIELDS[field.valueType])) / 1e3 or None
