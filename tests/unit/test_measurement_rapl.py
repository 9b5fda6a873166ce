"""RAPL counters against recorded powercap trees and trees laid out like them (no real ones)."""

from __future__ import annotations

import errno
import os
import socket
from pathlib import Path

import pytest

from carbon_advisor.measurement.energy_counter import KeptFile
from carbon_advisor.measurement.power_source import EnergyMeter, PowerSource, SourceLostError
from carbon_advisor.measurement.rapl import RaplSource

FIXTURES = Path(__file__).parent.parent / "fixtures" / "power"
RANGE_UJ = 262_143_328_850


def add_zone(root: Path, folder: str, name: str, energy_uj: int, range_uj: int = RANGE_UJ) -> Path:
    zone = root / folder
    zone.mkdir(parents=True)
    (zone / "name").write_text(f"{name}\n")
    (zone / "max_energy_range_uj").write_text(f"{range_uj}\n")
    counter = zone / "energy_uj"
    counter.write_text(f"{energy_uj}\n")
    return counter


def recorded(root: Path, listing: str) -> Path:
    """A tree from a listing of `path:value` lines; counters that it does not name are 0."""
    for line in (FIXTURES / listing).read_text().splitlines():
        if line.startswith("#"):
            continue
        path, _, value = line.rpartition(":")
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{value}\n")
    for zone in root.iterdir():
        for name, value in (("energy_uj", 0), ("max_energy_range_uj", RANGE_UJ)):
            if not (zone / name).exists():
                (zone / name).write_text(f"{value}\n")
    return root


@pytest.fixture
def two_sockets(tmp_path: Path) -> dict[str, Path]:
    """A dual-socket Xeon: core and psys and mmio zones beside packages and DRAM."""
    (tmp_path / "intel-rapl").mkdir()
    return {
        name: add_zone(tmp_path, folder, zone, 1_000_000)
        for name, folder, zone in (
            ("package-0", "intel-rapl:0", "package-0"),
            ("core-0", "intel-rapl:0:0", "core"),
            ("dram-0", "intel-rapl:0:1", "dram"),
            ("package-1", "intel-rapl:1", "package-1"),
            ("dram-1", "intel-rapl:1:0", "dram"),
            ("psys", "intel-rapl:2", "psys"),
            ("mmio", "intel-rapl-mmio:0", "package-0"),
        )
    }


def test_sockets_are_summed_and_nothing_is_counted_twice(
    tmp_path: Path, two_sockets: dict[str, Path]
) -> None:
    packages, dram = RaplSource("cpu", tmp_path), RaplSource("memory", tmp_path)
    for counter in two_sockets.values():
        counter.write_text("3500000\n")
    assert packages.read().energy_j == pytest.approx(5.0)
    assert dram.read().energy_j == pytest.approx(5.0)
    assert isinstance(packages, PowerSource)
    assert packages.method == "measured"


def test_a_laptop_with_psys_and_mmio_is_its_package_once(tmp_path: Path) -> None:
    recorded(tmp_path, "powercap_laptop_psys_mmio.txt")
    packages, dram = RaplSource("cpu", tmp_path), RaplSource("memory", tmp_path)
    for zone in tmp_path.iterdir():
        (zone / "energy_uj").write_text("2000000\n")
    assert packages.read().energy_j == pytest.approx(2.0)
    assert not dram.available()
    assert "DRAM" in dram.missing


def test_dies_of_amd_repeat_one_counter_and_dies_of_intel_count_each(tmp_path: Path) -> None:
    root = recorded(tmp_path, "powercap_two_dies.txt")
    amd = RaplSource("cpu", root, cpu_vendor="AuthenticAMD")
    intel = RaplSource("cpu", root, cpu_vendor="GenuineIntel")
    for folder, microjoules in (("intel-rapl:0", 10_360_237_493), ("intel-rapl:1", 10_359_908_363)):
        (root / folder / "energy_uj").write_text(f"{microjoules + 68_000_000}\n")
    assert amd.read().energy_j == pytest.approx(68.0)
    assert intel.read().energy_j == pytest.approx(2 * 68.0)


def test_mmio_serves_where_there_is_no_msr_driver(tmp_path: Path) -> None:
    add_zone(tmp_path, "intel-rapl-mmio:0", "package-0", 0)
    assert RaplSource("cpu", tmp_path).available()


def test_a_counter_that_wraps_goes_on(tmp_path: Path) -> None:
    counter = add_zone(tmp_path, "intel-rapl:0", "package-0", RANGE_UJ - 2_000_000)
    meter = EnergyMeter(RaplSource("cpu", tmp_path))
    counter.write_text("3000000")
    assert meter.advance() == pytest.approx(5.0)
    counter.write_text("4000000")
    assert meter.advance() == pytest.approx(1.0)


def test_a_counter_that_is_reset_is_no_wrap_around(tmp_path: Path) -> None:
    """After suspend it starts at 0 again; a wrap would mean 262 kJ within a moment."""
    counter = add_zone(tmp_path, "intel-rapl:0", "package-0", 5_000_000)
    meter = EnergyMeter(RaplSource("cpu", tmp_path))
    counter.write_text("1000000")
    assert meter.advance() == 0.0
    counter.write_text("3000000")
    assert meter.advance() == pytest.approx(2.0)


def refuse(monkeypatch: pytest.MonkeyPatch, refused: Path) -> None:
    """Root, who runs these tests in CI, may read anything."""
    open_really = os.open

    def opened(path: Path, flags: int) -> int:
        if path == refused:
            raise PermissionError(13, "Permission denied", str(path))
        return open_really(path, flags)

    monkeypatch.setattr(os, "open", opened)


def test_no_counters_or_one_that_may_not_be_read_is_not_available(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nothing = RaplSource("cpu", tmp_path)
    assert (nothing.available(), nothing.refused, nothing.remedy) == (False, False, "")
    add_zone(tmp_path, "intel-rapl:0", "package-0", 0)
    refuse(monkeypatch, add_zone(tmp_path, "intel-rapl:1", "package-1", 0))
    source = RaplSource("cpu", tmp_path)
    assert source.refused
    assert not source.available()
    assert "udev" in source.remedy


def test_half_of_the_sockets_is_no_measurement(tmp_path: Path) -> None:
    add_zone(tmp_path, "intel-rapl:0", "package-0", 0)
    add_zone(tmp_path, "intel-rapl:1", "package-1", 0).write_text("")
    source = RaplSource("cpu", tmp_path)
    assert not source.available()
    assert "cannot be read" in source.missing


def test_a_zone_that_disappears_is_lost_not_fatal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_zone(tmp_path, "intel-rapl:0", "package-0", 0)
    source = RaplSource("cpu", tmp_path)
    meter = EnergyMeter(source)

    def gone(*_: object) -> bytes:  # as sysfs answers on a kept descriptor
        raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))

    monkeypatch.setattr(os, "pread", gone)
    with pytest.raises(SourceLostError, match="RAPL"):
        source.read()
    assert meter.advance() == 0.0
    assert meter.lost is not None


def test_a_kept_descriptor_sees_new_values_of_sysfs_and_is_not_inherited() -> None:
    """A real counter of sysfs: the bytes of the loopback interface."""
    counter = Path("/sys/class/net/lo/statistics/rx_bytes")
    if not counter.exists():
        pytest.skip("no sysfs here")
    kept = KeptFile(counter)
    before = kept.read_int()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(bytes(1000), ("127.0.0.1", 9))
    assert kept.read_int() >= before + 1000
    assert not os.get_inheritable(kept._descriptor)
