"""A server from what is stated: its CPU's name, or TDP and cores; the tables fill in the rest."""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from carbon_advisor.advisor.estimate.cpu_power import Servers
from carbon_advisor.measurement.cpu_tables import CpuModelFile, normalized_cpu_name
from carbon_advisor.measurement.errors import InputError, UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from carbon_advisor.advisor.catalog import Catalog

YEAR_NOT_SAID = 2021  # of an unknown CPU's generation: in the middle of what data centres run
LEAST_AGREEMENT = 0.6  # of the models named alike, to take their microarchitecture over
GIVEN = "given on the command line"
LIMITS = {
    "--tdp": (1.0, 2000.0),
    "--cores": (1.0, 1024.0),
    "--threads": (1.0, 8192.0),
    "--ghz": (0.2, 10.0),
    "--sockets": (1.0, 128.0),
    "--memory-gb": (0.1, 1e6),
    "--year": (2004.0, 2035.0),
}


@dataclass(frozen=True)
class StatedServer:
    """What the user said; None where nothing was.

    Attributes:
        cpu: a CPU's name.
        tdp_w, cores, threads: of one CPU.
        base_ghz: its base clock.
        sockets: CPUs of the machine.
        memory_gb: of the machine.
        year: when the CPU came out.
    """

    cpu: str = ""
    tdp_w: float | None = None
    cores: float | None = None
    threads: float | None = None
    base_ghz: float | None = None
    sockets: float | None = None
    memory_gb: float | None = None
    year: float | None = None

    def __post_init__(self) -> None:
        """Check every figure.

        Raises:
            InputError: one is not finite, negative or absurd.
        """
        values = (
            self.tdp_w, self.cores, self.threads, self.base_ghz, self.sockets, self.memory_gb,
            self.year,
        )  # fmt: skip
        for (option, (least, most)), value in zip(LIMITS.items(), values, strict=True):
            if value is not None and not least <= value <= most:
                raise InputError(f"{option} is a number from {least:g} to {most:g}, not {value:g}")


@dataclass(frozen=True)
class Fact:
    """One figure of the server, and where it is from: stated, catalogue or assumed."""

    name: str
    value: float | str
    unit: str
    basis: str
    source: str


@dataclass(frozen=True)
class KnownServer:
    """One server, ready to be modelled, and where each figure is from."""

    servers: Servers
    facts: tuple[Fact, ...]
    name: str

    @property
    def threads(self) -> float:
        """Hardware threads of the machine."""
        return float(self.servers.threads[0])


def known_server(stated: StatedServer, catalog: Catalog) -> KnownServer:
    """Return the server that is stated, filled in from the tables.

    Raises:
        UnknownNameError: the CPU's name is not known, and TDP and cores are not both stated.
        InputError: neither a name nor TDP and cores are stated.
    """
    models = CpuModelFile(catalog.directory / "cpu_models.csv")
    key, row = _row(normalized_cpu_name(stated.cpu), models)
    _check_known(stated, row, models)
    kind, kind_basis, kind_source = _kind(key, row, models, catalog)
    filled = _Filled(stated, row)
    tdp = filled.figure("TDP of a CPU", "W", stated.tdp_w, "tdp_w")
    sockets = filled.figure("sockets", "", stated.sockets, "", 1.0, "one; state --sockets")
    cores = filled.cores(sockets)
    per_core = filled.threads_per_core(cores, sockets, kind)
    year = _year(stated, kind, catalog)
    ghz = stated.base_ghz or _number(row.get("base_ghz", "")) or math.nan
    vendor = _vendor(stated.cpu, kind, catalog)
    servers = Servers(
        tdp_w=np.array([tdp]),
        cores=np.array([cores]),
        threads_per_core=np.array([per_core]),
        base_ghz=np.array([ghz]),
        sockets=np.array([sockets]),
        memory_gb=np.array([stated.memory_gb or math.nan]),
        year=np.array([float(year.value)]),
        amd=np.array([float(vendor == "AMD")]),
        arm=np.array([float(vendor == "Arm")]),
        microarchitecture=np.array([kind]),
        cpu=np.array([key]),
    )
    name = row.get("cpu_model") or stated.cpu or "a CPU without a name"
    facts = (
        Fact("CPU", name, "", "catalogue" if row else "stated", _cpu_source(stated, row)),
        Fact("microarchitecture", kind or "unknown", "", kind_basis, kind_source),
        *filled.facts,
        year,
    )
    return KnownServer(servers, facts, name)


def _row(key: str, models: CpuModelFile) -> tuple[str, dict[str, str]]:
    """The row of a name, also of one that leaves "Xeon" or the metal of its series out."""
    bare = key.removeprefix("xeon ")
    metals = [f"xeon {metal} {bare}" for metal in ("platinum", "gold", "silver", "bronze")]
    for name in (key, f"xeon {bare}", *metals):
        row = models.cells(name) if key else None
        if row is not None:
            return name, row
    return key, {}


def _check_known(stated: StatedServer, row: dict[str, str], models: CpuModelFile) -> None:
    described = stated.tdp_w is not None and stated.cores is not None
    if not stated.cpu and not described:
        raise InputError("say what the server has: --cpu NAME, or --tdp and --cores")
    if row or described:
        able = (row.get("tdp_w") or stated.tdp_w) and (row.get("cores") or stated.cores)
        if not able:
            missing = " and ".join(
                option
                for option, known in (("--tdp", "tdp_w"), ("--cores", "cores"))
                if not row.get(known)
            )
            raise InputError(f"the tables do not know all of '{stated.cpu}': add {missing}")
        return
    known = [cells["cpu_model"] for cells in models.rows()]
    raise UnknownNameError("CPU (or add --tdp and --cores)", stated.cpu, known)


def _cpu_source(stated: StatedServer, row: dict[str, str]) -> str:
    if row:
        return "found by its name"
    return "not in the tables: modelled from what is stated" if stated.cpu else "not named"


class _Filled:
    """Figures as stated, else as the CPU's row says, else assumed; keeps where each is from."""

    def __init__(self, stated: StatedServer, row: dict[str, str]) -> None:
        self._stated, self._row = stated, row
        self.facts: list[Fact] = []

    def figure(
        self,
        name: str,
        unit: str,
        stated: float | None,
        column: str,
        fallback: float = math.nan,
        reason: str = "",
    ) -> float:
        listed = _number(self._row.get(column, ""))
        if stated is not None:
            value, basis, source = stated, "stated", GIVEN
        elif listed is not None:
            value, basis, source = listed, "catalogue", "the list of CPUs"
        else:
            value, basis, source = fallback, "assumed", reason
        self.facts.append(Fact(name, value, unit, basis, source))
        return value

    def cores(self, sockets: float) -> float:
        """Of one CPU; a total that agrees with the list is understood too."""
        listed, stated = _number(self._row.get("cores", "")), self._stated.cores
        if listed and stated and sockets > 1 and stated == listed * sockets:
            stated = listed
        return self.figure("cores of a CPU", "", stated, "cores")

    def threads_per_core(self, cores: float, sockets: float, kind: str) -> float:
        listed, stated = _number(self._row.get("threads", "")), self._stated.threads
        listed_cores = _number(self._row.get("cores", "")) or cores
        if stated is not None:
            ratio = stated / cores
            per_core = ratio / sockets if ratio > 2 else ratio
            basis, source = "stated", GIVEN
        elif listed is not None:
            per_core, basis, source = listed / listed_cores, "catalogue", "the list of CPUs"
        else:
            arm = kind.startswith(("Neoverse", "Ampere", "Cortex", "Apple", "Grace"))
            per_core, basis, source = (1.0 if arm else 2.0), "assumed", "state --threads"
        per_core = min(2.0, max(1.0, per_core))
        self.facts.append(Fact("threads per core", per_core, "", basis, source))
        return per_core


def _kind(
    key: str, row: dict[str, str], models: CpuModelFile, catalog: Catalog
) -> tuple[str, str, str]:
    """The microarchitecture, and how it is known: by the model, its own name, or names alike."""
    if row:
        return row["microarchitecture"], "catalogue", "the list of CPUs"
    for name in catalog.microarchitectures.id.tolist():
        if key and normalized_cpu_name(name) == key:
            return name, "stated", "named itself"
    alike = [kinds for kinds in _kinds_of_names_alike(key, models) if kinds]
    best = max(alike, key=_agreement, default=Counter[str]())
    if best and _agreement(best) >= LEAST_AGREEMENT:
        name, count = best.most_common(1)[0]
        return name, "assumed", f"as {count} of {best.total()} CPU models with names like it"
    return "", "assumed", "no CPU model with a name like it"


def _agreement(kinds: Counter[str]) -> float:
    return kinds.most_common(1)[0][1] / kinds.total()


def _kinds_of_names_alike(key: str, models: CpuModelFile) -> Iterator[Counter[str]]:
    """Microarchitectures of models whose number differs in two digits: the last or middle two."""
    number = re.search(r"\d{4}", key)
    if number is None:
        return
    digits = number[0]
    before, after = re.escape(key[: number.start()]), re.sub(r"[^v\d ]", "", key[number.end() :])
    suffix = r"[a-z+]{0,3}" + (rf" {after.strip()}" if after.strip() else "")
    for masked in (digits[:2] + r"\d\d", digits[0] + r"\d\d" + digits[3]):
        pattern = re.compile(before + masked + suffix)
        yield Counter(
            cells["microarchitecture"]
            for cells in models.rows()
            if pattern.fullmatch(cells["lookup_name"])
        )


def _year(stated: StatedServer, kind: str, catalog: Catalog) -> Fact:
    """The generation's year: the microarchitecture's where known, as the fit had it."""
    kinds = catalog.microarchitectures
    if kind:
        year = int(kinds.launch_year[kinds.id.tolist().index(kind)])
        if year:
            return Fact("year of the generation", str(year), "", "catalogue", kind)
    if stated.year is not None:
        return Fact("year of the generation", f"{stated.year:g}", "", "stated", GIVEN)
    return Fact("year of the generation", str(YEAR_NOT_SAID), "", "assumed", "state --year")


def _vendor(cpu: str, kind: str, catalog: Catalog) -> str:
    kinds = catalog.microarchitectures
    if kind:
        at = kinds.id.tolist().index(kind)
        return "Arm" if kinds.architecture[at] == "arm64" else str(kinds.vendor[at])
    text = cpu.lower()
    if re.search(r"amd|epyc|ryzen|opteron|athlon", text):
        return "AMD"
    return "Arm" if re.search(r"\barm|graviton|neoverse|ampere|altra|grace", text) else "Intel"


def _number(text: str) -> float | None:
    return float(text) if text else None
