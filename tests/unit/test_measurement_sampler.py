"""The sampler on sources that tests drive, and the choice between counters and models."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from carbon_advisor.measurement.cpu_lookup import CpuTables, Microarchitecture
from carbon_advisor.measurement.gpu import GpuActivity, NoGpus
from carbon_advisor.measurement.hardware import Gpu, Hardware
from carbon_advisor.measurement.held_share import HeldShare
from carbon_advisor.measurement.machine_clock import MachineTimes
from carbon_advisor.measurement.power_model import Factor, LoadShape, PowerTables
from carbon_advisor.measurement.power_source import PowerSource, Reading, SourceLostError
from carbon_advisor.measurement.process_tree import JobUsage
from carbon_advisor.measurement.sampler import Sampler
from carbon_advisor.measurement.source_choice import choose_sources

if TYPE_CHECKING:
    from pathlib import Path

    from carbon_advisor.measurement.profile import Component, Method

WHOLE = HeldShare(threads=1.0, memory=1.0)


class Bench:
    """A machine of four threads whose time, load and power tests set."""

    threads = 4

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now_s = 0.0
        self.job_s = self.busy_s = self.stolen_s = self.memory_bytes = 0.0
        monkeypatch.setattr("time.monotonic", lambda: self.now_s)

    def read(self) -> MachineTimes:
        return MachineTimes(self.busy_s, self.stolen_s)

    def usage(self) -> JobUsage:
        return JobUsage(self.job_s, self.memory_bytes, (1,))

    def run(self, seconds: float, job_cores: float, other_cores: float = 0.0) -> None:
        self.now_s += seconds
        self.job_s += job_cores * seconds
        self.busy_s += (job_cores + other_cores) * seconds


@dataclass
class Counter:
    """A counter that a test moves."""

    bench: Bench
    domain: Component = "cpu"
    method: Method = "measured"
    source: str = "a counter"
    relative_error: float = 0.05
    idle_power_w: float | None = None
    joules: float = 0.0
    lost: bool = False

    def available(self) -> bool:
        return True

    def read(self) -> Reading:
        if self.lost:
            raise SourceLostError("the counter is gone")
        return Reading(self.bench.now_s, energy_j=self.joules)


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Bench:
    return Bench(monkeypatch)


def test_active_energy_goes_by_what_ran_and_idle_energy_by_what_is_held(bench: Bench) -> None:
    counter = Counter(bench)
    sampler = Sampler(bench.usage, bench, [counter], NoGpus(), HeldShare(0.5, 1.0))
    bench.run(10, job_cores=0)  # shows 20 W: taken for idle
    counter.joules += 200
    sampler.sample()
    bench.run(10, job_cores=1, other_cores=3)  # 100 W, a quarter of what ran is the job's
    counter.joules += 1000
    sampler.sample()
    (energy,) = sampler.result().energy
    expected_j = (1000 - 20 * 10) / 4 + 20 * 20 * 0.5
    assert energy.energy_kwh == pytest.approx(expected_j / 3.6e6)
    assert energy.machine_energy_kwh == pytest.approx(1200 / 3.6e6)


def test_means_peaks_and_series_agree(bench: Bench) -> None:
    counter = Counter(bench)
    sampler = Sampler(bench.usage, bench, [counter], NoGpus(), WHOLE)
    for cores, memory_gb in ((1, 2), (3, 8), (2, 5)):
        bench.run(1, job_cores=cores)
        bench.memory_bytes = memory_gb * 1e9
        counter.joules += 10 * cores
        sampler.sample()
    result = sampler.result(largest_process_bytes=9_000_000_000)
    assert (result.duration_s, result.cpu_time_s) == (3, 6)
    assert (result.busy_cores_mean, result.busy_cores_peak) == (2, 3)
    assert (result.memory_mean_gb, result.memory_peak_gb) == (5, 9)
    assert result.series.busy_cores == (1, 3, 2)
    assert result.series.memory_gb == (2, 8, 5)
    series_j = sum(result.series.power_w) * result.series.step_s
    assert series_j / 3.6e6 == pytest.approx(result.energy[0].energy_kwh, rel=1e-3)
    assert result.notes == ()


def test_memory_by_capacity_is_shared_by_what_is_held(bench: Bench) -> None:
    memory = Counter(bench, domain="memory", method="modelled", idle_power_w=10)
    sampler = Sampler(bench.usage, bench, [memory], NoGpus(), HeldShare(1.0, 0.25))
    bench.run(10, job_cores=0)
    memory.joules += 100
    assert sampler.result().energy[0].energy_kwh == pytest.approx(25 / 3.6e6)


class TwoGpus:
    """Two GPUs alike, one of them shared with others."""

    devices = (Gpu("X", 80), Gpu("X", 80))

    def __init__(self, bench: Bench) -> None:
        self.counters = [Counter(bench, domain="gpu", idle_power_w=0.0) for _ in range(2)]
        self.sources: tuple[PowerSource, ...] = tuple(self.counters)

    def activity(self, job_pids: object) -> GpuActivity:
        return GpuActivity(0.5, 30.0, (1.0, 0.25))

    def notes(self) -> list[str]:
        return ["one is shared"]


def test_gpus_alike_are_one_figure_and_a_lost_one_is_a_note(bench: Bench) -> None:
    gpus = TwoGpus(bench)
    sampler = Sampler(bench.usage, bench, [], gpus, WHOLE)
    bench.run(1, 1)
    for counter in gpus.counters:
        counter.joules += 400
    sampler.sample()
    gpus.counters[1].lost = True
    bench.run(1, 1)
    gpus.counters[0].joules += 400
    result = sampler.result()
    (energy,) = result.energy
    assert energy.energy_kwh == pytest.approx((800 + 100) / 3.6e6)
    assert energy.machine_energy_kwh == pytest.approx(1200 / 3.6e6)
    assert (result.gpu_utilization_mean, result.gpu_memory_peak_gb) == (0.5, 30)
    assert set(result.notes) == {"the counter is gone", "one is shared"}


def test_other_load_and_stolen_time_are_said(bench: Bench) -> None:
    sampler = Sampler(bench.usage, bench, [Counter(bench)], NoGpus(), WHOLE)
    bench.run(10, job_cores=1, other_cores=1)
    bench.stolen_s += 5
    notes = " ".join(sampler.result().notes)
    assert "other processes kept 1 of 4 threads busy" in notes
    assert "5 CPU seconds" in notes


HARDWARE = Hardware(
    "Some CPU", "", None, None, None, "x86_64", 4, 16.0, (), "Linux", "docker in kvm"
)
CPU_TABLES = CpuTables(
    {
        "generic x86_64": Microarchitecture(
            "generic x86_64", "", "x86_64", None, 1, 4, 2, None, 0.5, "assumed", "s"
        )
    },
    {},
    (),
)
POWER_TABLES = PowerTables(LoadShape((0, 1), (0, 1)), Factor(0.3, 0.5, "a factor"))


def test_without_counters_both_are_modelled_and_the_notes_say_why(
    tmp_path: Path, bench: Bench
) -> None:
    chosen = choose_sources(
        HARDWARE, bench, 16, sysfs=tmp_path, cpu_tables=CPU_TABLES, power_tables=POWER_TABLES
    )
    assert [source.method for source in chosen.sources] == ["modelled", "modelled"]
    assert chosen.sources[1].idle_power_w == pytest.approx((16 - 4 * 2) * 0.3)
    assert "docker in kvm" in chosen.notes[0]
    assert "assumed generic x86_64" in chosen.notes[1]


def test_counters_are_preferred_and_memory_is_modelled_whole_beside_them(
    tmp_path: Path, bench: Bench
) -> None:
    zone = tmp_path / "class/powercap/intel-rapl:0"
    zone.mkdir(parents=True)
    for name, text in (("name", "package-0"), ("energy_uj", "0"), ("max_energy_range_uj", "9")):
        (zone / name).write_text(text)
    cpu, memory = choose_sources(
        HARDWARE, bench, 16, sysfs=tmp_path, cpu_tables=CPU_TABLES, power_tables=POWER_TABLES
    ).sources
    assert (cpu.method, memory.method) == ("measured", "modelled")
    assert memory.idle_power_w == pytest.approx(16 * 0.3)


def test_importing_measurement_stays_light() -> None:
    """No heavy package comes with it; the program under measurement pays for every one."""
    script = (
        "import sys, pkgutil, importlib\n"
        "import carbon_advisor.measurement as room\n"
        "for module in pkgutil.iter_modules(room.__path__):\n"
        "    importlib.import_module(f'carbon_advisor.measurement.{module.name}')\n"
        "heavy = {'numpy', 'pandas', 'requests', 'psutil', 'pynvml', 'rich', 'typer', 'boto3'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
