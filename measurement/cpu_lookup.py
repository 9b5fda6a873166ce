"""Which microarchitecture a CPU is, with its power and speed figures, from name or CPUID.

Hypervisors hide names ("AMD EPYC" and no more), hence CPUID; what neither tells is a fallback.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

from carbon_advisor.measurement.errors import UnknownNameError

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

    from carbon_advisor.measurement.hardware import Hardware

How = Literal["model", "cpuid", "fallback"]


@dataclass(frozen=True, slots=True)
class Microarchitecture:
    """One row of data/microarchitectures.csv.

    Attributes:
        idle_w_per_thread: wall power of an idle server divided by its hardware threads.
        max_w_per_thread: the same at full load.
        memory_gb_per_thread: memory whose power those two figures contain already.
        single_thread_score: relative speed of one thread; None if unknown.
        relative_error: half-width of the 90 % interval of the power figures, over the value.
        basis: "measured" on such machines, from their "family", or "assumed".
        source: its id in data/sources.csv.
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


@dataclass(frozen=True, slots=True)
class CpuModel:
    """One row of data/cpu_models.csv, the part that is needed to resolve a name."""

    name: str
    microarchitecture: str
    single_thread_score: float | None


@dataclass(frozen=True, slots=True)
class ResolvedCpu:
    """What is known of a CPU: its row, how it was found, and the model's own score if known."""

    microarchitecture: Microarchitecture
    how: How
    single_thread_score: float | None
    cpu_model: str | None = None


@dataclass(frozen=True, slots=True)
class _CpuidRange:
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
    models: dict[str, CpuModel]  # by lookup_name, which is the normalised name
    cpuid: tuple[_CpuidRange, ...]

    @property
    def by_folded_name(self) -> dict[str, Microarchitecture]:
        """The microarchitectures by the normalised form of their names."""
        return {normalized_cpu_name(name): row for name, row in self.microarchitectures.items()}


def resolve_cpu(
    cpu_name: str,
    *,
    vendor: str = "",
    family: int | None = None,
    model: int | None = None,
    architecture: str = "x86_64",
    tables: CpuTables | None = None,
) -> ResolvedCpu:
    """Find a CPU's microarchitecture: by model name, else by CPUID, else the generic row.

    A name that is a microarchitecture's ("Ice Lake", "Intel Xeon Processor (Skylake, IBRS)") counts
    as a model without a score of its own, after CPUID, which hypervisors do not make up.

    Args:
        cpu_name: as /proc/cpuinfo, lscpu, a provider or a person writes it; may be empty.
        vendor: CPUID vendor ("AuthenticAMD", "GenuineIntel"; "ARM" on Arm).
        family: CPUID family; on Arm the implementer.
        model: CPUID model; on Arm the part number.
        architecture: "x86_64" or "arm64", for the fallback.
        tables: for tests; the bundled tables otherwise.

    Raises:
        UnknownNameError: there is no generic row for `architecture`.
    """
    tables = tables or bundled_cpu_tables()
    known = tables.models.get(normalized_cpu_name(cpu_name))
    if known is not None and known.microarchitecture in tables.microarchitectures:
        row = tables.microarchitectures[known.microarchitecture]
        score = known.single_thread_score or row.single_thread_score
        return ResolvedCpu(row, "model", score, known.name)
    by_cpuid = _by_cpuid(tables, vendor, family, model)
    if by_cpuid is not None:
        return ResolvedCpu(by_cpuid, "cpuid", by_cpuid.single_thread_score)
    named = _by_microarchitecture_name(tables, cpu_name)
    if named is not None:
        return ResolvedCpu(named, "model", named.single_thread_score)
    generic = tables.microarchitectures.get(f"generic {architecture}")
    if generic is None:
        raise UnknownNameError(
            "CPU architecture",
            architecture,
            [row.architecture for row in tables.microarchitectures.values()],
        )
    return ResolvedCpu(generic, "fallback", generic.single_thread_score)


def resolve_hardware(hardware: Hardware, tables: CpuTables | None = None) -> ResolvedCpu:
    """`resolve_cpu` for a detected or recorded machine, whose own microarchitecture has the word.

    Detection may know more than the CPU's name, such as that a core runs one thread only.
    """
    tables = tables or bundled_cpu_tables()
    found = resolve_cpu(
        hardware.cpu_name,
        vendor=hardware.cpu_vendor,
        family=hardware.cpu_family,
        model=hardware.cpu_model_number,
        architecture=hardware.architecture,
        tables=tables,
    )
    row = tables.microarchitectures.get(hardware.microarchitecture or "")
    if row is None or row == found.microarchitecture:
        return found
    score = found.single_thread_score or row.single_thread_score
    how: How = "model" if found.how == "fallback" else found.how
    return ResolvedCpu(row, how, score, found.cpu_model)


def _by_microarchitecture_name(tables: CpuTables, cpu_name: str) -> Microarchitecture | None:
    """By the name itself, or by what a hypervisor's name has in brackets."""
    in_brackets = re.search(r"\(([\w\s-]{4,})[,)]", cpu_name)
    for name in (in_brackets[1] if in_brackets else "", cpu_name):
        row = tables.by_folded_name.get(normalized_cpu_name(name))
        if row is not None:
            return row
    return None


def _by_cpuid(
    tables: CpuTables, vendor: str, family: int | None, model: int | None
) -> Microarchitecture | None:
    """The narrowest range that holds the CPUID, if its microarchitecture has a row."""
    if family is None or model is None:
        return None
    fitting = [
        row
        for row in tables.cpuid
        if row.vendor == vendor
        and row.family == family
        and row.model_min <= model <= row.model_max
        and row.microarchitecture in tables.microarchitectures
    ]
    if not fitting:
        return None
    return tables.microarchitectures[min(fitting, key=lambda row: row.width).microarchitecture]


_NOISE = re.compile(
    r"\((?:r|tm|c)\)|[®™©]"  # trade marks
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
    text = re.sub(r"(?<=\d)\s*v(\d)\b", r" v\1", text)  # "E5-2690v4"
    return re.sub(r"[\s_]+", " ", text).strip()


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
    models = _read_models(folder / "cpu_models.csv")
    ranges = tuple(
        _CpuidRange(
            row["vendor_id"],
            int(row["family"], 0),
            int(row["model_min"], 0),
            int(row["model_max"], 0),
            row["microarchitecture"],
        )
        for row in read_rows(folder / "cpuid.csv")
    )
    return CpuTables(microarchitectures, models, ranges)


def _read_models(path: Traversable) -> dict[str, CpuModel]:
    """Return the thousands of models by lookup_name; by position, as a dictionary a row is slow."""
    import csv

    with path.open("r", encoding="utf-8") as file:
        reader = csv.reader(file)
        header = next(reader)
        name, key, kind, score = (
            header.index(column)
            for column in ("cpu_model", "lookup_name", "microarchitecture", "single_thread_score")
        )
        return {
            row[key]: CpuModel(row[name], row[kind], _optional_number(row[score])) for row in reader
        }


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
    )


def _optional_number(text: str) -> float | None:
    return float(text) if text.strip() else None
