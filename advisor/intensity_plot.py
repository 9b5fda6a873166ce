"""A picture of a zone's next hours, by matplotlib."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from carbon_advisor.measurement.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

    from carbon_advisor.advisor.intensity_report import Report


def plot(found: Report, path: Path) -> None:
    """Write the picture; the file's ending says its format.

    Raises:
        InputError: matplotlib is not installed, or the file cannot be written.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise InputError(
            "--plot takes matplotlib: pip install 'carbon-advisor[dashboard]'"
        ) from error
    made, row = found.forecast, found.row
    times = [
        made.begin + timedelta(hours=step * made.step_h) for step in range(made.values.shape[1])
    ]
    figure = Figure(figsize=(9, 4), layout="constrained")
    axes = figure.subplots()
    axes.fill_between(
        times,
        made.quantiles[0, row],
        made.quantiles[-1, row],
        step="post",
        alpha=0.25,
        label="90 % interval",
    )
    axes.step(times, made.values[row], where="post", label="expected")
    axes.set(
        ylabel="g CO2eq/kWh", ylim=(0, None), title=f"{found.zone}: {found.scope}, average signal"
    )
    axes.tick_params(axis="x", rotation=30)
    axes.legend()
    try:
        figure.savefig(path, dpi=120)
    except (OSError, ValueError) as error:
        raise InputError(f"cannot write the plot {path}: {error}") from error
