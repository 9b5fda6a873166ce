"""A profile in a few lines for the screen: what was used, how each figure was obtained."""

from __future__ import annotations

import shlex
import textwrap
from typing import TYPE_CHECKING

from carbon_advisor.advisor.durations import format_duration
from carbon_advisor.advisor.formatting import format_energy, format_number

if TYPE_CHECKING:
    from carbon_advisor.measurement.profile import ComponentEnergy, Profile

_WIDTH = 100
_LABELS = {"cpu": "CPU", "memory": "memory", "gpu": "GPU"}


def summary_lines(profile: Profile, kept_at: str) -> list[str]:
    """Return the lines, the last one with the next command to try.

    Args:
        profile: what was measured.
        kept_at: the file it was written to.
    """
    energy = format_energy(profile.energy_kwh)
    lines = [
        "",
        f"{profile.name}: {_duration(profile)}, {_mean_w(profile)}, {energy}{_failure(profile)}",
        *_labelled("used", _use(profile)),
    ]
    if profile.hardware.gpus:
        lines += _labelled("GPUs", _gpu_use(profile))
    for part in profile.energy:
        lines += _labelled(_LABELS[part.component], _energy(part))
    for note in profile.notes:
        lines += _labelled("note", note)
    lines += ["", f"written to {kept_at}; next: advisor recommend {shlex.quote(kept_at)}"]
    return lines


def _duration(profile: Profile) -> str:
    if profile.scale_basis == "whole":
        return format_duration(profile.duration_s)
    return (
        f"{format_duration(profile.duration_s)} in all "
        f"(measured {format_duration(profile.measured_duration_s)} × "
        f"{format_number(profile.scale)})"
    )


def _use(profile: Profile) -> str:
    cores = format_number(profile.busy_cores_mean)
    return (
        f"{cores} of {profile.hardware.vcpus} vCPUs (peak {format_number(profile.busy_cores_peak)})"
        f", {format_duration(profile.cpu_time_s)} of CPU time, "
        f"{format_number(profile.memory_peak_gb)} GB of memory at most"
    )


def _mean_w(profile: Profile) -> str:
    return f"{format_number(profile.energy_kwh * 3.6e6 / profile.duration_s)} W on average"


def _failure(profile: Profile) -> str:
    return f"; it FAILED with exit code {profile.exit_code}" if profile.exit_code else ""


def _gpu_use(profile: Profile) -> str:
    gpus = profile.hardware.gpus
    return (
        f"{len(gpus)} × {gpus[0].name}, {profile.gpu_utilization_mean:.0%} busy, "
        f"{format_number(profile.gpu_memory_peak_gb)} GB of memory at most on one"
    )


def _energy(part: ComponentEnergy) -> str:
    energy = format_energy(part.energy_kwh)
    return f"{energy} ±{part.relative_error:.0%}, {part.method}: {part.source}"


def _labelled(label: str, text: str) -> list[str]:
    return textwrap.wrap(text, _WIDTH, initial_indent=f"  {label:9}", subsequent_indent=" " * 11)
