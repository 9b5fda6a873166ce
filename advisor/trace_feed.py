"""Forecasts within a trace file: rows of a long trace whose column `issued_utc` is not empty."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from carbon_advisor.advisor.forecast.feed import FeedForecasts
from carbon_advisor.measurement.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from carbon_advisor.advisor.traces import MeasuredTrace

ISSUED = "issued_utc"


def times_in(path: Path, table: pd.DataFrame, column: str) -> pd.DatetimeIndex:
    """Return a column of times as UTC; NaT where empty.

    Raises:
        InputError: it holds something else.
    """
    import pandas as pd

    try:
        return pd.DatetimeIndex(pd.to_datetime(table[column], utc=True, format="ISO8601"))
    except (ValueError, TypeError, OverflowError) as error:
        reason = " ".join(str(error).split()).split(". You might")[0]
        raise InputError(f"{path}: the column {column} holds no times: {reason}") from error


def split(path: Path, table: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame | None]:
    """Return the measured rows, and the forecasts or None.

    Raises:
        InputError: forecasts in a wide trace.
    """
    if ISSUED not in table.columns:
        return table, None
    if not {"zone", "value"} <= set(table.columns):
        raise InputError(f"{path}: forecasts have the columns {ISSUED}, utc, zone and value")
    is_forecast = table[ISSUED].notna()
    measured = table[~is_forecast].drop(columns=ISSUED)
    return measured, table[is_forecast] if is_forecast.any() else None


def feed_of(path: Path, rows: pd.DataFrame, trace: MeasuredTrace) -> FeedForecasts:
    """Return the forecasts of the trace's zones.

    Raises:
        InputError: a value is no number, or a time no time.
    """
    import pandas as pd

    begin = pd.Timestamp(trace.begin)
    place = {zone: row for row, zone in enumerate(trace.zones)}
    issued = (times_in(path, rows, ISSUED) - begin) / pd.Timedelta(hours=1)
    hours = (times_in(path, rows, "utc") - begin) / pd.Timedelta(hours=1)
    try:
        value = rows["value"].to_numpy(dtype=np.float64, na_value=np.nan)
    except (ValueError, TypeError) as error:
        raise InputError(f"{path}: not all forecasts are numbers") from error
    zone = np.array([place.get(str(name), -1) for name in rows["zone"]], dtype=np.intp)
    issued_h, hour = np.asarray(issued, dtype=np.float64), np.asarray(hours, dtype=np.float64)
    usable = np.isfinite(value) & (zone >= 0) & np.isfinite(hour) & np.isfinite(issued_h)
    order = np.flatnonzero(usable)[np.argsort(issued_h[usable], kind="stable")]
    return FeedForecasts(
        zones=len(trace.zones),
        begin=trace.begin,
        issued_h=issued_h[order],
        zone=zone[order],
        hour=np.floor(hour[order] + 1e-9).astype(np.int64),
        value=np.maximum(value[order], 0),
    )
