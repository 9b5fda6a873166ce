"""A small network, fitted once on public traces of many zones: four weeks in, five days out.

It says how far each coming hour will be from the usual day. Weights: scripts/fit_forecast.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from carbon_advisor.advisor.catalog_files import guarded

if TYPE_CHECKING:
    from collections.abc import Mapping

    from carbon_advisor.advisor.forecast.features import Described, Singles
    from carbon_advisor.advisor.plan.trace import Floats

CLIP_SD = 6.0  # features further out than this were hardly seen in fitting
HORIZON_H = 120  # hours after the edge: 96 and up to a day of publication delay
LEVELS = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)  # of the quantiles
FILE = Path(__file__).parent / "network.npz"


@dataclass(frozen=True, eq=False)
class Network:
    """One hidden layer beside a linear path.

    Attributes:
        mean, scale: of each feature; shape (features,).
        hidden, hidden_bias: into the hidden layer; shapes (features, units), (units,).
        out, bias: out of it; shapes (units, hours), (hours,).
        linear: the path beside it; shape (features, hours).
        error: quantiles of the error over the zone's spread; shape (levels, hours).
        positions: latitude and longitude by zone.
    """

    mean: Singles
    scale: Singles
    hidden: Singles
    hidden_bias: Singles
    out: Singles
    bias: Singles
    linear: Singles
    error: Singles
    positions: Mapping[str, tuple[float, float]]

    def __call__(self, described: Described, hours: int) -> Floats:
        """Return the expected intensity, g/kWh; shape (moments, zones, hours <= 120)."""
        features = described.features.reshape(-1, described.features.shape[-1])
        scaled = np.clip((features - self.mean) / self.scale, -CLIP_SD, CLIP_SD)
        middle = np.maximum(scaled @ self.hidden + self.hidden_bias, 0)
        off = middle @ self.out[:, :hours] + scaled @ self.linear[:, :hours] + self.bias[:hours]
        off = off.reshape(*described.level.shape, hours)
        usual = described.usual_day[..., np.arange(hours) % 24]
        expected = np.maximum(off + usual, 0) * described.level[..., None]
        return np.asarray(expected, dtype=np.float64)


def load_network(path: Path = FILE) -> Network:
    """Return the network in a file, the bundled one by default; the same object every time.

    Raises:
        AdvisorError: the file is missing or corrupt.
    """
    return _load(path)


@lru_cache(maxsize=4)
def _load(path: Path) -> Network:
    return guarded(path, lambda: _read(path))


def _read(path: Path) -> Network:
    with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
        arrays = {name: file[name].astype(np.float32) for name in ARRAYS}
        places = zip(file["latitude"].tolist(), file["longitude"].tolist(), strict=True)
        positions = dict(zip(file["zone"].tolist(), places, strict=True))
    return Network(**arrays, positions=positions)


ARRAYS = ("mean", "scale", "hidden", "hidden_bias", "out", "bias", "linear", "error")
