"""Whether a driver of accelerators is here: a few look-ups of files, before anything is imported.

16 µs where there is none.
"""

from __future__ import annotations

import os

# Nodes of NVIDIA's driver on Linux, in containers too, and under WSL.
_NVIDIA_NODES = ("/dev/nvidiactl", "/proc/driver/nvidia/version", "/dev/dxg")
_AMD_NODES = ("/dev/kfd",)  # of amdgpu's compute driver


def nvidia_driver_installed() -> bool:
    """Say whether NVML can be expected to work."""
    if os.name != "nt":
        return _any_exists(_NVIDIA_NODES)
    import ctypes

    try:
        ctypes.CDLL("nvml.dll")
    except OSError:
        return False
    return True


def amd_driver_installed() -> bool:
    """Say whether AMD SMI can be expected to work."""
    return os.name != "nt" and _any_exists(_AMD_NODES)


def _any_exists(nodes: tuple[str, ...]) -> bool:
    return any(os.path.exists(node) for node in nodes)  # noqa: PTH110 - a tenth of Path's time
