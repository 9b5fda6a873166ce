"""RAPL by perf events: trees as Documentation/ABI describes them, and an event of this kernel."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

import pytest

from carbon_advisor.measurement.perf_energy import PerfEnergySource, open_perf_event
from carbon_advisor.measurement.power_source import SourceLostError

if TYPE_CHECKING:
    from pathlib import Path

SCALE = "2.3283064365386962890625e-10"  # the kernel's: 2**-32 J, whatever the MSR's unit is


def add_events(root: Path, cpumask: str = "0,18", **events: str) -> Path:
    """The unit `power` as Intel and AMD machines show it."""
    folder = root / "power" / "events"
    folder.mkdir(parents=True)
    (root / "power" / "type").write_text("27\n")
    (root / "power" / "cpumask").write_text(f"{cpumask}\n")
    for name, config in (events or {"energy-pkg": "event=0x02"}).items():
        (folder / name).write_text(f"{config}\n")
        (folder / f"{name}.scale").write_text(f"{SCALE}\n")
        (folder / f"{name}.unit").write_text("Joules\n")
    return root


class Kernel:
    """Opens events as files, whose 8 bytes tests write."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.opened: list[tuple[int, int, int]] = []

    def open_event(self, kind: int, config: int, cpu: int) -> int:
        self.opened.append((kind, config, cpu))
        reader, writer = os.pipe()
        self.write = writer
        return reader


@pytest.fixture
def kernel(tmp_path: Path) -> Kernel:
    return Kernel(tmp_path)


def test_each_socket_has_its_event_and_counts_are_joules(tmp_path: Path, kernel: Kernel) -> None:
    root = add_events(tmp_path, **{"energy-pkg": "event=0x02", "energy-ram": "event=0x03"})
    source = PerfEnergySource("cpu", root, open_event=kernel.open_event)
    assert source.available()
    assert kernel.opened == [(27, 2, 0), (27, 2, 18)]
    PerfEnergySource("memory", root, open_event=kernel.open_event)
    assert kernel.opened[2:] == [(27, 3, 0), (27, 3, 18)]


def test_the_sum_is_scaled_and_an_event_in_error_is_lost(tmp_path: Path, kernel: Kernel) -> None:
    source = PerfEnergySource("cpu", add_events(tmp_path, "0"), open_event=kernel.open_event)
    os.write(kernel.write, (5 * 2**32).to_bytes(8, "little"))
    assert source.read().energy_j == pytest.approx(5.0)
    os.close(kernel.write)  # the kernel answers 0 bytes for an event in error
    with pytest.raises(SourceLostError, match="ended"):
        source.read()


def test_dies_of_one_amd_socket_are_opened_once(tmp_path: Path, kernel: Kernel) -> None:
    """Linux 6.9 and 6.10 name a CPU per die of EPYC, and each reads the socket's counter."""
    root = add_events(tmp_path, "0-1,16")
    for cpu, package in ((0, 0), (1, 0), (16, 1)):
        topology = tmp_path / "cpus" / f"cpu{cpu}" / "topology"
        topology.mkdir(parents=True)
        (topology / "physical_package_id").write_text(f"{package}\n")
    for vendor, cpus in (("AuthenticAMD", [0, 16]), ("GenuineIntel", [0, 1, 16])):
        kernel.opened.clear()
        PerfEnergySource(
            "cpu",
            root,
            cpus=tmp_path / "cpus",
            cpu_vendor=vendor,
            open_event=kernel.open_event,
        )
        assert [cpu for _, _, cpu in kernel.opened] == cpus


@pytest.mark.parametrize("code", [errno.EACCES, errno.EPERM])
def test_without_permission_it_is_refused_with_a_remedy(tmp_path: Path, code: int) -> None:
    def refuse(*_: int) -> int:
        raise OSError(code, os.strerror(code))

    source = PerfEnergySource("cpu", add_events(tmp_path), open_event=refuse)
    assert source.refused
    assert not source.available()
    assert "perf_event_paranoid" in source.remedy


def test_what_is_missing_or_not_understood_is_said(tmp_path: Path, kernel: Kernel) -> None:
    none = PerfEnergySource("cpu", tmp_path, open_event=kernel.open_event)
    assert "no energy-pkg event" in none.missing
    odd = add_events(tmp_path / "odd", **{"energy-pkg": "config=7"})
    assert "not understood" in PerfEnergySource("cpu", odd, open_event=kernel.open_event).missing
    assert "no energy-ram" in PerfEnergySource("memory", odd).missing
    assert not none.available()


def test_a_real_event_of_this_kernel_counts(tmp_path: Path) -> None:
    """CPU time in nanoseconds through the same system call; it stands in for energy."""
    root = add_events(tmp_path, "0", **{"energy-pkg": "event=0x00"})
    (root / "power" / "type").write_text("1\n")  # software events
    try:
        os.close(open_perf_event(1, 0, 0))
    except OSError as error:
        pytest.skip(f"no perf events for this user: {error}")
    source = PerfEnergySource("cpu", root)
    assert source.available()
    first, second = source.read().energy_j, source.read().energy_j
    assert first is not None
    assert second is not None
    assert 0 <= first < second
    assert not any(os.get_inheritable(descriptor) for descriptor in source._descriptors)
