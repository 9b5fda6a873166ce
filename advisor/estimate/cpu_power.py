"""Watts of a whole server from its CPUs, memory and load: the fitted model, evaluated.

Fitted on SPECpower results by scripts/fit_power_model.py; docs/power-model.md has its errors.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Texts = NDArray[np.str_]

Target = Literal["idle", "max"]
Known = Literal["cpu model", "microarchitecture", "neither"]

LEVELS = np.arange(11) / 10
FEATURES = (
    "log_tdp",
    "log_sockets",
    "log_cores",
    "threads_per_core",
    "log_tdp_per_core",
    "log_memory_per_socket",
    "year_until_2017",
    "year_since_2017",
    "amd",
    "arm",
    "log_base_ghz",
    "single_socket",
)
# What is estimated from the other features where nobody says it, and from which.
IMPUTED = {
    "log_base_ghz": ("log_tdp_per_core", "log_cores", "year_until_2017", "amd", "arm"),
    "log_memory_per_socket": (
        "log_cores",
        "threads_per_core",
        "year_until_2017",
        "year_since_2017",
    ),
}
KNEE = 2017  # the trend of idle power differs before and after
LARGEST_IDLE = 0.9  # of the full load; no server of the results has more
FILE = "cpu_power_model.json"


@dataclass(frozen=True, eq=False)
class Servers:
    """Servers to be modelled; every array has the shape (servers,).

    Attributes:
        tdp_w: of one CPU.
        cores: of one CPU.
        threads_per_core: hardware threads, 1 or 2.
        base_ghz: base clock; NaN where not known.
        sockets: CPUs of the machine, of all its nodes.
        memory_gb: of the machine; NaN where not known.
        year: when the generation of the CPU came out.
        amd, arm: 1 where it is, else 0.
        microarchitecture: as in data/microarchitectures.csv; "" where not known.
        cpu: its lookup_name in data/cpu_models.csv; "" where not known.
    """

    tdp_w: Floats
    cores: Floats
    threads_per_core: Floats
    base_ghz: Floats
    sockets: Floats
    memory_gb: Floats
    year: Floats
    amd: Floats
    arm: Floats
    microarchitecture: Texts
    cpu: Texts

    def __len__(self) -> int:
        return len(self.tdp_w)

    @property
    def threads(self) -> Floats:
        """Hardware threads of the whole machine."""
        return self.sockets * self.cores * self.threads_per_core


def features_of(servers: Servers) -> Floats:
    """Return the model's inputs, shape (servers, len(FEATURES)); NaN where one is not known."""
    columns = {
        "log_tdp": np.log(servers.tdp_w),
        "log_sockets": np.log(servers.sockets),
        "log_cores": np.log(servers.cores),
        "threads_per_core": servers.threads_per_core,
        "log_tdp_per_core": np.log(servers.tdp_w / servers.cores),
        "log_memory_per_socket": np.log(servers.memory_gb / servers.sockets),
        "year_until_2017": np.minimum(servers.year, KNEE),
        "year_since_2017": np.maximum(servers.year, KNEE),
        "amd": servers.amd,
        "arm": servers.arm,
        "log_base_ghz": np.log(servers.base_ghz),
        "single_socket": (servers.sockets == 1).astype(np.float64),
    }
    return np.stack([np.asarray(columns[name], dtype=np.float64) for name in FEATURES], axis=1)


def kernel(left: Floats, right: Floats, inverse_scale: Floats) -> Floats:
    """Return the rational quadratic kernel 1 / (1 + d² / 2), shape (left, right)."""
    one, two = left * inverse_scale, right * inverse_scale
    squared = (one**2).sum(axis=1)[:, None] + (two**2).sum(axis=1)[None, :] - 2 * one @ two.T
    return np.asarray(1.0 / (1.0 + np.maximum(squared, 0.0) / 2.0), dtype=np.float64)


@dataclass(frozen=True, eq=False)
class _Regression:
    """log(watts / (sockets × TDP)): a linear part, kernels about centres, an effect by name."""

    mean: float
    linear: Floats
    inverse_scale: Floats
    centres: Floats
    weights: Floats
    by_microarchitecture: dict[str, float]
    by_cpu: dict[str, float]

    def log_ratio(self, inputs: Floats, servers: Servers) -> Floats:
        smooth = kernel(inputs, self.centres, self.inverse_scale) @ self.weights
        kind = np.array([self.by_microarchitecture.get(n, 0.0) for n in servers.microarchitecture])
        model = np.array([self.by_cpu.get(name, 0.0) for name in servers.cpu])
        return np.asarray(self.mean + inputs @ self.linear + smooth + kind + model)


class CpuPowerModel:
    """The fitted model; every method takes servers and returns one row for each."""

    def __init__(self, document: dict[str, Any]) -> None:
        """Take the content of data/cpu_power_model.json over.

        Raises:
            KeyError, ValueError: it is not such a document, or was fitted for other features.
        """
        if tuple(document["features"]) != FEATURES:
            raise ValueError("the power model was fitted for other features")
        self._centre = np.array(document["centre"], dtype=np.float64)
        self._scale = np.array(document["scale"], dtype=np.float64)
        self._imputed = {
            name: np.array(weights, dtype=np.float64)
            for name, weights in document["imputed"].items()
        }
        self._memory_range = tuple(document["log_memory_per_socket_range"])
        self._targets = {name: _regression(part) for name, part in document["targets"].items()}
        self._shape_weights = np.array(document["shape"]["weights"], dtype=np.float64)
        self.shape_modes = np.array(document["shape"]["modes"], dtype=np.float64)
        self._errors = {
            known: np.array(quantiles, dtype=np.float64)
            for known, quantiles in document["log_error_quantiles"].items()
        }
        self.cpus = frozenset(self._targets["max"].by_cpu)
        self.microarchitectures = frozenset(self._targets["max"].by_microarchitecture)
        self.fitted_on = str(document["fitted_on"])

    def usual_memory_gb(self, servers: Servers) -> Floats:
        """Return the memory of the machine, what such machines of SPECpower had where NaN."""
        raw = self._complete(features_of(servers))
        return np.asarray(np.exp(raw[:, FEATURES.index("log_memory_per_socket")]) * servers.sockets)

    def memory_beyond_gb(self, servers: Servers) -> Floats:
        """Return the memory that no machine of the fit had, whose power the model leaves out."""
        most = np.exp(self._memory_range[1]) * servers.sockets
        return np.asarray(np.maximum(0.0, np.nan_to_num(servers.memory_gb) - most))

    def shape_scores(self, servers: Servers) -> Floats:
        """Return the coordinates of each load shape, shape (servers, modes)."""
        inputs = self._inputs(servers)
        return np.asarray(self._shape_weights[0] + inputs @ self._shape_weights[1:])

    def load_shapes(self, servers: Servers) -> Floats:
        """Return the fraction of the way from idle to full power at LEVELS, (servers, 11)."""
        return shapes_from(self.shape_scores(servers), self.shape_modes)

    def idle_and_max_w(self, servers: Servers) -> tuple[Floats, Floats]:
        """Return wall watts of each whole server when idle and at full load."""
        inputs = self._inputs(servers)
        scale = servers.sockets * servers.tdp_w
        high = np.exp(self._targets["max"].log_ratio(inputs, servers)) * scale
        low = np.exp(self._targets["idle"].log_ratio(inputs, servers)) * scale
        return np.minimum(low, LARGEST_IDLE * high), high

    def curves_w(self, servers: Servers) -> Floats:
        """Return wall watts at LEVELS, shape (servers, 11)."""
        low, high = self.idle_and_max_w(servers)
        return low[:, None] + (high - low)[:, None] * self.load_shapes(servers)

    def known(self, servers: Servers) -> list[Known]:
        """Return what of each CPU the fit has seen."""
        return [
            "cpu model" if cpu in self.cpus
            else "microarchitecture" if kind in self.microarchitectures
            else "neither"
            for cpu, kind in zip(servers.cpu, servers.microarchitecture, strict=True)
        ]  # fmt: skip

    def error_quantiles(self, known: Known, utilization: float) -> tuple[float, float]:
        """Return the 5 % and 95 % quantiles of log(true / modelled) at a load 0..1.

        They are those of machines held out by model, by microarchitecture or singly, in the fit's
        cross-validation.
        """
        low, high = self._errors[known]
        return (
            float(np.interp(utilization, LEVELS, low)),
            float(np.interp(utilization, LEVELS, high)),
        )

    def _inputs(self, servers: Servers) -> Floats:
        raw = self._complete(features_of(servers))
        column = FEATURES.index("log_memory_per_socket")
        raw[:, column] = np.clip(raw[:, column], *self._memory_range)
        return np.asarray((raw - self._centre) / self._scale)

    def _complete(self, raw: Floats) -> Floats:
        """Fill in what is not known from what is."""
        filled = raw.copy()
        for name, weights in self._imputed.items():
            column = FEATURES.index(name)
            missing = np.isnan(filled[:, column])
            known = filled[:, [FEATURES.index(other) for other in IMPUTED[name]]]
            filled[missing, column] = (weights[0] + known @ weights[1:])[missing]
        return filled


def shapes_from(scores: Floats, modes: Floats) -> Floats:
    """Return load shapes (n, 11) from their coordinates (n, modes): mean + scores × modes.

    Args:
        scores: coordinates of each shape.
        modes: shape (1 + modes, 11): the mean and what each coordinate adds.
    """
    raw = np.clip(modes[0] + scores @ modes[1:], 0.0, 1.0)
    return np.asarray(np.maximum.accumulate(raw, axis=1))


def _regression(part: dict[str, Any]) -> _Regression:
    names = ("linear", "inverse_scale", "centres", "weights")
    arrays = {name: np.array(part[name], dtype=np.float64) for name in names}
    return _Regression(
        mean=float(part["mean"]),
        by_microarchitecture=part["by_microarchitecture"],
        by_cpu=part["by_cpu"],
        **arrays,
    )


@lru_cache(maxsize=4)
def load_cpu_power_model(directory: Path) -> CpuPowerModel:
    """Return the model of a catalogue folder, read once.

    Raises:
        AdvisorError: the file is missing or corrupt; the message names it.
    """
    from carbon_advisor.advisor.catalog_files import guarded

    path = directory / FILE
    return guarded(path, lambda: CpuPowerModel(json.loads(path.read_text(encoding="utf-8"))))
