"""A stand-in for libnvidia-ml at the ctypes boundary: the real pynvml runs on top of it.

Put in the place of `pynvml.nvmlLib`; boards, their load and the time are the test's.
"""

# ruff: noqa: N802, N815 - the library's names

from __future__ import annotations

import ctypes
import math
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pynvml

if TYPE_CHECKING:
    import pytest

SUCCESS, UNINITIALIZED, INVALID, NOT_SUPPORTED, NOT_FOUND, TOO_SMALL = 0, 1, 2, 3, 6, 7
TIMEOUT, GPU_IS_LOST = 10, 15
MIB = 2**20


@dataclass
class Clock:
    """Time as tests move it; `epoch_us` is what samples of the driver are stamped with."""

    now_s: float = 1000.0

    @property
    def epoch_us(self) -> int:
        return round(1.7e15 + self.now_s * 1e6)

    def rules(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Make the time of the program this clock's."""
        monkeypatch.setattr("time.monotonic", lambda: self.now_s)
        monkeypatch.setattr("time.time_ns", lambda: self.epoch_us * 1000)


@dataclass(frozen=True)
class SquareWave:
    """A load that jumps between two powers; `low_w == high_w` is a steady one."""

    high_w: float = 300.0
    low_w: float = 300.0
    period_s: float = 1.0
    duty: float = 0.5
    phase_s: float = 0.0

    def energy_j(self, start_s: float, end_s: float) -> float:
        return self._until(end_s) - self._until(start_s)

    def _until(self, time_s: float) -> float:
        whole, rest = divmod(time_s + self.phase_s, self.period_s)
        high_s = whole * self.duty * self.period_s + min(rest, self.duty * self.period_s)
        return self.low_w * (time_s + self.phase_s) + (self.high_w - self.low_w) * high_s


@dataclass
class Instance:
    """One MIG device."""

    uuid: str
    gi: int
    ci: int = 0
    slices: int = 1
    memory_bytes: int = 5 * 10**9
    used_bytes: int = 20 * MIB
    compute: list[tuple[int, int]] = field(default_factory=list)
    board: Any = None


@dataclass
class Board:
    """One GPU. Processes are (pid, bytes); `sm` is (pid, percent, microseconds of the epoch)."""

    uuid: str
    name: str = "NVIDIA H100 80GB HBM3"
    capability: tuple[int, int] = (9, 0)
    load: SquareWave = field(default_factory=SquareWave)
    update_s: float = 0.1
    window_s: float = 0.1
    gain: float = 1.0
    counter: bool = True
    frozen: bool = False
    counter_gain: float = 1.0
    power: bool = True
    fields: bool = True
    average: bool = True
    buffered: bool = False
    buffer_length: int = 120
    utilization: int = 50
    memory_bytes: int = 80 * 10**9
    used_bytes: int = 10 * 10**9
    compute: list[tuple[int, int]] = field(default_factory=list)
    graphics: list[tuple[int, int]] = field(default_factory=list)
    mps: list[tuple[int, int]] | None = field(default_factory=list)
    sm: list[tuple[int, int, int]] | None = field(default_factory=list)
    mig: bool = False
    instances: list[Instance] = field(default_factory=list)
    mig_slots: int = 7
    error: int = SUCCESS  # what every call answers

    def figure_w(self, number: int) -> float:
        """The figure that is published at `number` times the update period."""
        end_s = number * self.update_s
        return self.gain * self.load.energy_j(end_s - self.window_s, end_s) / self.window_s

    def newest(self, now_s: float) -> int:
        return math.floor(now_s / self.update_s + 1e-9)


class Loaded:
    """What `ctypes.CDLL` would return: looks functions up by name, and counts their calls."""

    def __init__(self, library: NvmlLibrary) -> None:
        self._library = library

    def __getattr__(self, name: str) -> Any:
        if name in self._library.missing:
            raise AttributeError(name)
        function = getattr(self._library, name)

        def counted(*arguments: Any) -> int:
            self._library.calls[name] += 1
            return function(*arguments)

        return counted


class NvmlLibrary:
    """The functions of the library that are used, by the names that pynvml looks up."""

    def __init__(self, clock: Clock, *boards: Board, driver: str = "550.54.15") -> None:
        self.clock = clock
        self.boards = list(boards)
        self.driver = driver
        self.calls: Counter[str] = Counter()
        self.names: dict[int, str] = {}
        self.missing: set[str] = set()
        self._counted: dict[str, tuple[int, float]] = {}
        for board in boards:
            for instance in board.instances:
                instance.board = board
        self.units: list[Any] = [*boards, *(i for b in boards for i in b.instances)]

    def install(self, monkeypatch: pytest.MonkeyPatch) -> NvmlLibrary:
        """Make this what pynvml has loaded."""
        monkeypatch.setattr(pynvml, "nvmlLib", Loaded(self))
        monkeypatch.setattr(pynvml, "_nvmlGetFunctionPointer_cache", {})
        return self

    # --- the system

    def nvmlInitWithFlags(self, flags: int) -> int:
        return SUCCESS

    def nvmlSystemGetDriverVersion(self, buffer: Any, size: Any) -> int:
        buffer.value = self.driver.encode()
        return SUCCESS

    def nvmlSystemGetProcessName(self, pid: Any, buffer: Any, size: Any) -> int:
        if pid.value not in self.names:
            return NOT_FOUND
        buffer.value = self.names[pid.value].encode()
        return SUCCESS

    def nvmlDeviceGetCount_v2(self, count: Any) -> int:
        count._obj.value = len(self.boards)
        return SUCCESS

    def nvmlDeviceGetHandleByIndex_v2(self, index: Any, handle: Any) -> int:
        return self._point(handle, self.boards[index.value])

    # --- one device

    def nvmlDeviceGetUUID(self, handle: Any, buffer: Any, size: Any) -> int:
        return self._fill(handle, buffer, lambda unit: unit.uuid.encode())

    def nvmlDeviceGetName(self, handle: Any, buffer: Any, size: Any) -> int:
        def name(unit: Any) -> bytes:
            if isinstance(unit, Board):
                return unit.name.encode()
            gigabytes = unit.memory_bytes // 10**9
            return f"{unit.board.name} MIG {unit.slices}g.{gigabytes}gb".encode()

        return self._fill(handle, buffer, name)

    def nvmlDeviceGetCudaComputeCapability(self, handle: Any, major: Any, minor: Any) -> int:
        board = self._unit(handle)
        major._obj.value, minor._obj.value = board.capability
        return board.error

    def nvmlDeviceGetMemoryInfo(self, handle: Any, memory: Any) -> int:
        unit = self._unit(handle)
        memory._obj.total, memory._obj.used = unit.memory_bytes, unit.used_bytes
        return self._error(unit)

    def nvmlDeviceGetUtilizationRates(self, handle: Any, rates: Any) -> int:
        board = self._unit(handle)
        if isinstance(board, Instance) or board.mig:
            return NOT_SUPPORTED
        rates._obj.gpu = board.utilization
        return board.error

    # --- energy and power

    def nvmlDeviceGetTotalEnergyConsumption(self, handle: Any, energy: Any) -> int:
        board = self._unit(handle)
        if isinstance(board, Instance) or not board.counter:
            return NOT_SUPPORTED
        number, joules = self._counted.get(board.uuid, (board.newest(0), 0.0))
        newest = number if board.frozen else board.newest(self.clock.now_s)
        if board.uuid not in self._counted:  # what was before the test is not added up
            number = newest
        for each in range(number + 1, newest + 1):
            joules += board.figure_w(each) * board.update_s * board.counter_gain
        self._counted[board.uuid] = (newest, joules)
        energy._obj.value = round(1e6 + joules * 1e3)
        return board.error

    def nvmlDeviceGetPowerUsage(self, handle: Any, power: Any) -> int:
        board = self._unit(handle)
        if isinstance(board, Instance) or not board.power:
            return NOT_SUPPORTED
        averaged = board.capability > (8, 0) and int(self.driver.split(".")[0]) >= 530
        power._obj.value = round(1e3 * (self._average(board) if averaged else self._latest(board)))
        return board.error

    def nvmlDeviceGetFieldValues(self, handle: Any, count: Any, values: Any) -> int:
        board = self._unit(handle)
        if isinstance(board, Instance) or not board.fields:
            return NOT_SUPPORTED
        for value in values._obj:
            known = board.power and (
                value.fieldId == 186 or (value.fieldId == 185 and board.average)
            )
            value.nvmlReturn = SUCCESS if known else NOT_SUPPORTED
            value.valueType = 1
            watts = self._latest(board) if value.fieldId == 186 else self._average(board)
            value.value.uiVal = round(1e3 * watts)
        return board.error

    def nvmlDeviceGetSamples(
        self, handle: Any, kind: Any, since: Any, value_type: Any, count: Any, samples: Any
    ) -> int:
        board = self._unit(handle)
        if isinstance(board, Instance) or not board.buffered:
            return board.error or NOT_SUPPORTED
        value_type._obj.value = 1
        if samples is None:
            count._obj.value = board.buffer_length
            return board.error
        newest = board.newest(self.clock.now_s)
        kept = range(newest - board.buffer_length + 1, newest + 1)
        fresh = [
            (n, self._stamp_us(board, n)) for n in kept if self._stamp_us(board, n) > since.value
        ]
        if not fresh:
            return NOT_FOUND
        for sample, (number, stamp_us) in zip(samples, fresh, strict=False):
            sample.timeStamp = stamp_us
            sample.sampleValue.uiVal = round(1e3 * board.figure_w(number))
        count._obj.value = len(fresh)
        return board.error

    # --- processes

    def nvmlDeviceGetComputeRunningProcesses_v3(self, h: Any, count: Any, infos: Any) -> int:
        return self._processes(h, count, infos, self._unit(h).compute)

    nvmlDeviceGetComputeRunningProcesses_v2 = nvmlDeviceGetComputeRunningProcesses_v3

    def nvmlDeviceGetGraphicsRunningProcesses_v3(self, h: Any, count: Any, infos: Any) -> int:
        return self._processes(h, count, infos, getattr(self._unit(h), "graphics", []))

    def nvmlDeviceGetMPSComputeRunningProcesses_v3(self, h: Any, count: Any, infos: Any) -> int:
        return self._processes(h, count, infos, getattr(self._unit(h), "mps", None))

    def nvmlDeviceGetProcessUtilization(self, h: Any, samples: Any, count: Any, since: Any) -> int:
        board = self._unit(h)
        if isinstance(board, Instance) or board.mig or board.sm is None:
            return NOT_SUPPORTED
        fresh = [sample for sample in board.sm if sample[2] > since.value]
        if not fresh:
            return board.error or NOT_FOUND
        count._obj.value = len(fresh)
        if samples is None:
            return board.error or TOO_SMALL
        for sample, (pid, percent, stamp_us) in zip(samples, fresh, strict=True):
            sample.pid, sample.smUtil, sample.timeStamp = pid, percent, stamp_us
        return board.error

    # --- MIG

    def nvmlDeviceGetMigMode(self, handle: Any, current: Any, pending: Any) -> int:
        board = self._unit(handle)
        if board.capability < (8, 0):
            return NOT_SUPPORTED
        current._obj.value = pending._obj.value = int(board.mig)
        return board.error

    def nvmlDeviceGetMaxMigDeviceCount(self, handle: Any, count: Any) -> int:
        count._obj.value = self._unit(handle).mig_slots
        return SUCCESS

    def nvmlDeviceGetMigDeviceHandleByIndex(self, handle: Any, index: Any, mig: Any) -> int:
        instances = self._unit(handle).instances
        if index.value >= len(instances):
            return NOT_FOUND
        return self._point(mig, instances[index.value])

    def nvmlDeviceGetGpuInstanceId(self, handle: Any, number: Any) -> int:
        number._obj.value = self._unit(handle).gi
        return SUCCESS

    def nvmlDeviceGetComputeInstanceId(self, handle: Any, number: Any) -> int:
        number._obj.value = self._unit(handle).ci
        return SUCCESS

    def nvmlDeviceGetAttributes_v2(self, handle: Any, attributes: Any) -> int:
        instance = self._unit(handle)
        attributes._obj.gpuInstanceSliceCount = instance.slices
        attributes._obj.computeInstanceSliceCount = instance.slices
        return SUCCESS

    # --- how

    def _point(self, handle: Any, unit: Any) -> int:
        ctypes.c_void_p.from_buffer(handle._obj).value = 1 + self._index(unit)
        return getattr(unit, "error", SUCCESS)

    def _index(self, unit: Any) -> int:
        return next(index for index, each in enumerate(self.units) if each is unit)

    def _unit(self, handle: Any) -> Any:
        address = ctypes.cast(handle, ctypes.c_void_p).value
        assert address, "a handle that no function of the library gave"
        return self.units[address - 1]

    @staticmethod
    def _error(unit: Any) -> int:
        return unit.error if isinstance(unit, Board) else unit.board.error

    def _fill(self, handle: Any, buffer: Any, value: Any) -> int:
        unit = self._unit(handle)
        buffer.value = value(unit)
        return self._error(unit)

    def _processes(self, handle: Any, count: Any, infos: Any, listed: Any) -> int:
        error = self._error(self._unit(handle))
        if error or listed is None:
            return error or NOT_SUPPORTED
        if infos is None:
            count._obj.value = len(listed)
            return TOO_SMALL if listed else SUCCESS
        count._obj.value = len(listed)
        for info, (pid, size) in zip(infos, listed, strict=False):
            info.pid, info.usedGpuMemory = pid, size
        return SUCCESS

    def _stamp_us(self, board: Board, number: int) -> int:
        return round(1.7e15 + number * board.update_s * 1e6)

    def _latest(self, board: Board) -> float:
        return board.figure_w(board.newest(self.clock.now_s))

    def _average(self, board: Board) -> float:
        """The mean of the figures of the last second."""
        newest, number = board.newest(self.clock.now_s), round(1 / board.update_s)
        return sum(board.figure_w(newest - back) for back in range(number)) / number
