"""What the doctor finds, on powercap trees like recorded ones and on this machine."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from carbon_advisor.measurement.diagnosis import diagnose
from carbon_advisor.measurement.perf_energy import GRANT_PERF
from carbon_advisor.measurement.rapl import GRANT_RAPL

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def sysfs(tmp_path: Path) -> Path:
    """One socket with a package and its DRAM, as Linux shows an Intel server."""
    for folder, name in (("intel-rapl:0", "package-0"), ("intel-rapl:0:0", "dram")):
        zone = tmp_path / "class/powercap" / folder
        zone.mkdir(parents=True)
        (zone / "name").write_text(f"{name}\n")
        (zone / "energy_uj").write_text("1000\n")
        (zone / "max_energy_range_uj").write_text("262143328850\n")
    return tmp_path


def test_counters_that_can_be_read_need_no_remedy(sysfs: Path) -> None:
    found = diagnose({}, sysfs)
    cpu, memory, gpu = found.findings
    for finding in (cpu, memory):
        assert finding.method == "measured"
        assert (finding.why, finding.remedy) == ("", "")
    assert gpu.component == "gpu"
    assert {each.outcome for each in found.looked_for} == {"used"}


def test_no_counters_are_modelled_and_what_was_looked_for_is_said(tmp_path: Path) -> None:
    found = diagnose({}, tmp_path)
    cpu, memory, _ = found.findings
    assert cpu.method == memory.method == "modelled"
    assert "no energy counters" in cpu.why
    assert "DRAM" in memory.why
    assert cpu.remedy == memory.remedy == ""
    assert cpu.relative_error > 0.1
    assert [each.component for each in found.looked_for] == ["cpu"] * 3 + ["memory"] * 2
    for each in found.looked_for:
        assert each.outcome == "missing"
        assert str(tmp_path) in each.why


def test_counters_that_are_refused_have_a_remedy(
    sysfs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_really = os.open

    def opened(path: Path, flags: int, *more: int) -> int:  # chmod does not bind root
        if str(path).endswith("energy_uj"):
            raise PermissionError(13, "Permission denied", str(path))
        return open_really(path, flags, *more)

    monkeypatch.setattr(os, "open", opened)
    cpu, memory, _ = diagnose({}, sysfs).findings
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
    for remedy in (GRANT_RAPL, GRANT_PERF):
        shells = subprocess.run(["bash", "-n", "-c", remedy], capture_output=True, check=False)
        assert shells.returncode == 0
