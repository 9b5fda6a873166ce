"""Which zones lie where around each other: weather moves, and the upwind zone has it first."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from carbon_advisor.advisor.forecast.features import Singles

KM_PER_DEGREE = 111.2
DIRECTIONS = (180.0, 0.0, 90.0, -90.0)  # west, east, north, south; degrees from east
REACHES_KM = (300.0, 900.0)
KINDS = len(DIRECTIONS) * len(REACHES_KM)
FAR_WEIGHT = 0.05  # zones whose weights sum to much less than this count as having no neighbours
SAME_PLACE_KM = 1.0


def neighbour_weights(
    zones: Sequence[str], positions: Mapping[str, tuple[float, float]]
) -> Singles:
    """Return the weight of each zone for each other one, by direction and reach.

    Args:
        zones: names; those without a position have no neighbours and are nobody's.
        positions: latitude and longitude by zone.

    Returns:
        Shape (8, zones, zones); a zone's weights for one kind sum to less than 1.
    """
    known = np.array([zone in positions for zone in zones], dtype=bool)
    latitude, longitude = np.array([positions.get(zone, (0.0, 0.0)) for zone in zones]).T
    north_km = (latitude[None] - latitude[:, None]) * KM_PER_DEGREE
    turn = (longitude[None] - longitude[:, None] + 180) % 360 - 180
    shrink = np.cos(np.radians((latitude[None] + latitude[:, None]) / 2))
    east_km = turn * KM_PER_DEGREE * shrink
    distance_km = np.hypot(east_km, north_km)
    bearing = np.degrees(np.arctan2(north_km, east_km))
    usable = known[:, None] & known[None] & (distance_km > SAME_PLACE_KM)
    kinds = []
    for direction in DIRECTIONS:
        off = np.abs((bearing - direction + 180) % 360 - 180)
        towards = np.clip(np.cos(np.radians(off)), 0, 1) * usable
        for reach_km in REACHES_KM:
            weight = np.exp(-distance_km / reach_km) * towards
            kinds.append(weight / (weight.sum(axis=1, keepdims=True) + FAR_WEIGHT))
    return np.stack(kinds).astype(np.float32)
