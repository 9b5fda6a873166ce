"""Fitting the network: samples of traces, members by Adam and by ridge, their mean as one network.

Everything is drawn from seeded generators: the same sources give the same weights.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from carbon_advisor.advisor.forecast.features import describe
from carbon_advisor.advisor.forecast.neighbours import neighbour_weights
from carbon_advisor.advisor.forecast.network import CLIP_SD, HORIZON_H, LEVELS, Network
from carbon_advisor.advisor.forecast.past import (
    DAY_H,
    WINDOW_H,
    filled,
    hours_since_monday,
    windows_of,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from carbon_advisor.advisor.forecast.features import Singles
    from carbon_advisor.advisor.traces import MeasuredTrace

CHUNK = 100  # moments described at once
HALF_KNOWN = 0.25  # of the chunks know half the window only, as forecasts judged afterwards do
SOME_ZONES = 0.5  # of the chunks see some of the zones only: neighbours may be missing
UNITS = 64
EPOCHS = 5
BATCH = 512
LEARNING_RATE = 2e-3
WEIGHT_DECAY = 1e-3
DROPPED = 0.15  # of the hidden units
NOISE_SD = 0.05  # on the scaled features
RIDGE = 300.0
TARGET_CLIP_SD = 5.0


@dataclass(frozen=True, eq=False)
class Samples:
    """Features, and how far the hours after them were from the usual day.

    Attributes:
        features: shape (samples, features).
        off: relative to the level; shape (samples, hours); NaN where nothing was measured.
        spread: of each sample's zone over its level; shape (samples,).
    """

    features: Singles
    off: Singles
    spread: Singles


def joined(parts: Sequence[Samples]) -> Samples:
    """Return all samples as one."""
    return Samples(
        np.concatenate([part.features for part in parts]),
        np.concatenate([part.off for part in parts]),
        np.concatenate([part.spread for part in parts]),
    )


def samples_of(
    trace: MeasuredTrace,
    positions: Mapping[str, tuple[float, float]],
    count: int,
    rows: Sequence[int] | None = None,
    seed: int = 0,
) -> Samples:
    """Return samples of a trace's zones at `count` moments.

    Args:
        rows: zones to learn from, all by default; the others are neighbours.
    """
    random = np.random.default_rng(seed)
    hourly, learnt = _hourly(trace), set(range(len(trace.zones)) if rows is None else rows)
    possible = np.arange(WINDOW_H, hourly.shape[1] - HORIZON_H)
    moments = random.permutation(possible)[:count]
    parts = []
    for first in range(0, len(moments), CHUNK):
        at = moments[first : first + CHUNK]
        seen = _seen(random, len(trace.zones))
        days = 14 if random.random() < HALF_KNOWN else 28
        windows = np.stack([hourly[seen, t - days * DAY_H : t] for t in at])
        since = np.array([hours_since_monday(trace.time_of(int(t))) for t in at])
        around = neighbour_weights([trace.zones[row] for row in seen], positions)
        told = describe(windows_of(windows), since, around)
        truth = np.stack([trace.values[seen, t : t + HORIZON_H] for t in at])
        usual = told.usual_day[..., np.arange(HORIZON_H) % DAY_H]
        off = truth / told.level[..., None] - usual
        kept = [place for place, row in enumerate(seen) if row in learnt]
        parts.append(
            Samples(
                told.features[:, kept].reshape(-1, told.features.shape[-1]),
                off[:, kept].reshape(-1, HORIZON_H).astype(np.float32),
                told.spread[:, kept].reshape(-1),
            )
        )
    return joined(parts)


def _hourly(trace: MeasuredTrace) -> np.ndarray:
    whole = trace.steps // DAY_H * DAY_H
    return filled(trace.values[:, :whole])


def _seen(random: np.random.Generator, zones: int) -> list[int]:
    if zones <= 3 or random.random() > SOME_ZONES:
        return list(range(zones))
    count = int(random.integers(3, zones))
    return sorted(random.choice(zones, count, replace=False).tolist())


def fit_network(
    samples: Samples, positions: Mapping[str, tuple[float, float]], seeds: Sequence[int]
) -> Network:
    """Return the mean of a ridge regression and one hidden layer per seed, as one network."""
    usable = np.isfinite(samples.off).all(axis=1)
    features, off = samples.features[usable], samples.off[usable]
    mean, scale = features.mean(axis=0), features.std(axis=0) + np.float32(1e-3)
    scaled = np.clip((features - mean) / scale, -CLIP_SD, CLIP_SD)
    unit = np.float32(off.std())
    target = np.clip(off / unit, -TARGET_CLIP_SD, TARGET_CLIP_SD)
    ridge = _ridge(scaled, target)
    members = [_member(scaled, target, seed) for seed in seeds]
    share = unit / np.float32(len(members) + 1)
    width = UNITS * len(members)
    return Network(
        mean=mean,
        scale=scale,
        hidden=np.concatenate([member[0] for member in members], axis=1)
        if members
        else np.zeros((len(mean), 0), np.float32),
        hidden_bias=np.concatenate([member[1] for member in members])
        if members
        else np.zeros(width, np.float32),
        out=np.concatenate([member[2] for member in members]) * share
        if members
        else np.zeros((0, off.shape[1]), np.float32),
        bias=sum((member[3] for member in members), start=ridge[1]) * share,
        linear=sum((member[4] for member in members), start=ridge[0]) * share,
        error=np.zeros((len(LEVELS), off.shape[1]), np.float32),
        positions=positions,
    )


def _ridge(scaled: Singles, target: Singles) -> tuple[Singles, Singles]:
    """Return slopes and intercepts."""
    columns = np.concatenate([scaled, np.ones((len(scaled), 1), np.float32)], axis=1)
    square = np.zeros((columns.shape[1], columns.shape[1]))
    right = np.zeros((columns.shape[1], target.shape[1]))
    for first in range(0, len(columns), 1 << 15):
        part = columns[first : first + (1 << 15)].astype(np.float64)
        square += part.T @ part
        right += part.T @ target[first : first + (1 << 15)]
    square[np.diag_indices(len(square) - 1)] += RIDGE
    solved = np.linalg.solve(square, right).astype(np.float32)
    return solved[:-1], solved[-1]


def _member(scaled: Singles, target: Singles, seed: int) -> list[Singles]:
    """Return hidden, hidden_bias, out, bias, linear, fitted by Adam with a cosine schedule."""
    random = np.random.default_rng(seed)
    inputs, hours = scaled.shape[1], target.shape[1]
    weights = [
        (random.standard_normal((inputs, UNITS)) * np.sqrt(2 / inputs)).astype(np.float32),
        np.zeros(UNITS, np.float32),
        (random.standard_normal((UNITS, hours)) * 0.1 * np.sqrt(2 / UNITS)).astype(np.float32),
        np.zeros(hours, np.float32),
        np.zeros((inputs, hours), np.float32),
    ]
    first = [np.zeros_like(weight) for weight in weights]
    second = [np.zeros_like(weight) for weight in weights]
    steps, step = EPOCHS * (len(scaled) // BATCH), 0
    for _ in range(EPOCHS):
        order = random.permutation(len(scaled))
        for begin in range(0, len(order) - BATCH + 1, BATCH):
            rows = order[begin : begin + BATCH]
            noise = random.standard_normal((BATCH, inputs), dtype=np.float32)
            given = scaled[rows] + np.float32(NOISE_SD) * noise
            slopes = _slopes(weights, given, target[rows], random)
            step += 1
            rate = LEARNING_RATE * min(1, step / 200) * (0.51 + 0.5 * np.cos(np.pi * step / steps))
            for weight, slope, one, two in zip(weights, slopes, first, second, strict=True):
                one += 0.1 * (slope - one)
                two += 0.002 * (slope**2 - two)
                move = (one / (1 - 0.9**step)) / (np.sqrt(two / (1 - 0.998**step)) + 1e-8)
                decay = WEIGHT_DECAY * weight if weight.ndim > 1 else 0
                weight -= (rate * (move + decay)).astype(np.float32)
    return weights


def _slopes(
    weights: list[Singles], given: Singles, target: Singles, random: np.random.Generator
) -> list[Singles]:
    """Gradients of half the mean squared error over a batch."""
    hidden, hidden_bias, out, bias, linear = weights
    before = given @ hidden + hidden_bias
    kept = (random.random(before.shape, dtype=np.float32) > DROPPED) / np.float32(1 - DROPPED)
    middle = np.maximum(before, 0) * kept
    error = (middle @ out + given @ linear + bias - target) / np.float32(len(given))
    back = (error @ out.T) * (before > 0) * kept
    return [given.T @ back, back.sum(axis=0), middle.T @ error, error.sum(axis=0), given.T @ error]


def error_quantiles(network: Network, samples: Samples) -> Singles:
    """Return quantiles of what the network missed, over the zone's spread; shape (levels, hours).

    `samples` are of other zones or years than it was fitted on.
    """
    scaled = np.clip((samples.features - network.mean) / network.scale, -CLIP_SD, CLIP_SD)
    middle = np.maximum(scaled @ network.hidden + network.hidden_bias, 0)
    said = middle @ network.out + scaled @ network.linear + network.bias
    missed = (samples.off - said) / samples.spread[:, None]
    return np.asarray(np.nanquantile(missed, LEVELS, axis=0), dtype=np.float32)
