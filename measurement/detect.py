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
from carbon_advisor.measurement.cpu_lookup import resolve_cpu
from carbon_advisor.measurement.errors import UnknownNameError
from carbon_advisor.measurement.hardware import Gpu, Hardware

if TYPE_CHECKING:
    from carbon_advisor.measurement.cpu_lookup import CpuTables

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
    architecture = "arm64" if platform.machine().lower() in {"arm64", "aarch64"} else "x86_64"
    return Hardware(
        cpu_name=name,
        cpu_vendor=vendor,
        cpu_family=family,
        cpu_model_number=model,
        microarchitecture=_microarchitecture(name, vendor, family, model, architecture, tables),
        architecture=architecture,
        vcpus=threads,
        memory_gb=memory_gb,
        gpus=gpus,
        operating_system=f"{platform.system()} {platform.release()}",
        virtualization=detect_virtualization(root) if on_linux else None,
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
    name: str,
    vendor: str,
    family: int | None,
    model: int | None,
    architecture: str,
    tables: CpuTables | None,
) -> str | None:
    try:
        cpu = resolve_cpu(
            name,
            vendor=vendor,
            family=family,
            model=model,
            architecture=architecture,
            tables=tables,
        )
    except UnknownNameError:
        return None
    return None if cpu.how == "fallback" else cpu.microarchitecture.name


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
    dmi = root / "sys/class/dmi/id"
    identity = " ".join(_read(dmi / name) for name in ("product_name", "sys_vendor"))
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
