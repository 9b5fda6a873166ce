"""RAPL counters against trees laid out as Linux powercap lays them out (not run on real ones)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from carbon_advisor.measurement.power_source import EnergyMeter, PowerSource, SourceLostError
from carbon_advisor.measurement.rapl import RaplSource

if TYPE_CHECKING:
    from pathlib import Path

RANGE_UJ = 262_143_328_850


def add_zone(root: Path, folder: str, name: str, energy_uj: int, range_uj: int = RANGE_UJ) -> Path:
    zone = root / folder
    zone.mkdir(parents=True)
    (zone / "name").write_text(f"{name}\n")
    (zone / "max_energy_range_uj").write_text(f"{range_uj}\n")
    counter = zone / "energy_uj"
    counter.write_text(f"{energy_uj}\n")
    return counter


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


def test_a_counter_that_wraps_goes_on(tmp_path: Path) -> None:
    counter = add_zone(tmp_path, "intel-rapl:0", "package-0", RANGE_UJ - 2_000_000)
    meter = EnergyMeter(RaplSource("cpu", tmp_path))
    counter.write_text("3000000")
    assert meter.advance() == pytest.approx(5.0)
    counter.write_text("4000000")
    assert meter.advance() == pytest.approx(1.0)


def test_dies_count_each_and_mmio_serves_where_there_is_no_msr_driver(tmp_path: Path) -> None:
    for die in (0, 1):
        add_zone(tmp_path / "dies", f"intel-rapl:{die}", f"package-0-die-{die}", 0)
    dies = RaplSource("cpu", tmp_path / "dies")
    for die in (0, 1):
        (tmp_path / "dies" / f"intel-rapl:{die}" / "energy_uj").write_text("1000000")
    assert dies.read().energy_j == pytest.approx(2.0)

    add_zone(tmp_path / "mmio", "intel-rapl-mmio:0", "package-0", 0)
    assert RaplSource("cpu", tmp_path / "mmio").available()


def test_no_counters_or_none_that_may_be_read_is_not_available(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not RaplSource("cpu", tmp_path).available()
    counter = add_zone(tmp_path, "intel-rapl:0", "package-0", 0)
    read_bytes = type(counter).read_bytes

    def refuse(path: Path) -> bytes:  # root, who runs these tests in CI, may read anything
        if path == counter:
            raise PermissionError(13, "Permission denied", str(path))
        return read_bytes(path)

    monkeypatch.setattr(type(counter), "read_bytes", refuse)
    source = RaplSource("cpu", tmp_path)
    assert source.refused
    assert not source.available()


def test_a_counter_that_disappears_is_lost_not_fatal(tmp_path: Path) -> None:
    counter = add_zone(tmp_path, "intel-rapl:0", "package-0", 0)
    source = RaplSource("cpu", tmp_path)
    meter = EnergyMeter(source)
    counter.unlink()
    with pytest.raises(SourceLostError, match="RAPL"):
        source.read()
    assert meter.advance() == 0.0
    assert meter.lost is not None
