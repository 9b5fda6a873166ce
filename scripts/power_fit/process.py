"""A Gaussian process with effects by group: what the watts of servers are fitted with.

log(watts / (sockets × TDP)) = mean + linear + smooth (rational quadratic, one scale for each
feature) + effect of the microarchitecture + effect of the CPU model + noise of the machine. Its
hyperparameters are those of the largest posterior density, found on the training data alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.optimize import minimize

from carbon_advisor.advisor.estimate.cpu_power import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Texts = NDArray[np.str_]

ITERATIONS = 40
LEVEL_VARIANCE = 1.0  # of a constant about the mean
# Of the logarithms: scales of features, then smooth, linear, groups and noise (deviations).
PRIOR_MEAN = {"scale": -1.6, "smooth": -1.5, "linear": -2.0, "group": -2.0, "noise": -2.3}
PRIOR_SD = {"scale": 0.7, "smooth": 1.0, "linear": 1.0, "group": 1.0, "noise": 0.7}


@dataclass(frozen=True, eq=False)
class Fitted:
    """The process after the fit.

    Attributes:
        inputs: standardised features of the training machines, shape (machines, features).
        inverse_scale: of the smooth part, by feature.
        smooth, linear, noise: variances.
        groups: variances of the effects by group.
        members: the training machines' group names, one array for each of `groups`.
        mean: of the training targets.
        weights: shape (machines,).
        left_out: of each training machine, target minus what the others say of it, all machines
            with its name in the last group left out (in closed form, with these hyperparameters).
    """

    inputs: Floats
    inverse_scale: Floats
    smooth: float
    linear: float
    noise: float
    groups: tuple[float, ...]
    members: tuple[Texts, ...]
    mean: float
    weights: Floats
    left_out: Floats

    @property
    def slopes(self) -> Floats:
        """Weights of the linear part."""
        return np.asarray(self.linear * (self.inputs.T @ self.weights))

    @property
    def level(self) -> float:
        """The constant."""
        return self.mean + LEVEL_VARIANCE * float(self.weights.sum())

    def effects(self, group: int) -> dict[str, float]:
        """Return the effect of every name in a group."""
        names = self.members[group]
        return {
            str(name): self.groups[group] * float(self.weights[names == name].sum())
            for name in np.unique(names)
        }

    def smooth_at(self, inputs: Floats) -> Floats:
        """Return the smooth part of new inputs."""
        return np.asarray(
            self.smooth * kernel(inputs, self.inputs, self.inverse_scale) @ self.weights
        )


def fit(
    inputs: Floats, targets: Floats, members: tuple[Texts, ...], iterations: int = ITERATIONS
) -> Fitted:
    """Return the process fitted to targets (machines,) of standardised inputs."""
    same = tuple((names[:, None] == names[None, :]).astype(np.float64) for names in members)
    mean = float(targets.mean())
    centred = targets - mean
    kinds = [*["scale"] * inputs.shape[1], "smooth", "linear", *["group"] * len(same), "noise"]
    prior = np.array([PRIOR_MEAN[kind] for kind in kinds])
    spread = np.array([PRIOR_SD[kind] for kind in kinds])
    found = minimize(
        _negative_log_posterior, prior, args=(inputs, centred, same, prior, spread), jac=True,
        method="L-BFGS-B", options={"maxiter": iterations},
    ).x  # fmt: skip
    parts = _Parts.of(found, inputs, same)
    factor = cho_factor(parts.covariance(), lower=True)
    weights = cho_solve(factor, centred)
    precision = cho_solve(factor, np.eye(len(targets)))
    return Fitted(
        inputs, parts.inverse_scale, parts.smooth, parts.linear, parts.noise, parts.groups,
        members, mean, weights, _left_out(precision, weights, members[-1]),
    )  # fmt: skip


def _left_out(precision: Floats, weights: Floats, names: Texts) -> Floats:
    residual = np.empty_like(weights)
    for name in np.unique(names):
        group = np.flatnonzero(names == name)
        residual[group] = np.linalg.solve(precision[np.ix_(group, group)], weights[group])
    return residual


@dataclass(frozen=True, eq=False)
class _Parts:
    """The covariance of the training machines by part, for one set of hyperparameters."""

    inputs: Floats
    same: tuple[Floats, ...]
    inverse_scale: Floats
    smooth: float
    linear: float
    groups: tuple[float, ...]
    noise: float
    shape: Floats  # of the smooth part, 1 on the diagonal

    @classmethod
    def of(cls, logs: Floats, inputs: Floats, same: tuple[Floats, ...]) -> _Parts:
        count = inputs.shape[1]
        scale = np.exp(logs[:count])
        smooth, linear, *groups, noise = np.exp(2 * logs[count:]).tolist()
        shape = kernel(inputs, inputs, scale)
        return cls(inputs, same, scale, smooth, linear, tuple(groups), noise, shape)

    def covariance(self) -> Floats:
        total = LEVEL_VARIANCE + self.smooth * self.shape
        total += self.linear * (self.inputs @ self.inputs.T)
        for variance, same in zip(self.groups, self.same, strict=True):
            total += variance * same
        total[np.diag_indices_from(total)] += self.noise
        return np.asarray(total)

    def gradient(self, sensitivity: Floats) -> Floats:
        """Return the sums of sensitivity × covariance' by the logarithms of the parameters."""
        scaled = self.inputs * self.inverse_scale
        # d shape / d(squared distance) = -shape² / 2, for shape = 1 / (1 + distance² / 2)
        slope = sensitivity * (-self.smooth * self.shape**2 / 2)
        rows = slope.sum(axis=1)
        by_scale = 4 * (rows @ scaled**2 - (scaled * (slope @ scaled)).sum(axis=0))
        smooth = 2 * self.smooth * float((sensitivity * self.shape).sum())
        linear = 2 * self.linear * float((self.inputs * (sensitivity @ self.inputs)).sum())
        groups = [
            2 * variance * float((sensitivity * same).sum())
            for variance, same in zip(self.groups, self.same, strict=True)
        ]
        noise = 2 * self.noise * float(np.trace(sensitivity))
        return np.concatenate([by_scale, [smooth, linear, *groups, noise]])


def _negative_log_posterior(
    logs: Floats,
    inputs: Floats,
    targets: Floats,
    same: tuple[Floats, ...],
    prior: Floats,
    spread: Floats,
) -> tuple[float, Floats]:
    parts = _Parts.of(logs, inputs, same)
    factor = cho_factor(parts.covariance(), lower=True)
    weights = cho_solve(factor, targets)
    inverse = cho_solve(factor, np.eye(len(targets)))
    off = (logs - prior) / spread
    value = 0.5 * targets @ weights + np.log(np.diag(factor[0])).sum() + 0.5 * (off**2).sum()
    gradient = -0.5 * parts.gradient(np.outer(weights, weights) - inverse) + off / spread
    return float(value), gradient
