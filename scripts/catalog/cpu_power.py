"""Watts of every CPU model whose TDP and cores are known, by the fitted power model."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

import numpy as np

from carbon_advisor.advisor.estimate.cpu_power import LEVELS, Servers
from catalog.files import Row, Table, median, rounded

if TYPE_CHECKING:
    from carbon_advisor.advisor.estimate.cpu_power import CpuPowerModel
    from catalog.cpus import Microarchitectures

COLUMNS = (
    "idle_w_per_thread",
    "max_w_per_thread",
    "memory_gb_per_thread",
    "load_1",
    "load_2",
    "relative_error",
    "power_basis",
    "power_source",
)
MODELLED = "power model"  # in the hand-kept list: the kind's figures are its CPU models'
LEAST_TDP_W = 30.0  # below: CPUs of laptops, which no server of the fit had
HALF_LOAD = 0.5
SMALL_SHARE = 0.5  # of the median cores
# CPUs of machines with one socket; the others are modelled as servers with two.
_ONE_SOCKET = re.compile(
    r"Xeon (E3|E5-1|E5 1|E-|W|D|L?X?3\d{3}|63\d\dP)|EPYC [348]\d{3}|EPYC \w+P[NX]?$"
    r"|Core |Ryzen|Athlon|Apple|Xeon \w* ?\w+U$"
)


def add_power(rows: list[Row], model: CpuPowerModel, known: Microarchitectures) -> None:
    """Add COLUMNS to the rows of cpu_models that say what the model needs."""
    able = [row for row in rows if _is_able(row)]
    servers = usual_servers(able, known)
    idle_w, max_w = model.idle_and_max_w(servers)
    threads, memory_gb = servers.threads, model.usual_memory_gb(servers)
    scores, seen = model.shape_scores(servers), model.known(servers)
    for index, row in enumerate(able):
        low, high = model.error_quantiles(seen[index], HALF_LOAD)
        row["idle_w_per_thread"] = rounded(float(idle_w[index] / threads[index]), 3)
        row["max_w_per_thread"] = rounded(float(max_w[index] / threads[index]), 3)
        row["memory_gb_per_thread"] = rounded(float(memory_gb[index] / threads[index]), 2)
        row["load_1"], row["load_2"] = (rounded(float(score), 3) for score in scores[index])
        row["relative_error"] = rounded(math.exp((high - low) / 2) - 1, 2)
        row["power_basis"] = "measured" if seen[index] == "cpu model" else "modelled"
        row["power_source"] = "specpower"


def _is_able(row: Row) -> bool:
    return bool(
        row.get("cores") and row.get("threads") and float(str(row.get("tdp_w") or 0)) >= LEAST_TDP_W
    )


def usual_servers(rows: list[Row], known: Microarchitectures) -> Servers:
    """Return a server of each CPU model as they are usually sold, with as much memory."""
    kinds = [known.rows[str(row["microarchitecture"])] for row in rows]

    def column(name: str) -> np.ndarray:
        return np.array([row.get(name) or np.nan for row in rows], dtype=np.float64)

    sockets = [1.0 if _ONE_SOCKET.match(str(row["cpu_model"])) else 2.0 for row in rows]
    return Servers(
        tdp_w=column("tdp_w"),
        cores=column("cores"),
        threads_per_core=column("threads") / column("cores"),
        base_ghz=column("base_ghz"),
        sockets=np.array(sockets),
        memory_gb=np.full(len(rows), np.nan),
        year=np.array([float(kind["launch_year"]) for kind in kinds]),
        amd=np.array([float(kind["vendor"] == "AMD") for kind in kinds]),
        arm=np.array([float(kind["architecture"] == "arm64") for kind in kinds]),
        microarchitecture=np.array([row["microarchitecture"] for row in rows], dtype=np.str_),
        cpu=np.array([row["lookup_name"] for row in rows], dtype=np.str_),
    )


def modelled_kinds(models: list[Row], names: list[str]) -> dict[str, Row]:
    """Return rows of microarchitectures without results of their own, from their CPU models."""
    return {name: _modelled(name, _with_power(models, name)) for name in names}


def _with_power(models: list[Row], kind: str) -> list[Row]:
    """The kind's CPU models that have figures; small ones only where there are no others."""
    mine = [
        row for row in models if row["microarchitecture"] == kind and row.get("idle_w_per_thread")
    ]
    usual = median(float(str(row["cores"])) for row in mine) or 0.0
    return [row for row in mine if float(str(row["cores"])) >= SMALL_SHARE * usual]


def _modelled(name: str, rows: list[Row]) -> Row:
    columns = ("idle_w_per_thread", "max_w_per_thread", "memory_gb_per_thread", "relative_error")
    return {
        "microarchitecture": name,
        **{column: median(float(str(row[column])) for row in rows) for column in columns},
        "machines": 0,
        "basis": "modelled",
        "source": "specpower",
        "note": f"median of {len(rows)} CPU models by the power model",
    }


def shapes_of_kinds(models: list[Row], known: Microarchitectures) -> dict[str, Row]:
    """Return load_1 and load_2 of each microarchitecture: its CPU models', else its origin's."""
    found: dict[str, Row] = {}
    for name in known.rows:
        kind: str = name
        while not _with_power(models, kind) and known.rows.get(kind, {}).get("derived_from"):
            kind = known.rows[kind]["derived_from"].split("+")[0]
        rows = _with_power(models, kind)
        found[name] = {
            column: rounded(median(float(str(row[column])) for row in rows) or 0.0, 3)
            for column in ("load_1", "load_2")
        }
    return found


def build_load_shape(model: CpuPowerModel) -> Table:
    """Return the mean load shape, and what a unit of load_1 and of load_2 adds to it."""
    columns = ("utilization", "fraction", "load_1", "load_2")
    rows: list[Row] = [
        dict(zip(columns, (float(level), *map(float, modes)), strict=True))
        for level, modes in zip(LEVELS, model.shape_modes.T, strict=True)
    ]
    return Table("load_shape", columns, rows, also=("specpower_curves",))
