"""NVIDIA GPUs through a fake NVML library at the boundary of `pynvml` (no GPU in the tests)."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from carbon_advisor.measurement.gpu import NoGpus, visible_gpus
from carbon_advisor.measurement.nvml import nvml_gpus, visible_indices
from carbon_advisor.measurement.power_source import EnergyMeter


class NVMLError(Exception):
    """As pynvml raises it."""


@dataclass
class Board:
    """One fake GPU."""

    uuid: str
    name: str = "NVIDIA H100 80GB HBM3"
    energy_mj: int | None = 1_000_000  # None: no counter (older than Volta)
    power_mw: int = 300_000
    utilization: int = 50
    used_bytes: int = 10 * 10**9
    processes: list[Any] = field(default_factory=list)
    samples: list[Any] = field(default_factory=list)
    mig: bool = False
    lost: bool = False


class FakeNvml:
    """The part of pynvml that is used, for boards that tests set up."""

    NVMLError = NVMLError

    def __init__(self, *boards: Board) -> None:
        self.boards = boards

    def nvmlInit(self) -> None: ...  # noqa: N802 - NVML's names

    def nvmlDeviceGetCount(self) -> int:  # noqa: N802
        return len(self.boards)

    def nvmlDeviceGetHandleByIndex(self, index: int) -> Board:  # noqa: N802
        return self.boards[index]

    def nvmlDeviceGetUUID(self, board: Board) -> str:  # noqa: N802
        return board.uuid

    def nvmlDeviceGetName(self, board: Board) -> bytes:  # noqa: N802
        return board.name.encode()

    def nvmlDeviceGetMemoryInfo(self, board: Board) -> Any:  # noqa: N802
        return self._answer(board, SimpleNamespace(total=80 * 10**9, used=board.used_bytes))

    def nvmlDeviceGetTotalEnergyConsumption(self, board: Board) -> int:  # noqa: N802
        if board.energy_mj is None:
            raise NVMLError("Not Supported")
        return self._answer(board, board.energy_mj)

    def nvmlDeviceGetPowerUsage(self, board: Board) -> int:  # noqa: N802
        return self._answer(board, board.power_mw)

    def nvmlDeviceGetUtilizationRates(self, board: Board) -> Any:  # noqa: N802
        return self._answer(board, SimpleNamespace(gpu=board.utilization, memory=10))

    def nvmlDeviceGetComputeRunningProcesses(self, board: Board) -> list[Any]:  # noqa: N802
        return self._answer(board, board.processes)

    def nvmlDeviceGetProcessUtilization(self, board: Board, since: int) -> list[Any]:  # noqa: N802
        fresh = [sample for sample in board.samples if sample.timeStamp > since]
        if not fresh:
            raise NVMLError("Not Found")
        return fresh

    def nvmlDeviceGetMigMode(self, board: Board) -> tuple[int, int]:  # noqa: N802
        return int(board.mig), int(board.mig)

    @staticmethod
    def _answer(board: Board, value: Any) -> Any:
        if board.lost:
            raise NVMLError("GPU is lost")
        return value


def process(pid: int, memory_gb: float) -> Any:
    return SimpleNamespace(pid=pid, usedGpuMemory=int(memory_gb * 1e9))


def test_the_energy_counter_is_preferred_and_power_is_integrated_without_one() -> None:
    counted, polled = Board("GPU-a"), Board("GPU-b", name="Tesla P100", energy_mj=None)
    gpus = nvml_gpus({}, FakeNvml(counted, polled))
    assert [device.name for device in gpus.devices] == ["NVIDIA H100 80GB HBM3", "Tesla P100"]
    assert gpus.devices[0].memory_gb == 80
    by_counter, by_power = (EnergyMeter(source) for source in gpus.sources)
    counted.energy_mj = 1_500_000
    assert by_counter.advance() == pytest.approx(500)
    before, after = by_power.source.read(), by_power.source.read()
    assert (before.power_w, after.power_w) == (300, 300)
    assert by_power.advance() >= 0
    assert "polled" in by_power.source.source


def test_only_the_visible_gpus_count() -> None:
    library = FakeNvml(Board("GPU-a1"), Board("GPU-b2"), Board("GPU-c3"))
    assert len(nvml_gpus({"CUDA_VISIBLE_DEVICES": "2,0"}, library).devices) == 2
    assert isinstance(nvml_gpus({"CUDA_VISIBLE_DEVICES": ""}, library), NoGpus)
    assert isinstance(nvml_gpus({}, FakeNvml()), NoGpus)


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        (None, [0, 1, 2]),
        ("1", [1]),
        ("GPU-c3", [2]),
        ("GPU-b,0", [1, 0]),
        ("0,7,1", [0]),  # CUDA stops at the first that does not exist
        ("-1", []),
        ("MIG-GPU-a1/1/0", [0]),
    ],
)
def test_cuda_visible_devices_is_read_as_cuda_reads_it(
    setting: str | None, expected: list[int]
) -> None:
    assert visible_indices(setting, ["GPU-a1", "GPU-b2", "GPU-c3"]) == expected


def test_a_shared_gpu_is_split_by_sm_utilisation() -> None:
    board = Board("GPU-a", processes=[process(11, 4), process(99, 8)])
    board.samples = [
        SimpleNamespace(pid=11, smUtil=30, timeStamp=5),
        SimpleNamespace(pid=99, smUtil=10, timeStamp=6),
    ]
    gpus = nvml_gpus({}, FakeNvml(board))
    activity = gpus.activity([10, 11])
    assert activity.job_shares == (0.75,)
    assert activity.job_memory_gb == 4
    assert any("shared" in note for note in gpus.notes())
    assert gpus.activity([500]).job_shares == (0.0,)


def test_processes_that_a_container_hides_leave_the_gpu_to_the_job() -> None:
    activity = nvml_gpus({}, FakeNvml(Board("GPU-a"))).activity([10])
    assert activity.job_shares == (1.0,)
    assert activity.job_memory_gb == 10
    assert activity.utilization == 0.5


def test_a_gpu_lost_during_the_run_is_a_note() -> None:
    board = Board("GPU-a")
    gpus = nvml_gpus({}, FakeNvml(board))
    meter = EnergyMeter(gpus.sources[0])
    board.energy_mj = 1_200_000
    assert meter.advance() == pytest.approx(200)
    board.lost = True
    assert meter.advance() == 0
    assert meter.lost is not None
    assert "lost during the run" in meter.lost
    assert gpus.activity([1]).utilization == 0
    assert not gpus.sources[0].available()


def test_mig_is_flagged() -> None:
    assert any("MIG" in note for note in nvml_gpus({}, FakeNvml(Board("GPU-a", mig=True))).notes())


def test_a_machine_without_a_driver_has_the_null_object() -> None:
    gpus = visible_gpus({"CUDA_VISIBLE_DEVICES": ""})
    assert gpus.devices == ()
    assert gpus.activity([1]).job_shares == ()
