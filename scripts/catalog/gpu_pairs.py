"""GPU jobs on pairs of accelerators: Lambda's training, MLPerf's and ML.ENERGY's inference."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from catalog.files import hand_rows, median, number, read_rows
from catalog.pairs import Pairs, pairs_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

LAMBDA_GPUS = {
    "LambdaCloud 1x V100 16GB": "V100",
    "RTX 3090": "RTX-3090",
    "LambdaCloud 1x A10": "A10",
    "LambdaCloud 1x A100 40GB PCIe": "A100-PCIE",
    "A100 80GB PCIe": "A100-PCIE-80GB",
    "A100 80GB SXM4": "A100-80GB",
    "RTX 6000 Ada": "RTX-6000-Ada",
    "RTX A6000": "RTX-A6000",
    "RTX 4090": "RTX-4090",
    "LambdaCloud 1x H100 80GB PCIe": "H100-PCIE",
    "LambdaCloud 1x H100 80GB SXM5": "H100",
    "LambdaCloud 1x GH200 96GB": "GH200",
    "LambdaCloud 1x B200 192GB SXM5": "B200",
}
MLPERF_GPUS = {
    "NVIDIA GeForce RTX 4090": "RTX-4090",
    "NVIDIA B200-SXM-180GB": "B200",
    "NVIDIA GB200": "GB200",
    "NVIDIA GB300": "GB300",
    "NVIDIA H200-NVL-141GB": "H200-NVL",
    "NVIDIA H200-SXM-141GB": "H200",
    "NVIDIA H100-SXM-80GB": "H100",
    "NVIDIA H100-NVL-94GB": "H100-NVL",
    "NVIDIA L40S": "L40S",
    "NVIDIA L4-PCIe-24GB": "L4",
    "NVIDIA RTX PRO 6000 Blackwell Server Edition": "RTX-PRO-6000",
    "AMD Instinct MI300X 192GB HBM3": "MI300X",
    "AMD Instinct MI325X 256GB HBM3e": "MI325X",
}
# PyTorch runs Lambda's "fp32" in TF32 where the GPU has it; int8 and FP8 have the same dense peak.
PRECISIONS = {"fp32": "tf32", "fp16": "fp16", "bfloat16": "fp16", "fp8": "fp8", "int8": "fp8"}
LAMBDA_FILE = "lambda_pytorch-train-throughput-{}.csv"
REAL_GAIN = 1.1  # Tacotron 2 and WaveGlow are as fast in "fp16" as in "fp32": they ran in the same
SAME_BATCH = 0.1  # ML.ENERGY's pairs whose batches differ by more are another job
# Of ML.ENERGY's columns, those that say which job and which deployment a row is.
ENERGY_KEY = (
    "task", "model_id", "num_gpus", "weight_precision", "max_num_seqs", "batch_size",
    "tensor_parallel", "expert_parallel", "data_parallel", "image_height", "inference_steps",
    "ring_degree", "ulysses_degree", "num_frames", "video_height", "fps",
)  # fmt: skip
ENERGY_SPEEDS = (
    "output_throughput_tokens_per_sec", "throughput_images_per_sec", "throughput_videos_per_sec",
)  # fmt: skip


@dataclass(frozen=True)
class Point:
    """One workload's speed (a logarithm) on one accelerator at a precision."""

    workload: str
    precision: str
    gpu: str
    speed: float


def gpu_points(sources: Path) -> list[Point]:
    """Return the points of the three sources; workloads begin with the source's name."""
    perf = sources / "perf"
    return [*_lambda(perf), *_mlperf(perf), *_ml_energy(perf)]


def _lambda(perf: Path) -> Iterator[Point]:
    """Training on one GPU; without half-precision runs that half precision did not make faster."""
    single, half = (
        {row["name_gpu"]: row for row in read_rows(perf / LAMBDA_FILE.format(precision))}
        for precision in ("fp32", "fp16")
    )
    for name in list(next(iter(single.values())))[4:]:
        gains = [float(half[gpu][name]) / float(single[gpu][name]) for gpu in LAMBDA_GPUS]
        tables = {"fp32": single, "fp16": half}
        if float(np.median(gains)) < REAL_GAIN:
            del tables["fp16"]
        for precision, table in tables.items():
            for row_name, gpu in LAMBDA_GPUS.items():
                speed = float(table[row_name][name])
                yield _point(f"lambda:{precision}:{name}", precision, gpu, speed)


def _point(workload: str, precision: str, gpu: str, speed: float) -> Point:
    return Point(workload, PRECISIONS[precision], gpu, float(np.log(speed)))


def _mlperf(perf: Path) -> Iterator[Point]:
    """Closed division, offline scenario, per accelerator; the median of the submissions."""
    speeds: dict[tuple[str, str, str], list[float]] = {}
    for row in read_rows(perf / "mlperf_inference_v5.1_summary.csv.gz"):
        gpu = MLPERF_GPUS.get(row["Accelerator"])
        precision = _mlperf_precision(row["weight_data_types"])
        if row["Category"] != "closed" or row["Scenario"] != "Offline" or not gpu or not precision:
            continue
        each = float(row["Performance_Result"]) / float(row["a#"]) / float(row["Nodes"])
        speeds.setdefault((row["Model"], precision, gpu), []).append(each)
    for (model, precision, gpu), values in sorted(speeds.items()):
        yield _point(f"mlperf:{precision}:{model}", precision, gpu, median(values) or 0.0)


def _mlperf_precision(text: str) -> str | None:
    """The precision of most of the work; None for 4-bit, which few accelerators have."""
    if "fp8" in text:
        return "fp8"
    found = text.lower()
    return found if found in ("fp16", "int8") else None


def _ml_energy(perf: Path) -> Iterator[Point]:
    """The same deployment on both GPUs; the median of a model's batch sizes and parallelisms."""
    speeds: dict[tuple[str, ...], dict[str, tuple[float, float]]] = {}
    for row in read_rows(perf / "ml_energy_leaderboard_v3_configs.csv.gz"):
        speed = next(value for name in ENERGY_SPEEDS if (value := number(row[name])))
        batch = number(row["avg_batch_size"]) or number(row["batch_size"]) or 1.0
        key = tuple(row[name] for name in ENERGY_KEY)
        speeds.setdefault(key, {})[row["gpu_model"]] = (speed, batch)
    ratios: dict[tuple[str, str, str], list[float]] = {}
    for key, found in speeds.items():
        task, model, _, precision = key[:4]
        if {"H100", "B200"} <= found.keys() and precision in PRECISIONS:
            (slow, one), (fast, other) = found["H100"], found["B200"]
            if abs(np.log(one / other)) <= SAME_BATCH:
                ratios.setdefault((task, model, precision), []).append(fast / slow)
    for (task, model, precision), values in sorted(ratios.items()):
        workload = f"ml_energy:{precision}:{task}:{model}"
        yield _point(workload, precision, "H100", 1.0)
        yield _point(workload, precision, "B200", median(values) or 0.0)


def peaks() -> dict[str, dict[str, float]]:
    """Return logarithms of peak TFLOPS by precision and of bandwidth, by accelerator."""
    found = {}
    for row in hand_rows("accelerators"):
        fp32, fp16 = float(row["fp32_tflops"]), float(row["fp16_tflops"])
        figures = {
            "fp32": fp32,
            "tf32": number(row["tf32_tflops"]) or fp32,
            "fp16": fp16,
            "fp8": number(row["fp8_tflops"]) or fp16,
            "bandwidth": float(row["bandwidth_gb_per_s"]),
        }
        found[row["short"]] = {name: float(np.log(value)) for name, value in figures.items()}
    return found


def gpu_pairs(points: list[Point], exponents: tuple[float, float]) -> Pairs:
    """Return every workload on every two accelerators.

    Args:
        points: the speeds.
        exponents: of the ratio of peaks and of the ratio of bandwidths.
    """
    figures = peaks()
    by_workload: dict[str, list[Point]] = {}
    for point in points:
        by_workload.setdefault(point.workload, []).append(point)
    rows = [
        _row(one, other, figures, exponents)
        for _, found in sorted(by_workload.items())
        for one, other in combinations(found, 2)
    ]
    return pairs_of(rows)


def _row(
    one: Point, other: Point, figures: dict[str, dict[str, float]], exponents: tuple[float, float]
) -> dict[str, object]:
    first, second = figures[one.gpu], figures[other.gpu]
    flops = first[one.precision] - second[one.precision]
    bandwidth = first["bandwidth"] - second["bandwidth"]
    predicted = exponents[0] * flops + exponents[1] * bandwidth
    return {
        "workload": one.workload,
        "first": one.gpu,
        "second": other.gpu,
        "truth": one.speed - other.speed,
        "predicted": predicted,
        "others": {
            "untranslated": 0.0,
            "FLOPS alone": flops,
            "bandwidth alone": bandwidth,
            "geometric mean": (flops + bandwidth) / 2,
        },
        "features": {
            "accelerator": 1.0,
            "gain": predicted**2,
            "mix": (flops - bandwidth) ** 2,
        },
    }


def fit_exponents(pairs: Pairs) -> tuple[float, float]:
    """Return the exponents with the least sum of absolute log errors; every pair counts once."""
    flops, bandwidth = pairs.others["FLOPS alone"], pairs.others["bandwidth alone"]
    columns = np.stack([flops, bandwidth], axis=1)
    found: Floats = np.zeros(2)
    for _ in range(50):
        size = np.maximum(np.abs(pairs.truth - columns @ found), 0.01)
        root = 1 / np.sqrt(size)
        solved = np.linalg.lstsq(columns * root[:, None], pairs.truth * root, rcond=None)
        found = np.asarray(solved[0])
    return float(found[0]), float(found[1])


def with_exponents(pairs: Pairs, exponents: tuple[float, float]) -> Pairs:
    """Return the pairs predicted with other exponents."""
    predicted = (
        exponents[0] * pairs.others["FLOPS alone"] + exponents[1] * pairs.others["bandwidth alone"]
    )
    return Pairs(
        workload=pairs.workload,
        first=pairs.first,
        second=pairs.second,
        truth=pairs.truth,
        predicted=predicted,
        others=pairs.others,
        features={**pairs.features, "gain": predicted**2},
    )
