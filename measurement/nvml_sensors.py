"""What NVIDIA's power sensors see of a run, by architecture, and the error that follows from it.

Every `update_s` NVML shows a new figure: the mean over the last `window_s` before it, no more.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

# Yang, Adámek, Armour, "Part-time Power Measurements: nvidia-smi's Lack of Attention" (SC'24,
# arXiv:2312.02741), over 70 boards against a meter on their supply: a gain of its own within ±5 %
# of each board (R² > 0.999), and the windows below. NVML's manual says ±5 % too.
_GAIN_ERROR = 0.05
_MEAN_OF_AVERAGES_S = 1.0  # what NVML calls "average", on Ampere (not GA100) and newer

# How much power varies is assumed, not measured: half of the time at full power, half at a fifth.
# Its standard deviation is 0.67 of its mean, and its peak 1.67.
_VARIATION = 0.4 / 0.6
_PEAK_OVER_MEAN = 1 / 0.6
_QUANTILE_95 = 1.645
_RUN_MEANT_S = 60.0  # the run that an error is stated for as long as none has begun


@dataclass(frozen=True, slots=True)
class Sensor:
    """How often a board's power is published, and what part of the time goes into it.

    Attributes:
        update_s: T, the time between two figures.
        window_s: W, the time that one figure is the mean of, at most T.
        known: False where nobody has published it: then the worst that was published is assumed.
    """

    update_s: float
    window_s: float
    known: bool = True

    @property
    def seen(self) -> float:
        """The part of all time that some figure is the mean of, 0..1."""
        return self.window_s / self.update_s

    def words(self) -> str:
        """Say it for people."""
        assumed = "" if self.known else "assumed to see "
        return f"{assumed}{self.window_s * 1e3:.0f} of each {self.update_s * 1e3:.0f} ms"


# By CUDA compute capability, from the same paper. Fermi is left out: its figures are estimates.
# Kepler's and Maxwell's follow the load with 200 ms of lag, so that nothing is missed.
_SENSORS: dict[tuple[int, int], Sensor] = {
    **{(3, minor): Sensor(0.020, 0.020) for minor in (0, 2, 5, 7)},
    **{(5, minor): Sensor(0.020, 0.020) for minor in (0, 2)},
    **{(6, minor): Sensor(0.020, 0.010) for minor in (0, 1)},
    (7, 0): Sensor(0.020, 0.010),
    (7, 5): Sensor(0.100, 0.100),
    (8, 0): Sensor(0.100, 0.025),
    (8, 6): Sensor(0.100, 0.100),
    (9, 0): Sensor(0.100, 0.025),
}
_GRACE_HOPPER = Sensor(0.100, 0.020)
UNKNOWN = Sensor(0.100, 0.020, known=False)


def sensor_of(capability: tuple[int, int], name: str) -> Sensor:
    """Return the sensor of a board.

    Args:
        capability: CUDA compute capability; (0, 0) if it could not be asked for.
        name: NVML's; a GH200 sees less than other boards of its capability.
    """
    if "GH200" in name:
        return _GRACE_HOPPER
    return _SENSORS.get(capability, UNKNOWN)


def momentary_by_default(capability: tuple[int, int], driver_major: int) -> bool:
    """Does `nvmlDeviceGetPowerUsage` return the latest figure, and not the mean of a second?

    NVML's manual: a 1 s mean on Ampere (except GA100) or newer; the paper: since driver 530.
    """
    return capability < (8, 0) or capability == (8, 0) or driver_major < 530


def counted_error(sensor: Sensor, duration_s: float | None = None) -> float:
    """Return the relative error of a sum over every figure of the sensor: counter or buffer.

    NVML does not document what its energy counter adds up; that it is the same figures is assumed.
    At both ends of a run, half an update on average is in the wrong run.
    """
    run_s = duration_s or _RUN_MEANT_S
    return _relative_error(sensor.seen, run_s / sensor.update_s, sensor.update_s, run_s)


def momentary_error(sensor: Sensor, interval_s: float, duration_s: float | None = None) -> float:
    """Return the relative error of the latest figure, read every `interval_s`."""
    run_s = duration_s or _RUN_MEANT_S
    between_s = max(interval_s, sensor.update_s)
    return _relative_error(sensor.window_s / between_s, run_s / between_s, between_s / 2, run_s)


def averaged_error(sensor: Sensor, interval_s: float, duration_s: float | None = None) -> float:
    """Return the relative error of NVML's mean over the last second, read every `interval_s`.

    What is read late lags by half a second, which is lost at the end of a run.
    """
    run_s = duration_s or _RUN_MEANT_S
    covered = min(1.0, _MEAN_OF_AVERAGES_S / interval_s) if interval_s > 0 else 1.0
    windows = run_s * covered / sensor.update_s
    return _relative_error(sensor.seen * covered, windows, _MEAN_OF_AVERAGES_S / 2, run_s)


def _relative_error(seen: float, windows: float, edge_s: float, run_s: float) -> float:
    """Half-width of the 90 % interval over the value, at most 1.

    Args:
        seen: part of the run that was seen: what was seen whole is known, as in any sample of a
            finite population.
        windows: how many pieces of it were seen. They are taken to meet the load at random, which
            fails for a load that repeats in step with the sensor.
        edge_s: how uncertain each end of the run is.
        run_s: length of the run.
    """
    chance = _QUANTILE_95 * _VARIATION * math.sqrt((1 - min(1.0, seen)) / max(windows, 1e-9))
    edges = _PEAK_OVER_MEAN * edge_s / run_s
    return min(1.0, math.hypot(_GAIN_ERROR, chance, edges))
