"""Appends rows to CSV files that may have been begun by others."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

from carbon_advisor.measurement.outputs.append import append

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

Cell = str | int | float | None


def append_row(path: Path, row: Mapping[str, Cell]) -> None:
    """Append a row, in the order of the file's columns; None is an empty cell.

    A file with other columns is set aside as NAME.bak, and a new one begun.

    Raises:
        OSError: it cannot be written.
    """
    append(path, lambda first_line: _text_after(first_line, row))


def _text_after(first_line: str, row: Mapping[str, Cell]) -> str | None:
    if not first_line:
        return _lines([list(row), list(row.values())])
    columns = next(csv.reader([first_line.removeprefix("\ufeff")]))
    if sorted(columns) != sorted(row):
        return None
    return _lines([[row[column] for column in columns]])


def _lines(rows: Iterable[Sequence[Cell]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()
