"""What the doctor finds, on powercap trees like recorded ones and on this machine."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from carbon_advisor.measurement import rapl
from carbon_advisor.measurement.diagnosis import GRANT_RAPL, diagnose

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def powercap(tmp_path: Path) -> Path:
    """One socket with a package and its DRAM, as Linux shows an Intel server."""
    for folder, name in (("intel-rapl:0", "package-0"), ("intel-rapl:0:0", "dram")):
        zone = tmp_path / folder
        zone.mkdir()
        (zone / "name").write_text(f"{name}\n")
        (zone / "energy_uj").write_text("1000\n")
        (zone / "max_energy_range_uj").write_text("262143328850\n")
    return tmp_path


def test_counters_that_can_be_read_need_no_remedy(powercap: Path) -> None:
    cpu, memory, gpu = diagnose({}, powercap).findings
    for finding in (cpu, memory):
        assert finding.method == "measured"
        assert (finding.why, finding.remedy) == ("", "")
    assert gpu.component == "gpu"


def test_no_counters_are_modelled_and_said(tmp_path: Path) -> None:
    cpu, memory, _ = diagnose({}, tmp_path).findings
    assert cpu.method == memory.method == "modelled"
    assert "no energy counters" in cpu.why
    assert "DRAM" in memory.why
    assert cpu.remedy == memory.remedy == ""
    assert cpu.relative_error > 0.1


def test_counters_that_are_refused_have_a_remedy(
    powercap: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(folder: Path) -> None:
        raise PermissionError(13, "Permission denied", str(folder / "energy_uj"))

    monkeypatch.setattr(rapl, "_open_zone", refuse)  # chmod does not bind root
    cpu, memory, _ = diagnose({}, powercap).findings
    for finding in (cpu, memory):
        assert finding.method == "modelled"
        assert "may not read" in finding.why
        assert finding.remedy == GRANT_RAPL


def test_the_remedy_writes_the_rule_that_is_meant() -> None:
    assert "\n" not in GRANT_RAPL
    (echo,) = (part for part in GRANT_RAPL.split(" && ") if part.startswith("echo"))
    written = subprocess.run(
        ["bash", "-c", echo.partition(" | ")[0]], capture_output=True, text=True, check=True
    )
    assert written.stdout == (
        'SUBSYSTEM=="powercap", ACTION=="add|change", '
        "RUN+=\"/bin/sh -c 'chgrp rapl /sys%p/energy_uj; chmod g+r /sys%p/energy_uj'\"\n"
    )
    shells = subprocess.run(["bash", "-n", "-c", GRANT_RAPL], capture_output=True, check=False)
    assert shells.returncode == 0
