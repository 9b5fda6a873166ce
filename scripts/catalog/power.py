"""Watts per hardware thread of whole servers, by microarchitecture, fitted on SPECpower results."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from catalog.cpu_power import MODELLED, modelled_kinds, shapes_of_kinds
from catalog.cpus import WHOLE_CORES, short_name
from catalog.files import Row, Table, median, number, read_rows, rounded

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from catalog.cpus import Microarchitectures

MINIMUM_RELATIVE_ERROR = 0.2
NORMAL_QUANTILE_95 = 1.645
HALF_LOAD = 0.433  # of the way from idle to full power at half load, mean of SPECpower machines
PLAUSIBLE_MAX_W = (0.5, 100.0)  # per thread; outside of it the listed counts are wrong
MAD_TO_SD = 1.4826  # of a normal distribution
SMALL_SHARE = 0.5  # of the median cores per chip
MAXIMUM_RELATIVE_ERROR = 1.0
TERABYTES_BELOW_GB = 8  # a machine with 64 threads and "2" GB of memory has 2 TB
MODERN_SERVERS_SINCE = 2017

COLUMNS = (
    "microarchitecture",
    "vendor",
    "architecture",
    "launch_year",
    "idle_w_per_thread",
    "max_w_per_thread",
    "memory_gb_per_thread",
    "load_1",
    "load_2",
    "single_thread_score",
    "score_source",
    "relative_error",
    "machines",
    "basis",
    "source",
    "note",
)


@dataclass(frozen=True)
class Machine:
    """One published SPECpower result, per hardware thread."""

    cpu: str
    cores_per_chip: float
    idle_w: float
    max_w: float
    memory_gb: float | None

    @property
    def half_load_w(self) -> float:
        """Watts at half load by the mean load shape."""
        return self.idle_w + HALF_LOAD * (self.max_w - self.idle_w)


def build_microarchitectures(
    sources: Path, known: Microarchitectures, scores: dict[str, float], models: list[Row]
) -> Table:
    """Return watts, memory and speed per microarchitecture.

    Args:
        sources: folder of the downloaded sources.
        known: the hand-kept list with what to derive from what.
        scores: median single-thread score by microarchitecture.
        models: rows of cpu_models with the watts that the power model gives them.
    """
    machines, implausible = specpower_machines(sources / "power/specpower_ssj2008.csv")
    groups: dict[str, list[Machine]] = {}
    unmatched = 0
    for machine in machines:
        name = known.of(machine.cpu)
        unmatched += name is None
        if name is not None:
            groups.setdefault(name, []).append(machine)
    usual_sd = median(_log_sd(group) for group in groups.values() if len(group) > 2) or 0.2
    rows = {name: _measured(name, _large(group), usual_sd) for name, group in groups.items()}
    rows |= modelled_kinds(models, [name for name in known.rows if _is_modelled(name, known)])
    _derive(rows, known)
    shapes = shapes_of_kinds(models, known)
    if missing := [name for name in known.rows if name not in rows]:
        raise ValueError(f"no SPECpower result of {missing}; say what to derive them from")
    table = [{**_complete(rows[name], known, scores), **shapes[name]} for name in known.rows]
    left_out = {
        "SPECpower results with implausible counts": implausible,
        "SPECpower results of CPUs without a row": unmatched,
    }
    return Table("microarchitectures", COLUMNS, table, left_out)


def specpower_machines(path: Path) -> tuple[list[Machine], int]:
    """Return the results with their thread counts put right, and how many were implausible.

    The list multiplies by chips twice in some rows: cores per chip are taken from "# Cores" or
    "# Cores Per Chip" whichever other results of the same CPU confirm, else the smaller.
    """
    rows = read_rows(path)
    cores = usual_by_cpu(rows, agreed_cores)
    threads = usual_by_cpu(rows, lambda row: number(row["# Threads Per Core"]))
    machines, implausible = [], 0
    for row in rows:
        cpu, chips = short_name(row["CPU Description"]), number(row["Chips"])
        per_chip = cores.get(cpu) or smaller_cores(row)
        idle_w, max_w = number(row["avg. watts @ active idle"]), number(row["avg. watts @ 100%"])
        if not (chips and per_chip and idle_w and max_w):
            implausible += 1
            continue
        count = chips * per_chip * threads[cpu]
        memory_gb = corrected_memory_gb(row, count)
        memory = None if memory_gb is None else memory_gb / count
        machine = Machine(cpu, per_chip, idle_w / count, max_w / count, memory)
        if PLAUSIBLE_MAX_W[0] <= machine.max_w <= PLAUSIBLE_MAX_W[1]:
            machines.append(machine)
        else:
            implausible += 1
    return machines, implausible


def corrected_memory_gb(row: dict[str, str], threads: float) -> float | None:
    """Return a result's memory; the list writes terabytes of large machines without their unit."""
    memory_gb = number(row["Total Memory (GB)"])
    if memory_gb is not None and memory_gb < TERABYTES_BELOW_GB and threads >= 64:
        return memory_gb * 1024
    return memory_gb


def usual_by_cpu(
    rows: list[dict[str, str]], value_of: Callable[[dict[str, str]], float | None]
) -> dict[str, float]:
    """The most frequent value by CPU; the smaller of two as frequent."""
    values: dict[str, Counter[float]] = {}
    for row in rows:
        value = value_of(row)
        if value:
            values.setdefault(short_name(row["CPU Description"]), Counter())[value] += 1
    return {
        cpu: min(counts, key=lambda value: (-counts[value], value))
        for cpu, counts in values.items()
    }


def agreed_cores(row: dict[str, str]) -> float | None:
    """Cores per chip where the row's two statements agree."""
    cores, chips, per_chip = (number(row[key]) for key in ("# Cores", "Chips", "# Cores Per Chip"))
    return per_chip if cores and chips and per_chip and cores == chips * per_chip else None


def smaller_cores(row: dict[str, str]) -> float | None:
    cores, chips, per_chip = (number(row[key]) for key in ("# Cores", "Chips", "# Cores Per Chip"))
    return min(cores / chips, per_chip) if cores and chips and per_chip else None


def _log_sd(group: list[Machine]) -> float:
    """Return the spread of the half-load watts, not swayed by one odd machine."""
    logs = np.log([machine.half_load_w for machine in group])
    return MAD_TO_SD * float(np.median(np.abs(logs - np.median(logs))))


def _large(group: list[Machine]) -> list[Machine]:
    """Leave out CPUs with far fewer cores than usual: hosts of clouds have many."""
    least = SMALL_SHARE * float(np.median([machine.cores_per_chip for machine in group]))
    return [machine for machine in group if machine.cores_per_chip >= least]


def _measured(name: str, group: list[Machine], usual_sd: float) -> Row:
    """One row: medians over the machines; the error of one more machine of the same kind."""
    count = len(group)
    sd = max(_log_sd(group), usual_sd / 2) if count > 2 else usual_sd
    error = math.exp(NORMAL_QUANTILE_95 * sd * math.sqrt(1 + 1 / count)) - 1
    return {
        "microarchitecture": name,
        "idle_w_per_thread": median(machine.idle_w for machine in group),
        "max_w_per_thread": median(machine.max_w for machine in group),
        "memory_gb_per_thread": median(machine.memory_gb for machine in group),
        "relative_error": min(MAXIMUM_RELATIVE_ERROR, max(MINIMUM_RELATIVE_ERROR, error)),
        "machines": count,
        "basis": "measured",
        "source": "specpower",
        "note": f"median of {count} servers" if count > 1 else "one server",
    }


def _derive(rows: dict[str, Row], known: Microarchitectures) -> None:
    """Add the rows without results of their own from those they are derived from."""
    modern = [
        rows[name]
        for name, hand in known.rows.items()
        if name in rows
        and hand["architecture"] == "x86_64"
        and int(hand["launch_year"]) >= MODERN_SERVERS_SINCE
        and not hand["derived_from"]
    ]
    missing = [name for name in known.rows if name not in rows]
    while missing:
        ready = [name for name in missing if _parents(name, rows, modern, known) is not None]
        if not ready:
            raise ValueError(f"nothing to derive {missing} from")
        for name in ready:
            parents = _parents(name, rows, modern, known)
            assert parents is not None
            rows[name] = _derived(name, parents, known)
        missing = [name for name in missing if name not in rows]


def _parents(
    name: str, rows: dict[str, Row], modern: list[Row], known: Microarchitectures
) -> list[Row] | None:
    origin = known.rows[name]["derived_from"]
    if not origin:
        raise ValueError(f"no SPECpower result of {name}; say what to derive it from")
    if origin.startswith("median"):
        return modern
    names = origin.split("+")
    return [rows[parent] for parent in names] if all(parent in rows for parent in names) else None


def _is_modelled(name: str, known: Microarchitectures) -> bool:
    return known.rows[name]["derived_from"] == MODELLED


def _derived(name: str, parents: list[Row], known: Microarchitectures) -> Row:
    """Factors times the parents' geometric mean (for two) or median (for more)."""
    hand = known.rows[name]

    def typical(column: str) -> float:
        values = [float(str(parent[column])) for parent in parents]
        return float(np.exp(np.mean(np.log(values)))) if len(values) < 3 else float(median(values))  # type: ignore[arg-type]

    smt = 2 if name.endswith(WHOLE_CORES) else 1
    return {
        "microarchitecture": name,
        "idle_w_per_thread": typical("idle_w_per_thread") * float(hand["idle_factor"]),
        "max_w_per_thread": typical("max_w_per_thread") * float(hand["max_factor"]),
        "memory_gb_per_thread": typical("memory_gb_per_thread") * smt,
        "relative_error": float(hand["relative_error"]),
        "machines": 0,
        "basis": hand["basis"],
        "source": "specpower" if hand["basis"] == "family" else "assumed",
        "note": (
            f"{hand['idle_factor']} × the idle and {hand['max_factor']} × the full load"
            f" of {' and '.join(hand['derived_from'].split('+'))}"
        ),
    }


def _complete(row: Row, known: Microarchitectures, scores: dict[str, float]) -> Row:
    hand = known.rows[str(row["microarchitecture"])]
    digits = {"idle_w_per_thread": 3, "max_w_per_thread": 3, "relative_error": 2}
    figures = {column: rounded(float(str(row[column])), n) for column, n in digits.items()}
    memory = row["memory_gb_per_thread"]
    score = scores.get(str(row["microarchitecture"]))
    return {
        **row,
        **figures,
        "memory_gb_per_thread": None if memory is None else round(float(str(memory)), 2),
        "vendor": hand["vendor"],
        "architecture": hand["architecture"],
        "launch_year": hand["launch_year"],
        "single_thread_score": score,
        "score_source": _score_source(hand, score),
    }


def _score_source(hand: dict[str, str], score: float | None) -> str | None:
    if score is None:
        return None
    return "geekbench_baseline" if number(hand["score"]) == score else "sparecores_inspector"
