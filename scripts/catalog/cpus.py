"""CPUs: which microarchitecture a name is, and the table of known models."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from carbon_advisor.measurement.cpu_lookup import normalized_cpu_name
from catalog.cpu_power import COLUMNS as POWER_COLUMNS
from catalog.files import Row, Table, hand_rows, number, read_rows

if TYPE_CHECKING:
    from pathlib import Path

_NOISE = re.compile(
    r"^(?:quad|six)-core\b|\((?:r|tm|c)\)|[®™©,]|@.*$|\b\d+(?:\.\d+)?\s?[gm]hz\b.*$"
    r"|\b(?:\d+|quad|six|eight|twelve|sixteen)-cores?\b.*$|\bwith\b.*$|\b(?:64-bit|multi-core)\b"
    r"|\b\d+ cores?\b.*$|\b(?:intel|amd|ampere|cpu|processor|genuine|aws|nvidia|google)\b",
    re.IGNORECASE,
)
_SERIES = {"8": "Platinum", "9": "Platinum", "6": "Gold", "5": "Gold", "4": "Silver", "3": "Bronze"}
# a Xeon Scalable's number alone; a 3xxx or 4xxx with a letter is a Celeron or Pentium, 5110 to 5160
# are of 2006 (5120 is both: the Gold)
_BARE_SCALABLE = re.compile(
    r"^(?:Xeon )?(?!6[3-9]\d\d[PE]|51[13456]0$|5148$)"
    r"(?P<digit>[34](?=\d{3}$)|[5689])[1-5]\d\d[A-Z+]{0,2}$"
)
_A_WORD = re.compile(r"[A-Za-z]{3}")  # a number alone ("6272") may be an Opteron's or a Xeon's
COLUMNS = (
    "cpu_model",
    "lookup_name",
    "vendor",
    "microarchitecture",
    "cores",
    "threads",
    "base_ghz",
    "tdp_w",
    "tdp_source",
    "launch_year",
    "single_thread_score",
    *POWER_COLUMNS,
    "source",
)


def short_name(name: str) -> str:
    """Return a CPU's name without vendor, trade marks and clock rates.

    "Intel(R) Xeon(R) Platinum 8370C CPU @ 2.80GHz" becomes "Xeon Platinum 8370C".
    """
    text = re.sub(r"\s+", " ", _NOISE.sub(" ", name)).strip()
    text = re.sub(r"\b(E[357]-\d{4}[A-Z]?)[ -]?[vV](\d)\b", r"\1 v\2", text)
    text = re.sub(r"^(E[357]-\d{4}|[XELW]\d{4}|[EWD]-\d{4})", r"Xeon \1", text)
    text = re.sub(r"\s+0$", "", text)
    text = re.sub(r"^Xeon(?: E)? E-", "Xeon E-", text)
    text = re.sub(r"^Xeon-D ", "Xeon D-", text)
    text = re.sub(r"^(Opteron \d{4}) ?([HSE]E)$", r"\1 \2", text)
    text = re.sub(r"^(Platinum|Gold|Silver|Bronze) ", r"Xeon \1 ", text)
    text = re.sub(r"^(i[3579]-)", r"Core \1", text)
    series = _BARE_SCALABLE.match(text)
    if series:
        text = f"Xeon {_SERIES[series['digit']]} {text.removeprefix('Xeon ')}"
    return text


WHOLE_CORES = " (one thread per core)"  # ends the row of a kind without hyperthreads


class Microarchitectures:
    """Finds the microarchitecture of a CPU's short name by the patterns kept by hand."""

    def __init__(self) -> None:
        self._patterns = [
            (re.compile(rf"(?:{row['pattern']})", re.IGNORECASE), row["microarchitecture"])
            for row in hand_rows("cpu_patterns")
        ]
        self.rows = {row["microarchitecture"]: row for row in hand_rows("microarchitectures")}

    def of(self, short: str) -> str | None:
        """Return the microarchitecture of a name made by `short_name`; None if unknown."""
        for pattern, microarchitecture in self._patterns:
            if pattern.match(short):
                return microarchitecture
        return None

    def with_threads(self, microarchitecture: str, threads_per_core: int) -> str:
        """Return its row for vCPUs that are whole cores, where it has one."""
        alone = f"{microarchitecture}{WHOLE_CORES}"
        return alone if threads_per_core == 1 and alone in self.rows else microarchitecture


def build_cpu_models(
    sources: Path, known: Microarchitectures, scores: dict[str, float], in_clouds: set[str]
) -> Table:
    """Return every CPU model that the sources name and whose microarchitecture is known.

    Args:
        sources: folder of the downloaded sources.
        known: name to microarchitecture.
        scores: median single-thread score by CPU model.
        in_clouds: CPU models that instance types have.
    """
    rows: dict[str, Row] = {}
    unknown: set[str] = set()
    for name, facts in _named(sources, in_clouds):
        short = short_name(name)
        microarchitecture = known.of(short)
        if microarchitecture is None:
            unknown.add(short)
            continue
        lookup_name = normalized_cpu_name(short)
        entry = rows.setdefault(lookup_name, {"cpu_model": short, "lookup_name": lookup_name})
        _add_facts(entry, facts)
        entry["microarchitecture"] = microarchitecture
        entry["vendor"] = known.rows[microarchitecture]["vendor"]
        entry["single_thread_score"] = scores.get(short)
    ordered = sorted(rows.values(), key=lambda row: (str(row["vendor"]), str(row["cpu_model"])))
    reason = "CPU names without a known microarchitecture (mostly before 2009, phones, Atom)"
    return Table(
        "cpu_models", COLUMNS, ordered, {reason: len(unknown)}, also=("sparecores_inspector",)
    )


def _add_facts(entry: Row, facts: Row) -> None:
    """Take over what an earlier, more detailed source did not say."""
    for column, value in facts.items():
        if entry.get(column) is None and value is not None:
            entry[column] = value
            if column == "tdp_w":
                entry["tdp_source"] = facts["source"]


def _named(sources: Path, in_clouds: set[str]) -> list[tuple[str, Row]]:
    """Every name in every source with the facts beside it, most detailed source first."""
    power = sources / "power"
    found = [(row["cpu_model"], _by_hand(row)) for row in hand_rows("server_cpus")]
    for row in read_rows(power / "boavizta_cpu_specs.csv.gz"):
        year = number(row["release_date"][:4])
        facts: Row = {
            "cores": _whole(row["cores"]),
            "threads": _whole(row["threads"]),
            "base_ghz": _gigahertz(row["frequency"]),
            "tdp_w": number(row["tdp"]),
            "launch_year": None if year is None else int(year),
            "source": "boavizta_cpu",
        }
        found.append((row["name"], facts))
    for file in ("gsf_tdpfinder_data.csv", "gsf_tdpfinder_data2.csv"):
        for row in read_rows(power / file):
            name, tdp = row.get("name") or row.get("Name") or "", row.get("tdp") or row.get("TDP")
            found.append((name, _listed(name, tdp, "gsf_tdp_finder")))
    found += [
        (row["Name"], _listed(row["Name"], row["TDP"], "codecarbon_cpu"))
        for row in read_rows(power / "codecarbon_cpu_power.csv.gz")
        if _A_WORD.search(row["Name"])
    ]
    for path in sorted(power.glob("cpulist_*.csv")):
        lines = path.read_text(encoding="utf-8-sig").splitlines()
        found += [(line.strip(), {"source": "ccf_cpu_lists"}) for line in lines if line.strip()]
    found += [(name, {"source": "sparecores_data"}) for name in sorted(in_clouds)]
    found += [(row["cpu_model"], {"source": "vendor_cpu"}) for row in hand_rows("cpu_models")]
    return found


def _by_hand(row: dict[str, str]) -> Row:
    return {
        "cores": _whole(row["cores"]),
        "threads": _whole(row["threads"]),
        "base_ghz": number(row["base_ghz"]),
        "tdp_w": number(row["tdp_w"]),
        "source": "vendor_specs",
    }


def _listed(name: str, tdp: str | None, source: str) -> Row:
    """What a list of names with TDPs says; many names end with the base clock."""
    clock = re.search(r"@ ?(\d\.\d+) ?GHz", name)
    ghz = float(clock[1]) if clock else None
    return {"base_ghz": ghz, "tdp_w": number(tdp) or None, "source": source}


def _gigahertz(text: str) -> float | None:
    """Return the clock of "2.4 GHz" or "1900 MHz"."""
    value = number(text.replace(",", ".").split()[0]) if text.strip() else None
    return value / 1000 if value and "MHz" in text else value


def _whole(text: str) -> int | None:
    value = number(text)
    return None if value is None else int(value)
