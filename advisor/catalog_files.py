"""Reading the catalogue's files into columns; one that cannot be read is an error that names it."""

from __future__ import annotations

import csv
import zipfile
from dataclasses import fields
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from carbon_advisor.advisor.catalog_tables import Offers
from carbon_advisor.measurement.errors import AdvisorError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from carbon_advisor.advisor.catalog_tables import Bools, Floats, Ints, Texts

PROFILE_SHAPE = (12, 2, 24)  # month, weekday or weekend, hour in UTC
UNREADABLE = (OSError, ValueError, KeyError, IndexError, EOFError, zipfile.BadZipFile, csv.Error)
NO_ROW = -1

Value = TypeVar("Value")


def guarded(path: Path, read: Callable[[], Value]) -> Value:
    """Return what `read` returns.

    Raises:
        AdvisorError: the file is missing or cannot be read; the message names it.
    """
    try:
        return read()
    except FileNotFoundError as error:
        raise AdvisorError(
            f"catalogue file {path} is missing; install the program again"
        ) from error
    except UNREADABLE as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise AdvisorError(
            f"catalogue file {path} is corrupt ({reason}); install the program again"
        ) from error


class TableFile:
    """One CSV file as columns of text, converted on demand."""

    def __init__(self, path: Path) -> None:
        """Name the file; it is read when a column is asked for."""
        self.path = path

    @cached_property
    def _columns(self) -> dict[str, Sequence[str]]:
        return guarded(self.path, self._read)

    def _read(self) -> dict[str, Sequence[str]]:
        text = self.path.read_text(encoding="utf-8")
        if '"' not in text:
            return _columns_of(text.splitlines())
        header, *rows = csv.reader(text.splitlines())
        return dict(zip(header, zip(*rows, strict=True), strict=True))

    def cells(self, column: str) -> Sequence[str]:
        """Return a column as it stands in the file."""
        return guarded(self.path, lambda: self._columns[column])

    def rows(self) -> Iterator[dict[str, str]]:
        """Yield the rows by column name."""
        for values in zip(*self._columns.values(), strict=True):
            yield dict(zip(self._columns, values, strict=True))

    def texts(self, column: str) -> Texts:
        """Return a column of text."""
        return np.array(self.cells(column), dtype=np.str_)

    def numbers(self, column: str) -> Floats:
        """Return a column of numbers; NaN where empty."""
        cells = self.cells(column)
        return guarded(
            self.path,
            lambda: np.array([float(text) if text else np.nan for text in cells], dtype=np.float64),
        )

    def integers(self, column: str) -> Ints:
        """Return a column of whole numbers; 0 where empty."""
        cells = self.cells(column)
        return guarded(
            self.path,
            lambda: np.array([int(text) if text else 0 for text in cells], dtype=np.int64),
        )

    def truths(self, column: str) -> Bools:
        """Return a column of 0 and 1."""
        return np.asarray(self.integers(column) == 1, dtype=np.bool_)

    def rows_in(self, column: str, names: Texts) -> Ints:
        """Return for each cell the row of another table that it names; -1 where empty."""
        row = {name: index for index, name in enumerate(names.tolist())}
        row[""] = NO_ROW
        cells = self.cells(column)
        return guarded(self.path, lambda: np.array([row[text] for text in cells], dtype=np.int64))

    def columns(self, table: type, *, skip: tuple[str, ...]) -> dict[str, Any]:
        """Return the columns that are named like `table`'s fields, each as its field's type."""
        readers: dict[str, Callable[[str], Any]] = {
            "Texts": self.texts,
            "Floats": self.numbers,
            "Ints": self.integers,
            "Bools": self.truths,
        }
        return {
            field.name: readers[str(field.type)](field.name)
            for field in fields(table)
            if field.name not in skip
        }


def _columns_of(lines: Sequence[str]) -> dict[str, Sequence[str]]:
    """Return the columns of lines without quotes; five times as fast as the csv module."""
    header = lines[0].split(",")
    width = len(header)
    if any(line.count(",") != width - 1 for line in lines):
        raise ValueError("rows differ in length")
    cells = ",".join(lines[1:]).split(",")
    return {name: cells[position::width] for position, name in enumerate(header)}


def split_list(text: str) -> tuple[str, ...]:
    """Return the parts of a semicolon list."""
    return tuple(part for part in text.split(";") if part)


def read_profiles(path: Path, zones: Texts) -> NDArray[np.float32]:
    """Return the profile of every zone, ones where it has none; shape (zones, 12, 2, 24)."""
    with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
        names, stored = file["zone"], file["profile"]
    if stored.shape != (len(names), *PROFILE_SHAPE):
        raise ValueError(f"shape {stored.shape}")
    row = {name: index for index, name in enumerate(zones.tolist())}
    profile = np.ones((len(zones), *PROFILE_SHAPE), dtype=np.float32)
    profile[[row[name] for name in names.tolist()]] = stored
    return profile


def read_offers(path: Path) -> Offers:
    """Return the offers."""
    with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
        return Offers(
            region=file["region"],
            instance_type=file["instance_type"],
            price_usd_per_h=file["price_usd_per_h"],
            spot_usd_per_h=file["spot_usd_per_h"],
            price_source=file["price_source"],
            spot_source=file["spot_source"],
            source_ids=file["sources"],
        )
