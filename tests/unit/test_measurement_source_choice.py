"""Which counter is chosen on which system, what is said of the others, and what is imported."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from carbon_advisor.measurement import perf_energy, source_choice
from carbon_advisor.measurement.candidate_sources import Candidate, candidates
from carbon_advisor.measurement.hardware import Hardware
from carbon_advisor.measurement.machine_clock import MachineTimes
from carbon_advisor.measurement.power_source import Reading
from carbon_advisor.measurement.source_choice import choose_sources

if TYPE_CHECKING:
    from pathlib import Path

    from carbon_advisor.measurement.profile import Component, Method

HARDWARE = Hardware(
    "Some CPU", "GenuineIntel", None, None, None, "x86_64", 4, 16.0, (), "Linux", None
)


class Clock:
    """Four idle threads."""

    threads = 4

    def read(self) -> MachineTimes:
        return MachineTimes(0.0, 0.0)


@dataclass
class Counter:
    """A counter that is there, refused or missing, as a test wants it."""

    domain: Component
    source: str
    refused: bool = False
    missing: str = ""
    method: Method = "measured"
    relative_error: float = 0.05
    idle_power_w: float | None = None

    @property
    def remedy(self) -> str:
        return f"allow {self.source}" if self.refused else ""

    def available(self) -> bool:
        return not self.missing

    def read(self) -> Reading:
        return Reading(0.0, energy_j=0.0)


def add_powercap(sysfs: Path, *zones: tuple[str, str]) -> None:
    for folder, name in zones:
        zone = sysfs / "class/powercap" / folder
        zone.mkdir(parents=True)
        for file, text in (("name", name), ("energy_uj", "0"), ("max_energy_range_uj", "9")):
            (zone / file).write_text(f"{text}\n")


def add_perf(sysfs: Path, *events: str) -> None:
    unit = sysfs / "bus/event_source/devices/power"
    (unit / "events").mkdir(parents=True)
    (unit / "type").write_text("27\n")
    (unit / "cpumask").write_text("0\n")
    for number, event in enumerate(events, start=2):
        (unit / "events" / event).write_text(f"event=0x{number:02x}\n")
        (unit / "events" / f"{event}.scale").write_text("2.3283064365386962890625e-10\n")


@pytest.fixture
def perf_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(perf_energy, "open_perf_event", lambda *_: os.open(os.devnull, os.O_RDONLY))


def outcomes(sysfs: Path) -> list[tuple[str, str, str]]:
    looked_for = choose_sources(HARDWARE, Clock(), 16, sysfs=sysfs, platform="linux").looked_for
    return [(each.component, each.name, each.outcome) for each in looked_for]


def test_powercap_comes_first_and_nothing_is_looked_for_behind_it(tmp_path: Path) -> None:
    add_powercap(tmp_path, ("intel-rapl:0", "package-0"), ("intel-rapl:0:0", "dram"))
    assert outcomes(tmp_path) == [
        ("cpu", "RAPL by powercap", "used"),
        ("memory", "RAPL by powercap", "used"),
    ]


@pytest.mark.usefixtures("perf_allowed")
def test_perf_serves_where_powercap_does_not_and_each_domain_by_itself(tmp_path: Path) -> None:
    add_powercap(tmp_path, ("intel-rapl:0", "package-0"))
    add_perf(tmp_path, "energy-pkg", "energy-ram")
    assert outcomes(tmp_path) == [
        ("cpu", "RAPL by powercap", "used"),
        ("memory", "RAPL by powercap", "missing"),
        ("memory", "RAPL by perf events", "used"),
    ]


@pytest.mark.usefixtures("perf_allowed")
def test_a_memory_counter_beside_a_modelled_cpu_is_not_used(tmp_path: Path) -> None:
    """The modelled CPU is wall power by its threads and contains memory."""
    add_perf(tmp_path, "energy-ram")
    chosen = choose_sources(HARDWARE, Clock(), 16, sysfs=tmp_path, platform="linux")
    assert [source.method for source in chosen.sources] == ["modelled", "modelled"]
    assert chosen.looked_for[-1].outcome == "unused"
    assert "contains memory" in chosen.looked_for[-1].why


def test_hwmon_is_the_last_on_linux(tmp_path: Path) -> None:
    device = tmp_path / "class/hwmon/hwmon0"
    device.mkdir(parents=True)
    for file, text in (("name", "amd_energy"), ("energy1_label", "Esocket0"), ("energy1_input", 7)):
        (device / file).write_text(f"{text}\n")
    assert outcomes(tmp_path)[2] == ("cpu", "hwmon energy counters", "used")


def test_a_refused_counter_is_told_with_its_remedy_and_another_one_serves(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def look(domain: Component) -> Counter:
        return Counter(domain, "the best", refused=True, missing="not for this user")

    kinds = [Candidate("the best", ("cpu", "memory"), look)]
    monkeypatch.setattr(source_choice, "candidates", lambda *_, **__: tuple(kinds))
    alone = choose_sources(HARDWARE, Clock(), 16)
    assert "the best is there but this user may not read it" in alone.notes[0]
    assert alone.looked_for[0].remedy == "allow the best"
    kinds.append(Candidate("another", ("cpu",), lambda domain: Counter(domain, "another")))
    both = choose_sources(HARDWARE, Clock(), 16)
    assert [each.outcome for each in both.looked_for] == ["refused", "used", "refused"]
    assert both.sources[0].source == "another"


@pytest.mark.parametrize(
    ("platform", "cpu", "memory"),
    [
        (
            "linux",
            ["RAPL by powercap", "RAPL by perf events", "hwmon energy counters"],
            ["RAPL by powercap", "RAPL by perf events"],
        ),
        ("darwin", ["IOReport", "powermetrics"], ["IOReport"]),
        ("win32", ["Energy Metering Interface (EMI)"], ["Energy Metering Interface (EMI)"]),
        ("freebsd14", [], []),
    ],
)
def test_each_system_has_its_candidates_and_looking_never_fails(
    tmp_path: Path, platform: str, cpu: list[str], memory: list[str]
) -> None:
    kinds = candidates("AuthenticAMD", sysfs=tmp_path, platform=platform)
    assert [kind.name for kind in kinds if "cpu" in kind.domains] == cpu
    assert [kind.name for kind in kinds if "memory" in kind.domains] == memory
    if platform != sys.platform:  # nothing of it is here, whatever machine this is
        for kind in kinds:
            found = kind.look("cpu")
            assert not found.available()
            assert found.missing


def modules_after(script: str, *arguments: str) -> set[str]:
    """The modules that a fresh interpreter has imported after a script, by their last name."""
    run = subprocess.run(
        [sys.executable, "-c", f"{script}\nimport sys; print(*sys.modules)", *arguments],
        capture_output=True,
        text=True,
        check=True,
    )
    return {name.rpartition(".")[2] for name in run.stdout.split()}


FOREIGN = {"ioreport", "ioreport_library", "powermetrics", "windows_emi", "windows_emi_devices"}


def test_what_other_systems_need_is_not_imported_here(tmp_path: Path) -> None:
    imported = modules_after(
        "import sys\n"
        "from pathlib import Path\n"
        "from carbon_advisor.measurement.candidate_sources import candidates\n"
        "for kind in candidates(sysfs=Path(sys.argv[1]), platform='linux'):\n"
        "    assert not kind.look('cpu').available()",
        str(tmp_path),
    )
    assert imported >= {"rapl", "perf_energy", "hwmon_energy"}
    assert not imported & (FOREIGN | {"plistlib", "ctypes", "subprocess"})


def test_where_linux_shows_no_counters_none_of_their_code_is_imported(tmp_path: Path) -> None:
    """A virtual machine in a cloud, whose runs start as fast as they can."""
    imported = modules_after(
        "import sys\n"
        "from pathlib import Path\n"
        "from carbon_advisor.measurement.candidate_sources import candidates\n"
        "from carbon_advisor.measurement.source_choice import _first_that_works\n"
        "kinds = candidates(sysfs=Path(sys.argv[1]), platform='linux')\n"
        "assert _first_that_works('cpu', kinds)[0] is None",
        str(tmp_path),
    )
    assert "source_choice" in imported
    assert not imported & (FOREIGN | {"rapl", "perf_energy", "hwmon_energy", "ctypes"})
