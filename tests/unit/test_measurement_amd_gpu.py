"""AMD GPUs through a stand-in for the package amdsmi (no GPU in the tests)."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest
from amdsmi_library import NOT_INIT, TIMEOUT, AmdsmiLibrary, Processor
from nvml_library import Clock

from carbon_advisor.measurement.amd_gpu import amd_gpus, visible_indices
from carbon_advisor.measurement.gpu import NoGpus
from carbon_advisor.measurement.gpu_processes import ProcessView
from carbon_advisor.measurement.power_source import EnergyMeter

if TYPE_CHECKING:
    from carbon_advisor.measurement.gpu import Gpus

HOST = ProcessView(whole=True, exists=lambda _pid: True)
CONTAINER = ProcessView(whole=False, exists=lambda pid: pid < 100)
GB = 10**9


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    clock.rules(monkeypatch)
    return clock


def gpus_of(
    clock: Clock, *processors: Processor, view: ProcessView = HOST, **environment: str
) -> Gpus:
    return amd_gpus(environment, AmdsmiLibrary(clock, *processors), view)


@pytest.mark.parametrize("key", ["energy_accumulator", "power"])  # before and since ROCm 6.2.1
def test_the_energy_counter_is_preferred(key: str, clock: Clock) -> None:
    gpus = gpus_of(clock, Processor("a", counter_key=key))
    (source,) = gpus.sources
    meter = EnergyMeter(source)
    clock.now_s += 10
    assert meter.advance() == pytest.approx(5000, rel=1e-4)
    assert source.source == "AMD SMI energy counter, AMD Instinct MI300X"
    assert gpus.devices[0].memory_gb == 192


@pytest.mark.parametrize(
    "key", ["socket_power", "current_socket_power", "average_socket_power", "nothing"]
)
def test_power_is_polled_without_a_counter(key: str, clock: Clock) -> None:
    gpus = gpus_of(clock, Processor("a", counter=False, power_key=key))
    if key in {"nothing", "socket_power"}:  # the stand-in is of a release that lacks the latter
        assert gpus.sources == ()
        assert any("no energy or power" in note for note in gpus.notes())
        return
    meter = EnergyMeter(gpus.sources[0])
    clock.now_s += 10
    assert meter.advance() == pytest.approx(5000)
    assert any("polled" in note for note in gpus.notes())


def test_a_counter_that_stands_still_is_given_up(clock: Clock) -> None:
    """As on MI100, until it is booted again (ROCm/amdsmi issue 38)."""
    gpus = gpus_of(clock, Processor("a", frozen=True))
    meter = EnergyMeter(gpus.sources[0])
    joules = 0.0
    for _ in range(10):
        clock.now_s += 1
        joules += meter.advance()
    assert joules == pytest.approx(5000)
    assert any("stands still" in note for note in gpus.notes())


def test_one_that_is_lost_leaves_the_others(clock: Clock) -> None:
    lost, kept = Processor("a"), Processor("b")
    gpus = gpus_of(clock, lost, kept)
    meters = [EnergyMeter(source) for source in gpus.sources]
    lost.error = TIMEOUT
    clock.now_s += 1
    assert meters[0].advance() == 0
    lost.error = 0
    clock.now_s += 1
    assert meters[0].advance() == pytest.approx(1000, rel=1e-3)
    lost.error = NOT_INIT
    clock.now_s += 1
    assert meters[0].advance() == 0
    assert "was lost 2 s into the run (what it means)" in (meters[0].lost or "")
    assert meters[1].advance() == pytest.approx(1500, rel=1e-3)
    assert gpus.activity([1]).utilization == pytest.approx(0.4)


def test_processes_without_memory_are_of_other_gpus(clock: Clock) -> None:
    processor = Processor("a", processes=[(11, 2 * GB), (99, 0)])
    activity = gpus_of(clock, processor).activity([11])
    assert (activity.job_shares, activity.job_memory_gb) == ((1.0,), 2)
    processor.processes[1] = (99, GB)
    shared = gpus_of(clock, processor)
    assert shared.activity([11]).job_shares == (0.5,)
    assert any("by their number" in note for note in shared.notes())
    assert gpus_of(clock, processor).activity([12]).job_shares == (0.0,)


def test_hidden_processes_and_ranks_are_as_with_nvidia(clock: Clock) -> None:
    pair = (Processor("a", processes=[(31_000, GB)]), Processor("b", processes=[(31_001, GB)]))
    hidden = gpus_of(clock, *pair, view=CONTAINER)
    assert hidden.activity([10]).job_shares == (1.0, 1.0)
    assert any("cannot be told apart" in note for note in hidden.notes())
    rank = gpus_of(clock, *pair, view=CONTAINER, LOCAL_RANK="1")
    assert rank.activity([10]).job_shares == (0.0, 1.0)


def test_what_a_board_does_not_report_is_no_figure(clock: Clock) -> None:
    activity = gpus_of(clock, Processor("a", activity="N/A")).activity([1])
    assert activity.utilization == 0


def dies() -> list[Processor]:
    pairs = [("a", 400), ("b", 0), ("c", 400), ("d", 0)]
    return [
        Processor(uuid, "AMD Instinct MI250X", power_w, counter=bool(power_w))
        for uuid, power_w in pairs
    ]


def test_two_dies_report_as_one(clock: Clock) -> None:
    gpus = gpus_of(clock, *dies())
    assert (len(gpus.devices), len(gpus.sources)) == (4, 2)
    assert gpus.activity([1]).job_shares == (1.0, 1.0)
    second_die = gpus_of(clock, *dies(), HIP_VISIBLE_DEVICES="3")
    assert second_die.activity([1]).job_shares == (0.5,)
    (source,) = second_die.sources
    assert source.method == "modelled"
    assert source.relative_error > 0.5
    meter = EnergyMeter(source)
    clock.now_s += 1
    assert meter.advance() == pytest.approx(400, rel=1e-3)


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, [0, 1, 2]),
        ({"ROCR_VISIBLE_DEVICES": "2,0"}, [2, 0]),
        ({"ROCR_VISIBLE_DEVICES": "GPU-bb,0"}, [1, 0]),
        ({"ROCR_VISIBLE_DEVICES": "2,0", "HIP_VISIBLE_DEVICES": "1"}, [0]),
        ({"HIP_VISIBLE_DEVICES": "1", "CUDA_VISIBLE_DEVICES": "2"}, [1]),
        ({"CUDA_VISIBLE_DEVICES": "2"}, [2]),
        ({"GPU_DEVICE_ORDINAL": "0,2"}, [0, 2]),
        ({"HIP_VISIBLE_DEVICES": "0,7,1"}, [0]),
        ({"HIP_VISIBLE_DEVICES": ""}, []),
        ({"HIP_VISIBLE_DEVICES": "-1"}, []),
        ({"ROCR_VISIBLE_DEVICES": "GPU-"}, []),
    ],
)
def test_the_environment_is_read_as_rocm_reads_it(
    environment: dict[str, str], expected: list[int]
) -> None:
    assert visible_indices([(None, "aa"), (None, "GPU-bb"), (None, "cc")], environment) == expected


def test_numbers_are_hips_where_it_says_so() -> None:
    identities = [(2, "aa"), (0, "bb"), (1, "cc")]
    assert visible_indices(identities, {"HIP_VISIBLE_DEVICES": "0,2"}) == [1, 0]


def test_a_package_that_is_missing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "amdsmi", None)
    gpus = amd_gpus({})
    assert isinstance(gpus, NoGpus)
    assert any("amdsmi" in note for note in gpus.notes())
