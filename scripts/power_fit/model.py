"""From results to the document that ships: idle, full load, load shape, what is not known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from carbon_advisor.advisor.estimate.cpu_power import (
    FEATURES,
    IMPUTED,
    CpuPowerModel,
    features_of,
    kernel,
)
from power_fit.process import Fitted, fit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from power_fit.results import Results

    Floats = NDArray[np.float64]

CENTRES = 300  # of the smooth part; with them it is within 1 % of the whole process
SHAPE_PENALTIES = (3.0, 10.0, 30.0, 100.0, 300.0)
SHAPE_MODES = 2  # they hold 96 % of the variance of the load shapes
SHAPE_FOLDS = 5
DIGITS = 6
NO_QUANTILES = {known: [[0.0] * 11] * 2 for known in ("cpu model", "microarchitecture", "neither")}


def document_of(results: Results, quantiles: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return the model fitted to results, as data/cpu_power_model.json holds it.

    Args:
        results: machines with their watts.
        quantiles: of log(true / modelled) at the 11 loads, by what is known of a CPU.
    """
    raw = features_of(results.servers)
    centre, scale = raw.mean(axis=0), raw.std(axis=0)
    inputs = (raw - centre) / np.where(scale > 0, scale, 1.0)
    memory = raw[:, FEATURES.index("log_memory_per_socket")]
    return {
        "format": "carbon-advisor/cpu-power-model/1",
        "fitted_on": f"{len(results)} machines with {len(set(results.cpu.tolist()))} CPU models",
        "features": list(FEATURES),
        "centre": _short(centre),
        "scale": _short(np.where(scale > 0, scale, 1.0)),
        "log_memory_per_socket_range": _short(np.array([memory.min(), memory.max()])),
        "imputed": {name: _short(_imputed(raw, name, results.weight)) for name in IMPUTED},
        "targets": {
            name: _target(inputs, results, results.watts[:, column])
            for name, column in (("idle", 0), ("max", -1))
        },
        "shape": _shape(inputs, results),
        "log_error_quantiles": quantiles or NO_QUANTILES,
    }


def model_of(results: Results) -> CpuPowerModel:
    """Return the model fitted to results, without its error."""
    return CpuPowerModel(document_of(results))


def _imputed(raw: Floats, name: str, weight: Floats) -> Floats:
    """Weighted least squares of a feature on those that stand for it."""
    others = raw[:, [FEATURES.index(other) for other in IMPUTED[name]]]
    design = np.column_stack([np.ones(len(raw)), others]) * weight[:, None]
    return np.asarray(np.linalg.lstsq(design, raw[:, FEATURES.index(name)] * weight, rcond=None)[0])


def _target(inputs: Floats, results: Results, watts: Floats) -> dict[str, Any]:
    servers = results.servers
    ratio = np.log(watts / (servers.sockets * servers.tdp_w))
    process = fit(inputs, ratio, (servers.microarchitecture, results.cpu))
    centres, weights = _compressed(process)
    return {
        "mean": round(process.level - _excess(process.left_out, results.weight), DIGITS),
        "linear": _short(process.slopes),
        "inverse_scale": _short(process.inverse_scale),
        "centres": [_short(row, 4) for row in centres],
        "weights": _short(weights),
        "by_microarchitecture": _short_effects(process.effects(0)),
        "by_cpu": _short_effects(process.effects(1)),
    }


def _excess(left_out: Floats, weight: Floats) -> float:
    """Log of the mean of modelled over true for CPU models left out: taken off, it is 1."""
    return float(np.log(np.average(np.exp(-left_out), weights=weight)))


def _compressed(process: Fitted) -> tuple[Floats, Floats]:
    """Return few centres and weights that give the smooth part at the training machines.

    Centres are chosen one by one where the ones before leave the largest variance (pivoted
    Cholesky), the weights by least squares.
    """
    gram = kernel(process.inputs, process.inputs, process.inverse_scale)
    chosen = _pivots(gram, CENTRES)
    centres = np.round(process.inputs[chosen], 4)
    design = kernel(process.inputs, centres, process.inverse_scale)
    penalty = 1e-4 * np.eye(len(chosen))
    smooth = process.smooth_at(process.inputs)
    weights = np.linalg.solve(design.T @ design + penalty, design.T @ smooth)
    return centres, np.asarray(weights)


def _pivots(gram: Floats, count: int) -> list[int]:
    left = np.diag(gram).copy()
    chosen: list[int] = []
    rows = np.zeros((0, len(gram)))
    while len(chosen) < count and left.max() > 1e-6:
        pivot = int(np.argmax(left))
        row = (gram[pivot] - rows.T @ rows[:, pivot]) / np.sqrt(left[pivot])
        rows = np.vstack([rows, row])
        left = np.maximum(0.0, left - row**2)
        left[pivot] = 0.0
        chosen.append(pivot)
    return chosen


def _shape(inputs: Floats, results: Results) -> dict[str, Any]:
    """Ridge regression of the coordinates of the load shapes on the features."""
    has = results.has_curve
    watts, weight, x = results.watts[has], results.weight[has], inputs[has]
    shapes = (watts - watts[:, :1]) / (watts[:, -1:] - watts[:, :1])
    mean = np.average(shapes, axis=0, weights=weight)
    _, _, modes = np.linalg.svd((shapes - mean) * weight[:, None], full_matrices=False)
    modes = modes[:SHAPE_MODES] * np.sign(modes[:SHAPE_MODES].sum(axis=1, keepdims=True))
    scores = (shapes - mean) @ modes.T
    penalty = _best_penalty(x, scores, weight, results.cpu[has])
    return {
        "penalty": penalty,
        "modes": [_short(row, 4) for row in (mean, *modes)],
        "weights": [_short(row) for row in _ridge(x, scores, weight, penalty)],
    }


def _ridge(x: Floats, y: Floats, weight: Floats, penalty: float) -> Floats:
    """Return the weights, shape (1 + features, outputs); the first row is not penalised."""
    design = np.column_stack([np.ones(len(x)), x])
    square = (design * weight[:, None]).T @ design
    square[1:, 1:] += penalty * weight.mean() * np.eye(x.shape[1])
    return np.asarray(np.linalg.solve(square, (design * weight[:, None]).T @ y))


def _best_penalty(x: Floats, y: Floats, weight: Floats, cpu: NDArray[np.str_]) -> float:
    """The penalty with the least error on CPU models left out, within these machines."""
    from power_fit.folds import folds_by

    fold = folds_by(cpu, SHAPE_FOLDS, seed=0)
    errors = []
    for penalty in SHAPE_PENALTIES:
        residual = np.zeros_like(y)
        for k in range(SHAPE_FOLDS):
            out = fold == k
            if out.any() and not out.all():
                beta = _ridge(x[~out], y[~out], weight[~out], penalty)
                residual[out] = y[out] - np.column_stack([np.ones(out.sum()), x[out]]) @ beta
        errors.append(float((np.abs(residual) * weight[:, None]).sum()))
    return SHAPE_PENALTIES[int(np.argmin(errors))]


def _short(values: Floats, digits: int = DIGITS) -> list[float]:
    return [round(float(value), digits) + 0.0 for value in values]  # no -0.0


def _short_effects(effects: dict[str, float]) -> dict[str, float]:
    return {name: round(value, 4) for name, value in sorted(effects.items()) if name}
