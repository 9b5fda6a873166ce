"""Apple Silicon's counters on what was recorded of them, and the call of the library itself."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from carbon_advisor.measurement import ioreport, powermetrics
from carbon_advisor.measurement.apple_gpu import apple_gpu
from carbon_advisor.measurement.ioreport import EnergyModelTotals, IoReportSource, chosen_channels
from carbon_advisor.measurement.ioreport_library import IoReportLibrary
from carbon_advisor.measurement.power_source import EnergyMeter, SourceLostError
from carbon_advisor.measurement.powermetrics import PowermetricsSource, sample_joules

FIXTURES = Path(__file__).parent.parent / "fixtures" / "power"
STAND_IN = Path(__file__).parent.parent / "doubles" / "ioreport_stand_in.c"
CAPTURE = FIXTURES / "powermetrics_m4.plist"


def recorded_channels(name: str) -> list[tuple[str, str]]:
    lines = (FIXTURES / f"ioreport_{name}.tsv").read_text().splitlines()
    return [(channel, unit) for channel, unit in (line.split("\t") for line in lines)]


class RecordedModel:
    """The channels of an M1 Ultra; each call gives the next of its recorded samples."""

    def __init__(self) -> None:
        lines = (FIXTURES / "ioreport_m1_ultra_deltas.tsv").read_text().splitlines()
        rows = [line.split("\t") for line in lines if not line.startswith("#")]
        self.samples = [
            [(name, int(count)) for number, name, count, _ in rows if number == sample]
            for sample in ("053", "054", "055")
        ]
        self.lost = False

    def channels(self) -> list[tuple[str, str]]:
        return recorded_channels("m1_ultra")

    def deltas(self) -> list[tuple[str, int]]:
        if self.lost:
            raise OSError("IOReport gives no sample")
        return self.samples.pop(0) if self.samples else []


class Time:
    """Time that a test moves."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now_s = 1000.0
        monkeypatch.setattr("time.monotonic", lambda: self.now_s)


@pytest.mark.parametrize(
    ("machine", "cpu", "memory", "gpu"),
    [
        (
            "m1_ultra",
            ["DIE_0_CPU Energy", "DIE_1_CPU Energy", "ANE0_0", "ANE0_1"],
            ["DRAM0_0", "DRAM0_1"],
            ["GPU Energy"],
        ),
        ("m5_max", ["CPU Energy", "ANE0"], ["DRAM0"], ["GPU Energy"]),
    ],
)
def test_of_the_channels_of_a_real_chip_each_part_counts_once(
    machine: str, cpu: list[str], memory: list[str], gpu: list[str]
) -> None:
    names = [name for name, _ in recorded_channels(machine)]
    assert chosen_channels("cpu", names) == cpu
    assert chosen_channels("memory", names) == memory
    assert chosen_channels("gpu", names) == gpu


def test_a_total_counts_and_not_its_dies_beside_it() -> None:
    names = ["DIE_0_CPU Energy", "CPU Energy", "DIE_1_CPU Energy"]
    assert chosen_channels("cpu", names) == ["CPU Energy"]
    assert chosen_channels("cpu", ["ANE0", "PCPU"]) == []


def test_recorded_counts_are_joules_by_each_channels_unit(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, totals = Time(monkeypatch), EnergyModelTotals(RecordedModel())
    cpu, memory, gpu = (
        EnergyMeter(IoReportSource(domain, lambda: totals)) for domain in ("cpu", "memory", "gpu")
    )
    clock.now_s += 1
    assert cpu.advance() == pytest.approx(23.296 + 2.033 + 0.281 + 0.031)
    assert memory.advance() == pytest.approx(3.392 + 3.341)  # the same sample
    assert gpu.advance() == pytest.approx(0.03138520)
    clock.now_s += 1
    assert cpu.advance() == pytest.approx(0.232 + 0.018 + 0.008)


def test_the_gpu_of_an_apple_chip_is_counted_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, totals = Time(monkeypatch), EnergyModelTotals(RecordedModel())
    gpus = apple_gpu(IoReportSource("gpu", lambda: totals))
    (source,) = gpus.sources
    meter = EnergyMeter(source)
    clock.now_s += 1
    assert meter.advance() == pytest.approx(0.03138520)
    assert gpus.activity([1]).job_shares == (1.0,)
    assert gpus.devices == ()  # nothing to translate a job from
    assert "other programs" in gpus.notes()[0]


def test_a_mac_without_a_gpu_channel_has_no_gpu() -> None:
    model = RecordedModel()
    model.channels = lambda: [("CPU Energy", "mJ")]  # type: ignore[method-assign]
    gpus = apple_gpu(IoReportSource("gpu", lambda: EnergyModelTotals(model)))
    assert gpus.sources == ()


def test_channels_that_stand_still_or_vanish_are_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, model = Time(monkeypatch), RecordedModel()
    source = IoReportSource("cpu", lambda: EnergyModelTotals(model))
    for _ in range(5):
        source.read()
        clock.now_s += 10
    clock.now_s += 60
    with pytest.raises(SourceLostError, match="too rarely"):
        source.read()
    model.lost = True
    clock.now_s += 1
    with pytest.raises(SourceLostError, match="no sample"):
        source.read()


def test_without_channels_it_says_what_is_missing() -> None:
    here = IoReportSource("cpu")  # on the machines that run these tests
    if sys.platform != "darwin":
        assert not here.available()
        assert "cannot be read" in here.missing
    model = RecordedModel()
    model.channels = lambda: [("PCPU", "mJ"), ("CPU Energy", "kcal")]  # type: ignore[method-assign]
    other = IoReportSource("cpu", lambda: EnergyModelTotals(model))
    assert "no cpu channel" in other.missing


def test_the_library_is_called_with_the_types_it_has(tmp_path: Path) -> None:
    compiler = shutil.which("cc")
    if not compiler:
        pytest.skip("no C compiler")
    library = tmp_path / "stand_in.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, STAND_IN], check=True)
    model = IoReportLibrary(libraries=(str(library), str(library)))
    assert model.channels() == [("CPU Energy", "mJ"), ("DRAM0", "mJ"), ("GPU Energy", "nJ")]
    count = ctypes.CDLL(str(library)).stand_in_alive
    alive = count()
    for _ in range(3):
        assert [value for _, value in model.deltas()] == [5 * 10**9, 10**10, 15 * 10**9]
    assert count() == alive, "every sample is released"
    with pytest.raises(OSError, match="no group 'Nothing'"):
        IoReportLibrary("Nothing", (str(library), str(library)))


def test_a_recorded_capture_of_powermetrics_is_its_energy() -> None:
    documents = CAPTURE.read_bytes().split(b"\0")
    joules = [sample_joules(document) for document in documents]
    assert joules == pytest.approx([0.0120, 0.0770, 0.0460], abs=5e-4)  # its cpu_energy, in mJ


def command_that_prints_the_capture(then: str) -> list[str]:
    script = (
        f"import sys, time, pathlib\nraw = pathlib.Path({str(CAPTURE)!r}).read_bytes()\n"
        f"out = sys.stdout.buffer\nout.write(raw[:700]); out.flush(); time.sleep(0.1)\n"
        f"out.write(raw[700:]); out.flush(); {then}"
    )
    return [sys.executable, "-c", script]


def read_until(source: PowermetricsSource, joules: float) -> float:
    deadline_s = time.monotonic() + 20
    while time.monotonic() < deadline_s:
        energy_j = source.read().energy_j
        assert energy_j is not None
        if energy_j >= joules:
            return energy_j
        time.sleep(0.01)
    raise AssertionError(f"never reached {joules} J")


def test_samples_are_summed_as_they_arrive_and_the_end_is_a_loss() -> None:
    running = PowermetricsSource(
        command=command_that_prints_the_capture("time.sleep(60)"), permitted=True
    )
    assert running.available()
    assert running.read().energy_j == 0.0
    assert read_until(running, 0.13) == pytest.approx(0.1350, abs=1e-3)
    process = running._process
    assert process is not None
    del running
    assert process.poll() is not None, "it ends with the source"
    ended = PowermetricsSource(command=command_that_prints_the_capture("pass"), permitted=True)
    with pytest.raises(SourceLostError, match="ended"):
        read_until(ended, 1.0)


def test_powermetrics_that_is_absent_refused_or_odd_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert "no /usr" in PowermetricsSource(command=["/usr/bin/no-such-command"]).missing
    odd = PowermetricsSource(command=[sys.executable, "-c", "print('</plist>')"], permitted=True)
    with pytest.raises(SourceLostError, match="powermetrics"):
        read_until(odd, 1.0)
    monkeypatch.setattr("os.geteuid", lambda: 501)
    monkeypatch.setattr(powermetrics, "_sudo_allows", lambda command: False)
    refused = PowermetricsSource(command=[sys.executable])
    assert (refused.available(), refused.refused) == (False, True)
    assert "sudoers.d" in refused.remedy


def test_the_rule_for_sudo_allows_this_command_and_no_other(tmp_path: Path) -> None:
    """powermetrics can write files as root: other arguments must stay forbidden."""
    printed = subprocess.run(
        ["sh", "-c", powermetrics.GRANT_POWERMETRICS.partition(" | ")[0]],
        capture_output=True,
        text=True,
        check=True,
        env={"USER": "ada", "PATH": "/usr/bin:/bin"},
    ).stdout
    assert printed == (
        r"ada ALL=(root) NOPASSWD: /usr/bin/powermetrics --samplers cpu_power\,gpu_power\,ane_power"
        " --format plist --sample-rate 500 --buffer-size 1\n"
    )
    checker = shutil.which("visudo")
    if checker:
        (tmp_path / "rule").write_text(printed)
        subprocess.run([checker, "-cf", tmp_path / "rule"], check=True, capture_output=True)


def test_units_are_those_that_chips_were_seen_to_use() -> None:
    units = {unit for name in ("m1_ultra", "m5_max") for _, unit in recorded_channels(name)}
    assert units <= set(ioreport._JOULES)
