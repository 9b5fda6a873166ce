"""The tables of CPUs in data/: microarchitectures, models and CPUID ranges, keyed for look-up."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

LOAD_COLUMNS = ("load_1", "load_2")
WHOLE_CORES = " (one thread per core)"  # ends the name of a kind without hyperthreads


@dataclass(frozen=True, slots=True)
class CpuPower:
    """Wall power of whole servers divided by their hardware threads.

    Attributes:
        name: what the figures are of: a CPU model or a microarchitecture.
        idle_w_per_thread: of an idle server.
        max_w_per_thread: the same at full load.
        memory_gb_per_thread: memory whose power those two figures contain already.
        load: how the way from idle to full load deviates from the mean shape, as coordinates of
            the columns of data/load_shape.csv.
        relative_error: half-width of the 90 % interval of the power figures, over the value.
        basis: "measured" on such machines, "modelled", from their "family", or "assumed".
        source: its id in data/sources.csv.
    """

    name: str
    idle_w_per_thread: float
    max_w_per_thread: float
    memory_gb_per_thread: float
    load: tuple[float, ...]
    relative_error: float
    basis: str
    source: str


@dataclass(frozen=True, slots=True)
class Microarchitecture:
    """One row of data/microarchitectures.csv.

    Attributes:
        idle_w_per_thread: wall power of an idle server divided by its hardware threads.
        max_w_per_thread: the same at full load.
        memory_gb_per_thread: memory whose power those two figures contain already.
        single_thread_score: relative speed of one thread; None if unknown.
        relative_error: half-width of the 90 % interval of the power figures, over the value.
        basis: "measured" on such machines, "modelled", from their "family", or "assumed".
        source: its id in data/sources.csv.
        load: coordinates of its load shape; see CpuPower.
    """

    name: str
    vendor: str
    architecture: str
    launch_year: int | None
    idle_w_per_thread: float
    max_w_per_thread: float
    memory_gb_per_thread: float
    single_thread_score: float | None
    relative_error: float
    basis: str
    source: str
    load: tuple[float, ...] = ()

    @property
    def power(self) -> CpuPower:
        """The figures of its servers."""
        return CpuPower(
            self.name, self.idle_w_per_thread, self.max_w_per_thread, self.memory_gb_per_thread,
            self.load, self.relative_error, self.basis, self.source,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class CpuModel:
    """One row of data/cpu_models.csv, the part that is needed to resolve a name."""

    name: str
    microarchitecture: str
    single_thread_score: float | None
    power: CpuPower | None = None


@dataclass(frozen=True, slots=True)
class CpuidRange:
    vendor: str
    family: int
    model_min: int
    model_max: int
    microarchitecture: str

    @property
    def width(self) -> int:
        return self.model_max - self.model_min


@dataclass(frozen=True, slots=True)
class CpuTables:
    """The three tables, keyed for look-up."""

    microarchitectures: dict[str, Microarchitecture]
    models: Mapping[str, CpuModel]  # by lookup_name, which is the normalised name
    cpuid: tuple[CpuidRange, ...]

    @property
    def by_folded_name(self) -> dict[str, Microarchitecture]:
        """The microarchitectures by the normalised form of their names."""
        return {normalized_cpu_name(name): row for name, row in self.microarchitectures.items()}


_NOISE = re.compile(
    r"\((?:r|tm|c)\)|[®™©,]"  # trade marks
    r"|\b64-bit multi-core\b"
    r"|@.*$|\b\d+(?:\.\d+)?\s?[gm]hz\b.*$"  # clock rates and what follows them
    r"|\b(?:\d+|dual|quad|six|eight|twelve|sixteen)-cores?\b(?:\s+processor)?"
    r"|\b(?:with|w/)\s.*$"  # "with Radeon Graphics"
    r"|\b\d+th gen\b"
    r"|\b(?:intel|amd|cpu|processor|genuine|aws|ampere)\b",
    re.IGNORECASE,
)


def normalized_cpu_name(name: str) -> str:
    """Return the part of a CPU's name that tells models apart, in lower case.

    "Intel(R) Xeon(R) Platinum 8370C CPU @ 2.80GHz" and "Xeon Platinum 8370C" become the same.
    """
    text = _NOISE.sub(" ", name).lower()
    text = re.sub(r"\baltra\s+(?:max\s+)?(?=[mq]\d)", "", text)  # the number says it
    text = re.sub(r"\s+0\s*$", "", text)  # "Xeon E5-2670 0", the first of its line
    text = re.sub(r"(?<=\d)([a-z]?)\s*v(\d)\b", r"\1 v\2", text)  # "E5-2690v4", "E3-1265Lv3"
    # "Xeon 6-6980P", "Xeon E E-2488"
    text = re.sub(r"\bxeon (?:6-(?=\d{4})|e (?=e-))", "xeon ", text)
    text = re.sub(r"\bxeon-d\s+", "xeon d-", text)
    text = re.sub(r"\b(opteron \d{4})([hse]e)\b", r"\1 \2", text)  # "Opteron 2376HE"
    return re.sub(r"[\s_]+", " ", text).strip(" (")


@lru_cache(maxsize=1)
def bundled_cpu_tables() -> CpuTables:
    """Return the tables of `carbon_advisor.data`, read once."""
    from importlib.resources import files

    return read_cpu_tables(files("carbon_advisor.data"))


def read_cpu_tables(folder: Traversable) -> CpuTables:
    """Read microarchitectures.csv, cpu_models.csv and cpuid.csv from a folder."""
    microarchitectures = {
        row["microarchitecture"]: _microarchitecture(row)
        for row in read_rows(folder / "microarchitectures.csv")
    }
    models = CpuModelFile(folder / "cpu_models.csv")
    ranges = tuple(
        CpuidRange(
            row["vendor_id"],
            int(row["family"], 0),
            int(row["model_min"], 0),
            int(row["model_max"], 0),
            row["microarchitecture"],
        )
        for row in read_rows(folder / "cpuid.csv")
    )
    return CpuTables(microarchitectures, models, ranges)


class CpuModelFile(Mapping[str, CpuModel]):
    """The thousands of models by lookup_name; a row is taken apart when it is asked for."""

    def __init__(self, path: Traversable) -> None:
        """Read the file; its second column is the lookup_name, and no cell is quoted."""
        self._text = path.read_text(encoding="utf-8")
        self._columns = self._text[: self._text.index("\n")].split(",")
        self._lines: dict[str, str] = {}

    def index(self) -> None:
        """Find the rows of all names at once: for whoever asks for more than a few."""
        self._lines = {line.split(",", 2)[1]: line for line in self._text.splitlines()[1:]}

    def __getitem__(self, lookup_name: str) -> CpuModel:
        cells = self.cells(lookup_name)
        if cells is None:
            raise KeyError(lookup_name)
        return _cpu_model(cells)

    def cells(self, lookup_name: str) -> dict[str, str] | None:
        """Return the row of a name by column; None if there is none."""
        line = self._lines.get(lookup_name) if self._lines else self._find(lookup_name)
        return None if line is None else dict(zip(self._columns, line.split(","), strict=True))

    def rows(self) -> Iterator[dict[str, str]]:
        """Yield every row by column."""
        for line in self._text.splitlines()[1:]:
            yield dict(zip(self._columns, line.split(","), strict=True))

    def _find(self, lookup_name: str) -> str | None:
        at = self._text.find(f",{lookup_name},") if lookup_name else -1
        while at >= 0:
            start, end = self._text.rfind("\n", 0, at) + 1, self._text.find("\n", at)
            if self._text[start:end].split(",", 2)[1] == lookup_name:
                return self._text[start:end]
            at = self._text.find(f",{lookup_name},", end)
        return None

    def __iter__(self) -> Iterator[str]:
        return (line.split(",", 2)[1] for line in self._text.splitlines()[1:])

    def __len__(self) -> int:
        return self._text.count("\n") - 1


def _cpu_model(row: dict[str, str]) -> CpuModel:
    name, score = row["cpu_model"], _optional_number(row["single_thread_score"])
    return CpuModel(name, row["microarchitecture"], score, _own_power(name, row))


def _own_power(name: str, row: dict[str, str]) -> CpuPower | None:
    if not row.get("idle_w_per_thread"):
        return None
    return CpuPower(
        name=name,
        idle_w_per_thread=float(row["idle_w_per_thread"]),
        max_w_per_thread=float(row["max_w_per_thread"]),
        memory_gb_per_thread=float(row["memory_gb_per_thread"]),
        load=_load(row),
        relative_error=float(row["relative_error"]),
        basis=row["power_basis"],
        source=row["power_source"],
    )


def _load(row: dict[str, str]) -> tuple[float, ...]:
    return tuple(float(row[column]) for column in LOAD_COLUMNS if row.get(column))


def read_rows(path: Traversable) -> list[dict[str, str]]:
    """Return the rows of one bundled CSV file by column name."""
    import csv

    with path.open("r", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _microarchitecture(row: dict[str, Any]) -> Microarchitecture:
    year = _optional_number(row["launch_year"])
    return Microarchitecture(
        name=row["microarchitecture"],
        vendor=row["vendor"],
        architecture=row["architecture"],
        launch_year=None if year is None else int(year),
        idle_w_per_thread=float(row["idle_w_per_thread"]),
        max_w_per_thread=float(row["max_w_per_thread"]),
        memory_gb_per_thread=float(row["memory_gb_per_thread"]),
        single_thread_score=_optional_number(row["single_thread_score"]),
        relative_error=float(row["relative_error"]),
        basis=row["basis"],
        source=row["source"],
        load=_load(row),
    )


def _optional_number(text: str) -> float | None:
    return float(text) if text.strip() else None
