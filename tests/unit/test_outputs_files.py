"""What the file outputs write: JSON, lines, CSV and CodeCarbon's columns, and what they do not."""

from __future__ import annotations

import csv
import json
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
from runs_made_up import RUN

from carbon_advisor import data
from carbon_advisor.advisor.ledger.codecarbon import read_emissions
from carbon_advisor.measurement.outputs.append import append, replace_file
from carbon_advisor.measurement.outputs.codecarbon_csv import COLUMNS, CodeCarbonCsv
from carbon_advisor.measurement.outputs.csv_file import CsvFile
from carbon_advisor.measurement.outputs.json_file import JsonFile, JsonLines
from carbon_advisor.measurement.ranks import Ranks
from carbon_advisor.measurement.run_document import run_from_document

if TYPE_CHECKING:
    from collections.abc import Callable

    from carbon_advisor.measurement.run_result import RunResult

SCHEMAS = Path(next(iter(data.__path__))) / "schemas"
CODECARBON = Path(__file__).parent.parent / "fixtures" / "codecarbon" / "v3.3.csv"


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_document_is_written_and_read_back(tmp_path: Path) -> None:
    path = tmp_path / "not" / "yet" / "run.json"
    JsonFile(str(path)).ended(RUN)
    document = json.loads(path.read_text())
    jsonschema.validate(
        document, json.loads((SCHEMAS / "tracked-run.schema.json").read_text("utf-8"))
    )
    assert run_from_document(document) == RUN
    JsonFile(str(path)).ended(replace(RUN, duration_s=7.0))
    assert json.loads(path.read_text())["duration_s"] == 7.0
    assert list(path.parent.iterdir()) == [path]


def test_lines_are_appended(tmp_path: Path) -> None:
    path = tmp_path / "runs.jsonl"
    for duration_s in (1.0, 2.0):
        JsonLines(str(path)).ended(replace(RUN, duration_s=duration_s))
    read = [run_from_document(json.loads(line)) for line in path.read_text().splitlines()]
    assert [run.duration_s for run in read] == [1.0, 2.0]


def test_a_target_can_name_the_run(tmp_path: Path) -> None:
    ranked = replace(RUN, identity=replace(RUN.identity, ranks=Ranks("slurm:1", 3, 0, 8)))
    JsonFile(f"{tmp_path}/{{id}}-{{rank}}.json").ended(ranked)
    JsonFile(f"{tmp_path}/{{id}}-{{rank}}.json").ended(RUN)
    assert {path.name for path in tmp_path.iterdir()} == {f"{RUN.id}-{n}.json" for n in (0, 3)}


def test_a_table_has_a_header_once_and_empty_cells_for_the_unknown(tmp_path: Path) -> None:
    path = tmp_path / "runs.csv"
    CsvFile(str(path)).ended(RUN)
    CsvFile(str(path)).ended(replace(RUN, energy=(), identity=replace(RUN.identity, place=None)))
    known, unknown = rows_of(path)
    assert float(known["energy_kwh"]) == RUN.energy_kwh
    assert float(known["cpu_energy_kwh"]) == pytest.approx(3e-6)
    assert (known["gpu_energy_kwh"], known["method"], known["zone"]) == ("0.0", "mixed", "DE")
    assert float(known["emissions_g"]) == RUN.emissions_g
    empty = ("energy_kwh", "gpu_energy_kwh", "emissions_g", "method", "zone", "pue", "exit_code")
    assert {unknown[name] for name in empty} == {""}


def test_the_columns_are_those_of_codecarbon_in_its_order(tmp_path: Path) -> None:
    with CODECARBON.open(newline="") as file:
        assert next(csv.reader(file)) == list(COLUMNS)
    path = tmp_path / "emissions.csv"
    path.write_bytes(CODECARBON.read_bytes())
    before = len(rows_of(path))
    CodeCarbonCsv(str(path)).ended(RUN)
    *_, row = rows_of(path)
    assert len(rows_of(path)) == before + 1
    assert path.read_bytes().startswith(CODECARBON.read_bytes())
    assert row["project_name"] == "bert"


def test_units_are_those_of_codecarbon(tmp_path: Path) -> None:
    path = tmp_path / "emissions.csv"
    CodeCarbonCsv(str(path)).ended(RUN)
    (row,) = rows_of(path)
    pue = 1.2
    assert float(row["cpu_energy"]) == pytest.approx(3e-6 * pue)  # kWh
    assert float(row["ram_energy"]) == pytest.approx(1e-6 * pue)
    assert float(row["energy_consumed"]) == pytest.approx(4e-6 * pue)
    assert float(row["cpu_power"]) == pytest.approx(3e-6 * pue * 3.6e6 / 10)  # W
    assert float(row["emissions"]) == pytest.approx(4e-6 * pue * 400 / 1000)  # kg
    assert float(row["emissions_rate"]) == pytest.approx(float(row["emissions"]) / 10)  # kg/s
    assert float(row["ram_total_size"]) == pytest.approx(16)  # GiB
    assert row["country_name"] == "Germany"
    assert (row["gpu_count"], row["gpu_model"], row["gpu_energy"]) == ("0", "", "0.0")
    never_known = (
        "water_consumed",
        "country_iso_code",
        "codecarbon_version",
        "longitude",
        "on_cloud",
    )
    assert {row[name] for name in never_known} == {""}


def test_the_ledgers_import_reads_what_we_write(tmp_path: Path) -> None:
    path = tmp_path / "emissions.csv"
    CodeCarbonCsv(str(path)).ended(RUN)
    ((run, _),) = read_emissions(path).runs
    assert run.energy_kwh == pytest.approx(RUN.energy_kwh)
    assert run.emissions_g == pytest.approx(RUN.emissions_g)
    assert run.project == RUN.project
    assert abs((run.started_at - RUN.started_at).total_seconds()) <= 1


def test_a_table_with_other_columns_is_set_aside_as_codecarbon_does(tmp_path: Path) -> None:
    path = tmp_path / "emissions.csv"
    for version in ("v1.csv", "v2.0.csv"):
        path.write_bytes((CODECARBON.parent / version).read_bytes())
        CodeCarbonCsv(str(path)).ended(RUN)
        assert len(rows_of(path)) == 1
    kept = {each.name: each.read_bytes() for each in tmp_path.iterdir() if each != path}
    assert kept == {
        "emissions.csv.bak": (CODECARBON.parent / "v1.csv").read_bytes(),
        "emissions.csv_0.bak": (CODECARBON.parent / "v2.0.csv").read_bytes(),
    }


def test_the_files_own_order_of_columns_holds(tmp_path: Path) -> None:
    path = tmp_path / "emissions.csv"
    path.write_text(",".join(reversed(COLUMNS)))  # and no newline after it
    CodeCarbonCsv(str(path)).ended(RUN)
    (row,) = rows_of(path)
    assert (row["project_name"], row["pue"]) == ("bert", "1.2")


def test_many_writers_lose_nothing_and_write_one_header(tmp_path: Path) -> None:
    path = tmp_path / "runs.csv"
    path.write_text("other,columns\n")
    together = threading.Barrier(8)

    def write(number: int) -> None:
        together.wait()
        for _ in range(10):
            CsvFile(str(path)).ended(replace(RUN, duration_s=float(number)))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(8)))
    rows = rows_of(path)
    assert sorted(float(row["duration_s"]) for row in rows) == sorted([*map(float, range(8))] * 10)
    assert (tmp_path / "runs.csv.bak").read_text() == "other,columns\n"


@pytest.mark.parametrize(
    "write",
    [
        lambda path: append(path, lambda _: "x" * 100 + "\n"),
        lambda path: replace_file(path, "x" * 100),
    ],
)
def test_a_full_disk_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: Callable[[Path], None]
) -> None:
    path = tmp_path / "kept"
    path.write_text("kept\n")
    genuine = os.write

    def half(descriptor: int, content: bytes) -> int:
        return genuine(descriptor, content[: len(content) // 2])

    def none(self: Path, *arguments: Any, **options: Any) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", half)
    monkeypatch.setattr(Path, "write_text", none)
    with pytest.raises(OSError, match=r"full|No space"):
        write(path)
    assert path.read_text() == "kept\n"
    assert [each.name for each in tmp_path.iterdir()] == ["kept"]


def test_gpus_are_named_as_codecarbon_names_them(tmp_path: Path, gpu_run: RunResult) -> None:
    path = tmp_path / "emissions.csv"
    CodeCarbonCsv(str(path)).ended(gpu_run)
    (row,) = rows_of(path)
    assert (row["gpu_count"], row["gpu_model"]) == ("2", "2 x NVIDIA A100")
    assert row["gpu_energy"] == ""  # there are GPUs, and nobody measured them


@pytest.fixture
def gpu_run() -> RunResult:
    from carbon_advisor.measurement.hardware import Gpu

    assert RUN.hardware is not None
    gpus = (Gpu("NVIDIA A100", 40.0),) * 2
    return replace(RUN, hardware=replace(RUN.hardware, gpus=gpus))
