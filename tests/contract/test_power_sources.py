"""What every PowerSource promises, run against each of ours and a third party's.

A new source is one more function below that makes it, with what moves and what ends it.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
import struct
import sys
import time
from dataclasses import dataclass
from inspect import signature
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, get_args

import pytest

from carbon_advisor import measurement
from carbon_advisor.measurement.cpu_lookup import Microarchitecture, ResolvedCpu
from carbon_advisor.measurement.hwmon_energy import HwmonEnergySource
from carbon_advisor.measurement.ioreport import EnergyModelTotals, IoReportSource
from carbon_advisor.measurement.machine_clock import MachineTimes
from carbon_advisor.measurement.nvml import nvml_gpus
from carbon_advisor.measurement.perf_energy import PerfEnergySource
from carbon_advisor.measurement.power_model import Factor, LoadShape, ModelledCpu, ModelledMemory
from carbon_advisor.measurement.power_source import (
    EnergyMeter,
    PowerSource,
    Reading,
    SourceLostError,
)
from carbon_advisor.measurement.powermetrics import PowermetricsSource
from carbon_advisor.measurement.profile import Component, Method
from carbon_advisor.measurement.rapl import RaplSource
from carbon_advisor.measurement.windows_emi import EmiSource

if TYPE_CHECKING:
    from collections.abc import Callable

FIXTURES = Path(__file__).parent.parent / "fixtures" / "power"


@dataclass
class Rig:
    """A source that works, and how a test drives it.

    Attributes:
        source: the source.
        use: makes its component use some joules; None where a test cannot.
        lose: takes its counter away; None for a model, which cannot be lost.
        absent: the same kind of source where there is none; None for a model.
    """

    source: PowerSource
    use: Callable[[float], None] | None = None
    lose: Callable[[], None] | None = None
    absent: PowerSource | None = None


def write(folder: Path, **files: str) -> Path:
    """Write files as sysfs has them; return the last one."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(f"{text}\n")
    return folder / name


def powercap(folder: Path) -> Rig:
    counter = write(
        folder / "intel-rapl:0",
        name="package-0",
        max_energy_range_uj="262143328850",
        energy_uj="262143000000",  # about to wrap
    )

    def use(joules: float) -> None:
        counter.write_text(f"{(int(counter.read_text()) + round(joules * 1e6)) % 262143328850}\n")

    return Rig(
        RaplSource("cpu", folder),
        use,
        lambda: os.truncate(counter, 0),
        RaplSource("cpu", folder / "none"),
    )


class Event:
    """An event of perf; what its 8 bytes say is `counts`, and nothing once it is negative."""

    counts = 0
    descriptor = -1

    def open(self, *_: int) -> int:
        self.descriptor = os.open(os.devnull, os.O_RDONLY)
        return self.descriptor

    def read(self, descriptor: int, length: int) -> bytes:
        assert (descriptor, length) == (self.descriptor, 8)
        return struct.pack("<Q", self.counts) if self.counts >= 0 else b""


def perf(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Rig:
    event, scale = Event(), "2.3283064365386962890625e-10"
    write(folder / "power", type="27", cpumask="0")
    write(folder / "power/events", **{"energy-ram": "event=0x03", "energy-ram.scale": scale})
    source = PerfEnergySource("memory", folder, open_event=event.open)
    monkeypatch.setattr("carbon_advisor.measurement.perf_energy.os.read", event.read)

    def use(joules: float) -> None:
        event.counts += round(joules * 2**32)

    return Rig(
        source,
        use,
        lambda: setattr(event, "counts", -1),
        PerfEnergySource("memory", folder / "none"),
    )


def hwmon(folder: Path) -> Rig:
    labels = {"name": "amd_energy", "energy1_label": "Esocket0"}
    counter = write(folder / "hwmon0", **labels, energy1_input="5")

    def use(joules: float) -> None:
        counter.write_text(f"{int(counter.read_text()) + round(joules * 1e6)}\n")

    return Rig(
        HwmonEnergySource(root=folder),
        use,
        lambda: os.truncate(counter, 0),
        HwmonEnergySource(root=folder / "none"),
    )


class Channels:
    """IOReport with one channel."""

    joules = 0.0
    lost = False

    def channels(self) -> list[tuple[str, str]]:
        return [("CPU Energy", "mJ")]

    def deltas(self) -> list[tuple[str, int]]:
        if self.lost:
            raise OSError("no sample")
        used, self.joules = self.joules, 0.0
        return [("CPU Energy", round(used * 1e3))]


def ioreport(monkeypatch: pytest.MonkeyPatch) -> Rig:
    channels = Channels()
    monkeypatch.setattr("carbon_advisor.measurement.ioreport._FRESH_S", 0.0)

    def nothing() -> EnergyModelTotals:
        raise OSError("no such library")

    return Rig(
        IoReportSource("cpu", lambda: EnergyModelTotals(channels)),
        lambda joules: setattr(channels, "joules", channels.joules + joules),
        lambda: setattr(channels, "lost", True),
        IoReportSource("cpu", nothing),
    )


def powermetrics() -> Rig:
    """A command that prints the recorded capture and waits."""
    capture = FIXTURES / "powermetrics_m4.plist"
    script = f"print(open({str(capture)!r}).read(), flush=True)\nimport time; time.sleep(60)"
    source = PowermetricsSource(command=[sys.executable, "-c", script], permitted=True)

    def lose() -> None:
        source.read()
        assert source._process is not None
        source._process.kill()
        source._process.wait()

    return Rig(source, None, lose, PowermetricsSource(command=["/usr/bin/no-such-command"]))


class EnergyMeterDevice:
    """Windows' energy meter of one package."""

    pwh = 10**12
    lost = False

    def control(self, code: int, size: int) -> bytes:
        name = "RAPL_Package0_PKG".encode("utf-16-le") + b"\0\0"
        metadata = bytes(64) + struct.pack("<HHiH", 1, 1, 0, len(name)) + name
        if self.lost:
            raise OSError(31, "not functioning")
        return {
            0x224000: struct.pack("<H", 2),
            0x224004: struct.pack("<I", len(metadata)),
            0x224008: metadata,
            0x22400C: struct.pack("<QQ", self.pwh, 1),
        }[code]


def emi() -> Rig:
    device = EnergyMeterDevice()
    return Rig(
        EmiSource("cpu", lambda: [device]),
        lambda joules: setattr(device, "pwh", device.pwh + round(joules / 3.6e-9)),
        lambda: setattr(device, "lost", True),
        EmiSource("cpu", list),
    )


class Nvml:
    """The boundary to NVIDIA's library: a board with a counter; all else it says it has not."""

    class NVMLError(Exception):
        """As pynvml raises it."""

    energy_mj, lost = 10**6, False

    def __getattr__(self, name: str) -> Any:
        if name.startswith("NVMLError"):
            return self.NVMLError
        if name.startswith("NVML_"):
            return 0

        def answer(*_: object) -> Any:
            known: dict[str, Any] = {
                "nvmlInit": None,
                "nvmlDeviceGetCount": 1,
                "nvmlDeviceGetHandleByIndex": 0,
                "nvmlDeviceGetUUID": "GPU-1",
                "nvmlDeviceGetName": "NVIDIA H100",
                "nvmlDeviceGetMemoryInfo": SimpleNamespace(total=8 * 10**10, used=0),
                "nvmlDeviceGetTotalEnergyConsumption": self.energy_mj,
                "nvmlDeviceGetPowerUsage": 300_000,
            }
            if self.lost or name not in known:
                raise self.NVMLError("Not Supported")
            return known[name]

        return answer


def nvml() -> Rig:
    library = Nvml()
    (source,) = nvml_gpus({}, library).sources
    return Rig(
        source,
        lambda joules: setattr(library, "energy_mj", library.energy_mj + round(joules * 1e3)),
        lambda: setattr(library, "lost", True),
    )


class Clock:
    """One thread of two is busy since ever."""

    threads = 2

    def read(self) -> MachineTimes:
        return MachineTimes(time.monotonic(), 0.0)


def modelled_cpu() -> Rig:
    row = Microarchitecture("Zen 4", "", "x86_64", None, 1, 4, 2, None, 0.2, "assumed", "s")
    cpu = ResolvedCpu(row, "cpuid", None)
    return Rig(ModelledCpu(cpu, Clock(), LoadShape((0, 1), (0, 1))))


def modelled_memory() -> Rig:
    return Rig(ModelledMemory(16, 0, Factor(0.3, 0.5, "a factor")))


class PlugMeter:
    """A third party's source: a meter at the plug that knows power only. It imports no base."""

    domain: Component = "cpu"
    method: Method = "measured"
    source = "plug meter in the rack"
    relative_error = 0.02
    idle_power_w: float | None = None

    def __init__(self, watts: float | None) -> None:
        self.watts = watts

    def available(self) -> bool:
        return self.watts is not None

    def read(self) -> Reading:
        if self.watts is None:
            raise SourceLostError("the plug meter does not answer")
        return Reading(time.monotonic(), power_w=self.watts)


def third_party() -> Rig:
    meter = PlugMeter(120.0)
    return Rig(meter, None, lambda: setattr(meter, "watts", None), PlugMeter(None))


MAKERS: tuple[Callable[..., Rig], ...] = (
    powercap,
    perf,
    hwmon,
    ioreport,
    powermetrics,
    emi,
    nvml,
    modelled_cpu,
    modelled_memory,
    third_party,
)
MODELS = {modelled_cpu, modelled_memory}  # always there, driven by the machine
COUNTERS = tuple(maker for maker in MAKERS if maker not in MODELS | {powermetrics, third_party})
LOSABLE = tuple(maker for maker in MAKERS if maker not in MODELS)


def make(maker: Callable[..., Rig], **given: Any) -> Rig:
    return maker(**{name: given[name] for name in signature(maker).parameters})


@pytest.fixture(params=MAKERS, ids=lambda maker: maker.__name__)
def rig(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rig:
    return make(request.param, folder=tmp_path, monkeypatch=monkeypatch)


def test_it_says_what_it_is(rig: Rig) -> None:
    source = rig.source
    assert isinstance(source, PowerSource)
    assert source.domain in get_args(Component)
    assert source.method in get_args(Method)
    assert isinstance(source.source, str)
    assert source.source.strip()
    assert 0 < source.relative_error < 1
    assert source.idle_power_w is None or source.idle_power_w >= 0


def test_it_is_available_and_one_that_is_not_says_so_without_raising(rig: Rig) -> None:
    assert rig.source.available() is True
    if rig.absent is not None:
        assert rig.absent.available() is False
        with pytest.raises(SourceLostError, match=r"\w"):
            rig.absent.read()


def test_readings_have_their_time_and_never_run_backwards(rig: Rig) -> None:
    last = rig.source.read()
    for step in range(4):
        if rig.use:
            rig.use(0.25 * step)
        reading = rig.source.read()
        assert last.time_s <= reading.time_s <= time.monotonic()
        if reading.energy_j is None:
            assert reading.power_w is not None
            assert reading.power_w >= 0
        else:
            assert last.energy_j is not None
            assert reading.energy_j >= last.energy_j >= 0
        last = reading


@pytest.mark.parametrize("rig", COUNTERS, ids=lambda maker: maker.__name__, indirect=True)
def test_what_is_used_is_what_is_read(rig: Rig) -> None:
    assert rig.use is not None
    meter = EnergyMeter(rig.source)
    for joules in (1.5, 0.0, 4.0):
        rig.use(joules)
        assert meter.advance() == pytest.approx(joules, abs=2e-3)


@pytest.mark.parametrize("rig", LOSABLE, ids=lambda maker: maker.__name__, indirect=True)
def test_one_that_goes_away_is_lost_and_the_run_goes_on(rig: Rig) -> None:
    assert rig.lose is not None
    meter = EnergyMeter(rig.source)
    rig.lose()
    for _ in range(20):  # some forgive a few failures
        meter.advance()
    with pytest.raises(SourceLostError, match=r"\w"):
        rig.source.read()
    assert meter.lost
    assert meter.advance() == 0.0


def test_every_source_of_ours_is_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A class with `available` and `read` that no maker above makes was forgotten."""
    made = set()
    for number, maker in enumerate(MAKERS):
        folder = tmp_path / str(number)
        folder.mkdir()
        with monkeypatch.context() as patch:
            made.add(type(make(maker, folder=folder, monkeypatch=patch).source).__name__)
    found = set()
    for module in pkgutil.iter_modules(measurement.__path__):
        there = importlib.import_module(f"{measurement.__name__}.{module.name}")
        for name, value in vars(there).items():
            if isinstance(value, type) and value.__module__ == there.__name__:
                is_protocol = getattr(value, "_is_protocol", False)
                if not is_protocol and {"available", "read"} <= vars(value).keys():
                    found.add(name)
    assert found <= made
