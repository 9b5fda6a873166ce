"""hwmon energy counters on trees as the documentation of the driver amd_energy describes them.

No recorded tree was found; labels and units are from Documentation/hwmon/amd_energy.rst (5.9).
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from carbon_advisor.measurement.hwmon_energy import HwmonEnergySource
from carbon_advisor.measurement.power_source import EnergyMeter, SourceLostError

if TYPE_CHECKING:
    from pathlib import Path


def add_device(root: Path, folder: str, name: str, *labels: str) -> dict[str, Path]:
    """An hwmon device; returns each label's counter."""
    device = root / folder
    device.mkdir(parents=True)
    (device / "name").write_text(f"{name}\n")
    counters = {}
    for number, label in enumerate(labels, start=1):
        (device / f"energy{number}_label").write_text(f"{label}\n")
        counters[label] = device / f"energy{number}_input"
        counters[label].write_text("7000000\n")
    return counters


@pytest.mark.parametrize("driver", ["amd_energy", "zenergy"])
def test_sockets_are_summed_and_cores_are_parts_of_them(tmp_path: Path, driver: str) -> None:
    add_device(tmp_path, "hwmon0", "i915", "energy")
    counters = add_device(
        tmp_path, "hwmon1", driver, "Ecore000", "Ecore001", "Esocket0", "Esocket1"
    )
    source = HwmonEnergySource(root=tmp_path)
    meter = EnergyMeter(source)
    for counter in counters.values():
        counter.write_text("9500000\n")
    assert meter.advance() == pytest.approx(5.0)
    assert "2 socket(s)" in source.source


def test_an_energy_counter_of_something_else_is_not_the_cpu(tmp_path: Path) -> None:
    for number, name in enumerate(("i915", "xe", "ibmaem", "nvme")):
        add_device(tmp_path, f"hwmon{number}", name, "Esocket0")
    source = HwmonEnergySource(root=tmp_path)
    assert not source.available()
    assert "no amd_energy" in source.missing
    assert not HwmonEnergySource(root=tmp_path / "absent").available()


def test_refused_counters_have_a_remedy_that_names_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counters = add_device(tmp_path, "hwmon3", "amd_energy", "Esocket0")

    def refuse(path: Path, flags: int) -> int:  # chmod does not bind root
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(os, "open", refuse)
    source = HwmonEnergySource(root=tmp_path)
    assert source.refused
    assert not source.available()
    assert str(counters["Esocket0"]) in source.remedy


def test_a_driver_that_is_unloaded_is_lost(tmp_path: Path) -> None:
    counters = add_device(tmp_path, "hwmon0", "amd_energy", "Esocket0")
    source = HwmonEnergySource(root=tmp_path)
    counters["Esocket0"].write_text("")
    with pytest.raises(SourceLostError, match="hwmon"):
        source.read()
