"""Accuracy of server watts on CPU models left out, beside what other tools would say."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from carbon_advisor.advisor.catalog import bundled_directory, load_catalog
from carbon_advisor.advisor.estimate.cpu_power import LEVELS
from carbon_advisor.advisor.estimate.server_power import gpu_server_power
from catalog.files import read_rows
from power_fit.folds import splits
from power_fit.model import model_of
from power_fit.results import Results, read_results

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

# Teads 2021, "Estimating AWS EC2 Instances Power Consumption": share of the TDP at 0, 10, 50 and
# 100 % load. CodeCarbon 3 (cpu.py, load mode): TDP × (0.1 + 0.9 × load³). Boavizta 2023: the same
# kind of logarithmic curve for each family of Xeons, scaled here to the CPU's TDP; its family
# "Xeon Platinum" for what has none. CCF: watts per thread by microarchitecture at both ends.
TEADS_LOADS, TEADS_SHARE = (0.0, 0.1, 0.5, 1.0), (0.12, 0.32, 0.75, 1.02)
CODECARBON_IDLE = 0.1
CCF_WRONG = ("EPYC 5th Gen", "Graviton")  # 3.7-9 W per thread; copies of EPYC 2nd Gen
MEMORY_W_PER_GB = 0.392  # added to what counts CPUs alone, where that brings it nearer
WIDTH = 30
BOAVIZTA_DEFAULT = "Xeon Platinum"


@dataclass(frozen=True)
class _Others:
    """What the other tools' tables say."""

    ccf: dict[str, tuple[float, float]]
    boavizta: dict[str, tuple[float, ...]]


def table(sources: Path) -> list[str]:
    """Return the table as lines; the machines' CPU models are held out in ten folds."""
    results = read_results(sources)
    others = _Others(_ccf(sources), _boavizta(sources))
    methods: dict[str, Floats] = {"this project, model left out": _ours(results)}
    tools: dict[str, Callable[[Results, _Others], Floats]] = {
        "Teads curve on the TDP": _teads,
        "Cloud Carbon Footprint": _ccf_watts,
        "CodeCarbon, cubic on the TDP": _codecarbon,
        "Boavizta, by family": _boavizta_watts,
    }
    methods |= {name: _nearer(results, watts(results, others)) for name, watts in tools.items()}
    lines = ["Watts of whole servers (SPECpower), mean absolute error and bias in %, loads 0…100 %"]
    heads = ("all", "since 2012", "since 2018", "AMD", "Intel")
    lines.append(f"{'':{WIDTH}}{''.join(f'{head:>14}' for head in heads)}  since 2022*")
    lines += [f"{name:{WIDTH}}{_cells(results, watts)}" for name, watts in methods.items()]
    machines, curves = len(results), int(results.has_curve.sum())
    lines.append(f"{machines} machines, {curves} with every load; * idle and full load only")
    return [*lines, "", *_gpu_lines()]


def _cells(results: Results, watts: Floats) -> str:
    relative = watts / results.watts - 1
    year, has = results.servers.year, results.has_curve
    rows = (has, has & (year >= 2012), has & (year >= 2018), has & (results.vendor == "AMD"),
            has & (results.vendor == "Intel"))  # fmt: skip
    cells = [
        f"{100 * np.nanmean(np.abs(relative[row])):6.1f} {100 * np.nanmean(relative[row]):+6.1f} "
        for row in rows
    ]
    ends = relative[year >= 2022][:, [0, -1]]
    idle, full = 100 * np.nanmean(np.abs(ends), axis=0)
    return "".join(cells) + f"  {idle:5.1f} {full:5.1f}"


def _ours(results: Results) -> Floats:
    found = np.full(results.watts.shape, np.nan)
    for train, test in splits(results, "cpu model", 0):
        found[test] = model_of(results[train]).curves_w(results[test].servers)
    return found


def _nearer(results: Results, watts: Floats) -> Floats:
    """The watts with or without the memory's added, whichever are nearer."""
    with_memory = watts + (results.servers.memory_gb * MEMORY_W_PER_GB)[:, None]
    both = (watts, with_memory)
    return min(both, key=lambda each: float(np.nanmean(np.abs(each / results.watts - 1))))


def _cpus_w(results: Results) -> Floats:
    return (results.servers.sockets * results.servers.tdp_w)[:, None]


def _teads(results: Results, _others: _Others) -> Floats:
    return _cpus_w(results) * np.interp(LEVELS, TEADS_LOADS, TEADS_SHARE)


def _codecarbon(results: Results, _others: _Others) -> Floats:
    shape = CODECARBON_IDLE + (1 - CODECARBON_IDLE) * LEVELS**3
    return _cpus_w(results) * shape


def _ccf_watts(results: Results, others: _Others) -> Floats:
    """Linear between CCF's watts per thread; the mean of its table for what it does not have."""
    mean = tuple(np.mean(list(others.ccf.values()), axis=0).tolist())
    ends = np.array([others.ccf.get(kind, mean) for kind in results.servers.microarchitecture])
    per_thread = ends[:, :1] + (ends[:, 1:] - ends[:, :1]) * LEVELS
    return np.asarray(per_thread * results.servers.threads[:, None])


def _boavizta_watts(results: Results, others: _Others) -> Floats:
    rows = []
    for name in results.cpu.tolist():
        fitting = [family for family in others.boavizta if name.startswith(family.lower())]
        a, b, c, d = others.boavizta[max(fitting, key=len, default=BOAVIZTA_DEFAULT)]
        curve = a * np.log(b * (100 * LEVELS + c)) + d
        rows.append(curve / curve[-1])
    return np.asarray(_cpus_w(results) * np.array(rows))


def _ccf(sources: Path) -> dict[str, tuple[float, float]]:
    """CCF's ends, without the rows that are known to be wrong."""
    found = {}
    for cloud in ("gcp", "azure", "aws"):
        for row in read_rows(sources / f"power/ccf_coefficients-{cloud}-use.csv"):
            if not row["Architecture"].startswith(CCF_WRONG):
                ends = (float(row["Min Watts"]), float(row["Max Watts"]))
                found[row["Architecture"]] = ends
    return found


def _boavizta(sources: Path) -> dict[str, tuple[float, ...]]:
    return {
        row["model_range"]: tuple(float(row[name]) for name in "abcd")
        for row in read_rows(sources / "power/boavizta_cpu_profile.csv")
        if row["model_range"]
    }


def _gpu_lines() -> list[str]:
    """Full load of GPU servers beside their rating and what others measured."""
    catalog = load_catalog()
    lines = ["Watts of GPU servers at full load"]
    lines.append(f"{'':{WIDTH}}{'modelled':>10}{'90 %':>16}{'rated':>9}{'measured':>10}")
    path = bundled_directory() / "gpu_servers.csv"
    for row in csv.DictReader(path.read_text(encoding="utf-8").splitlines()):
        accelerator = catalog.find_accelerator(row["accelerator"])
        found = gpu_server_power(accelerator, int(row["count"]), 1.0, catalog).power_w
        ends = f"{found.low:.0f}–{found.high:.0f}"
        measured = row["measured_max_w"] or "-"
        lines.append(
            f"{row['server']:{WIDTH}}{found.value:10.0f}{ends:>16}{row['rated_max_w']:>9}{measured:>10}"
        )
    return lines
