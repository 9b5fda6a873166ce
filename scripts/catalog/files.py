"""Reading sources and writing the catalogue's files, byte for byte the same on every run."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
import math
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO, cast

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Row = dict[str, object]
HAND = Path(__file__).parent / "hand"
FIXED_TIME = (1980, 1, 1, 0, 0, 0)  # a zip member's time, so that the bytes do not change


@dataclass(frozen=True)
class Table:
    """One CSV file of the catalogue.

    Attributes:
        name: file name without .csv.
        columns: header, in order.
        rows: one mapping per row; a missing or None or NaN cell is written empty.
        left_out: what was not taken over and how many, by reason.
        also: ids of sources that no column names.
    """

    name: str
    columns: tuple[str, ...]
    rows: list[Row]
    left_out: dict[str, int] = field(default_factory=dict)
    also: tuple[str, ...] = ()


def open_text(path: Path) -> TextIO:
    """Open a text file that may be gzipped."""
    if path.suffix == ".gz":
        return cast("TextIO", gzip.open(path, "rt", encoding="utf-8", newline=""))
    return path.open("r", encoding="utf-8-sig", newline="")


def read_rows(path: Path, delimiter: str = ",") -> list[dict[str, str]]:
    """Return the rows of a CSV file, gzipped or not, by column name."""
    with open_text(path) as file:
        return list(csv.DictReader(file, delimiter=delimiter))


def read_json(path: Path) -> Any:
    """Return the content of a JSON file, gzipped or not."""
    with open_text(path) as file:
        return json.load(file)


def hand_rows(name: str) -> list[dict[str, str]]:
    """Return the rows of a table kept by hand in this folder."""
    return read_rows(HAND / f"{name}.csv")


def number(text: str | None) -> float | None:
    """Return the number in a cell; None if it is empty or none."""
    try:
        value = float((text or "").strip())
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def cell(value: object) -> str:
    """Return a cell's text: shortest form of a number, empty for None and NaN, 0/1 for a truth."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, bool | np.bool_):
        return str(int(value))
    if isinstance(value, float | np.floating):
        return f"{float(value):.10g}"
    return str(value)


def write_table(directory: Path, table: Table) -> None:
    """Write a table as CSV with Unix line ends."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(table.columns)
    for row in table.rows:
        writer.writerow([cell(row.get(column)) for column in table.columns])
    (directory / f"{table.name}.csv").write_text(text.getvalue(), encoding="utf-8", newline="")


def write_arrays(path: Path, arrays: Mapping[str, np.ndarray], *, compress: bool) -> None:
    """Write named arrays as .npz with fixed times, so that equal arrays give equal bytes."""
    method = zipfile.ZIP_DEFLATED if compress else zipfile.ZIP_STORED
    with zipfile.ZipFile(path, "w") as archive:
        for name, array in arrays.items():
            content = io.BytesIO()
            np.lib.format.write_array(content, np.ascontiguousarray(array), allow_pickle=False)
            member = zipfile.ZipInfo(f"{name}.npy", FIXED_TIME)
            member.compress_type = method
            archive.writestr(member, content.getvalue(), compresslevel=9)


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def median(values: Iterable[float | None]) -> float | None:
    """Return the median of what is there; None of nothing."""
    present = [value for value in values if value is not None]
    return float(np.median(present)) if present else None


def rounded(value: float | None, digits: int) -> float | None:
    """Round what is there."""
    return None if value is None else round(value, digits)
