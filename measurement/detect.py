"""The hardware of this machine as far as this process may use it.

Linux by /proc and /sys; macOS and Windows by what psutil and platform tell.
"""

from __future__ import annotations

import math
import os
import platform
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from carbon_advisor.measurement.cgroup_limits import cgroup_limits
from carbon_advisor.measurement.cpu_lookup import bundled_cpu_tables, resolve_cpu
from carbon_advisor.measurement.hardware import Gpu, Hardware

if TYPE_CHECKING:
    from carbon_advisor.measurement.cpu_lookup import CpuTables, ResolvedCpu

BYTES_PER_GB = 1e9

# DMI product and vendor names, in the order they are looked for (systemd's detect-virt).
_DMI_NAMES = (
    ("Google Compute Engine", "kvm"),
    ("Amazon EC2", "kvm"),
    ("KVM", "kvm"),
    ("OpenStack", "kvm"),
    ("QEMU", "qemu"),
    ("VMware", "vmware"),
    ("VirtualBox", "virtualbox"),
    ("innotek", "virtualbox"),
    ("Microsoft Corporation", "hyperv"),
    ("Xen", "xen"),
    ("Parallels", "parallels"),
)
_CLOUD_DMI_NAMES = ("Google Compute Engine", "Amazon EC2", "Microsoft Corporation")


def detect_hardware(
    gpus: tuple[Gpu, ...] = (), root: Path = Path("/"), tables: CpuTables | None = None
) -> Hardware:
    """Describe this machine within the limits of affinity and control groups.

    Args:
        gpus: the accelerators visible to the job.
        root: the folder that holds `proc` and `sys`; another one in tests.
        tables: CPU tables; the bundled ones if None.
    """
    on_linux = sys.platform == "linux"
    limits = cgroup_limits(root) if on_linux else None
    threads = available_threads()
    if limits and limits.cpus:
        threads = max(1, min(threads, math.ceil(limits.cpus)))
    memory_gb = machine_memory_gb(root)
    if limits and limits.memory_bytes:
        memory_gb = min(memory_gb, limits.memory_bytes / BYTES_PER_GB)
    name, vendor, family, model = _cpu_identity(root)
    virtualization = detect_virtualization(root) if on_linux else None
    architecture = "arm64" if platform.machine().lower() in {"arm64", "aarch64"} else "x86_64"
    return Hardware(
        cpu_name=name,
        cpu_vendor=vendor,
        cpu_family=family,
        cpu_model_number=model,
        microarchitecture=_microarchitecture(
            resolve_cpu(
                name,
                vendor=vendor,
                family=family,
                model=model,
                architecture=architecture,
                tables=tables,
            ),
            tables or bundled_cpu_tables(),
            one_thread_per_core=_one_thread_per_core(root, virtualization),
        ),
        architecture=architecture,
        vcpus=threads,
        memory_gb=memory_gb,
        gpus=gpus,
        operating_system=f"{platform.system()} {platform.release()}",
        virtualization=virtualization,
    )


def available_threads() -> int:
    """Return how many hardware threads this process may run on, by its affinity."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def machine_memory_gb(root: Path = Path("/")) -> float:
    """Return the memory of the whole machine, in GB of 10^9 bytes."""
    match = re.search(r"MemTotal:\s+(\d+) kB", _read(root / "proc/meminfo"))
    if match:
        return int(match[1]) * 1024 / BYTES_PER_GB
    import psutil

    return float(psutil.virtual_memory().total) / BYTES_PER_GB


def detect_virtualization(root: Path = Path("/")) -> str | None:
    """Name the container, the hypervisor, or both ("docker in kvm"); None on bare metal."""
    found = [name for name in (_container(root), _hypervisor(root)) if name]
    return " in ".join(found) or None


def _microarchitecture(
    cpu: ResolvedCpu, tables: CpuTables, *, one_thread_per_core: bool
) -> str | None:
    """Name the row; a core that runs one thread has rows of its own, as a thread has all of it."""
    if cpu.how == "fallback":
        return None
    name = cpu.microarchitecture.name
    single = f"{name} (one thread per core)"
    return single if one_thread_per_core and single in tables.microarchitectures else name


def _one_thread_per_core(root: Path, virtualization: str | None) -> bool:
    """Say whether simultaneous multithreading is off, where the topology shown can be believed.

    The large clouds show the host's; other hypervisors make one up, most often without threads.
    """
    first = _read(root / "proc/cpuinfo").split("\n\n", 1)[0]
    siblings = re.search(r"^siblings\s*:\s*(\d+)", first, re.MULTILINE)
    cores = re.search(r"^cpu cores\s*:\s*(\d+)", first, re.MULTILINE)
    if siblings is None or cores is None or siblings[1] != cores[1]:
        return False
    bare_metal = virtualization in (None, "docker", "podman", "kubernetes", "lxc")
    identity = _machine_identity(root)
    return bare_metal or any(cloud in identity for cloud in _CLOUD_DMI_NAMES)


def _machine_identity(root: Path) -> str:
    dmi = root / "sys/class/dmi/id"
    return " ".join(_read(dmi / name) for name in ("product_name", "sys_vendor"))


def _cpu_identity(root: Path) -> tuple[str, str, int | None, int | None]:
    """CPU name, vendor, family and model number; on Arm "ARM", implementer and part number."""
    first = _read(root / "proc/cpuinfo").split("\n\n", 1)[0]
    pairs = (line.partition(":") for line in first.splitlines())
    fields = {key.strip(): value.strip() for key, _, value in pairs}
    if "CPU implementer" in fields:
        implementer = int(fields["CPU implementer"], 16)
        part = int(fields["CPU part"], 16) if "CPU part" in fields else None
        name = fields.get("model name", "")
        return name, "ARM", implementer, part
    if "vendor_id" in fields:
        return (
            fields.get("model name", ""),
            fields["vendor_id"],
            _optional_int(fields.get("cpu family")),
            _optional_int(fields.get("model")),
        )
    return _name_without_proc(), "", None, None


def _name_without_proc() -> str:
    if sys.platform == "darwin":
        import subprocess

        command = ["/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string"]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        return result.stdout.strip()
    return platform.processor()


def _container(root: Path) -> str | None:
    if (root / "run/.containerenv").exists():
        return "podman"
    if "KUBERNETES_SERVICE_HOST" in os.environ and root == Path("/"):
        return "kubernetes"
    if (root / ".dockerenv").exists():
        return "docker"
    groups = _read(root / "proc/1/cgroup")
    for marker, name in (("kubepods", "kubernetes"), ("docker", "docker"), ("lxc", "lxc")):
        if marker in groups:
            return name
    return None


def _hypervisor(root: Path) -> str | None:
    if "microsoft" in _read(root / "proc/version").lower():
        return "wsl"
    identity = _machine_identity(root)
    is_guest = re.search(r"^flags\s*:.*\bhypervisor\b", _read(root / "proc/cpuinfo"), re.MULTILINE)
    on_arm = "CPU implementer" in _read(root / "proc/cpuinfo")
    if "metal" in identity or not (is_guest or on_arm):
        return None
    for marker, name in _DMI_NAMES:
        if marker in identity:
            return name
    clocks = _read(root / "sys/devices/system/clocksource/clocksource0/available_clocksource")
    for marker, name in (("kvm", "kvm"), ("hyperv", "hyperv"), ("xen", "xen")):
        if marker in clocks:
            return name
    return "unknown hypervisor" if is_guest else None


def _optional_int(text: str | None) -> int | None:
    return int(text) if text and text.isdigit() else None


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return ""
