"""The contract of `Gpus`: every implementation, and a mixture of them, fits the sampler."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest
from amdsmi_library import AmdsmiLibrary, Processor
from nvml_library import Board, Clock, Instance, NvmlLibrary

from carbon_advisor.measurement import gpu as gpu_module
from carbon_advisor.measurement.amd_gpu import amd_gpus
from carbon_advisor.measurement.gpu import JoinedGpus, NoGpus, visible_gpus
from carbon_advisor.measurement.gpu_processes import ProcessView
from carbon_advisor.measurement.held_share import WHOLE_MACHINE
from carbon_advisor.measurement.machine_clock import MachineTimes
from carbon_advisor.measurement.nvml import nvml_gpus
from carbon_advisor.measurement.power_source import EnergyMeter, PowerSource
from carbon_advisor.measurement.process_tree import JobUsage
from carbon_advisor.measurement.sampler import Sampler

if TYPE_CHECKING:
    from carbon_advisor.measurement.gpu import Gpus

HOST = ProcessView(whole=True, exists=lambda _pid: True)
KINDS = ("none", "nvidia", "mig", "polled", "amd", "mixture")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    clock.rules(monkeypatch)
    return clock


@pytest.fixture
def gpus(request: pytest.FixtureRequest, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Gpus:
    instances = [Instance("MIG-a", 1, slices=2), Instance("MIG-b", 2, slices=2)]
    boards = {
        "mig": [Board("GPU-m", mig=True, instances=instances)],
        "polled": [Board("GPU-p", counter=False)],
    }.get(request.param, [Board("GPU-a"), Board("GPU-b")])

    def nvidia() -> Gpus:
        NvmlLibrary(clock, *boards).install(monkeypatch)
        return nvml_gpus({}, view=HOST)

    def amd() -> Gpus:
        return amd_gpus({}, AmdsmiLibrary(clock, Processor("a")), HOST)

    if request.param == "none":
        return NoGpus()
    if request.param == "amd":
        return amd()
    return JoinedGpus(nvidia(), amd()) if request.param == "mixture" else nvidia()


@pytest.mark.parametrize("gpus", KINDS, indirect=True)
def test_shares_are_of_the_sources_and_within_0_and_1(gpus: Gpus, clock: Clock) -> None:
    for pids in ((), (1,), range(1000)):
        clock.now_s += 1
        activity = gpus.activity(pids)
        assert len(activity.job_shares) == len(gpus.sources)
        assert all(0 <= share <= 1 for share in activity.job_shares)
        assert 0 <= activity.utilization <= 1
        assert activity.job_memory_gb >= 0
    assert all(isinstance(note, str) and note for note in gpus.notes())
    assert len(set(gpus.notes())) == len(gpus.notes())


@pytest.mark.parametrize("gpus", KINDS, indirect=True)
def test_sources_are_gpu_sources_that_count_up(gpus: Gpus, clock: Clock) -> None:
    assert all(device.name and device.memory_gb > 0 for device in gpus.devices)
    for source in gpus.sources:
        assert isinstance(source, PowerSource)
        assert source.domain == "gpu"
        assert source.idle_power_w == 0
        assert 0 < source.relative_error < 2
        assert source.available()
        meter = EnergyMeter(source)
        clock.now_s += 10
        assert meter.advance() > 1000
        assert math.isfinite(source.relative_error)


@pytest.mark.parametrize("gpus", KINDS, indirect=True)
def test_the_sampler_sums_them_up(gpus: Gpus, clock: Clock) -> None:
    class Machine:
        threads = 4

        def read(self) -> MachineTimes:
            return MachineTimes(clock.now_s, 0.0)

    sampler = Sampler(lambda: JobUsage(0.0, 0, (1,)), Machine(), [], gpus, WHOLE_MACHINE)
    for _ in range(10):
        clock.now_s += 1
        sampler.sample()
    clock.now_s += 1
    result = sampler.result()
    used_j = sum(part.energy_kwh for part in result.energy) * 3.6e6
    machine_j = sum(part.machine_energy_kwh for part in result.energy) * 3.6e6
    assert (used_j > 0) is bool(gpus.sources)
    assert used_j <= machine_j
    assert result.gpu_utilization_mean <= 1


def test_a_mixture_keeps_the_order_of_its_parts(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    NvmlLibrary(clock, Board("GPU-a"), Board("GPU-b")).install(monkeypatch)
    parts = nvml_gpus({}, view=HOST), amd_gpus({}, AmdsmiLibrary(clock, Processor("a")), HOST)
    joined = JoinedGpus(*parts)
    assert [device.name for device in joined.devices][-1] == "AMD Instinct MI300X"
    activity = joined.activity([1])
    assert activity.utilization == pytest.approx((0.5 + 0.5 + 0.8) / 3)
    assert activity.job_shares == (1, 1, 1)


def test_nothing_is_imported_where_no_driver_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu_module, "nvidia_driver_installed", lambda: False)
    monkeypatch.setattr(gpu_module, "amd_driver_installed", lambda: False)
    assert isinstance(visible_gpus({}), NoGpus)
