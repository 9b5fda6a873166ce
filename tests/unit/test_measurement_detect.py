"""Hardware detection on trees as Linux lays them out, and on the machine that runs the tests."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

from carbon_advisor.measurement.cgroup_limits import cgroup_limits
from carbon_advisor.measurement.cpu_lookup import (
    CpuModel,
    CpuTables,
    Microarchitecture,
    resolve_hardware,
)
from carbon_advisor.measurement.detect import detect_hardware, detect_virtualization
from carbon_advisor.measurement.hardware import Gpu
from carbon_advisor.measurement.machine_clock import LinuxMachineClock

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads Linux trees")

EMPTY = CpuTables(
    {
        f"generic {name}": Microarchitecture(
            f"generic {name}", "", name, None, 1, 4, 3, None, 0.5, "assumed", "made up"
        )
        for name in ("x86_64", "arm64")
    },
    {},
    (),
)
VM_CPUINFO = """\
processor\t: 0
vendor_id\t: AuthenticAMD
cpu family\t: 25
model\t\t: 17
model name\t: AMD EPYC
flags\t\t: fpu vme hypervisor lahf_lm

processor\t: 1
vendor_id\t: AuthenticAMD
"""
ARM_CPUINFO = """\
processor\t: 0
BogoMIPS\t: 243.75
CPU implementer\t: 0x41
CPU architecture: 8
CPU part\t: 0xd0c
"""


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_a_virtual_machine(tmp_path: Path) -> None:
    root = write(
        tmp_path,
        {
            "proc/cpuinfo": VM_CPUINFO,
            "proc/meminfo": "MemTotal:       8000000 kB\nMemFree: 1 kB\n",
            "sys/class/dmi/id/product_name": "Google Compute Engine\n",
        },
    )
    found = detect_hardware((Gpu("L4", 24),), root, EMPTY)
    assert (found.cpu_name, found.cpu_vendor) == ("AMD EPYC", "AuthenticAMD")
    assert (found.cpu_family, found.cpu_model_number) == (25, 17)
    assert found.memory_gb == pytest.approx(8.192)
    assert found.virtualization == "kvm"
    assert found.vcpus == len(os.sched_getaffinity(0))
    assert found.microarchitecture is None  # a fallback is not passed off as knowledge
    assert found.gpus == (Gpu("L4", 24),)


def test_arm_is_known_by_implementer_and_part(tmp_path: Path) -> None:
    found = detect_hardware((), write(tmp_path, {"proc/cpuinfo": ARM_CPUINFO}), EMPTY)
    assert (found.cpu_vendor, found.cpu_family, found.cpu_model_number) == ("ARM", 0x41, 0xD0C)


def test_the_tightest_limit_of_cgroup_v2_and_its_parents_counts(tmp_path: Path) -> None:
    root = write(
        tmp_path,
        {
            "proc/self/cgroup": "0::/pod/box\n",
            "sys/fs/cgroup/cpu.stat": "usage_usec 1\n",
            "sys/fs/cgroup/pod/cpu.max": "150000 100000\n",
            "sys/fs/cgroup/pod/memory.max": "4000000000\n",
            "sys/fs/cgroup/pod/box/cpu.max": "max 100000\n",
            "sys/fs/cgroup/pod/box/memory.max": "max\n",
            "proc/meminfo": "MemTotal:       8000000 kB\n",
            "proc/cpuinfo": VM_CPUINFO,
        },
    )
    limits = cgroup_limits(root)
    assert (limits.cpus, limits.memory_bytes) == (1.5, 4_000_000_000)
    found = detect_hardware((), root, EMPTY)
    assert found.memory_gb == 4
    assert found.vcpus == min(2, len(os.sched_getaffinity(0)))


def test_limits_of_cgroup_v1(tmp_path: Path) -> None:
    root = write(
        tmp_path,
        {
            "proc/self/cgroup": "5:memory:/docker/x\n4:cpu,cpuacct:/docker/x\n",
            "sys/fs/cgroup/memory/docker/x/memory.limit_in_bytes": "2000000000\n",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
            "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "200000\n",
            "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
            "sys/fs/cgroup/cpu/docker/x/cpu.cfs_quota_us": "-1\n",
            "sys/fs/cgroup/cpu/docker/x/cpu.cfs_period_us": "100000\n",
        },
    )
    limits = cgroup_limits(root)
    assert (limits.cpus, limits.memory_bytes) == (2.0, 2_000_000_000)


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"proc/cpuinfo": "flags : fpu\n"}, None),
        (
            {"proc/cpuinfo": VM_CPUINFO, "sys/class/dmi/id/product_name": "VMware Virtual"},
            "vmware",
        ),
        (
            {
                "proc/cpuinfo": VM_CPUINFO,
                "sys/devices/system/clocksource/clocksource0/available_clocksource": "kvm-clock",
            },
            "kvm",
        ),
        ({"proc/cpuinfo": VM_CPUINFO}, "unknown hypervisor"),
        ({"proc/cpuinfo": VM_CPUINFO, "proc/version": "Linux 5 microsoft-standard-WSL2"}, "wsl"),
        ({"proc/cpuinfo": "flags : fpu\n", ".dockerenv": ""}, "docker"),
        ({"proc/cpuinfo": ARM_CPUINFO, "sys/class/dmi/id/sys_vendor": "Amazon EC2"}, "kvm"),
        (
            {
                "proc/cpuinfo": ARM_CPUINFO,
                "sys/class/dmi/id/sys_vendor": "Amazon EC2",
                "sys/class/dmi/id/product_name": "m7g.metal",
            },
            None,
        ),
        ({"proc/cpuinfo": VM_CPUINFO, "proc/1/cgroup": "0::/kubepods/pod1"}, "kubernetes in un"),
    ],
)
def test_virtualization(tmp_path: Path, files: dict[str, str], expected: str | None) -> None:
    found = detect_virtualization(write(tmp_path, files))
    assert found == expected or (found and expected and found.startswith(expected))


def test_this_machine_is_described() -> None:
    found = detect_hardware(tables=EMPTY)
    assert found.vcpus >= 1
    assert found.memory_gb > 0.1
    assert found.operating_system.startswith("Linux")


@pytest.mark.parametrize(
    ("vendor", "siblings", "expected"),
    [
        ("Amazon EC2", 2, "Genoa (one thread per core)"),
        ("Amazon EC2", 4, "Genoa"),
        ("QEMU", 2, "Genoa"),  # its topology is made up
    ],
)
def test_a_core_with_one_thread_has_a_row_of_its_own(
    tmp_path: Path, vendor: str, siblings: int, expected: str
) -> None:
    rows = {
        name: Microarchitecture(name, "", "x86_64", None, 1, 4, 3, None, 0.5, "measured", "x")
        for name in ("Genoa", "Genoa (one thread per core)")
    }
    tables = CpuTables(rows, {"epyc 9r14": CpuModel("EPYC 9R14", "Genoa", None)}, ())
    cpuinfo = (
        "vendor_id : AuthenticAMD\nmodel name : AMD EPYC 9R14\nflags : hypervisor\n"
        f"siblings : {siblings}\ncpu cores : 2\n"
    )
    files = {"proc/cpuinfo": cpuinfo, "sys/class/dmi/id/sys_vendor": vendor}
    found = detect_hardware((), write(tmp_path, files), tables)
    assert found.microarchitecture == expected
    assert resolve_hardware(found, tables).microarchitecture.name == expected


def test_waiting_for_input_is_not_busy(tmp_path: Path) -> None:
    stat = tmp_path / "stat"
    stat.write_text("cpu  100 10 50 9000 700 5 5 30 0 0\ncpu0 1 1\ncpu1 1 1\nintr 5\n")
    clock = LinuxMachineClock(stat)
    times = clock.read()
    ticks = os.sysconf("SC_CLK_TCK")
    assert clock.threads == 2
    assert times.busy_s == pytest.approx(170 / ticks)
    assert times.stolen_s == pytest.approx(30 / ticks)
