"""Reading a trace: CSV or Parquet, gzipped or not, long (utc,zone,value) or wide (utc,zone1,…).

Times are UTC where they name no offset. Rows of a long trace with `issued_utc` are forecasts. What
had to be mended is said in the trace's notes; what cannot be mended is an error that names the
place.
"""

from __future__ import annotations

import gzip
import io
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from carbon_advisor.advisor.trace_feed import feed_of, split, times_in
from carbon_advisor.advisor.traces import MeasuredTrace
from carbon_advisor.measurement.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from carbon_advisor.advisor.plan.trace import Floats

GZIP_MAGIC = b"\x1f\x8b"
PARQUET_MAGIC = b"PAR1"
SHORTEST_STEP_S, LONGEST_STEP_S = 300, 3600
LONGEST_STEPS = 105_408 * 10  # ten years of five minutes: more is a typing error in a date
TOLD_SHARE = 0.0005  # gaps below this share of all steps are not worth a name


def read_trace(path: Path) -> MeasuredTrace:
    """Return the trace in a file.

    Raises:
        InputError: there is no such file, or it is no trace; the message says what is wrong.
    """
    table = _table(path)
    table.columns = [str(name).strip() for name in table.columns]
    if "utc" not in table.columns:
        raise InputError(
            f"{path}: a trace has a column utc; this has {', '.join(table.columns[:6])}"
        )
    notes: list[str] = []
    measured, forecasts = split(path, table)
    times = times_in(path, measured, "utc")
    wide = _wide(path, measured.drop(columns="utc"), times, notes)
    trace = _on_grid(path, wide, notes)
    return trace if forecasts is None else replace(trace, feed=feed_of(path, forecasts, trace))


def _table(path: Path) -> pd.DataFrame:
    import pandas as pd

    try:
        content = path.read_bytes()
        if content.startswith(GZIP_MAGIC):
            content = gzip.decompress(content)
    except (OSError, EOFError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(f"cannot read the trace {path}: {reason}") from error
    try:
        if content.startswith(PARQUET_MAGIC):
            frame = pd.read_parquet(io.BytesIO(content))
            return frame if "utc" in frame.columns else frame.reset_index()
        return pd.read_csv(
            io.BytesIO(content),
            dtype={"zone": str},
            keep_default_na=False,
            na_values=["", "NaN", "nan", "null"],
        )
    except ImportError as error:
        raise InputError(f"{path} is Parquet: reading it takes 'pip install pyarrow'") from error
    except (ValueError, UnicodeDecodeError, OSError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{path} is no trace: {reason}") from error


def _wide(
    path: Path, table: pd.DataFrame, times: pd.DatetimeIndex, notes: list[str]
) -> pd.DataFrame:
    """Return zones as columns by time, duplicates dropped."""
    if times.isna().any():
        raise InputError(f"{path}: row {int(times.isna().argmax()) + 2} has no time")
    if "zone" in table.columns:
        return _from_long(path, table, times, notes)
    wide = table.set_axis(times, axis=0)
    if wide.columns.empty:
        raise InputError(f"{path}: a wide trace has a column per zone")
    if not wide.columns.is_unique:
        raise InputError(f"{path}: a zone has two columns")
    repeated = int(wide.index.duplicated(keep="last").sum())
    if repeated:
        notes.append(f"{repeated} rows repeat a time; the last of each was taken.")
    return wide[~wide.index.duplicated(keep="last")].sort_index()


def _from_long(
    path: Path, table: pd.DataFrame, times: pd.DatetimeIndex, notes: list[str]
) -> pd.DataFrame:
    others = [name for name in table.columns if name != "zone"]
    value = "value" if "value" in others else others[0] if len(others) == 1 else None
    if value is None:
        raise InputError(f"{path}: a long trace has the columns utc, zone and value")
    rows = table[["zone", value]].assign(utc=times)
    if rows.zone.isna().any():
        raise InputError(f"{path}: row {int(rows.zone.isna().argmax()) + 2} has no zone")
    repeated = rows.duplicated(["utc", "zone"], keep="last")
    if repeated.any():
        notes.append(f"{int(repeated.sum())} rows repeat a zone's time; the last was taken.")
    return rows[~repeated].pivot(index="utc", columns="zone", values=value).sort_index()


def _on_grid(path: Path, wide: pd.DataFrame, notes: list[str]) -> MeasuredTrace:
    """Return the trace with equal steps; times that are missing are gaps."""
    import pandas as pd

    if len(wide) < 2:
        raise InputError(f"{path}: a trace has at least two steps")
    seconds = (wide.index - wide.index[0]).total_seconds().to_numpy()
    step_s = float(np.median(np.diff(seconds)))
    if not SHORTEST_STEP_S <= step_s <= LONGEST_STEP_S or 3600 % step_s:
        raise InputError(
            f"{path}: steps of {step_s / 60:g} min; a trace has 5 min to 1 h, parts of it"
        )
    off = seconds % step_s != 0
    if off.any():
        raise InputError(
            f"{path}: {wide.index[int(off.argmax())]:%Y-%m-%dT%H:%MZ} is not on the grid of "
            f"{step_s / 60:g} min from {wide.index[0]:%Y-%m-%dT%H:%MZ}"
        )
    if seconds[-1] / step_s > LONGEST_STEPS:
        raise InputError(f"{path}: from {wide.index[0]:%Y} to {wide.index[-1]:%Y} is too long")
    grid = pd.date_range(wide.index[0], wide.index[-1], freq=pd.Timedelta(seconds=step_s))
    values = _numbers(path, wide.reindex(grid), notes)
    zones = tuple(str(name) for name in wide.columns)
    _tell_gaps(zones, values, notes)
    begin = wide.index[0].to_pydatetime()
    return MeasuredTrace(zones, begin, step_s / 3600, values, tuple(notes))


def _numbers(path: Path, wide: pd.DataFrame, notes: list[str]) -> Floats:
    """Return the values, shape (zones, steps)."""
    try:
        values = wide.to_numpy(dtype=np.float64, na_value=np.nan).T.copy()
    except (ValueError, TypeError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{path}: not all values are numbers: {reason}") from error
    values[~np.isfinite(values)] = np.nan
    if not np.isfinite(values).any():
        raise InputError(f"{path}: the trace has no values")
    below = values < 0
    if below.any():
        notes.append(f"{int(below.sum())} values below 0 g/kWh count as 0.")
        values[below] = 0.0
    return np.asarray(values)


def _tell_gaps(zones: tuple[str, ...], values: Floats, notes: list[str]) -> None:
    share = np.isnan(values).mean(axis=1)
    if share.mean() < TOLD_SHARE:
        return
    worst = int(share.argmax())
    notes.append(
        f"{share.mean():.1%} of the steps have no value (most in {zones[worst]}: "
        f"{share[worst]:.1%}); forecasts fill them from the day before."
    )
