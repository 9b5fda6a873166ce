"""CPU names and CPUID values as machines, providers and people give them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from carbon_advisor.measurement.cpu_lookup import (
    CpuTables,
    normalized_cpu_name,
    read_cpu_tables,
    resolve_cpu,
)
from carbon_advisor.measurement.errors import UnknownNameError
from carbon_advisor.measurement.power_model import (
    Factor,
    LoadShape,
    ModelledCpu,
    ModelledMemory,
    read_power_tables,
)
from carbon_advisor.measurement.power_source import EnergyMeter, PowerSource

if TYPE_CHECKING:
    from pathlib import Path

MICROARCHITECTURES = """\
microarchitecture,vendor,architecture,launch_year,idle_w_per_thread,max_w_per_thread,memory_gb_per_thread,single_thread_score,relative_error,machines,basis,source
Genoa,AMD,x86_64,2022,0.5,3.0,3.0,1400,0.25,12,measured,SPECpower
Ice Lake,Intel,x86_64,2021,1.0,4.5,3.0,1200,0.25,12,measured,SPECpower
Haswell,Intel,x86_64,2014,1.2,4.8,2.0,,0.25,12,measured,SPECpower
Neoverse N1,ARM,arm64,2020,0.6,2.5,3.0,1000,0.35,3,measured,SPECpower
generic x86_64,,x86_64,,1.0,4.0,3.0,,0.5,100,measured,SPECpower
generic arm64,,arm64,,0.6,2.5,3.0,,0.5,3,assumed,SPECpower
"""
CPU_MODELS = """\
cpu_model,lookup_name,vendor,microarchitecture,cores,threads,tdp_w,launch_year,single_thread_score,source
Xeon Platinum 8370C,xeon platinum 8370c,Intel,Ice Lake,32,64,270,2021,1234,x
Xeon E5-2670 v3,xeon e5-2670 v3,Intel,Haswell,12,24,120,2014,,x
EPYC 9R14,epyc 9r14,AMD,Genoa,96,192,360,2022,,x
Q80-30,q80-30,Arm,Neoverse N1,80,80,210,2020,,x
Core i7-1260P,core i7-1260p,Intel,Ice Lake,4,8,28,2022,,x
Ryzen 7 7840U,ryzen 7 7840u,AMD,Genoa,8,16,28,2023,,x
"""
CPUID = """\
vendor_id,family,model_min,model_max,microarchitecture,source
AuthenticAMD,25,0,255,Ice Lake,a wider range that a narrower one beats
AuthenticAMD,25,16,31,Genoa,x
ARM,65,3340,3340,Neoverse N1,x
"""


@pytest.fixture
def tables(tmp_path: Path) -> CpuTables:
    for name, text in (
        ("microarchitectures", MICROARCHITECTURES),
        ("cpu_models", CPU_MODELS),
        ("cpuid", CPUID),
    ):
        (tmp_path / f"{name}.csv").write_text(text)
    return read_cpu_tables(tmp_path)


@pytest.mark.parametrize(
    ("written", "model"),
    [
        ("Intel(R) Xeon(R) Platinum 8370C CPU @ 2.80GHz", "Xeon Platinum 8370C"),
        ("Intel Xeon Platinum 8370C", "Xeon Platinum 8370C"),
        ("xeon  platinum 8370c", "Xeon Platinum 8370C"),
        ("Intel(R) Xeon(R) CPU E5-2670 v3 @ 2.30GHz", "Xeon E5-2670 v3"),
        ("Intel Xeon E5-2670v3 2.3 GHz", "Xeon E5-2670 v3"),
        ("AMD EPYC 9R14 96-Core Processor", "EPYC 9R14"),
        ("Ampere(R) Altra(R) Q80-30", "Q80-30"),
        ("12th Gen Intel(R) Core(TM) i7-1260P", "Core i7-1260P"),
        ("AMD Ryzen 7 7840U w/ Radeon 780M Graphics", "Ryzen 7 7840U"),
    ],
)
def test_names_as_they_are_written(tables: CpuTables, written: str, model: str) -> None:
    found = resolve_cpu(written, tables=tables)
    assert (found.how, found.cpu_model) == ("model", model)


def test_the_models_own_score_is_better_than_its_generations(tables: CpuTables) -> None:
    assert resolve_cpu("Xeon Platinum 8370C", tables=tables).single_thread_score == 1234
    assert resolve_cpu("EPYC 9R14", tables=tables).single_thread_score == 1400
    assert resolve_cpu("Xeon E5-2670 v3", tables=tables).single_thread_score is None


def test_a_name_that_a_hypervisor_hides_is_found_by_cpuid(tables: CpuTables) -> None:
    found = resolve_cpu("AMD EPYC", vendor="AuthenticAMD", family=25, model=17, tables=tables)
    assert (found.microarchitecture.name, found.how) == ("Genoa", "cpuid")
    arm = resolve_cpu("", vendor="ARM", family=65, model=3340, architecture="arm64", tables=tables)
    assert arm.microarchitecture.name == "Neoverse N1"


def test_a_microarchitectures_own_name_is_understood(tables: CpuTables) -> None:
    for name in ("Intel Ice Lake", "Intel Xeon Processor (Haswell, no TSX)"):
        assert resolve_cpu(name, tables=tables).how == "model"
    assert resolve_cpu("ice lake", tables=tables).single_thread_score == 1200


def test_what_nobody_knows_is_a_labelled_fallback(tables: CpuTables) -> None:
    found = resolve_cpu("Zhaoxin KH-40000", vendor="CentaurHauls", family=7, model=1, tables=tables)
    assert (found.microarchitecture.name, found.how) == ("generic x86_64", "fallback")
    with pytest.raises(UnknownNameError, match="riscv64"):
        resolve_cpu("", architecture="riscv64", tables=tables)


def test_names_that_differ_stay_different() -> None:
    names = ["Xeon E5-2670 v3", "Xeon E5-2670", "Xeon E5-2670 0", "Xeon Platinum 8370C"]
    assert len({normalized_cpu_name(name) for name in names}) == 3


def test_the_load_shape_is_linear_between_its_points() -> None:
    shape = LoadShape((0, 0.5, 1), (0, 0.4, 1))
    assert [shape.at(u) for u in (-1, 0, 0.25, 0.5, 0.75, 1, 1.2)] == pytest.approx(
        [0, 0, 0.2, 0.4, 0.7, 1, 1]
    )


class SteadyClock:
    """Two threads that are busy as much as a test says."""

    threads = 2

    def __init__(self) -> None:
        self.busy_s = 0.0

    def read(self) -> object:
        from carbon_advisor.measurement.machine_clock import MachineTimes

        return MachineTimes(self.busy_s, 0.0)


def test_two_threads_cost_two_threads_not_a_socket(
    tables: CpuTables, monkeypatch: pytest.MonkeyPatch
) -> None:
    now_s = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now_s[0])
    clock = SteadyClock()
    cpu = resolve_cpu("EPYC 9R14", tables=tables)
    source = ModelledCpu(cpu, clock, LoadShape((0, 1), (0, 1)))  # type: ignore[arg-type]
    meter = EnergyMeter(source)
    assert isinstance(source, PowerSource)
    assert (source.power_w(0), source.power_w(1)) == (1.0, 6.0)
    now_s[0] += 10
    clock.busy_s += 10  # half of two threads for 10 s
    assert meter.advance() == pytest.approx(10 * 3.5)


def test_memory_that_the_cpu_figure_contains_is_not_counted_again() -> None:
    factor = Factor(0.3, 0.5, "a factor")
    assert ModelledMemory(16, 6, factor).idle_power_w == pytest.approx(3.0)
    assert ModelledMemory(4, 6, factor).idle_power_w == 0
    assert "within the CPU figure" in ModelledMemory(16, 6, factor).source


def test_the_power_tables_are_read_in_order_of_utilisation(tmp_path: Path) -> None:
    (tmp_path / "load_shape.csv").write_text("utilization,fraction\n1,1\n0,0\n0.5,0.45\n")
    (tmp_path / "factors.csv").write_text(
        "key,value,unit,relative_error,year,basis,source\n"
        "other,1,x,0.1,2020,published,y\n"
        "memory_w_per_gb,0.31,W/GB,0.5,2021,published,CCF\n"
    )
    tables = read_power_tables(tmp_path)
    assert tables.shape.utilization == (0, 0.5, 1)
    assert tables.memory_w_per_gb == Factor(0.31, 0.5, "CCF")


def test_the_bundled_tables_know_what_clouds_show() -> None:
    hidden = resolve_cpu("AMD EPYC", vendor="AuthenticAMD", family=25, model=17)
    assert (hidden.microarchitecture.name, hidden.how) == ("EPYC 4th Gen", "cpuid")
    azure = resolve_cpu("Intel(R) Xeon(R) Platinum 8370C CPU @ 2.80GHz")
    assert (azure.cpu_model, azure.microarchitecture.name) == ("Xeon Platinum 8370C", "Ice Lake")
    assert resolve_cpu("Neoverse-N1", architecture="arm64").how == "model"
    gcp = resolve_cpu("Intel(R) Xeon(R) CPU @ 2.20GHz", vendor="GenuineIntel", family=6, model=79)
    assert gcp.microarchitecture.name == "Broadwell"
