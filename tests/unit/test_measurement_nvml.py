"""NVIDIA GPUs: the real pynvml over a stand-in for the driver's library (no GPU in the tests)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pynvml
import pytest
from nvml_library import (
    GPU_IS_LOST,
    MIB,
    TIMEOUT,
    UNINITIALIZED,
    Board,
    Clock,
    Instance,
    NvmlLibrary,
    SquareWave,
)

from carbon_advisor.measurement.gpu import NoGpus
from carbon_advisor.measurement.gpu_processes import ProcessView
from carbon_advisor.measurement.nvml import nvml_gpus
from carbon_advisor.measurement.power_source import EnergyMeter

if TYPE_CHECKING:
    from collections.abc import Callable

    from carbon_advisor.measurement.gpu import Gpus

    Driver = Callable[..., NvmlLibrary]

HOST = ProcessView(whole=True, exists=lambda _pid: True)
CONTAINER = ProcessView(whole=False, exists=lambda pid: pid < 100)
OLD = {"counter": False, "fields": False, "average": False, "capability": (6, 0)}
GB = 10**9


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    clock.rules(monkeypatch)
    return clock


@pytest.fixture
def driver(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Driver:
    """Installs a library with these boards under pynvml."""
    return lambda *boards, **how: NvmlLibrary(clock, *boards, **how).install(monkeypatch)


def gpus_here(environment: dict[str, str] | None = None, view: ProcessView = HOST) -> Gpus:
    return nvml_gpus(environment or {}, view=view)


def test_the_energy_counter_is_preferred_and_power_is_polled_without_one(
    driver: Driver, clock: Clock
) -> None:
    driver(Board("GPU-a"), Board("GPU-b", name="Tesla P100", update_s=0.02, **OLD))
    gpus = gpus_here()
    assert [device.name for device in gpus.devices] == ["NVIDIA H100 80GB HBM3", "Tesla P100"]
    assert gpus.devices[0].memory_gb == 80
    by_counter, by_power = (EnergyMeter(source) for source in gpus.sources)
    clock.now_s += 10
    assert by_counter.advance() == pytest.approx(3000)
    assert by_power.advance() == pytest.approx(3000)
    assert "total energy counter" in by_counter.source.source
    assert "10 of each 20 ms" in by_power.source.source
    assert any("polled" in note for note in gpus.notes())


def test_a_window_shorter_than_the_counters_update_loses_nothing_and_says_so(
    driver: Driver, clock: Clock
) -> None:
    driver(Board("GPU-a"))
    gpus = gpus_here()
    source, meter = gpus.sources[0], EnergyMeter(gpus.sources[0])
    clock.now_s += 0.05
    assert meter.advance() == 0
    assert source.relative_error > 0.9
    assert any("few updates" in note for note in gpus.notes())
    clock.now_s += 0.05
    assert meter.advance() == pytest.approx(30)
    clock.now_s += 600
    meter.advance()
    assert source.relative_error < 0.06
    assert gpus.notes() == []


def test_a_counter_that_stands_still_is_given_up_for_power(driver: Driver, clock: Clock) -> None:
    board = Board("GPU-a", frozen=True)
    driver(board)
    gpus = gpus_here()
    meter = EnergyMeter(gpus.sources[0])
    joules = 0.0
    for _ in range(30):
        clock.now_s += 1
        joules += meter.advance()
    assert joules == pytest.approx(9000, rel=0.01)
    assert any("stands still" in note for note in gpus.notes())
    assert "power" in gpus.sources[0].source


def test_a_board_without_power_may_have_a_counter_that_stands_still(
    driver: Driver, clock: Clock
) -> None:
    driver(Board("GPU-a", frozen=True, load=SquareWave(0.0, 0.0)))
    gpus = gpus_here()
    meter = EnergyMeter(gpus.sources[0])
    clock.now_s += 100
    assert meter.advance() == 0
    assert gpus.notes() == []


@pytest.mark.parametrize("gain", [0.05, 20.0])
def test_a_counter_that_contradicts_the_power_is_given_up(
    gain: float, driver: Driver, clock: Clock
) -> None:
    driver(Board("GPU-a", counter_gain=gain))
    gpus = gpus_here()
    meter = EnergyMeter(gpus.sources[0])
    for _ in range(120):
        clock.now_s += 1
        step_j = meter.advance()
    assert step_j == pytest.approx(300)
    assert any("contradicts" in note for note in gpus.notes())


def test_a_bursty_load_does_not_make_a_counter_contradict_itself(
    driver: Driver, clock: Clock
) -> None:
    library = driver(Board("GPU-a", load=SquareWave(500, 100, period_s=7.3)))
    gpus = gpus_here()
    meter = EnergyMeter(gpus.sources[0])
    for _ in range(600):
        clock.now_s += 1
        meter.advance()
    assert gpus.notes() == []
    assert library.calls["nvmlDeviceGetFieldValues"] == 60  # one in ten seconds


def test_a_counter_that_begins_again_after_a_reset_counts_on(driver: Driver, clock: Clock) -> None:
    library = driver(Board("GPU-a"))
    meter = EnergyMeter(gpus_here().sources[0])
    clock.now_s += 1
    assert meter.advance() == pytest.approx(300)
    library._counted["GPU-a"] = (library.boards[0].newest(clock.now_s), -900.0)
    assert meter.advance() == 0
    clock.now_s += 1
    assert meter.advance() == pytest.approx(300)


def test_a_gpu_lost_during_the_run_is_a_note_and_others_go_on(driver: Driver, clock: Clock) -> None:
    first, second = Board("GPU-a"), Board("GPU-b")
    driver(first, second)
    gpus = gpus_here()
    lost, kept = (EnergyMeter(source) for source in gpus.sources)
    clock.now_s += 42
    assert lost.advance() == kept.advance() == pytest.approx(42 * 300)
    first.error = GPU_IS_LOST
    clock.now_s += 1
    assert lost.advance() == 0
    assert lost.lost is not None
    assert "was lost 42 s into the run (GPU is lost)" in lost.lost
    assert kept.advance() == pytest.approx(300)
    activity = gpus.activity([1])
    assert activity.utilization == pytest.approx(0.25)
    assert len(activity.job_shares) == 2
    assert not gpus.sources[0].available()


def test_a_driver_that_is_reloaded_is_a_loss_and_a_time_out_is_none(
    driver: Driver, clock: Clock
) -> None:
    board = Board("GPU-a")
    driver(board)
    meter = EnergyMeter(gpus_here().sources[0])
    board.error = TIMEOUT
    clock.now_s += 1
    assert meter.advance() == 0
    board.error = 0
    clock.now_s += 1
    assert meter.advance() == pytest.approx(600)
    board.error = TIMEOUT
    for _ in range(4):
        meter.advance()
    assert "Timeout" in (meter.lost or "")
    board.error = 0
    again = EnergyMeter(gpus_here().sources[0])
    board.error = UNINITIALIZED
    again.advance()
    assert "Uninitialized" in (again.lost or "")


def test_a_board_that_reports_nothing_is_left_out_and_said(driver: Driver) -> None:
    driver(Board("GPU-a", name="Orin", counter=False, power=False), Board("GPU-b"))
    gpus = gpus_here()
    assert len(gpus.devices) == 2
    assert len(gpus.sources) == len(gpus.activity([1]).job_shares) == 1
    assert any("Orin reports neither energy nor power" in note for note in gpus.notes())


def test_no_driver_no_boards_or_a_mismatch_are_the_null_object(
    driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver()
    assert isinstance(gpus_here(), NoGpus)
    driver(Board("GPU-a", error=18))  # the library does not match the kernel's module
    assert isinstance(gpus_here(), NoGpus)
    monkeypatch.setattr(pynvml, "nvmlLib", None)
    assert isinstance(gpus_here(), NoGpus)


def test_only_the_visible_gpus_count_and_a_guessed_order_is_said(driver: Driver) -> None:
    driver(Board("GPU-a1"), Board("GPU-b2", name="NVIDIA L4"), Board("GPU-c3"))
    gpus = gpus_here({"CUDA_VISIBLE_DEVICES": "1,0"})
    assert [device.name for device in gpus.devices] == ["NVIDIA L4", "NVIDIA H100 80GB HBM3"]
    assert any("PCI order" in note for note in gpus.notes())
    ordered = {"CUDA_VISIBLE_DEVICES": "1,0", "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}
    assert gpus_here(ordered).notes() == []
    assert isinstance(gpus_here({"CUDA_VISIBLE_DEVICES": ""}), NoGpus)
    assert isinstance(gpus_here({"NVIDIA_VISIBLE_DEVICES": "none"}), NoGpus)


def partitioned() -> Board:
    instances = [
        Instance("MIG-aaa", gi=1, slices=3, compute=[(7, 2 * GB)], used_bytes=3 * GB),
        Instance("MIG-bbb", gi=2, slices=2),
    ]
    return Board(
        "GPU-a", name="NVIDIA A100-SXM4-40GB", capability=(8, 0), mig=True, instances=instances
    )


def test_a_mig_instance_has_its_slices_part_of_the_boards_energy(driver: Driver) -> None:
    driver(Board("GPU-x"), partitioned())
    gpus = gpus_here({"CUDA_VISIBLE_DEVICES": "MIG-aaa"})
    assert [device.name for device in gpus.devices] == ["NVIDIA A100-SXM4-40GB MIG 3g.5gb"]
    (source,) = gpus.sources
    assert source.method == "modelled"
    assert source.relative_error > 0.5
    assert "3 of its 7 MIG slices" in source.source
    activity = gpus.activity([7])
    assert activity.job_shares == (pytest.approx(3 / 7),)
    assert activity.job_memory_gb == 2
    assert activity.utilization == 1
    assert any("MIG reports board power only" in note for note in gpus.notes())
    stranger = gpus_here({"CUDA_VISIBLE_DEVICES": "MIG-aaa"})
    assert stranger.activity([8]).job_shares == (0.0,)


def test_two_instances_of_a_board_are_two_devices_and_one_source(driver: Driver) -> None:
    driver(partitioned())
    gpus = gpus_here({}, CONTAINER)
    assert len(gpus.devices) == 2
    assert len(gpus.sources) == 1
    activity = gpus.activity([50])  # the first instance's process is the host's 7: known here
    assert activity.job_shares == (pytest.approx(2 / 7),)
    assert activity.utilization == 0


def test_a_board_whose_instances_are_hidden_is_counted_whole(driver: Driver) -> None:
    board = partitioned()
    board.instances, board.used_bytes = [], 300 * MIB
    driver(board)
    gpus = gpus_here({"CUDA_VISIBLE_DEVICES": "MIG-GPU-a/1/0"}, CONTAINER)
    assert len(gpus.sources) == 1
    assert any("no instance can be seen" in note for note in gpus.notes())


def test_calls_are_few_while_the_job_is_alone(driver: Driver, clock: Clock) -> None:
    library = driver(Board("GPU-a", compute=[(5, GB)]))
    gpus = gpus_here()
    library.calls.clear()
    for _ in range(60):
        clock.now_s += 1
        gpus.activity([5])
    assert library.calls["nvmlDeviceGetUtilizationRates"] == 60
    assert library.calls["nvmlDeviceGetMemoryInfo"] == 0
    lists = sum(number for name, number in library.calls.items() if "Processes" in name)
    assert lists <= 15 * 4  # compute twice, graphics, MPS
