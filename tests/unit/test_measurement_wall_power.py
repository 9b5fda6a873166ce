"""A meter's readings over time, and their division over components: sums, idle power, errors."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carbon_advisor.measurement.gpu import GpuActivity
from carbon_advisor.measurement.held_share import HeldShare
from carbon_advisor.measurement.machine_clock import MachineTimes
from carbon_advisor.measurement.meter import ExternalMeter
from carbon_advisor.measurement.meter_address import meter_address
from carbon_advisor.measurement.meter_energy import MeteredEnergy
from carbon_advisor.measurement.meter_units import MeterError, MeterValue
from carbon_advisor.measurement.power_source import PowerSource, Reading
from carbon_advisor.measurement.process_tree import JobUsage
from carbon_advisor.measurement.sampler import Measurement, Sampler

if TYPE_CHECKING:
    from carbon_advisor.measurement.profile import Component, Method

WHOLE = HeldShare(1.0, 1.0)
WH = 3600.0
J_PER_KWH = 3.6e6


@dataclass
class Reader:
    """A meter whose answers a test writes."""

    answer: str = "100"

    def read(self) -> str:
        if not self.answer:
            raise MeterError("gone")
        return self.answer

    def close(self) -> None:
        pass


@dataclass
class Counter:
    """A component's own source, whose watts a test sets."""

    machine: Machine
    domain: Component
    idle_power_w: float | None = None
    method: Method = "measured"
    relative_error: float = 0.1
    watts: float = 0.0
    joules: float = 0.0
    source: str = "its own"

    def available(self) -> bool:
        return True

    def read(self) -> Reading:
        return Reading(self.machine.now_s, energy_j=self.joules)


@dataclass
class Machine:
    """A machine of four threads whose time, load and meter a test sets."""

    now_s: float = 0.0
    job_s: float = 0.0
    busy_s: float = 0.0
    threads: int = 4
    reader: Reader = field(default_factory=Reader)
    parts: list[Counter] = field(default_factory=list)

    def read(self) -> MachineTimes:
        return MachineTimes(self.busy_s, 0.0)

    def usage(self) -> JobUsage:
        return JobUsage(self.job_s, 0.0, (1,))

    def meter(self) -> ExternalMeter:
        return ExternalMeter(meter_address("file:/watts"), self.reader)

    def sampler(self, meter: ExternalMeter, held: HeldShare = WHOLE) -> Sampler:
        gpus = _Gpus(tuple(part for part in self.parts if part.domain == "gpu"))
        sources = [part for part in self.parts if part.domain != "gpu"]
        return Sampler(self.usage, self, sources, gpus, held, meter=meter)

    def run(self, seconds: float, job_cores: float = 0.0, other_cores: float = 0.0) -> None:
        self.now_s += seconds
        self.job_s += job_cores * seconds
        self.busy_s += (job_cores + other_cores) * seconds
        for part in self.parts:
            part.joules += part.watts * seconds


@dataclass
class _Gpus:
    sources: tuple[PowerSource, ...]
    devices: tuple[()] = ()

    def activity(self, job_pids: object) -> GpuActivity:
        return GpuActivity(0.0, 0.0, (0.5,) * len(self.sources))

    def notes(self) -> list[str]:
        return []


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    made = Machine()
    monkeypatch.setattr("time.monotonic", lambda: made.now_s)
    return made


def metered(
    machine: Machine, *parts: Counter, held: HeldShare = WHOLE
) -> tuple[ExternalMeter, Sampler]:
    machine.parts = list(parts)
    meter = machine.meter()
    meter.poll()
    return meter, machine.sampler(meter, held)


def machine_j(measured: Measurement) -> dict[str, float]:
    return {part.component: part.machine_energy_kwh * J_PER_KWH for part in measured.energy}


def test_the_metered_energy_is_divided_as_the_components_own(machine: Machine) -> None:
    cpu, memory = Counter(machine, "cpu", watts=30), Counter(machine, "memory", watts=10)
    gpu = Counter(machine, "gpu", idle_power_w=0.0, watts=60)
    meter, sampler = metered(machine, cpu, memory, gpu)
    machine.run(10, job_cores=4)
    meter.poll()
    measured = sampler.result()
    assert machine_j(measured) == pytest.approx({"cpu": 300, "memory": 100, "gpu": 600})
    part = measured.energy[0]
    assert part.method == "measured"
    assert part.source == (
        "external meter file /watts (by its power), divided over cpu, memory and gpu by their "
        "own sources: its own"
    )


def test_components_that_say_nothing_leave_it_all_to_the_cpu(machine: Machine) -> None:
    parts = Counter(machine, "memory"), Counter(machine, "cpu")
    _, sampler = metered(machine, *parts)
    machine.run(5)
    assert machine_j(sampler.result()) == pytest.approx({"memory": 0, "cpu": 500})


def test_idle_power_of_a_counter_is_the_least_it_was_given_wall_overhead_included(
    machine: Machine,
) -> None:
    """10 W at the package are 50 W at the wall when idle; that is what idles, also under load."""
    cpu = Counter(machine, "cpu", watts=10)
    meter, sampler = metered(machine, cpu, held=HeldShare(0.5, 1.0))
    machine.reader.answer = "50"
    meter.poll()
    sampler = machine.sampler(meter, HeldShare(0.5, 1.0))
    machine.run(10)
    sampler.sample()
    cpu.watts, machine.reader.answer = 100, "150"
    meter.poll()
    machine.run(10, job_cores=1, other_cores=3)
    (energy,) = sampler.result().energy
    assert energy.machine_energy_kwh * J_PER_KWH == pytest.approx(50 * 10 + 150 * 10)
    expected_j = (150 - 50) * 10 / 4 + 50 * 20 * 0.5
    assert energy.energy_kwh * J_PER_KWH == pytest.approx(expected_j)


def test_idle_power_of_a_model_is_scaled_with_it(machine: Machine) -> None:
    cpu = Counter(machine, "cpu", idle_power_w=20, method="modelled", watts=40)
    _, sampler = metered(machine, cpu, held=HeldShare(0.5, 1.0))  # 100 W where it says 40
    machine.run(10, job_cores=1, other_cores=1)
    (energy,) = sampler.result().energy
    idle_w = 20 * 100 / 40
    expected_j = (100 - idle_w) * 10 / 2 + idle_w * 10 * 0.5
    assert energy.energy_kwh * J_PER_KWH == pytest.approx(expected_j)


@given(
    watts=st.floats(1, 2000),
    held=st.floats(0, 1),
    steps=st.lists(
        st.tuples(
            st.floats(0.01, 30),
            st.floats(0, 4),
            st.floats(0, 4),
            st.tuples(st.floats(0, 400), st.floats(0, 40), st.floats(0, 700)),
        ),
        min_size=1,
        max_size=12,
    ),
    idle=st.tuples(st.none() | st.floats(0, 50), st.none() | st.floats(0, 20)),
)
def test_a_constant_meter_gives_watts_times_seconds_and_the_job_takes_no_more(
    watts: float,
    held: float,
    steps: list[tuple[float, float, float, tuple[float, float, float]]],
    idle: tuple[float | None, float | None],
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        machine = Machine(reader=Reader(repr(watts)))
        patch.setattr("time.monotonic", lambda: machine.now_s)
        parts = (
            Counter(machine, "cpu", idle[0]),
            Counter(machine, "memory", idle[1], "modelled"),
            Counter(machine, "gpu", 0.0),
        )
        meter, sampler = metered(machine, *parts, held=HeldShare(held, held))
        for seconds, job_cores, other_cores, own_w in steps:
            for part, own in zip(parts, own_w, strict=True):
                part.watts = own
            machine.run(seconds / 2, job_cores, other_cores)
            meter.poll()  # readings come when they come
            machine.run(seconds / 2, job_cores, other_cores)
            meter.poll()
            sampler.sample()
        measured = sampler.result()
        duration_s = sum(step[0] for step in steps)
        assert sum(machine_j(measured).values()) == pytest.approx(watts * duration_s)
        for part in measured.energy:
            assert 0 <= part.energy_kwh <= part.machine_energy_kwh * (1 + 1e-9)
            assert math.isfinite(part.relative_error)
        series_j = sum(measured.series.power_w) * measured.series.step_s
        assert series_j <= watts * duration_s * 1.001


def test_the_error_of_a_part_is_the_meters_and_its_shares(machine: Machine) -> None:
    cpu = Counter(machine, "cpu", watts=75, relative_error=0.1)
    memory = Counter(machine, "memory", watts=25, relative_error=0.4)
    meter, sampler = metered(machine, cpu, memory)
    for _ in range(100):
        machine.run(100)
        meter.poll()
        sampler.sample()
    errors = [part.relative_error for part in sampler.result().energy]
    assert errors[0] == pytest.approx(math.hypot(0.02, 0.25 * 0.1, 0.25 * 0.4), rel=1e-2)
    assert errors[1] == pytest.approx(math.hypot(0.02, 0.75 * 0.4, 0.75 * 0.1), rel=1e-2)


def test_a_part_alone_has_the_meters_error_and_a_short_run_a_larger_one(machine: Machine) -> None:
    _, sampler = metered(machine, Counter(machine, "cpu", watts=75, relative_error=0.5))
    machine.run(5)
    assert sampler.result().energy[0].relative_error == pytest.approx(math.hypot(0.02, 0.5 / 5))


def test_a_meter_that_is_lost_leaves_its_ratio_and_a_note(machine: Machine) -> None:
    meter, sampler = metered(machine, Counter(machine, "cpu", watts=50))
    for _ in range(20):
        machine.run(1)
        meter.poll()
        sampler.sample()
    machine.reader.answer = ""
    for _ in range(60):
        machine.run(1)
        meter.poll()
        sampler.sample()
    measured = sampler.result()
    assert machine_j(measured)["cpu"] == pytest.approx(100 * 80)
    (part,) = measured.energy
    assert part.method == "modelled"
    assert 0.02 < part.relative_error < 0.1
    assert "from 20 s on by these" in part.source
    assert any("was lost 20 s into the run (gone)" in note for note in measured.notes)
    machine.reader.answer = "5000"
    machine.run(1)
    meter.poll()
    assert machine_j(sampler.result())["cpu"] == pytest.approx(100 * 81)  # for the rest of the run


def test_a_meter_that_never_answers_changes_nothing(machine: Machine) -> None:
    machine.reader.answer = ""
    meter, sampler = metered(machine, Counter(machine, "cpu", watts=50))
    for _ in range(30):
        machine.run(1)
        meter.poll()
        sampler.sample()
    measured = sampler.result()
    assert machine_j(measured)["cpu"] == pytest.approx(50 * 30)
    assert (measured.energy[0].source, measured.energy[0].relative_error) == ("its own", 0.1)
    assert any("never answered (gone)" in note for note in measured.notes)


def test_one_that_answers_late_is_used_from_then_on(machine: Machine) -> None:
    machine.reader.answer = ""
    meter, sampler = metered(machine, Counter(machine, "cpu", watts=50))
    machine.run(2)
    sampler.sample()
    machine.reader.answer = "100"
    meter.poll()
    machine.run(3)
    assert machine_j(sampler.result())["cpu"] == pytest.approx(50 * 2 + 100 * 3)


def test_long_steps_lose_nothing_of_what_came_between(machine: Machine) -> None:
    meter, sampler = metered(machine, Counter(machine, "cpu", watts=50))
    for watts in (100, 200, 300):
        machine.reader.answer = str(watts)
        meter.poll()
        machine.run(5)
    assert machine_j(sampler.result())["cpu"] == pytest.approx(3000)


def energy_of(
    true_w: list[float], step_wh: float, *, with_power: bool, power_factor: float = 1.0
) -> tuple[float, MeteredEnergy]:
    """What comes of a counter that is read every second; its own components say half."""
    energy = MeteredEnergy(0.0)
    step_j, truth_j, summed_j = step_wh * WH, 0.37 * step_wh * WH, 0.0
    for second, watts in enumerate([true_w[0], *true_w]):
        if second:
            truth_j += watts
            summed_j += energy.advance(second, watts / 2)
        power_w = watts * power_factor if with_power else None
        energy.take(MeterValue(power_w, math.floor(truth_j / step_j) * step_j), second)
    return summed_j, energy


@pytest.mark.parametrize("step_wh", [0.001, 0.1, 1.0])
def test_a_counter_corrects_the_power_beside_it(step_wh: float) -> None:
    """Power that is 10 % off is right in the end, but for what lies outside the counter's moves."""
    summed_j, energy = energy_of([200.0] * 600, step_wh, with_power=True, power_factor=1.1)
    assert summed_j == pytest.approx(200 * 600, rel=0.015)
    assert energy.by.startswith("by its energy counter in steps of")


def test_a_coarse_counter_does_no_harm_in_a_short_run() -> None:
    summed_j, energy = energy_of([200.0] * 10, 10.0, with_power=True)
    assert summed_j == pytest.approx(2000)
    assert energy.by == "by its power: its energy counter did not move twice"


@pytest.mark.parametrize(("step_wh", "tolerance"), [(0.001, 0.01), (0.1, 0.02), (1.0, 0.05)])
def test_a_counter_alone_will_do(step_wh: float, tolerance: float) -> None:
    true_w = [100.0] * 200 + [400.0] * 200 + [100.0] * 200
    summed_j, _ = energy_of(true_w, step_wh, with_power=False)
    assert summed_j == pytest.approx(sum(true_w), rel=tolerance)


def test_a_counter_that_is_set_back_counts_nothing_for_it() -> None:
    energy = MeteredEnergy(0.0)
    summed_j = 0.0
    for second in range(1, 301):
        summed_j += energy.advance(second, 50.0)
        counted = second if second < 100 else (0 if second == 150 else second - 100 + 5000)
        energy.take(MeterValue(100.0, counted * 100.0), second)
    assert summed_j == pytest.approx(100 * 300, rel=0.02)


def test_no_step_is_emptied_by_a_correction() -> None:
    """The lowest power of a step is taken for idle power: it must not come from bookkeeping."""
    energy = MeteredEnergy(0.0)
    energy.take(MeterValue(220.0, 0.0), 0)
    for second in range(1, 400):
        assert 100 <= energy.advance(second, 50.0) <= 450
        energy.take(MeterValue(220.0, math.floor(second * 200 / WH) * WH), second)
